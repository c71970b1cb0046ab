"""Keeps people, grants and budgets as the other services last said; the views follow by the difference."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import cohorts, records, views
from services.reporting.views import COUNTED, HANDED_OVER, YEARS
from shared.database import set_wise
from shared.events import facts, receipts
from shared.events.catalogue import Event
from shared.events.envelope import microseconds
from shared.events.receipts import Answer
from shared.inbox import wake


async def follow_people(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
    """Keep each person as the registry last said; what waited for a person now known is set free."""
    newest = _newest(events, lambda fact: fact.beneficiary_id)
    found = await set_wise(
        session,
        "SELECT p.no, p.beneficiary_id, p.version, p.status, p.withdrawn_us FROM {rows} "
        "JOIN person p ON p.beneficiary_id = r.id",
        {"id": "uuid"},
        [(person,) for person in newest],
    )
    before = {_hex(row.beneficiary_id): row for row in found}
    fresh = {
        person: fact
        for person, fact in newest.items()
        if person.hex not in before or before[person.hex].version < fact.version
    }
    statuses = await records.effective(session, {person: fact.status.value for person, fact in fresh.items()})
    await _write_people(session, list(fresh.values()), statuses)
    await cohorts.place(session, fresh)
    times = {id(event.data): microseconds(event.envelope.time) for event in events}
    await views.growth_due(
        session,
        (
            (prior.no, times[id(fact)])
            for person, fact in fresh.items()
            if (prior := before.get(person.hex))
            and (prior.status == COUNTED, prior.withdrawn_us is None)
            != (statuses[person] == COUNTED, _withdrawn_us(fact) is None)
        ),
    )
    if others := {who: status for who, status in statuses.items() if who not in fresh}:
        await records.put(session, others, time_us=max(times[id(fact)] for fact in fresh.values()))
    await wake(session, [f"beneficiary/{person}" for person in fresh if person.hex not in before])
    return _answers(events, fresh.values())


async def _write_people(
    session: AsyncSession, people: Sequence[facts.Beneficiary], statuses: Mapping[UUID, str]
) -> None:
    if not people:
        return
    columns = {
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
        "unit": "text",
        "withdrawn_us": "bigint",
    }
    kept = [name for name in columns if name not in ("beneficiary_id", "district", "district_ref")]
    await set_wise(
        session,
        f"""INSERT INTO person ({", ".join(columns)}, growth_class, growth_version, cohort)
            SELECT {", ".join("r." + name for name in columns)}, 'insufficient', 0, 0 FROM {{rows}} WHERE true
            ON CONFLICT (beneficiary_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in kept)}""",
        columns,
        [
            (
                fact.beneficiary_id,
                fact.district,
                fact.district_ref,
                fact.version,
                statuses[fact.beneficiary_id],
                fact.status.value,
                fact.ppks_group.value,
                fact.sex.value,
                fact.birth_year,
                " ".join(fact.disabilities),
                " ".join(fact.skills),
                fact.unit,
                _withdrawn_us(fact),
            )
            for fact in people
        ],
    )


def _withdrawn_us(fact: facts.Beneficiary) -> int | None:
    return microseconds(fact.consent_withdrawn_at) if fact.consent_withdrawn_at else None


async def follow_grants(session: AsyncSession, events: Sequence[Event], status: str) -> list[Answer]:
    """Keep each grant under the status its newest fact gives it."""
    newest = _newest(events, lambda fact: fact.grant_id)
    found = await set_wise(
        session,
        "SELECT g.grant_id, g.beneficiary_id, g.version, g.status, g.amount, g.district, g.fiscal_year FROM {rows} "
        "JOIN grant_now g ON g.grant_id = r.id",
        {"id": "uuid"},
        [(grant,) for grant in newest],
    )
    before = {_hex(row.grant_id): row for row in found}
    fresh = [
        fact for grant, fact in newest.items() if grant.hex not in before or before[grant.hex].version < fact.version
    ]
    await _write_grants(session, fresh, status)
    differences = YEARS.difference()
    helped = {fact.beneficiary_id for fact in fresh} if status == HANDED_OVER else set()
    for fact in fresh:
        if (prior := before.get(fact.grant_id.hex)) is not None:
            views.count_grant(differences[prior.district, prior.fiscal_year], prior.status, prior.amount, -1)
            if prior.status == HANDED_OVER:
                helped.add(UUID(_hex(prior.beneficiary_id)))
        views.count_grant(differences[fact.district, fact.fiscal_year], status, fact.amount, 1)
    await YEARS.add(session, differences)
    await cohorts.place(session, helped)
    return _answers(events, fresh)


async def _write_grants(session: AsyncSession, grants: Sequence[facts.Grant], status: str) -> None:
    if not grants:
        return
    columns = {
        "grant_id": "uuid",
        "beneficiary_id": "uuid",
        "district": "text",
        "kind": "text",
        "amount": "bigint",
        "fiscal_year": "int",
        "status": "text",
        "version": "int",
        "day": "text",
    }
    await set_wise(
        session,
        f"""INSERT INTO grant_now (grant_id, beneficiary_id, district, kind, amount, fiscal_year, status, version,
                                   "on")
            SELECT {", ".join("r." + name for name in columns)} FROM {{rows}} WHERE true
            ON CONFLICT (grant_id) DO UPDATE SET beneficiary_id = excluded.beneficiary_id, kind = excluded.kind,
              amount = excluded.amount, fiscal_year = excluded.fiscal_year, status = excluded.status,
              version = excluded.version, "on" = excluded."on" """,
        columns,
        [
            (
                fact.grant_id,
                fact.beneficiary_id,
                fact.district,
                fact.kind.value,
                fact.amount,
                fact.fiscal_year,
                status,
                fact.version,
                fact.on.isoformat(),
            )
            for fact in grants
        ],
    )


async def follow_assets(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
    """Keep the newest list of each grant, whole: what it no longer names is gone."""
    newest = _newest(events, lambda fact: fact.grant_id)
    written = await set_wise(
        session,
        """INSERT INTO asset_list (grant_id, version) SELECT r.id, r.version FROM {rows} WHERE true
           ON CONFLICT (grant_id) DO UPDATE SET version = excluded.version
           WHERE excluded.version > asset_list.version RETURNING grant_id""",
        {"id": "uuid", "version": "bigint"},
        [(grant, fact.version) for grant, fact in sorted(newest.items())],
    )
    fresh = [newest[UUID(str(row.grant_id))] for row in written]
    if fresh:
        await set_wise(
            session,
            "DELETE FROM asset WHERE grant_id IN (SELECT r.id FROM {rows})",
            {"id": "uuid"},
            [(fact.grant_id,) for fact in fresh],
        )
        await _write_assets(session, fresh)
    return _answers(events, fresh)


async def _write_assets(session: AsyncSession, lists: Iterable[facts.AssetsKept]) -> None:
    columns = {
        "asset_id": "uuid",
        "grant_id": "uuid",
        "holder_id": "uuid",
        "name": "text",
        "serial": "text",
        "value": "bigint",
        "status": "text",
        "condition": "text",
        "day": "text",
    }
    await set_wise(
        session,
        f"""INSERT INTO asset (asset_id, grant_id, holder_id, name, serial, value, status, condition, "on")
            SELECT {", ".join("r." + name for name in columns)} FROM {{rows}} WHERE true""",
        columns,
        [
            (
                one.asset_id,
                fact.grant_id,
                one.holder_id,
                one.name,
                one.serial,
                one.value,
                one.status,
                one.condition,
                one.on.isoformat(),
            )
            for fact in lists
            for one in fact.assets
        ],
    )


async def follow_budgets(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
    """Keep the newest amount of each district and fiscal year."""
    newest = _newest(events, lambda fact: (fact.district, fact.fiscal_year))
    found = await set_wise(
        session,
        "SELECT b.district, b.fiscal_year, b.amount, b.version FROM {rows} "
        "JOIN budget b ON b.district = r.district AND b.fiscal_year = r.year",
        {"district": "text", "year": "int"},
        list(newest),
    )
    before = {(row.district, row.fiscal_year): row for row in found}
    fresh = {key: fact for key, fact in newest.items() if key not in before or before[key].version < fact.version}
    if fresh:
        await set_wise(
            session,
            """INSERT INTO budget (district, fiscal_year, amount, version)
               SELECT r.district, r.year, r.amount, r.version FROM {rows} WHERE true
               ON CONFLICT (district, fiscal_year)
               DO UPDATE SET amount = excluded.amount, version = excluded.version""",
            {"district": "text", "year": "int", "amount": "bigint", "version": "int"},
            [(*key, fact.amount, fact.version) for key, fact in fresh.items()],
        )
    differences = YEARS.difference()
    place = YEARS.columns.index("rupiah_budget")
    for key, fact in fresh.items():
        differences[key][place] += fact.amount - (before[key].amount if key in before else 0)
    await YEARS.add(session, differences)
    return _answers(events, fresh.values())


def _newest(events: Sequence[Event], aggregate: Callable[[Any], Any]) -> dict[Any, Any]:
    """The fact of the greatest version per aggregate."""
    found: dict[Any, Any] = {}
    for event in events:
        key = aggregate(event.data)
        if key not in found or found[key].version < event.data.version:
            found[key] = event.data
    return found


def _answers(events: Sequence[Event], fresh: Iterable[facts.Fact]) -> list[Answer]:
    used = {id(fact) for fact in fresh}
    return [receipts.accepted() if id(event.data) in used else receipts.superseded() for event in events]


def _hex(value: Any) -> str:
    """An id as raw SQL returns it: a UUID from PostgreSQL, 32 hex digits from SQLite."""
    return value if isinstance(value, str) else str(value.hex)
