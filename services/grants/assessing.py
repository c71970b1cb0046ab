"""The assessment of the grants that are still to be decided: by the programme in force, and it follows the facts."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import aliases, criteria
from services.grants.criteria import CRITERIA_VERSION, DEFAULT, Programme
from services.grants.news import local_day
from services.grants.tables import COMMITTED, OPEN, Beneficiary, Grant, ProgrammeVersion, Suspicion
from shared.events.district import GrantKind, Status

_AT_ONCE = 1000
_programme = msgspec.json.Decoder(Programme)


class InForce(NamedTuple):
    """The programme of a fiscal year, by its newest version."""

    version: int
    programme: Programme


async def programmes(session: AsyncSession, years: Collection[int]) -> Mapping[int, InForce]:
    """Those of these fiscal years; where nothing was decided it is the default."""
    found = await session.scalars(
        select(ProgrammeVersion)
        .where(col(ProgrammeVersion.fiscal_year).in_(years))
        .order_by(col(ProgrammeVersion.version))
    )
    decided = {one.fiscal_year: InForce(one.version, _programme.decode(one.criteria)) for one in found}
    return {year: decided.get(year, InForce(CRITERIA_VERSION, DEFAULT)) for year in years}


async def reassess(session: AsyncSession, people: Collection[UUID]) -> None:
    """Judge the open grants of these people anew, under whatever record of theirs: what they are judged by has changed.

    The caller holds the people's districts.
    """
    await aliases.hold(session, people)
    records = await aliases.same_as(session, people)
    await reassess_records(session, {record for group in records.values() for record in group})


async def reassess_records(session: AsyncSession, people: Collection[UUID]) -> None:
    """As `reassess`, of these records alone."""
    found = await session.scalars(
        select(Grant)
        .where(col(Grant.beneficiary_id).in_(people), col(Grant.status).in_(OPEN))
        .order_by(col(Grant.id))
        .with_for_update()
    )
    await assess(session, found.all())


async def reassess_year(session: AsyncSession, fiscal_year: int) -> None:
    """Judge all open grants of the year anew, a page at a time. The caller holds all districts."""
    after = UUID(int=0)
    while True:
        found = await session.scalars(
            select(Grant)
            .where(col(Grant.fiscal_year) == fiscal_year, col(Grant.status).in_(OPEN), col(Grant.id) > after)
            .order_by(col(Grant.id))
            .limit(_AT_ONCE)
            .with_for_update()
        )
        page = found.all()
        if not page:
            return
        await assess(session, page)
        await session.flush()
        after = page[-1].id
        for grant in page:
            session.expunge(grant)


async def assess(session: AsyncSession, grants: Sequence[Grant]) -> None:
    """Write into each grant which criteria it fails now."""
    if not grants:
        return
    judge = await judge_of(session, grants)
    for grant in grants:
        judge.judge(grant)


class Judge(NamedTuple):
    """What the grants of a list are judged by, as it is now."""

    programmes: Mapping[int, InForce]
    people: Mapping[UUID, criteria.Person]
    records: Mapping[UUID, frozenset[UUID]]
    """Of each person all records that are theirs."""
    aided: defaultdict[tuple[frozenset[UUID], int], dict[UUID, str]]
    """Grants that bind money, with their kind, by a person's records and fiscal year."""

    def judge(self, grant: Grant) -> list[str]:
        """The criteria that the grant fails; they are written into it."""
        version, programme = self.programmes[grant.fiscal_year]
        request = criteria.Request(
            district=grant.district,
            kind=GrantKind(grant.kind),
            items_count=len(grant.item_list),
            desil=grant.desil,
            fiscal_year=grant.fiscal_year,
            requested_on=local_day(grant.requested_at),
            item_names=tuple(item.name for item in grant.item_list),
        )
        others = self.aided[self.records[grant.beneficiary_id], grant.fiscal_year]
        aided = any(kind in programme.one_per_year for number, kind in others.items() if number != grant.id)
        failed = criteria.assess(programme, request, self.people.get(grant.beneficiary_id), already_aided=aided)
        grant.failed = " ".join(failed)
        grant.criteria_version = version
        return list(failed)

    def bind(self, grant: Grant) -> None:
        """From here on this grant counts as aid to its person."""
        self.aided[self.records[grant.beneficiary_id], grant.fiscal_year][grant.id] = grant.kind


async def judge_of(session: AsyncSession, grants: Collection[Grant]) -> Judge:
    """The judge of these grants. Aid and suspicions count under whatever record of a person they are."""
    records = await aliases.same_as(session, {grant.beneficiary_id for grant in grants})
    return Judge(
        await programmes(session, {grant.fiscal_year for grant in grants}),
        await _people(session, records),
        records,
        await _aided(session, records),
    )


async def withdrew(session: AsyncSession, person: UUID) -> bool:
    """Has this person withdrawn consent, and not given it again?"""
    wanted = select(col(Beneficiary.withdrawn_at)).where(col(Beneficiary.id) == person)
    return await session.scalar(wanted) is not None


async def suspected(session: AsyncSession, people: Collection[UUID]) -> set[UUID]:
    """Those of whom, under one of their records, nobody has decided yet whether they are somebody else on record."""
    return await _suspected(session, await aliases.same_as(session, people))


async def _suspected(session: AsyncSession, records: Mapping[UUID, frozenset[UUID]]) -> set[UUID]:
    numbers = {record for group in records.values() for record in group}
    first, second = col(Suspicion.first_id), col(Suspicion.second_id)
    found = await session.execute(
        select(first, second).where(col(Suspicion.undecided), or_(first.in_(numbers), second.in_(numbers)))
    )
    whose = {record: group for group in records.values() for record in group}
    doubted = {
        whose[one]
        for first, second in found
        for one, other in ((first, second), (second, first))
        if one in whose and other not in whose[one]
    }
    return {person for person, group in records.items() if group in doubted}


async def _people(session: AsyncSession, records: Mapping[UUID, frozenset[UUID]]) -> dict[UUID, criteria.Person]:
    doubted = await _suspected(session, records)
    found = await session.execute(
        select(
            col(Beneficiary.id),
            col(Beneficiary.district),
            col(Beneficiary.status),
            col(Beneficiary.birth_year),
            col(Beneficiary.leaves_unit_on),
            col(Beneficiary.withdrawn_at),
        ).where(col(Beneficiary.id).in_(records.keys()))
    )
    return {
        number: criteria.Person(
            district, Status(status), birth_year, leaves, number in doubted, withdrawn_at is not None
        )
        for number, district, status, birth_year, leaves, withdrawn_at in found
    }


async def _aided(
    session: AsyncSession, records: Mapping[UUID, frozenset[UUID]]
) -> defaultdict[tuple[frozenset[UUID], int], dict[UUID, str]]:
    whose = {record: group for group in records.values() for record in group}
    found = await session.execute(
        select(col(Grant.id), col(Grant.beneficiary_id), col(Grant.fiscal_year), col(Grant.kind)).where(
            col(Grant.beneficiary_id).in_(whose.keys()), col(Grant.status).in_(COMMITTED)
        )
    )
    aided: defaultdict[tuple[frozenset[UUID], int], dict[UUID, str]] = defaultdict(dict)
    for number, person, year, kind in found:
        aided[whose[person], year][number] = kind
    return aided
