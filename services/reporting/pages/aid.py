"""Trades and kinds of aid, and the other cuts: who does what, how they fare, and what came of the money."""

from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response

from services.reporting.api import Reader
from services.reporting.cuts import CUTS, Cell, CutName, CutTable, read_cut
from services.reporting.kept import Kept
from services.reporting.pages.figures import read_cell
from services.reporting.pages.naming import named
from services.reporting.pages.present import From, Here, running, snapshot_of, standing
from services.reporting.rules import month_index
from services.reporting.value import read_value
from services.reporting.value_rules import CAVEAT, After, By
from services.reporting.views import COUNTED
from services.reporting.wording import WORDS
from shared.database import Database
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, language, render
from shared.pages.wording import Words
from shared.refusals import Refused
from shared.security import Role

CHOICES: tuple[CutName, ...] = ("trade", "kind", "unit", "ppks", "sex", "disability")
_VALUE_SECONDS = 60.0
"""What came of the money is read from all grants: as old as this it will do."""
_KEPT = 100

router = APIRouter(route_class=Page, include_in_schema=False)


class CutRow(NamedTuple):
    name: str
    people: int
    cell: Cell
    mean_profit: int | None
    """Rupiah per report; None without a report."""


class Values:
    """Value for money, by kind or trade, of the province or one district: computed once for all who ask."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: Kept[tuple[By, str | None], dict[str, Any]] = Kept(self._read, most=_KEPT)

    async def of(self, by: By, district: str | None) -> dict[str, Any]:
        return await self._kept.get((by, district), seconds=_VALUE_SECONDS)

    async def _read(self, key: tuple[By, str | None]) -> dict[str, Any]:
        by, district = key
        async with self._database.reading(still=True) as session:
            return await read_value(session, by, months=After.half_a_year, district=district)


@router.get("/aid")
async def aid(
    request: Request, who: Reader, source: From, here: Here, month: str | None = None, by: str = "",
    district: str | None = None,
) -> Response:  # fmt: skip
    """A district officer sees the own district. A cell may be one person: not for those who only view."""
    if who.role is Role.viewer:
        raise Refused("forbidden", role=who.role.value)
    district = district or who.district
    if district is not None and (district not in DISTRICTS or not who.sees(district)):
        raise Refused("not_found")
    snapshot = await snapshot_of(source, month)
    cuts = [name for name in CHOICES if name == by] or ["trade", "kind"]
    words = WORDS[language(request)]
    tables: dict[CutName, tuple[list[CutRow], CutRow]] = {}
    async with here.database.reading(still=True) as session:
        for name in cuts:
            table = await read_cut(session, name, month_index(snapshot.month) if snapshot.month else 0, district)
            tables[name] = _rows(words, name, table)
    values: Values = request.app.state.values
    return render(
        request,
        "aid.html",
        tables=tables,
        several={name: CUTS[name].several for name in tables},
        choices=CHOICES,
        by=by if by in CHOICES else None,
        chosen=district,
        value=await values.of(By.kind, district) if "kind" in tables else None,
        named=lambda cut, value: named(words, cut, value),
        caveat=CAVEAT,
        seen=[code for code in DISTRICTS if who.sees(code)],
        running=await running(source, district or ""),
        cell=read_cell(snapshot.districts[district] if district else snapshot.province),
        **await standing(request, source, snapshot, who),
    )


def _rows(words: Words, cut: CutName, table: CutTable) -> tuple[list[CutRow], CutRow]:
    """Most people first, those who have none last; and the total."""
    rows = [_row(named(words, cut, value), cell) for value, cell in table.rows.items() if value]
    rows.sort(key=lambda row: (-row.people, row.name))
    if "" in table.rows:
        rows.append(_row(named(words, cut, ""), table.rows[""]))
    return rows, _row(words("count.total"), table.total)


def _row(name: str, cell: Cell) -> CutRow:
    income = cell["income"]
    mean = round(income["net_profit"] / income["reports"]) if income["reports"] else None
    return CutRow(name, int(cell["beneficiaries"][COUNTED]), cell, mean)
