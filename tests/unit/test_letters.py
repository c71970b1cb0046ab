"""What letters say: amounts and days in words, and nothing that the registry alone may know."""

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.grants import paper
from services.grants.letters import Case, Handed, Letter, Step, letter, number_of
from services.grants.rules import DocumentKind
from services.grants.spelled import LIMIT, day_in_words, rupiah_in_words, terbilang
from shared.events.district import GrantKind, Item

WORDS = {
    0: "nol",
    9: "sembilan",
    10: "sepuluh",
    11: "sebelas",
    12: "dua belas",
    19: "sembilan belas",
    20: "dua puluh",
    21: "dua puluh satu",
    100: "seratus",
    111: "seratus sebelas",
    999: "sembilan ratus sembilan puluh sembilan",
    1_000: "seribu",
    1_100: "seribu seratus",
    2_001: "dua ribu satu",
    11_000: "sebelas ribu",
    100_000: "seratus ribu",
    101_000: "seratus satu ribu",
    1_000_000: "satu juta",
    1_001_000: "satu juta seribu",
    12_345_678: "dua belas juta tiga ratus empat puluh lima ribu enam ratus tujuh puluh delapan",
    100_000_000: "seratus juta",
    1_000_000_000: "satu miliar",
    1_000_100_011: "satu miliar seratus ribu sebelas",
    1_000_000_000_000: "satu triliun",
    2_000_000_000_001: "dua triliun satu",
}
_VALUES = {"nol": 0, "satu": 1, "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6, "tujuh": 7, "delapan": 8} | {
    "sembilan": 9,
    "sepuluh": 10,
    "sebelas": 11,
}
_GREAT = {"ribu": 10**3, "juta": 10**6, "miliar": 10**9, "triliun": 10**12}


@pytest.mark.parametrize(("number", "words"), WORDS.items())
def test_a_number_is_written_as_it_is_spoken(number: int, words: str) -> None:
    assert terbilang(number) == words


def _heard(words: str) -> int:
    """What somebody writes down who hears these words."""
    total = part = 0
    for word in words.split():
        match word:
            case "seratus":
                part += 100
            case "seribu":
                total += 1000
            case "belas":
                part += 10
            case "puluh":
                part = part // 10 * 10 + part % 10 * 10
            case "ratus":
                part *= 100
            case _ if word in _GREAT:
                total, part = total + part * _GREAT[word], 0
            case _:
                part += _VALUES[word]
    return total + part


@given(st.integers(0, LIMIT - 1) | st.integers(0, 10_000_000))
def test_whoever_hears_the_words_writes_down_the_number(number: int) -> None:
    words = terbilang(number)
    assert _heard(words) == number
    assert not re.search("(^|juta |miliar |triliun )satu ribu", words)
    assert "satu ratus" not in words and "satu puluh" not in words and "satu belas" not in words


@pytest.mark.parametrize("number", [-1, LIMIT])
def test_what_has_no_words_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no words"):
        terbilang(number)


def test_money_and_days_are_written_as_an_office_writes_them() -> None:
    assert rupiah_in_words(3_000_000) == "Rp3.000.000 (tiga juta rupiah)"
    assert day_in_words(date(2026, 11, 25)) == (
        "Rabu tanggal dua puluh lima bulan November tahun dua ribu dua puluh enam"
    )
    assert number_of(DocumentKind.handover, 7, "3522", 2026) == "0007/BAST/3522/2026"


HANDED = Handed(date(2026, 11, 25), False, "ab" * 32, [("Mesin jahit", "SN-1")])
CASE = Case(
    district="3522",
    grant_ref="B-1",
    district_ref="BJN-1",
    kind=GrantKind.equipment,
    items=(
        Item(name="Mesin jahit", quantity=1, unit_value=3_000_000),
        Item(name="Benang <merah> & #putih", quantity=20, unit_value=15_000),
    ),
    amount=3_300_000,
    fiscal_year=2026,
    purpose='Menjahit "seragam" di rumah',
    desil=3,
    version=4,
    requested_on=date(2026, 11, 10),
    verified=Step("ratna", date(2026, 11, 11)),
    approved=[Step("budi", date(2026, 11, 12))],
    handed=HANDED,
)


@pytest.fixture(params=list(DocumentKind))
def any_letter(request: pytest.FixtureRequest) -> Letter:
    return letter(request.param, CASE, number_of(request.param, 1, "3522", 2026))


def test_every_letter_names_the_amount_in_words_and_leaves_a_line_for_the_name(any_letter: Letter) -> None:
    said = dict(any_letter.particulars)
    assert said["Nilai"] == "Rp3.300.000 (tiga juta tiga ratus ribu rupiah)"
    assert said["Nama penerima manfaat"] is None
    assert said["Nomor registri kabupaten/kota"] == "BJN-1"


def test_what_is_asked_for_is_listed_with_its_sum() -> None:
    table = letter(DocumentKind.request, CASE, "0001/SPB/3522/2026").table
    assert table is not None
    assert table.rows == (
        ("1", "Mesin jahit", "1", "Rp3.000.000", "Rp3.000.000"),
        ("2", "Benang <merah> & #putih", "20", "Rp15.000", "Rp300.000"),
    )
    assert table.total == ("Jumlah", "Rp3.300.000")


def test_before_the_handover_its_day_and_serials_are_lines_to_fill() -> None:
    found = letter(DocumentKind.handover, CASE._replace(handed=None), "0001/BAST/3522/2026")
    assert "____" in found.opening
    assert found.table is not None
    assert found.table.rows == (("1", "Mesin jahit (1)", ""), ("2", "Benang <merah> & #putih (20)", ""))
    after = letter(DocumentKind.handover, CASE, "0001/BAST/3522/2026")
    assert "Rabu tanggal dua puluh lima" in after.opening
    assert after.table is not None
    assert after.table.rows == (("1", "Mesin jahit", "SN-1"),)


@pytest.mark.parametrize("kind", list(GrantKind))
@pytest.mark.parametrize("document", list(DocumentKind))
async def test_every_kind_of_grant_has_its_letters_on_paper(kind: GrantKind, document: DocumentKind) -> None:
    case = (
        CASE if kind is GrantKind.equipment else CASE._replace(kind=kind, items=(), handed=HANDED._replace(assets=()))
    )
    found = letter(document, case, number_of(document, 1, "3522", 2026))
    html = paper.page(found)
    assert '<html lang="id">' in html
    assert "@page { size: A4" in html
    assert html.count("<h1>") == 1
    assert "<merah>" not in html
    assert ("&lt;merah&gt;" in html) == (kind is GrantKind.equipment and document is not DocumentKind.handover)
    moment = datetime(2026, 11, 26, 3, tzinfo=UTC)
    pdf = await paper.pdf(found, issued_at=moment)
    assert pdf.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in pdf
    assert b"/Lang" in pdf
    assert b"<pdfuaid:part>1" in pdf
    assert await paper.pdf(found, issued_at=moment) == pdf
