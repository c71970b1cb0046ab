"""Income reports: the newest revision of each business and month is kept; every view follows by the difference."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import views
from services.reporting.rules import later_month, month_index
from services.reporting.views import COHORT_MONTHS, COUNTED, MONTHS
from shared import revision_rows
from shared.database import insert, set_wise
from shared.events import receipts
from shared.events.catalogue import Event
from shared.events.clock import happened_by
from shared.events.district import IncomeReported
from shared.events.envelope import beneficiary_id
from shared.events.receipts import Answer
from shared.revisions import Judging, Mark, Said


class _Content(NamedTuple):
    """What one report says, in the order of the table's columns."""

    turnover: int
    materials: int
    production: int
    wages: int
    net_profit: int
    employees: int
    orders: int
    asset_use: str


class _Stored(NamedTuple):
    """The report in force for one business and month. `place` is its event's place in this list, when it is of it."""

    mark: Mark
    content: _Content
    place: int | None

    @property
    def said(self) -> Said:
        return Said(self.mark, " ".join(map(str, self.content)), self.place)


class _Owner(NamedTuple):
    no: int
    district: str
    counted: bool
    cohort: int
    withdrawn_us: int | None


Key = tuple[int, int]
"""(person_no, month index)"""


async def report_income(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
    """Keep the newest revision of each business and month; every view follows by the difference.

    A report of a month after the event's own time, or after the log's, is rejected, as is one that was made after the
    person had withdrawn consent; one of an unknown person waits.
    """
    owners, before = await _read_reports(session, events)
    judging = Judging(await revision_rows.known_of(session, [_thing(key) for key in before]))
    current = dict(before)
    for event in events:
        owner = owners.get((event.district, event.data.district_ref))
        if later_month(event.data.month, happened_by(event.time_us, event.record.taken_us)):
            judging.answer(receipts.rejected("future_month"))
        elif owner is None:
            judging.answer(_wait_for(event))
        elif owner.withdrawn_us is not None and event.time_us >= owner.withdrawn_us:
            judging.answer(receipts.rejected("no_consent"))
        else:
            _place_report(event, owner, current, judging)
    changed = {key: stored for key, stored in current.items() if stored is not before.get(key)}
    await _write_reports(session, changed, before)
    await _count_reports(session, {owner.no: owner for owner in owners.values()}, changed, before)
    await revision_rows.keep(session, judging)
    return judging.answers


def _place_report(event: Event, owner: _Owner, current: dict[Key, _Stored], judging: Judging) -> None:
    """Judge one report against the one in force, which it may replace in `current`."""
    report: IncomeReported = event.data
    content = _Content(
        report.turnover,
        report.materials,
        report.production,
        report.wages,
        report.net_profit,
        report.employees,
        report.orders,
        report.asset_use.value,
    )
    key = (owner.no, month_index(report.month))
    stored = current.get(key)
    mark = Mark(report.revision, event.time_us, event.envelope.id, event.envelope.source)
    arrived = _Stored(mark, content, len(judging.answers))
    if stored is None:
        judging.answer(receipts.accepted())
        current[key] = arrived
    elif judging.take(owner.district, _thing(key), stored.said, arrived.said):
        current[key] = arrived


def _thing(key: Key) -> str:
    no, month = key
    return f"report/{no}/{month}"


def _wait_for(event: Event) -> Answer:
    person = beneficiary_id(event.district or "", event.data.district_ref)
    return receipts.waiting("unknown_beneficiary", f"beneficiary/{person}")


async def _read_reports(
    session: AsyncSession, events: Sequence[Event]
) -> tuple[dict[tuple[str | None, str], _Owner], dict[Key, _Stored]]:
    """The businesses the events speak of, by (district, ref), and their reports in force of the months named."""
    wanted = {(event.district or "", event.data.district_ref, month_index(event.data.month)) for event in events}
    found = await set_wise(
        session,
        """SELECT p.no, p.district, p.district_ref, p.status, p.cohort, p.withdrawn_us,
                  t.month, t.revision, t.time_us, t.event_id, t.source,
                  t.turnover, t.materials, t.production, t.wages, t.net_profit, t.employees, t.orders, t.asset_use
           FROM {rows} JOIN person p ON p.district = r.district AND p.district_ref = r.ref
           LEFT JOIN report t ON t.person_no = p.no AND t.month = r.month""",
        {"district": "text", "ref": "text", "month": "int"},
        sorted(wanted),
    )
    owners: dict[tuple[str | None, str], _Owner] = {}
    before: dict[Key, _Stored] = {}
    for no, district, ref, status, cohort, withdrawn_us, month, revision, time_us, event_id, source, *content in found:
        owners[district, ref] = _Owner(no, district, status == COUNTED, cohort, withdrawn_us)
        if month is not None:
            before[no, month] = _Stored(Mark(revision, time_us, event_id, source), _Content(*content), None)
    return owners, before


_REPORT_COLUMNS = {
    "person_no": "bigint",
    "month": "int",
    "revision": "int",
    "time_us": "bigint",
    "event_id": "text",
    "source": "text",
    "turnover": "bigint",
    "materials": "bigint",
    "production": "bigint",
    "wages": "bigint",
    "net_profit": "bigint",
    "employees": "int",
    "orders": "int",
    "asset_use": "text",
}
_UPDATE_REPORTS = (
    f"UPDATE report SET {', '.join(f'{name} = r.{name}' for name in list(_REPORT_COLUMNS)[2:])} "
    "FROM {rows} WHERE report.person_no = r.person_no AND report.month = r.month"
)


async def _write_reports(session: AsyncSession, changed: Mapping[Key, _Stored], before: Mapping[Key, _Stored]) -> None:
    """Insert and update apart, in the order of the key: half as much work for PostgreSQL as one upsert."""
    new, known = (
        [(*key, *changed[key].mark, *changed[key].content) for key in sorted(changed) if (key in before) is there]
        for there in (False, True)
    )
    await insert(session, "report", _REPORT_COLUMNS, new)
    if known:
        await set_wise(session, _UPDATE_REPORTS, _REPORT_COLUMNS, known)


async def _count_reports(
    session: AsyncSession,
    owners: Mapping[int, _Owner],
    changed: Mapping[Key, _Stored],
    before: Mapping[Key, _Stored],
) -> None:
    """Bring the months up to date, and have the classes of the businesses computed again."""
    cohorts = COHORT_MONTHS.difference()
    for (no, month), stored in changed.items():
        change = cohorts[month, owners[no].cohort]
        content = stored.content
        views.count_report(change, content.turnover, content.net_profit, content.employees, content.asset_use, 1)
        if (prior := before.get((no, month))) is not None:
            content = prior.content
            views.count_report(change, content.turnover, content.net_profit, content.employees, content.asset_use, -1)
    await views.growth_due(
        session,
        (
            (no, stored.mark.time_us)
            for (no, month), stored in changed.items()
            if (prior := before.get((no, month))) is None or prior.content != stored.content
        ),
    )
    counted = {owner.cohort: owner.district for owner in owners.values() if owner.counted}
    await MONTHS.add(session, views.months_of(cohorts, counted))
    await COHORT_MONTHS.add(session, cohorts)
