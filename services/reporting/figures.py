"""What each number means: its name, definition and unit, as `views` counts it, for whoever reads or prints it."""

from decimal import Decimal
from typing import Literal, NamedTuple

from services.reporting.rule_versions import GrowthRule
from shared.events.receipts import Sentence

Unit = Literal["people", "grants", "rupiah", "reports", "share", "machines"]


class Figure(NamedTuple):
    """`key` is where it stands in a cell of the dashboard, `part.name`."""

    key: str
    unit: Unit
    name: Sentence
    definition: Sentence


def _person(status: str, name_id: str, name_en: str) -> Figure:
    return Figure(
        f"beneficiaries.{status}",
        "people",
        Sentence(name_id, name_en),
        Sentence(
            f"Orang yang statusnya sekarang {name_id.lower()}, menurut catatan terbaru kabupaten/kota.",
            f"People whose present status is {name_en.lower()}, by the district's newest record.",
        ),
    )


def _grant(status: str, name_id: str, name_en: str) -> Figure:
    return Figure(
        f"grants.{status}",
        "grants",
        Sentence(f"Bantuan {name_id}", f"Grants {name_en}"),
        Sentence(
            f"Bantuan tahun anggaran itu yang statusnya sekarang {name_id}; tiap bantuan dihitung sekali.",
            f"Grants of the fiscal year whose present status is {name_en}; each grant is counted once.",
        ),
    )


def _class(growth_class: str, name_id: str, name_en: str, rule_id: str, rule_en: str) -> Figure:
    return Figure(
        f"growth.{growth_class}",
        "people",
        Sentence(name_id, name_en),
        Sentence(
            f"Eks klien yang usahanya {rule_id}; atau yang ditetapkan demikian oleh petugas provinsi.",
            f"Ex-clients whose business {rule_en}; or whom a province officer has judged so.",
        ),
    )


_FIGURES = (
    _person("client", "Klien", "Client"),
    _person("ex_client", "Eks klien", "Ex-client"),
    _person("graduated", "Mandiri", "Graduated"),
    _person("withdrawn", "Mengundurkan diri", "Withdrawn"),
    _person("moved", "Pindah", "Moved"),
    _person("deceased", "Meninggal", "Deceased"),
    _grant("requested", "diajukan", "requested"),
    _grant("verified", "diperiksa", "verified"),
    _grant("approved", "disetujui", "approved"),
    _grant("rejected", "ditolak", "rejected"),
    _grant("disbursed", "dicairkan", "disbursed"),
    _grant("handed_over", "diserahterimakan", "handed over"),
    _grant("cancelled", "dibatalkan", "cancelled"),
    Figure(
        "rupiah.budget",
        "rupiah",
        Sentence("Pagu", "Budget"),
        Sentence(
            "Pagu kabupaten/kota untuk tahun anggaran itu, menurut penetapan terbaru.",
            "The district's budget for the fiscal year, as last set.",
        ),
    ),
    Figure(
        "rupiah.committed",
        "rupiah",
        Sentence("Komitmen", "Committed"),
        Sentence(
            "Jumlah bantuan tahun anggaran itu yang sekarang disetujui, dicairkan, atau diserahterimakan.",
            "The sum of the fiscal year's grants that are now approved, disbursed or handed over.",
        ),
    ),
    Figure(
        "rupiah.disbursed",
        "rupiah",
        Sentence("Dicairkan", "Disbursed"),
        Sentence(
            "Jumlah bantuan tahun anggaran itu yang sekarang dicairkan atau diserahterimakan.",
            "The sum of the fiscal year's grants that are now disbursed or handed over.",
        ),
    ),
    Figure(
        "rupiah.remaining",
        "rupiah",
        Sentence("Sisa pagu", "Remaining"),
        Sentence("Pagu dikurangi komitmen.", "Budget less committed."),
    ),
    Figure(
        "income.reports",
        "reports",
        Sentence("Laporan", "Reports"),
        Sentence(
            "Laporan bulan itu yang diterima dari orang yang sekarang eks klien; dari beberapa revisi yang terbaru.",
            "Accepted reports of the month from people who are now ex-clients; of several revisions the newest only.",
        ),
    ),
    Figure(
        "income.reporting_rate",
        "share",
        Sentence("Tingkat pelaporan", "Reporting rate"),
        Sentence(
            "Laporan bulan itu dibagi jumlah eks klien sekarang; 0 bila tidak ada eks klien.",
            "Reports of the month divided by today's number of ex-clients; 0 where there is none.",
        ),
    ),
    Figure(
        "income.turnover",
        "rupiah",
        Sentence("Omzet", "Turnover"),
        Sentence("Jumlah omzet laporan yang dihitung.", "The sum of turnover over the reports counted."),
    ),
    Figure(
        "income.net_profit",
        "rupiah",
        Sentence("Laba bersih", "Net profit"),
        Sentence(
            "Jumlah omzet dikurangi bahan, produksi, dan upah atas laporan yang dihitung; dapat negatif.",
            "The sum of turnover less materials, production and wages over the reports counted; it may be negative.",
        ),
    ),
    Figure(
        "income.net_profit_median",
        "rupiah",
        Sentence("Laba bersih, nilai tengah", "Net profit, median"),
        Sentence(
            "Nilai tengah laba bersih atas laporan yang dihitung; untuk provinsi atas semua laporannya.",
            "The median net profit of the reports counted; for the province, of all its reports.",
        ),
    ),
    Figure(
        "income.employees",
        "people",
        Sentence("Pekerja", "Employees"),
        Sentence("Jumlah pekerja menurut laporan yang dihitung.", "The sum of employees over the reports counted."),
    ),
    Figure(
        "income.idle_assets",
        "machines",
        Sentence("Alat menganggur", "Idle machines"),
        Sentence(
            "Laporan yang dihitung yang menyebut alat menganggur atau rusak.",
            "Reports counted that say the machine is idle or broken.",
        ),
    ),
)


