"""The map: the 38 kabupaten/kota as equal tiles, drawn by hand so that one knows East Java, with Madura, again.

Keyed by code: seven names are both a kabupaten and a kota.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.reporting.pages.figures import Cell
from services.reporting.views import COUNTED
from shared.events.districts import DISTRICTS
from shared.pages.wording import Format

STEPS = 5
_DRAWN = """
 .   .  TBN LMG GSK  .  BKL SPG PMK SMP
 .  NGW BJN JBG mjk sby  .   .   .   .
MGT mad MAD NJK MJK SDA pas  .   .   .
 .  PNG kdr KDR btu PAS prb PRB STB  .
PCT TRG TLG blt mlg MLG LMJ JBR BDW  .
 .   .   .  BLT  .   .   .   .  BWI  .
"""
"""A kota is written small here; on the page its tile is round."""
_SHORT = """
PCT PNG TRG TLG BLT KDR MLG LMJ JBR BWI BDW STB PRB PAS SDA MJK JBG NJK MAD MGT NGW BJN TBN LMG GSK BKL SPG PMK SMP
kdr blt mlg prb pas mjk mad sby btu
"""
"""In the order of the codes."""
_CODES = dict(zip(_SHORT.split(), DISTRICTS, strict=True))


class Place(NamedTuple):
    """Where a tile lies, from 1, and its three letters."""

    column: int
    row: int
    short: str


PLACES: Mapping[str, Place] = {
    _CODES[name]: Place(column, row, name.upper())
    for row, line in enumerate(_DRAWN.strip("\n").split("\n"), 1)
    for column, name in enumerate(line.split(), 1)
    if name != "."
}


class Measure(NamedTuple):
    """What the map may be coloured by: `part.name` of a cell, as a share of `of` where that is given.

    Without anything to measure in `needs` it is unknown, which is not zero.
    """

    key: str
    part: str
    name: str
    format: Format
    of: tuple[str, str] | None = None
    needs: tuple[str, str] | None = None

    def value(self, cell: Cell) -> float | None:
        needs = self.needs or self.of
        if needs and not cell[needs[0]][needs[1]]:
            return None
        value: float = cell[self.part][self.name]
        return value / cell[self.of[0]][self.of[1]] if self.of else value


_PEOPLE = ("beneficiaries", COUNTED)
MEASURES: Mapping[str, Measure] = {
    measure.key: measure
    for measure in (
        Measure("reporting", "income", "reporting_rate", "whole_percent", needs=_PEOPLE),
        Measure("growing", "growth", "growing", "whole_percent", of=_PEOPLE),
        Measure("declining", "growth", "declining", "whole_percent", of=_PEOPLE),
        Measure("median", "income", "net_profit_median", "finer_millions", needs=("income", "reports")),
        Measure("disbursed", "rupiah", "disbursed", "whole_percent", of=("rupiah", "budget")),
        Measure("people", "beneficiaries", COUNTED, "number"),
    )
}


class Tile(NamedTuple):
    code: str
    title: str
    place: Place
    round: bool
    value: float | None
    step: int | None
    """1 for the lowest to STEPS for the highest; None where the value is unknown."""


class TileMap(NamedTuple):
    measure: Measure
    tiles: Sequence[Tile]
    """From north-west to south-east, as one reads."""
    legend: Sequence[tuple[int, float, float]]
    """Of each step in use: its number, and the lowest and highest value in it."""


def tile_map(measure: Measure, cells: Mapping[str, Cell]) -> TileMap:
    """About as many districts in each step; equal values are never in two."""
    values = {code: measure.value(cell) for code, cell in cells.items()}
    ranked = sorted(value for value in values.values() if value is not None)

    def step(value: float | None) -> int | None:
        return None if value is None else 1 + STEPS * ranked.index(value) // len(ranked)

    tiles = [
        Tile(
            code, DISTRICTS[code].title, place, DISTRICTS[code].kind == "kota", values.get(code), step(values.get(code))
        )
        for code, place in sorted(PLACES.items(), key=lambda item: (item[1].row, item[1].column))
    ]
    held = {number: [tile.value for tile in tiles if tile.step == number] for number in range(1, STEPS + 1)}
    legend = [
        (number, min(some), max(some))
        for number, found in held.items()
        if (some := [value for value in found if value is not None])
    ]
    return TileMap(measure, tiles, legend)
