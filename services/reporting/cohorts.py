"""A cohort is everybody alike in all that totals are cut by: a report is one difference, however many cuts there are.

Who changes in any of it moves to another cohort, with all reports; every view follows by that difference, here.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import views
from services.reporting.views import COHORT_MONTHS, COHORT_PEOPLE, COUNTED, HANDED_OVER, MONTHS, PEOPLE
from shared.database import set_wise
from shared.events.district import GrantKind

ATTRIBUTES = ("district", "status", "sex", "ppks_group", "unit", "skills", "disabilities", "kinds")
_NAMES = ", ".join(ATTRIBUTES)
_KINDS = " || ".join(f"coalesce(max(CASE WHEN g.kind = '{kind}' THEN '{kind} ' END), '')" for kind in sorted(GrantKind))
OF_PERSON = f"""SELECT p.no, p.cohort, p.growth_class, p.district, p.status, p.sex, p.ppks_group,
    coalesce(p.unit, '') AS unit, p.skills, p.disabilities,
    (SELECT trim({_KINDS}) FROM grant_now g
     WHERE g.beneficiary_id = p.beneficiary_id AND g.status = '{HANDED_OVER}') AS kinds FROM {{people}}"""
"""Each person with the attributes of the cohort that is theirs; `{people}` is a source with the table person as p."""
SAME = " AND ".join(f"c.{name} = w.{name}" for name in ATTRIBUTES)
"""Of a cohort c and such a person w."""
_SOME = OF_PERSON.format(people="{rows} JOIN person p ON p.beneficiary_id = r.id")


class Move(NamedTuple):
    """A person who leaves one cohort for another; `old` is 0 for one who was in none."""

    no: int
    old: int
    new: int
    old_status: str | None
    status: str
    district: str
    growth_class: str


class Reclassed(NamedTuple):
    """A person whose growth class changes from `old` to `new`."""

    district: str
    status: str
    cohort: int
    old: str
    new: str


def missing(people: str) -> str:
    """The statement that makes the cohorts which these people need and which are not there."""
    return f"""INSERT INTO cohort ({_NAMES}) SELECT DISTINCT {_NAMES} FROM ({people}) w
        WHERE NOT EXISTS (SELECT 1 FROM cohort c WHERE {SAME})"""


async def place(session: AsyncSession, beneficiaries: Iterable[UUID]) -> None:
    """Bring these people to the cohorts they belong to, and all views with them.

    Unknown people are passed over: they are placed when they become known. The caller holds their districts, so
    nobody else makes a cohort of these.
    """
    rows = [(person,) for person in sorted(set(beneficiaries))]
    if not rows:
        return
    await set_wise(session, missing(_SOME), {"id": "uuid"}, rows)
    found = await set_wise(
        session,
        f"""SELECT w.no, w.cohort, c.no, o.status, w.status, w.district, w.growth_class FROM ({_SOME}) w
            JOIN cohort c ON {SAME} LEFT JOIN cohort o ON o.no = w.cohort WHERE w.cohort <> c.no ORDER BY w.no""",
        {"id": "uuid"},
        rows,
    )
    moves = [Move._make(row) for row in found]
    if moves:
        await set_wise(
            session,
            "UPDATE person SET cohort = r.cohort FROM {rows} WHERE person.no = r.no",
            {"no": "bigint", "cohort": "bigint"},
            [(move.no, move.new) for move in moves],
        )
        await _move_people(session, moves)
        await _move_reports(session, [move for move in moves if move.old])


async def reclass(session: AsyncSession, changes: Sequence[Reclassed]) -> None:
    """Bring the views up to date with growth classes that have changed."""
    people, cohorts = PEOPLE.difference(), COHORT_PEOPLE.difference()
    for change in changes:
        for growth_class, sign in ((change.old, -1), (change.new, 1)):
            cohorts[change.cohort, growth_class][0] += sign
            if change.status == COUNTED:
                people[(change.district,)][PEOPLE.place(growth_class)] += sign
    await PEOPLE.add(session, people)
    await COHORT_PEOPLE.add(session, cohorts)


async def _move_people(session: AsyncSession, moves: Sequence[Move]) -> None:
    people, cohorts = PEOPLE.difference(), COHORT_PEOPLE.difference()
    for move in moves:
        change = people[(move.district,)]
        if move.old_status is not None:
            views.count_person(change, move.old_status, move.growth_class, -1)
            cohorts[move.old, move.growth_class][0] -= 1
        views.count_person(change, move.status, move.growth_class, 1)
        cohorts[move.new, move.growth_class][0] += 1
    await PEOPLE.add(session, people)
    await COHORT_PEOPLE.add(session, cohorts)


async def _move_reports(session: AsyncSession, moves: Sequence[Move]) -> None:
    """All reports of these people, out of one cohort and into another."""
    if not moves:
        return
    found = await set_wise(
        session,
        "SELECT r.old, r.new, t.month, t.turnover, t.net_profit, t.employees, t.asset_use "
        "FROM {rows} JOIN report t ON t.person_no = r.no",
        {"no": "bigint", "old": "bigint", "new": "bigint"},
        [(move.no, move.old, move.new) for move in moves],
    )
    cohorts = COHORT_MONTHS.difference()
    for old, new, month, turnover, net_profit, employees, asset_use in found:
        for cohort, sign in ((old, -1), (new, 1)):
            views.count_report(cohorts[month, cohort], turnover, net_profit, employees, asset_use, sign)
    counted = {move.old: move.district for move in moves if move.old_status == COUNTED}
    counted |= {move.new: move.district for move in moves if move.status == COUNTED}
    await MONTHS.add(session, views.months_of(cohorts, counted))
    await COHORT_MONTHS.add(session, cohorts)
