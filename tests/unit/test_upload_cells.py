"""What districts write into cells."""

from datetime import date, datetime
from typing import Any

import pytest

from shared.uploads import cells
from shared.uploads.cells import Wrong

RUPIAH = cells.whole(0, 1_000_000_000_000)


@pytest.mark.parametrize(
    ("written", "rupiah"),
    [
        ("1500000", 1_500_000),
        ("1.500.000", 1_500_000),
        ("1,500,000", 1_500_000),
        ("Rp 1.500.000", 1_500_000),
        ("Rp. 1.500.000", 1_500_000),
        ("Rp1.500.000,00", 1_500_000),
        ("1500000.00", 1_500_000),
        ("1.500", 1_500),
        (" 0 ", 0),
        (1_500_000, 1_500_000),
        (1_500_000.0, 1_500_000),
    ],
)
def test_rupiah_are_read_however_their_thousands_are_written(written: Any, rupiah: int) -> None:
    assert RUPIAH(written) == rupiah


@pytest.mark.parametrize("written", ["1,5", "1.50.000", "sejuta", "-5", "1e6", "", 1.5, True, "=1+1", "1 juta", "١٢"])
def test_what_is_no_whole_number_of_rupiah_is_not_guessed(written: Any) -> None:
    with pytest.raises(Wrong):
        RUPIAH(written)


def test_a_number_out_of_bounds_is_told_the_bounds_and_not_itself() -> None:
    with pytest.raises(Wrong) as caught:
        cells.whole(1, 10)("4711")
    assert caught.value.code == "out_of_range"
    assert "1" in caught.value.cure.id and "4711" not in f"{caught.value.cure}"


@pytest.mark.parametrize(
    "written",
    [
        *("2026-04-07", "07/04/2026", "7/4/2026", "7-4-2026", "07.04.2026", "2026-04-07 00:00:00"),
        *(date(2026, 4, 7), datetime(2026, 4, 7)),
    ],
)
def test_a_date_is_read_day_first_unless_the_year_is(written: Any) -> None:
    assert cells.day(written) == date(2026, 4, 7)


@pytest.mark.parametrize("written", ["31/02/2026", "04/13/2026", "7/4/26", "kemarin", 46119, "2026-13-01", "=TODAY()"])
def test_what_is_no_date_is_not_guessed(written: Any) -> None:
    with pytest.raises(Wrong) as caught:
        cells.day(written)
    assert caught.value.code == "not_a_date"


@pytest.mark.parametrize("written", ["2026-04", "04/2026", "4-2026", "2026-04-01", "01/04/2026", datetime(2026, 4, 1)])
def test_a_month_is_read_also_where_a_spreadsheet_made_a_date_of_it(written: Any) -> None:
    assert cells.month(written) == "2026-04"


@pytest.mark.parametrize("written", ["2026-13", "00/2026", "07/04/2026", "April", datetime(2026, 4, 7), 202604])
def test_a_day_within_a_month_is_no_month(written: Any) -> None:
    with pytest.raises(Wrong):
        cells.month(written)


def test_a_nik_that_a_spreadsheet_made_a_number_of_has_lost_its_last_digits() -> None:
    for written in (3522014105900001.0, 3522014105900001, "3,52201E+15", "3.52201410590000E+15"):
        with pytest.raises(Wrong) as caught:
            cells.nik(written)
        assert caught.value.code == "number_lost"
    assert cells.nik("'3522014105900001") == cells.nik("3522 0141 0590 0001") == "3522014105900001"


def test_a_formula_and_what_became_of_one_are_no_text() -> None:
    for written in ("=A1&B1", ' ="0001"', "#REF!", "#N/A"):
        with pytest.raises(Wrong) as caught:
            cells.text(written)
        assert caught.value.code == "formula"


def test_words_are_known_in_any_case_and_with_any_signs_between() -> None:
    read = cells.choice({"laki-laki": "male", "L": "male", "orang dengan HIV/AIDS": "person_with_hiv"})
    assert [read(word) for word in ("Laki Laki", "LAKI-LAKI", " l ", "orang dengan hiv aids")] == [
        *("male", "male", "male"),
        "person_with_hiv",
    ]
    with pytest.raises(Wrong):
        read("lelaki")


def test_several_words_stand_in_one_cell_and_one_said_twice_counts_once() -> None:
    read = cells.several({"fisik": "physical", "rungu": "hearing"}, most=2)
    assert read("fisik, Rungu; fisik") == ("physical", "hearing")
    with pytest.raises(Wrong):
        read("fisik, lain")
    assert cells.several({"menjahit": "sewing"}, most=3, others=True)("menjahit, las besi") == ("sewing", "las_besi")


@pytest.mark.parametrize("written", ["W 1", "W/1", "é", "x" * 65, "", "W\x001"])
def test_a_reference_is_of_plain_signs_alone(written: str) -> None:
    with pytest.raises(Wrong):
        cells.ref(written)


def test_a_number_for_a_reference_is_read_as_it_looks() -> None:
    assert cells.ref(12.0) == cells.ref(12) == cells.ref(" 12 ") == "12"
