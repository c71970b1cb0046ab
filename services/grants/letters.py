"""What the letters of a grant say, as data: one content for paper and screen.

Names are the registry's alone, so they are lines to fill. Officers are named by their accounts.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from services.grants.rules import DocumentKind as Kind
from services.grants.spelled import day, day_in_words, rupiah, rupiah_in_words
from shared.events.district import GrantKind, Item
from shared.events.districts import DISTRICTS

CODES = {Kind.request: "SPB", Kind.approval: "SKPB", Kind.handover: "BAST"}
"""In the number of a document: surat permohonan, surat keputusan, berita acara serah terima."""
_KINDS = {
    GrantKind.equipment: "peralatan usaha",
    GrantKind.cash: "uang",
    GrantKind.training: "pelatihan",
    GrantKind.marketing: "pemasaran",
}
BLANK = None
"""A value to be filled in by hand."""


class Table(NamedTuple):
    """`numeric`: how many of the last columns are set to the right. `total`: the last row, if any, is the sum."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: int = 0
    total: tuple[str, str] | None = None


class Signature(NamedTuple):
    role: str
    office: str


class Letter(NamedTuple):
    """From top to bottom. `particulars`: a name and its value, BLANK for a line to fill."""

    heading: tuple[str, ...]
    title: str
    number: str
    date_line: str
    to: tuple[str, ...]
    opening: str
    particulars: tuple[tuple[str, str | None], ...]
    table: Table | None
    closing: tuple[str, ...]
    signatures: tuple[Signature, ...]
    footer: str


class Step(NamedTuple):
    """An officer's step: the account, and the day in East Java."""

    sub: str
    on: date


class Handed(NamedTuple):
    """A handover in force, with (name, serial) of each thing."""

    on: date
    by_guardian: bool
    evidence_sha256: str
    assets: Sequence[tuple[str, str]]


class Case(NamedTuple):
    """What is on record of a grant, as far as its letters say it. `amount` in rupiah."""

    district: str
    grant_ref: str
    district_ref: str
    kind: GrantKind
    items: Sequence[Item]
    amount: int
    fiscal_year: int
    purpose: str
    desil: int | None
    version: int
    requested_on: date
    verified: Step | None = None
    approved: Sequence[Step] = ()
    handed: Handed | None = None


def number_of(kind: Kind, place: int, district: str, year: int) -> str:
    """`0007/BAST/3522/2026`."""
    return f"{place:04}/{CODES[kind]}/{district}/{year}"


def letter(kind: Kind, case: Case, number: str) -> Letter:
    """The letter that a grant has by this number."""
    return {Kind.request: _request, Kind.approval: _approval, Kind.handover: _handover}[kind](case, number)


def _request(case: Case, number: str) -> Letter:
    where = _place(case)
    return Letter(
        heading=(f"PEMERINTAH {where.upper()}", "DINAS SOSIAL"),
        title=f"Surat Permohonan Bantuan {_KINDS[case.kind].title()}",
        number=number,
        date_line=f"{DISTRICTS[case.district].name}, {day(case.requested_on)}",
        to=("Yth. Kepala Dinas Sosial Provinsi Jawa Timur", "di Surabaya"),
        opening=(
            f"Dengan hormat, bersama surat ini kami mengajukan permohonan bantuan {_KINDS[case.kind]} "
            f"tahun anggaran {case.fiscal_year} bagi penerima manfaat berikut."
        ),
        particulars=(
            *_whose(case),
            ("Tujuan", case.purpose),
            ("Desil kesejahteraan", "tidak dicantumkan" if case.desil is None else str(case.desil)),
            ("Nilai", rupiah_in_words(case.amount)),
        ),
        table=_items(case),
        closing=("Demikian permohonan ini kami sampaikan. Atas perhatian Bapak/Ibu kami ucapkan terima kasih.",),
        signatures=(Signature("Pemohon / Wali", ""), Signature("Kepala Dinas Sosial", where)),
        footer=_footer(case),
    )


