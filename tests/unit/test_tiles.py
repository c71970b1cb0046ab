"""The map: every kabupaten and kota has one tile, and colours say what they seem to say."""

from collections import Counter
from typing import Any

from services.reporting.pages.tiles import MEASURES, PLACES, tile_map
from shared.events.districts import DISTRICTS

MADURA = ("3526", "3527", "3528", "3529")


def _cell(rate: float, people: int = 10, growing: int = 0) -> dict[str, dict[str, Any]]:
    return {
        "beneficiaries": {"ex_client": people},
        "income": {"reporting_rate": rate, "reports": people, "net_profit_median": 0},
        "growth": {"growing": growing, "declining": 0},
        "rupiah": {"disbursed": 0, "budget": 0},
    }


def test_every_district_has_a_tile_of_its_own() -> None:
    assert set(PLACES) == set(DISTRICTS)
    assert max(Counter((place.column, place.row) for place in PLACES.values()).values()) == 1


def test_seven_names_are_two_tiles_with_the_same_letters() -> None:
    letters = Counter(place.short for place in PLACES.values())
    assert sorted(letters.values()) == [1] * 24 + [2] * 7


def test_madura_is_an_island_and_the_west_is_left_of_the_east() -> None:
    assert {PLACES[code].row for code in MADURA} == {1}
    east = min(PLACES[code].column for code in MADURA)
    assert (PLACES["3525"].row, PLACES["3525"].column + 1) not in {(p.row, p.column) for p in PLACES.values()}
    assert PLACES["3525"].column < east
    pacitan, bojonegoro, surabaya, banyuwangi = (PLACES[code] for code in ("3501", "3522", "3578", "3510"))
    assert pacitan.column < bojonegoro.column < surabaya.column < banyuwangi.column
    assert bojonegoro.row < pacitan.row


def test_steps_hold_about_as_many_districts_each_and_equal_values_are_in_one() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9]
    cells = {code: _cell(rate) for code, rate in zip(DISTRICTS, values, strict=False)}
    found = tile_map(MEASURES["reporting"], cells)
    steps = {tile.value: tile.step for tile in found.tiles}
    assert [steps[value] for value in values] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert found.legend == [(1, 0.1, 0.2), (2, 0.3, 0.4), (3, 0.5, 0.6), (4, 0.7, 0.8), (5, 0.9, 0.9)]


def test_a_district_without_people_has_no_rate_rather_than_the_lowest() -> None:
    found = tile_map(MEASURES["reporting"], {"3501": _cell(0.0, people=0), "3502": _cell(0.5)})
    steps = {tile.code: (tile.value, tile.step) for tile in found.tiles}
    assert steps["3501"] == (None, None)
    assert steps["3502"] == (0.5, 1)
    assert steps["3503"] == (None, None)


def test_a_share_is_of_the_people() -> None:
    found = tile_map(MEASURES["growing"], {"3501": _cell(0.0, people=10, growing=4)})
    assert [tile.value for tile in found.tiles if tile.code == "3501"] == [0.4]


def test_tiles_are_read_from_north_west_to_south_east() -> None:
    order = [(tile.place.row, tile.place.column) for tile in tile_map(MEASURES["people"], {}).tiles]
    assert order == sorted(order)
