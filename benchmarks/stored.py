"""People and reports put straight into the tables, for measurements that begin where they are already known."""

from typing import Any

from benchmarks.load import ref
from services.reporting.reconcile import rebuild
from shared.database import Database, insert, run
from shared.events.districts import DISTRICTS
from shared.events.envelope import beneficiary_id

MONTHS = 100
"""Of reports per business, in the measurements of what is stored."""
FIRST_MONTH = 2018 * 12
_AT_ONCE = 10_000
_PERSON = {
    "beneficiary_id": "uuid",
    "district": "text",
    "district_ref": "text",
    "version": "int",
    "status": "text",
    "said_status": "text",
    "ppks_group": "text",
    "sex": "text",
    "birth_year": "int",
    "disabilities": "text",
    "skills": "text",
    "growth_class": "text",
    "growth_version": "int",
}
_GROUPS = ("child", "elderly", "disability", "social", "disaster")
_SEXES = ("female", "male", "female")
_TRADES = ("sewing", "massage", "cooking", "workshop", "barber", "handicraft", "farming")
_MONTH_OF_ALL = """
INSERT INTO report (person_no, month, revision, time_us, event_id, source, turnover, materials, production, wages,
                    net_profit, employees, orders, asset_use)
SELECT no, month, 1, 0, 'r' || no || '-' || month, '/district/0000/bench', turnover, turnover / 3, turnover / 10,
       turnover / 5, turnover - turnover / 3 - turnover / 10 - turnover / 5, (no + month) % 5, (no + month) % 40,
       CASE (no + month) % 10 WHEN 0 THEN 'idle' WHEN 1 THEN 'broken' ELSE 'in_use' END
FROM (
    SELECT no, month, 1000000 + (no * 7919 + month * 104729) % 8000000 AS turnover
    FROM person, (SELECT CAST(:month AS bigint) AS month) one WHERE no > :after
) made
"""


async def people(database: Database, codes: tuple[str, ...], *, first: int = 0, until: int) -> None:
    """The businesses numbered `first` to `until`, as `benchmarks.load` spreads them; the views know of them."""
    rows = [_person(codes[number % len(codes)], number) for number in range(first, until)]
    async with database.transaction() as session:
        for start in range(0, len(rows), _AT_ONCE):
            await insert(session, "person", _PERSON, rows[start : start + _AT_ONCE])
        await run(session, "ANALYZE")
    await rebuild(database)


def _person(code: str, number: int) -> tuple[Any, ...]:
    """Hardly two of a district are alike in all that totals are cut by."""
    known = ref(code, number)
    group, sex, trade = (part[number // len(DISTRICTS) % len(part)] for part in (_GROUPS, _SEXES, _TRADES))
    return (
        *(beneficiary_id(code, known), code, known, 1, "ex_client", "ex_client", group, sex, 1990, "", trade),
        *("insufficient", 0),
    )


async def reports(database: Database, *, months: int, after: int = 0) -> None:
    """So many months of everybody whose number is greater than `after`, on PostgreSQL; the views know nothing of them.

    A month is a transaction, so that none is refused for its length.
    """
    for month in range(FIRST_MONTH, FIRST_MONTH + months):
        async with database.transaction() as session:
            await run(session, _MONTH_OF_ALL, month=month, after=after)
    async with database.transaction() as session:
        await run(session, "ANALYZE")
