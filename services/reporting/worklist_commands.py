"""What officers do to a line of the worklist: see to it, or confirm a report. None closes a line by itself."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.growth import conclude
from services.reporting.rule_versions import GrowthRule
from services.reporting.worklist_lines import Filters, Line, read_page
from services.reporting.worklist_rules import Reason
from shared.database import lock_districts, now, run
from shared.events.envelope import microseconds
from shared.refusals import Refused
from shared.security import Caller, Role

OFFICERS = frozenset({Role.district_officer, Role.province_officer})


class Assign(NamedTuple):
    owner: str | None
    due: date | None
    note: str


async def read_line(session: AsyncSession, who: Caller, beneficiary_id: UUID, reason: Reason, today: date) -> Line:
    """The open line. Raises Refused: `not_found` (also of a foreign district), `not_on_worklist`."""
    district = await _district(session, beneficiary_id)
    if district is None or not who.sees(district):
        raise Refused("not_found")
    page = await read_page(session, today, Filters(reason=reason, beneficiary_id=beneficiary_id), limit=1)
    if not page.lines:
        raise Refused("not_on_worklist")
    return page.lines[0]


async def assign(
    session: AsyncSession, who: Caller, beneficiary_id: UUID, reason: Reason, wanted: Assign, today: date
) -> Line:
    """Put owner, due date and note on an open line, in place of what was there. Raises Refused as `read_line`."""
    line = await _held(session, who, beneficiary_id, reason, today)
    await run(
        session,
        """INSERT INTO assignment (person_no, reason, about, owner, due, note, set_by, set_at)
           VALUES (:no, :reason, :about, :owner, :due, :note, :by, :at)
           ON CONFLICT (person_no, reason, about) DO UPDATE SET owner = excluded.owner, due = excluded.due,
             note = excluded.note, set_by = excluded.set_by, set_at = excluded.set_at""",
        no=line.person_no,
        reason=reason.value,
        about=line.about,
        owner=wanted.owner,
        due=wanted.due.isoformat() if wanted.due else None,
        note=wanted.note,
        by=who.sub,
        at=now(),
    )
    return await read_line(session, who, beneficiary_id, reason, today)


async def confirm(
    session: AsyncSession,
    who: Caller,
    beneficiary_id: UUID,
    note: str,
    today: date,
    *,
    rule: GrowthRule,
    month: str | None = None,
) -> Line:
    """The suspicious turnover on the list is right: its line closes. Returns it as it was.

    Raises Refused as `read_line`; `not_on_worklist` also when the line is by now about another month than `month`.
    """
    line = await _held(session, who, beneficiary_id, Reason.suspicious_report, today)
    if month is not None and month != line.evidence["month"]:
        raise Refused("not_on_worklist", month=line.evidence["month"])
    moment = now()
    await run(
        session,
        """INSERT INTO confirmed_report (person_no, month, turnover, note, confirmed_by, confirmed_at)
           VALUES (:no, :month, :turnover, :note, :by, :at) ON CONFLICT DO NOTHING""",
        no=line.person_no,
        month=line.since.year * 12 + line.since.month - 1,
        turnover=line.evidence["turnover"],
        note=note,
        by=who.sub,
        at=moment,
    )
    await conclude(session, {line.person_no: microseconds(moment)}, rule)
    return line


async def _held(session: AsyncSession, who: Caller, beneficiary_id: UUID, reason: Reason, today: date) -> Line:
    """The open line, its district locked: no report opens or closes it meanwhile."""
    district = await _district(session, beneficiary_id)
    if district is not None and who.sees(district):
        await lock_districts(session, [district])
    return await read_line(session, who, beneficiary_id, reason, today)


async def _district(session: AsyncSession, beneficiary_id: UUID) -> str | None:
    found = await run(session, "SELECT district FROM person WHERE beneficiary_id = :id", id=beneficiary_id)
    district: str | None = found.scalar()
    return district