def figures(rule: GrowthRule) -> tuple[Figure, ...]:
    """All figures under the growth rule in force, in the order of the dashboard's cell.

    Cuts, series and years show some of them, with the same meaning.
    """
    rise, fall = _percent(rule.growing_rate), _percent(-rule.declining_rate)
    level = Sentence(f"Rp{rule.ordinary_level:,}".replace(",", "."), f"Rp{rule.ordinary_level:,}")
    return (
        *_FIGURES,
        _class(
            "growing",
            "Berkembang",
            "Growing",
            f"naik paling sedikit {rise.id} % per bulan menurut laporan dari {rule.window_months} bulan",
            f"rises by {rise.en} % a month or more, by the reports of {rule.window_months} months",
        ),
        _class(
            "ordinary",
            "Biasa saja",
            "Ordinary",
            f"tidak naik atau turun sebanyak itu, dengan laba bersih paling sedikit {level.id} per bulan",
            f"neither rises nor falls by as much, with a net profit of {level.en} a month or more",
        ),
        _class(
            "stagnant",
            "Stagnan",
            "Stagnant",
            f"tidak naik atau turun sebanyak itu, dengan laba bersih di bawah {level.id} per bulan",
            f"neither rises nor falls by as much, with a net profit below {level.en} a month",
        ),
        _class(
            "declining",
            "Tidak berkembang",
            "Declining",
            f"turun paling sedikit {fall.id} % per bulan, atau tidak lagi untung",
            f"falls by {fall.en} % a month or more, or no longer makes a profit",
        ),
        _class(
            "insufficient",
            "Belum cukup data",
            "Not enough data",
            f"mempunyai kurang dari {rule.reports_needed} laporan dalam {rule.window_months} bulan",
            f"has fewer than {rule.reports_needed} reports in {rule.window_months} months",
        ),
    )


def _percent(rate: Decimal) -> Sentence:
    """`3`, or `3,5` and `3.5`."""
    text = f"{(rate * 100).normalize():f}"
    return Sentence(text.replace(".", ","), text)
