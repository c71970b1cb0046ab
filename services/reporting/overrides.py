"""An officer's class in place of the computed one: with a reason, until a month, and with its whole history."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.reporting.dashboard import forget
from services.reporting.growth import conclude
from services.reporting.rule_versions import GrowthRule
from services.reporting.rules import GrowthClass, month_index, month_name
from services.reporting.tables import GrowthOverride
from shared.database import lock_districts, now, run
from shared.events.envelope import microseconds
from shared.refusals import Refused
from shared.security import Caller

LONGEST_MONTHS = 12
"""After the newest reported month: then the reports have said something new, and an officer looks again."""


async def place(
    session: AsyncSession,
    who: Caller,
    beneficiary_id: UUID,
    *,
    growth_class: GrowthClass,
    reason: str,
    until: str,
    rule: GrowthRule,
) -> list[dict[str, Any]]:
    """Put a class in place of the computed one; one already there is replaced. Returns the history, newest first.

    Raises Refused: `not_found`, `no_report` (there is no month to measure `until` by), `until_out_of_range`.
    """
    person = await _held(session, beneficiary_id, who)
    if person.newest is None:
        raise Refused("no_report")
    last = month_index(until)
    if not person.newest <= last <= person.newest + LONGEST_MONTHS:
        raise Refused(
            "until_out_of_range",
            earliest=month_name(person.newest),
            latest=month_name(person.newest + LONGEST_MONTHS),
        )
    moment = now()
    present = await _in_force(session, person.no)
    if present is not None:
        _end(present, who, moment, reason)
        await session.flush()  # or there would be two for a moment
    session.add(
        GrowthOverride(
            person_no=person.no,
            growth_class=growth_class.value,
            reason=reason,
            until=last,
            placed=person.newest,
            placed_by=who.sub,
            placed_at=moment,
        )
    )
    return await _concluded(session, person.no, moment, rule)


async def remove(
    session: AsyncSession, who: Caller, beneficiary_id: UUID, *, reason: str, rule: GrowthRule
) -> list[dict[str, Any]]:
    """Let the computed class count again. Raises Refused: `not_found`, `no_override`."""
    person = await _held(session, beneficiary_id, who)
    present = await _in_force(session, person.no)
    if present is None:
        raise Refused("no_override")
    moment = now()
    _end(present, who, moment, reason)
    return await _concluded(session, person.no, moment, rule)


async def read_history(session: AsyncSession, person_no: int) -> list[dict[str, Any]]:
    """Every override of one business, newest first: who, when, why."""
    wanted = select(GrowthOverride).where(col(GrowthOverride.person_no) == person_no)
    found = await session.scalars(wanted.order_by(col(GrowthOverride.id).desc()))
    return [
        {
            "class": row.growth_class,
            "reason": row.reason,
            "until": month_name(row.until),
            "by": row.placed_by,
            "at": row.placed_at,
            "ended": {"by": row.ended_by, "at": row.ended_at, "reason": row.ended_because} if row.ended_at else None,
        }
        for row in found
    ]


async def read_counting(session: AsyncSession, person_no: int, newest: int | None) -> dict[str, Any] | None:
    """The override that counts beside reports whose newest month is this, as the contract shapes it, or None."""
    present = await _in_force(session, person_no)
    if present is None or newest is None or newest > present.until:
        return None
    return {
        "class": present.growth_class,
        "reason": present.reason,
        "until": month_name(present.until),
        "by": present.placed_by,
        "at": present.placed_at,
    }


async def _held(session: AsyncSession, beneficiary_id: UUID, who: Caller) -> Any:
    """The business, its district locked. Raises Refused `not_found`, also when it is of a foreign district."""
    district = await run(
        session, "SELECT district FROM person WHERE beneficiary_id = :id AND withdrawn_us IS NULL", id=beneficiary_id
    )
    code = district.scalar()
    if code is None or not who.sees(code):
        raise Refused("not_found")
    await lock_districts(session, [code])
    found = await run(
        session,
        "SELECT no, (SELECT max(month) FROM report WHERE person_no = person.no) AS newest FROM person "
        "WHERE beneficiary_id = :id",
        id=beneficiary_id,
    )
    return found.one()


async def _in_force(session: AsyncSession, person_no: int) -> GrowthOverride | None:
    wanted = select(GrowthOverride).where(col(GrowthOverride.person_no) == person_no)
    found: GrowthOverride | None = await session.scalar(wanted.where(col(GrowthOverride.ended_at).is_(None)))
    return found


def _end(present: GrowthOverride, who: Caller, moment: datetime, reason: str) -> None:
    present.ended_by, present.ended_at, present.ended_because = who.sub, moment, reason


async def _concluded(session: AsyncSession, person_no: int, moment: datetime, rule: GrowthRule) -> list[dict[str, Any]]:
    await session.flush()
    await conclude(session, {person_no: microseconds(moment)}, rule)
    await forget(session)
    return await read_history(session, person_no)
