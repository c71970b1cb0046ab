"""What a line of the worklist says: its evidence as a sentence and the next step, in both languages."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from services.reporting.rules import MONTH_NAMES, TO_INDONESIAN
from services.reporting.worklist_rules import Reason
from shared.events.receipts import Sentence

_USES = {"idle": Sentence("menganggur", "idle"), "broken": Sentence("rusak", "broken")}

NEXT_STEPS: Mapping[Reason, Sentence] = {
    Reason.silent: Sentence(
        "Hubungi atau kunjungi; tanyakan apakah usaha masih berjalan, lalu kirim laporan yang tertinggal.",
        "Call or visit; ask whether the business still runs, then send the missing reports.",
    ),
    Reason.declining: Sentence(
        "Kunjungi usaha; cari sebabnya bersama pemilik dan tawarkan pendampingan atau pelatihan.",
        "Visit the business; look for the cause with its owner and offer coaching or training.",
    ),
    Reason.idle_asset: Sentence(
        "Periksa alat; atur perbaikan atau pelatihan, atau bicarakan pengalihannya.",
        "Look at the asset; arrange repair or training, or discuss passing it on.",
    ),
    Reason.not_handed_over: Sentence(
        "Jadwalkan serah terima, atau laporkan kendala pembelian kepada bendahara.",
        "Set a day for the handover, or tell the treasurer what holds up the purchase.",
    ),
    Reason.wages_exceed_turnover: Sentence(
        "Cocokkan upah dan omzet dengan pembukuan; kirim revisi bila salah tulis.",
        "Compare wages and turnover with the books; send a revision if one was mistyped.",
    ),
    Reason.suspicious_report: Sentence(
        "Cocokkan omzet dengan pembukuan; kirim revisi, atau nyatakan benar.",
        "Compare the turnover with the books; send a revision, or confirm that it is right.",
    ),
}


def sentence(reason: Reason, evidence: Mapping[str, Any]) -> Sentence:
    """The evidence of a line in words."""
    return _SENTENCES[reason](evidence)


def _silent(evidence: Mapping[str, Any]) -> Sentence:
    newest, months = evidence["newest"], evidence["months"]
    handed = _day(evidence["handed_over_on"])
    if newest is None:
        return Sentence(
            f"Belum pernah melapor: {months} bulan penuh sejak serah terima {handed.id}",
            f"Has never reported: {months} full months since the handover on {handed.en}",
        )
    last = _month(newest)
    return Sentence(
        f"Tidak ada laporan selama {months} bulan penuh; laporan terakhir {last.id}",
        f"No report for {months} full months; the last one was {last.en}",
    )


def _declining(evidence: Mapping[str, Any]) -> Sentence:
    if "override_until" not in evidence:
        return Sentence(**evidence["growth"])
    until = _month(evidence["override_until"])
    return Sentence(
        f"Dinyatakan tidak berkembang oleh petugas provinsi sampai {until.id}. {evidence['growth']['id']}",
        f"Declared declining by a province officer until {until.en}. {evidence['growth']['en']}",
    )


def _idle(evidence: Mapping[str, Any]) -> Sentence:
    use, newest, reports = _USES[evidence["asset_use"]], _month(evidence["newest"]), evidence["reports"]
    return Sentence(
        f"Alat tidak dipakai dalam {reports} laporan; menurut laporan {newest.id}: {use.id}",
        f"The asset was not used in {reports} reports; by that of {newest.en} it is {use.en}",
    )


def _not_handed_over(evidence: Mapping[str, Any]) -> Sentence:
    day, amount = _day(evidence["disbursed_on"]), _rupiah(evidence["amount"])
    days, grants = evidence["days"], evidence["grants"]
    if grants == 1:
        return Sentence(
            f"Bantuan {amount.id} cair pada {day.id}, {days} hari yang lalu, dan belum diserahterimakan",
            f"A grant of {amount.en} was disbursed on {day.en}, {days} days ago, and is not handed over",
        )
    return Sentence(
        f"{grants} bantuan, {amount.id}, belum diserahterimakan; yang pertama cair pada {day.id}, "
        f"{days} hari yang lalu",
        f"{grants} grants, {amount.en}, are not handed over; the first was disbursed on {day.en}, {days} days ago",
    )


def _wages(evidence: Mapping[str, Any]) -> Sentence:
    month, wages, turnover = _month(evidence["month"]), _rupiah(evidence["wages"]), _rupiah(evidence["turnover"])
    return Sentence(
        f"Upah {wages.id} lebih besar dari omzet {turnover.id} pada laporan {month.id}",
        f"Wages of {wages.en} are more than the turnover of {turnover.en} in the report of {month.en}",
    )


def _suspicious(evidence: Mapping[str, Any]) -> Sentence:
    month, turnover, median = _month(evidence["month"]), _rupiah(evidence["turnover"]), _rupiah(evidence["median"])
    times = f"{evidence['times']:,.1f}"
    return Sentence(
        f"Omzet {turnover.id} pada laporan {month.id} adalah {times.translate(TO_INDONESIAN)} kali nilai tengah "
        f"laporan sebelumnya ({median.id}): mungkin kelebihan nol",
        f"The turnover of {turnover.en} in the report of {month.en} is {times} times the median of the earlier ones "
        f"({median.en}): perhaps a zero too many",
    )


_SENTENCES: Mapping[Reason, Callable[[Mapping[str, Any]], Sentence]] = {
    Reason.silent: _silent,
    Reason.declining: _declining,
    Reason.idle_asset: _idle,
    Reason.not_handed_over: _not_handed_over,
    Reason.wages_exceed_turnover: _wages,
    Reason.suspicious_report: _suspicious,
}


def _month(month: str) -> Sentence:
    place, year = int(month[5:]) - 1, month[:4]
    return Sentence(f"{MONTH_NAMES['id'][place]} {year}", f"{MONTH_NAMES['en'][place]} {year}")


def _day(text: str) -> Sentence:
    day, month = date.fromisoformat(text).day, _month(text[:7])
    return Sentence(f"{day} {month.id}", f"{day} {month.en}")


def _rupiah(amount: int | float) -> Sentence:
    text = f"Rp {amount:,}"
    return Sentence(text.translate(TO_INDONESIAN), text)
