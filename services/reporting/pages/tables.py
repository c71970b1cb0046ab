"""Every table of a page as a file: the same rows in plain numbers, rupiah whole and shares as fractions of one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Path, Request, Response

from services.reporting.api import Dashboards, From, Here, Reader
from services.reporting.cuts import CUTS, CutName, read_cut
from services.reporting.freshness import longest_silent_first, read_freshness
from services.reporting.history import SHOWN, YEAR, read_history
from services.reporting.pages.figures import COLUMNS, make_row, read_cell, sorted_rows
from services.reporting.pages.naming import named
from services.reporting.pages.present import snapshot_of
from services.reporting.rules import month_index
from services.reporting.views import CLASSES, COUNTED
from services.reporting.wording import WORDS
from services.reporting.worklist_rules import jakarta_day
from shared.database import now
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, language
from shared.pages.wording import Words
from shared.refusals import Refused
from shared.replies import attachment, unsent
from shared.security import Caller, Role
from shared.sheets import Format, Value, open_sheet
from shared.web import Context

_WIDTH = 18
SERIES = ("reports", "turnover", "net_profit", "mean_profit", "employees", "idle_assets")

router = APIRouter(route_class=Page, include_in_schema=False)


class Asked(NamedTuple):
    """Whose file of what. `district` is one that the caller sees, `month` one that has reports, `complete` the newest
    complete one."""

    who: Caller
    source: Dashboards
    here: Context
    words: Words
    month: str | None
    complete: str | None
    district: str | None
    sort: str | None


class File(NamedTuple):
    name: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Value]]


@router.get("/table/{name}.{kind}")
async def table(
    request: Request, who: Reader, source: From, here: Here, name: str, kind: Annotated[Format, Path()],
    month: str | None = None, district: str | None = None, sort: str | None = None,
) -> Response:  # fmt: skip
    """One file in the reader's language. Raises Refused `not_found` for what there is not, or not for this reader."""
    snapshot = await snapshot_of(source, month)
    district = district or None
    if district and (district not in DISTRICTS or not who.sees(district)):
        raise Refused("not_found")
    read = _FILES.get(name)
    if read is None:
        raise Refused("not_found")
    asked = Asked(who, source, here, WORDS[language(request)], snapshot.month, snapshot.complete, district, sort)
    file = await read(asked)
    with unsent() as out:
        sheet = open_sheet(kind, file.headings, [_WIDTH] * len(file.headings), out)
        await asyncio.to_thread(sheet.add, file.rows)
        await asyncio.to_thread(sheet.close)
    return attachment(out, kind, f"{file.name}-{asked.month or jakarta_day(now()).isoformat()}")


async def _districts(asked: Asked) -> File:
    snapshot = await asked.source.snapshot(asked.month)
    cells = {code: read_cell(raw) for code, raw in snapshot.districts.items() if asked.who.sees(code)}
    rows = sorted_rows([make_row(code, cell) for code, cell in cells.items()], asked.sort)
    words = asked.words
    headings = [words("column.code"), words("column.district"), *(words(f"field.{column.key}") for column in COLUMNS)]
    return File(words("file.districts"), headings, [(row.code, row.title, *row.values) for row in rows])


async def _months(asked: Asked) -> File:
    words = asked.words
    rows: list[Sequence[Value]] = []
    if asked.month is not None:
        async with asked.here.database.reading(still=True) as session:
            history = await read_history(session, asked.month)
        track = history.track(asked.district or "")
        columns: Mapping[str, Sequence[Value]] = {**track._asdict(), "mean_profit": track.mean_profit}
        last = len(history.months)
        rows = [
            (
                history.months[place],
                *(columns[name][place] for name in SERIES),
                words("month.unfinished") if history.months[place] > (asked.complete or "") else "",
            )
            for place in range(last - 1, max(last - SHOWN - YEAR, 0) - 1, -1)
        ]
    headings = [words("column.month"), *(words(f"field.{name}") for name in SERIES), words("heard.state")]
    name = words("file.months") + (f"-{asked.district}" if asked.district else "")
    return File(name, headings, rows)


def _cut(cut: CutName) -> Callable[[Asked], Awaitable[File]]:
    async def read(asked: Asked) -> File:
        if asked.who.role is Role.viewer:
            raise Refused("forbidden", role=asked.who.role.value)
        words = asked.words
        async with asked.here.database.reading(still=True) as session:
            found = await read_cut(
                session,
                cut,
                month_index(asked.month) if asked.month else 0,
                asked.district or asked.who.district,
            )
        rows = [(named(words, cut, value), *_cut_row(cell)) for value, cell in found.rows.items()]
        headings = [words(f"by.{cut}"), *(words(f"field.{name}") for name in CUT_FIELDS)]
        return File(words("file.cut") + "-" + cut, headings, [*rows, (words("count.total"), *_cut_row(found.total))])

    return read


CUT_FIELDS = (COUNTED, *CLASSES, "reports", "reporting_rate", "turnover", "net_profit", "employees", "idle_assets")


def _cut_row(cell: Mapping[str, Mapping[str, Any]]) -> list[Value]:
    flat = {**cell["beneficiaries"], **cell["growth"], **cell["income"]}
    return [flat[name] for name in CUT_FIELDS]


async def _heard(asked: Asked) -> File:
    words = asked.words
    async with asked.here.database.reading() as session:
        found = await read_freshness(session, [code for code in DISTRICTS if asked.who.sees(code)], now())
    rows: list[Sequence[Value]] = [
        (
            one.code,
            DISTRICTS[one.code].title,
            one.last_event_at.isoformat() if one.last_event_at else None,
            one.age_days,
            getattr(one.sentence, words.language),
        )
        for one in longest_silent_first(found)
    ]
    headings = [
        *(words(f"column.{name}") for name in ("code", "district")),
        *(words(f"heard.{name}") for name in ("newest", "days", "state")),
    ]
    return File(words("file.heard"), headings, rows)


_FILES: Mapping[str, Callable[[Asked], Awaitable[File]]] = {
    "districts": _districts,
    "months": _months,
    "heard": _heard,
    **{f"by-{cut}": _cut(cut) for cut in CUTS if cut != "district"},
}