def _approval(case: Case, number: str) -> Letter:
    assert case.verified is not None and case.approved, "the status says that it was verified and approved"
    officers = "; ".join(f"{step.sub} ({day(step.on)})" for step in case.approved)
    return Letter(
        heading=("PEMERINTAH PROVINSI JAWA TIMUR", "DINAS SOSIAL"),
        title=f"Surat Keputusan Pemberian Bantuan {_KINDS[case.kind].title()}",
        number=number,
        date_line=f"Surabaya, {day(case.approved[-1].on)}",
        to=(f"Yth. Kepala Dinas Sosial {_place(case)}",),
        opening=(
            f"Menindaklanjuti permohonan tanggal {day(case.requested_on)}, yang telah diperiksa dan memenuhi kriteria, "
            f"dengan ini disetujui bantuan {_KINDS[case.kind]} tahun anggaran {case.fiscal_year} "
            "kepada penerima manfaat berikut."
        ),
        particulars=(
            *_whose(case),
            ("Tujuan", case.purpose),
            ("Nilai", rupiah_in_words(case.amount)),
            ("Diperiksa oleh", f"{case.verified.sub} ({day(case.verified.on)})"),
            ("Disetujui oleh", officers),
        ),
        table=_items(case),
        closing=(
            "Bantuan wajib digunakan sesuai tujuannya dan diserahterimakan dengan berita acara.",
            "Demikian keputusan ini dibuat untuk dilaksanakan sebagaimana mestinya.",
        ),
        signatures=(Signature("Kepala Dinas Sosial", "Provinsi Jawa Timur"),),
        footer=_footer(case),
    )


def _handover(case: Case, number: str) -> Letter:
    where, handed = _place(case), case.handed
    when = day_in_words(handed.on) if handed else "__________ tanggal __________ bulan __________ tahun __________"
    receiver = "Penerima / Wali" if handed is None else "Wali penerima" if handed.by_guardian else "Penerima"
    evidence = (("Sidik SHA-256 bukti", handed.evidence_sha256),) if handed else ()
    return Letter(
        heading=(f"PEMERINTAH {where.upper()}", "DINAS SOSIAL"),
        title="Berita Acara Serah Terima Bantuan",
        number=number,
        date_line=f"{DISTRICTS[case.district].name}, {day(handed.on) if handed else '____________________'}",
        to=(),
        opening=(
            f"Pada hari ini, {when}, Pihak Pertama menyerahkan kepada Pihak Kedua, dan Pihak Kedua menerima dari "
            f"Pihak Pertama, bantuan {_KINDS[case.kind]} tahun anggaran {case.fiscal_year} berikut."
        ),
        particulars=(
            ("Pihak Pertama (nama, NIP)", BLANK),
            ("Pihak Kedua (nama)", BLANK),
            *_whose(case),
            ("Nilai", rupiah_in_words(case.amount)),
            *evidence,
        ),
        table=_things(case),
        closing=(
            "Pihak Kedua menyatakan menerima bantuan dalam keadaan baik dan akan menggunakannya sesuai tujuannya.",
            "Demikian berita acara ini dibuat dengan sebenarnya dalam rangkap secukupnya.",
        ),
        signatures=(
            Signature("Pihak Pertama", f"Dinas Sosial {where}"),
            Signature("Pihak Kedua", receiver),
            Signature("Saksi", ""),
        ),
        footer=_footer(case),
    )


def _whose(case: Case) -> tuple[tuple[str, str | None], ...]:
    return (
        ("Nama penerima manfaat", BLANK),
        ("Nomor registri kabupaten/kota", case.district_ref),
        ("Nomor permohonan", case.grant_ref),
    )


def _items(case: Case) -> Table | None:
    if not case.items:
        return None
    rows = tuple(
        (
            str(place),
            item.name,
            str(item.quantity),
            rupiah(item.unit_value),
            rupiah(item.quantity * item.unit_value),
        )
        for place, item in enumerate(case.items, 1)
    )
    total = sum(item.quantity * item.unit_value for item in case.items)
    head = ("No.", "Barang", "Jumlah", "Harga satuan", "Jumlah harga")
    return Table("Rincian bantuan", head, rows, numeric=3, total=("Jumlah", rupiah(total)))


def _things(case: Case) -> Table | None:
    """What was handed over with its serial, or what was granted with room for serials."""
    named = case.handed.assets if case.handed else [(f"{item.name} ({item.quantity})", "") for item in case.items]
    if not named:
        return None
    rows = tuple((str(place), name, serial) for place, (name, serial) in enumerate(named, 1))
    return Table("Barang yang diserahterimakan", ("No.", "Barang", "Nomor seri"), rows)


def _place(case: Case) -> str:
    found = DISTRICTS[case.district]
    return f"{found.kind.title()} {found.name}"


def _footer(case: Case) -> str:
    return f"Dicetak dari Berdaya, bantuan {case.district}/{case.grant_ref}, catatan ke-{case.version}."
