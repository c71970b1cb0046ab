"""What follows from a business's reports, put off until the log is drained: its growth class and its worklist lines.

Computed once per business, however many reports came.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.cohorts import Reclassed, reclass
from services.reporting.rule_versions import FIRST, RULES, GrowthRule
from services.reporting.rules import GrowthClass, Override, classify, growth, month_name
from services.reporting.views import COUNTED
from services.reporting.worklist import Confirmed, Followed, follow, read_confirmed
from services.reporting.worklist_rules import Month, class_pairs, find
from shared.database import is_alone, lock_districts, now, run, set_wise
from shared.events import facts
from shared.outbox import emit

_AT_ONCE = 2000


class Classes:
    """The deferred work of reporting, by the rule in force."""

    def __init__(self, rule: GrowthRule = FIRST) -> None:
        self._rule = rule
        self._adopted = False

    async def due(self, session: AsyncSession, districts: Collection[str]) -> bool:
        if not self._adopted:
            left = await run(session, f"{_OTHER_RULE} LIMIT 1", version=self._rule.version)
            self._adopted = left.first() is None
        if not self._adopted:
            return True
        anywhere = await run(session, "SELECT 1 FROM growth_due LIMIT 1")
        return anywhere.first() is not None and bool(await _take(session, districts, 1))

    async def settle(self, session: AsyncSession, districts: Collection[str]) -> bool:
        """Compute what is due in these districts, up to a bound. True when more is left.

        They are locked before anything is taken: a report that arrives now waits, or is seen.
        """
        if not self._adopted and await self._adopt(session):
            return True
        due = await _take(session, districts, _AT_ONCE)
        if not due:
            return False
        await lock_districts(session, {district for _, district in due})
        taken = await set_wise(
            session,
            "DELETE FROM growth_due WHERE person_no IN (SELECT r.no FROM {rows}) RETURNING person_no, time_us",
            {"no": "bigint"},
            [(no,) for no, _ in due],
        )
        await conclude(session, {row.person_no: row.time_us for row in taken}, self._rule)
        return len(due) == _AT_ONCE

    async def _adopt(self, session: AsyncSession) -> bool:
        """After a switch of the rule: make due what another one looked at. True when there was any.

        In a transaction of its own: with these rows in hand nobody may ask for a district.
        """
        other = await run(
            session,
            f"INSERT INTO growth_due (person_no) {_OTHER_RULE} ORDER BY no ON CONFLICT DO NOTHING RETURNING person_no",
            version=self._rule.version,
        )
        return other.first() is not None


async def _take(session: AsyncSession, districts: Collection[str], most: int) -> Sequence[tuple[int, str]]:
    """(person, district) of some that are due: of one district after another, so that few are held at a time."""
    found = await set_wise(
        session,
        """SELECT p.no, p.district FROM growth_due d JOIN person p ON p.no = d.person_no
           WHERE p.district IN (SELECT r.code FROM {rows}) ORDER BY p.district, p.no LIMIT :most""",
        {"code": "text"},
        [(code,) for code in districts],
        most=most,
    )
    return [(row.no, row.district) for row in found]


_OTHER_RULE = """SELECT no FROM person WHERE growth_rule <> :version
    AND NOT EXISTS (SELECT 1 FROM growth_due d WHERE d.person_no = person.no)"""


class Judged(NamedTuple):
    """One business: as it is on record (`held`), and what follows from its reports."""

    held: Any
    reports: Sequence[Month]
    rule: GrowthRule
    computed: GrowthClass
    override: Override | None
    """Only one that counts."""
    followed: Followed

    @property
    def effective(self) -> GrowthClass:
        return self.override.growth_class if self.override else self.computed


async def conclude(session: AsyncSession, due: Mapping[int, int], rule: GrowthRule) -> None:
    """Bring the class and the worklist of these businesses up to their reports; a change of class is told.

    `due`: the time in microseconds of the event that made each due, 0 when none did. The caller holds their districts.
    """
    numbers = [(no,) for no in sorted(due)]
    confirmed = await read_confirmed(session, numbers)
    judged = await judge(session, numbers, confirmed, rule, due)
    await _write_classes(session, judged)
    await follow(session, [business.followed for business in judged], confirmed)


async def judge(
    session: AsyncSession,
    numbers: Sequence[tuple[int]],
    confirmed: Confirmed,
    rule: GrowthRule | None,
    due: Mapping[int, int] | None = None,
) -> list[Judged]:
    """What follows from the reports of each business; without a `rule` by that on its record. Changes nothing."""
    reports = await read_reports(session, numbers)
    found = await set_wise(
        session,
        """SELECT p.no, p.beneficiary_id, p.district, p.status, p.cohort, p.growth_class, p.growth_rule,
                  p.growth_version, p.withdrawn_us, o.growth_class AS override, o.until, o.placed
           FROM {rows} JOIN person p ON p.no = r.no
           LEFT JOIN growth_override o ON o.person_no = p.no AND o.ended_at IS NULL ORDER BY p.no""",
        {"no": "bigint"},
        numbers,
    )
    times = due or {}
    return [
        _judge(
            person,
            reports.get(person.no, ()),
            rule or RULES[person.growth_rule or FIRST.version],
            confirmed.get(person.no, frozenset()),
            times.get(person.no, 0),
        )
        for person in found
    ]


def _judge(
    person: Any, reports: Sequence[Month], rule: GrowthRule, confirmed: frozenset[tuple[int, int]], time_us: int
) -> Judged:
    computed = classify(class_pairs(reports, rule), rule)
    override = None
    if person.override is not None and reports:
        placed = Override(GrowthClass(person.override), person.until, person.placed)
        override = placed if placed.counts(reports[-1].month) else None
    counted = person.status == COUNTED and person.withdrawn_us is None
    findings = find(reports, rule, computed, override, confirmed) if counted else {}
    moment = time_us or max((report.time_us for report in reports), default=0)
    return Judged(person, reports, rule, computed, override, Followed(person.no, moment, counted, override, findings))


async def read_reports(session: AsyncSession, numbers: Sequence[tuple[int]]) -> dict[int, list[Month]]:
    """All reports in force of these businesses, oldest first.

    One row a business, a list in each column: to hand over a row takes longer than to judge a report.
    """
    lists = "json_group_array(t.{0}) AS {0}" if is_alone(session) else "array_agg(t.{0}) AS {0}"
    found = await set_wise(
        session,
        f"SELECT t.person_no, {', '.join(map(lists.format, Month._fields))} "
        "FROM {rows} JOIN report t ON t.person_no = r.no GROUP BY t.person_no",
        {"no": "bigint"},
        numbers,
    )
    return {no: sorted(map(Month._make, zip(*map(_listed, columns), strict=True))) for no, *columns in found}


def _listed(column: Any) -> Sequence[Any]:
    return msgspec.json.decode(column) if isinstance(column, str) else column  # type: ignore[no-any-return]


async def _write_classes(session: AsyncSession, judged: Sequence[Judged]) -> None:
    changed = [business for business in judged if business.effective != business.held.growth_class]
    written = [
        (business.held.no, business.rule.version if business.reports else business.held.growth_rule, *_class(business))
        for business in judged
        if business.effective != business.held.growth_class
        or (business.reports and business.rule.version != business.held.growth_rule)
    ]
    if written:
        await set_wise(
            session,
            "UPDATE person SET growth_rule = r.rule, growth_class = r.class, growth_version = r.version "
            "FROM {rows} WHERE person.no = r.no",
            {"no": "bigint", "rule": "int", "class": "text", "version": "int"},
            written,
        )
    if not changed:
        return
    await _tell(session, changed)
    await reclass(
        session,
        [
            Reclassed(held.district, held.status, held.cohort, held.growth_class, business.effective.value)
            for business in changed
            for held in (business.held,)
        ],
    )


def _class(business: Judged) -> tuple[str, int]:
    """The class to be on record and its version: one more than that on record when it is another."""
    held, effective = business.held, business.effective
    return effective.value, held.growth_version + (effective != held.growth_class)


async def _tell(session: AsyncSession, changed: Sequence[Judged]) -> None:
    """One growth-changed fact each. Its time is that of the computation: the class depends on reports alone."""
    moment = now()
    told = []
    for business in changed:
        held, override = business.held, business.override
        evidence = msgspec.to_builtins(growth(class_pairs(business.reports, business.rule), business.rule))
        if override is not None:
            evidence["override"] = {"class": override.growth_class.value, "until": month_name(override.until)}
        identity = held.beneficiary_id if isinstance(held.beneficiary_id, UUID) else UUID(held.beneficiary_id)
        fact = facts.GrowthChanged(
            version=held.growth_version + 1,
            beneficiary_id=identity,
            district=held.district,
            from_=held.growth_class if held.growth_version else None,
            to=business.effective.value,
            rule_version=business.rule.version,
            evidence=evidence,
        )
        told.append((str(identity), fact, moment))
    await emit(session, "reporting", told)
