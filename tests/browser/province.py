"""An invented, believable province, put straight into the tables of reporting: no number in it is anybody's."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.reconcile import rebuild
from services.reporting.rules import month_index
from services.reporting.views import COMMITTED, COUNTED
from shared.database import Database, now, run, set_wise
from shared.events.districts import DISTRICTS
from shared.events.envelope import beneficiary_id, grant_id, microseconds
from shared.last_heard import note

NEWEST = "2026-10"
FISCAL_YEAR = 2026
REPORTED_MONTHS = 40
POPULATED = 29
"""Of 38 districts, as in August 2020."""
BOJONEGORO = "3522"
TAILOR = beneficiary_id(BOJONEGORO, "BJN-0001")
"""A sewing business that grows."""
SILENT = beneficiary_id(BOJONEGORO, "BJN-0002")
"""A business of which nothing is known."""
CANARY = "<script>alert('x')</script><img src=x onerror=alert(1)>"
"""As the name of a unit: must come out as text."""

_UNITS = ("UPT Rehabilitasi Sosial Bina Daksa Pasuruan", "UPT Rehabilitasi Sosial Bina Netra Malang", CANARY, None)
_STATUSES = {COUNTED: 78, "client": 12, "graduated": 5, "withdrawn": 2, "moved": 2, "deceased": 1}
_GRANTS = {"handed_over": 50, "disbursed": 14, "approved": 10, "verified": 8, "requested": 12, "rejected": 4}
_TRADES = {
    "sewing": 30,
    "cooking": 25,
    "massage": 14,
    "workshop": 10,
    "farming": 8,
    "barber": 6,
    "sewing cooking": 4,
    "": 3,
}
_KINDS = {"equipment": 70, "cash": 18, "training": 8, "marketing": 4}
_USES = {"in_use": 90, "idle": 6, "broken": 2, "none": 2}


class _Person(NamedTuple):
    beneficiary_id: UUID
    district: str
    district_ref: str
    status: str
    unit: str | None


class _Report(NamedTuple):
    month: int
    turnover: int
    materials: int
    production: int
    wages: int
    employees: int
    orders: int
    asset_use: str

    @property
    def net(self) -> int:
        return self.turnover - self.materials - self.production - self.wages


async def fill(database: Database, *, seed: int = 8) -> None:
    """Some 480 people in 29 districts, forty months of reports, their grants and budgets, and every view of them."""
    chance = random.Random(seed)
    people = list(_people(chance))
    async with database.transaction() as session:
        await _insert_people(session, people)
        await _insert_reports(session, chance, people)
        await _insert_grants(session, chance, people)
        await _insert_assets(session)
        await _insert_pairs(session, people)
        await _hear(session, chance)
    await rebuild(database)


def _people(chance: random.Random) -> Iterator[_Person]:
    others = sorted(code for code in DISTRICTS if code != BOJONEGORO)
    for place, code in enumerate(sorted([BOJONEGORO, *chance.sample(others, POPULATED - 1)])):
        for number in range(1, chance.randint(6, 26) + 1):
            ref = f"{'BJN' if code == BOJONEGORO else 'P' + code[2:]}-{number:04}"
            status = COUNTED if number <= 2 else _one_of(chance, _STATUSES)
            yield _Person(beneficiary_id(code, ref), code, ref, status, _UNITS[(place + number) % len(_UNITS)])


def _reports(chance: random.Random, person: _Person) -> Iterator[_Report]:
    if person.beneficiary_id == SILENT or person.status not in (COUNTED, "graduated"):
        return
    tailor = person.beneficiary_id == TAILOR
    size = 2_300_000 if tailor else chance.lognormvariate(15.1, 0.4)
    drift = 0.03 if tailor else chance.gauss(0.004, 0.012)
    silence = 0.0 if tailor else chance.choice((0.02, 0.08, 0.2, 0.6))
    staff = 4 if tailor else chance.choice((0, 0, 0, 1, 1, 2, 3))
    first = month_index(NEWEST) - REPORTED_MONTHS + 1
    began = REPORTED_MONTHS - 34 if tailor else chance.choice((0, 2, 8, 14, 20, 26, 32))
    for place in range(began, REPORTED_MONTHS):
        if chance.random() < silence:
            continue
        season = 1 + 0.06 * math.cos(math.tau * (first + place - 11) / 12)
        recent = chance.gauss(0, 0.03) if place > REPORTED_MONTHS - 6 else 0
        turnover = _rounded(size * math.exp(drift * place + recent) * season * chance.uniform(0.93, 1.07))
        bad = not tailor and chance.random() < 0.04
        shares = (0.75, 0.2, 0.15) if bad else (0.26, 0.06, 0.07 if staff else 0)
        materials, production, wages = (_rounded(turnover * share) for share in shares)
        use = "in_use" if tailor else _one_of(chance, _USES)
        yield _Report(first + place, turnover, materials, production, wages, staff, max(1, turnover // 400_000), use)


async def _insert_people(session: AsyncSession, people: Sequence[_Person]) -> None:
    await set_wise(
        session,
        """INSERT INTO person (beneficiary_id, district, district_ref, status, said_status, unit, version, ppks_group,
                               sex, birth_year, disabilities, skills, growth_class, growth_version, cohort)
           SELECT r.id, r.district, r.ref, r.status, r.status, r.unit, 1, r.ppks, r.sex, 1985, r.disability, r.trade,
                  'insufficient', 0, 0 FROM {rows} WHERE true""",
        {"id": "uuid", "district": "text", "ref": "text", "status": "text", "unit": "text"}
        | dict.fromkeys(("ppks", "sex", "disability", "trade"), "text"),
        [(*person, *_attributes(person)) for person in people],
    )


def _attributes(person: _Person) -> tuple[str, str, str, str]:
    """PPKS group, sex, disabilities and trade; what a person is follows from who it is."""
    chance = random.Random(person.district + person.district_ref)
    group = _one_of(chance, {"disability": 60, "poverty": 25, "social": 10, "elderly": 5})
    disability = _one_of(chance, {"physical": 5, "visual": 3, "hearing": 2}) if group == "disability" else ""
    trade = "sewing" if person.beneficiary_id == TAILOR else _one_of(chance, _TRADES)
    return group, _one_of(chance, {"female": 6, "male": 5}), disability, trade


async def _insert_reports(session: AsyncSession, chance: random.Random, people: Sequence[_Person]) -> None:
    found = await run(session, "SELECT district, district_ref, no FROM person")
    numbers = {(row.district, row.district_ref): row.no for row in found}
    rows = [
        (numbers[person.district, person.district_ref], report.net, *report)
        for person in people
        for report in _reports(chance, person)
    ]
    await set_wise(
        session,
        """INSERT INTO report (person_no, month, revision, time_us, event_id, source, turnover, materials, production,
                               wages, net_profit, employees, orders, asset_use)
           SELECT r.no, r.month, 1, 0, 'invented', '/district/0000/invented', r.turnover, r.materials, r.production,
                  r.wages, r.net, r.employees, r.orders, r.use FROM {rows} WHERE true""",
        {"no": "bigint", "net": "bigint", "month": "int", "turnover": "bigint", "materials": "bigint",
         "production": "bigint", "wages": "bigint", "employees": "int", "orders": "int", "use": "text"},
        rows,
    )  # fmt: skip


async def _insert_grants(session: AsyncSession, chance: random.Random, people: Sequence[_Person]) -> None:
    committed: defaultdict[str, int] = defaultdict(int)
    rows = []
    for person in people:
        status, amount = _one_of(chance, _GRANTS), _rounded(chance.uniform(3.5e6, 9e6))
        status = "handed_over" if person.beneficiary_id in (TAILOR, SILENT) else status
        committed[person.district] += amount if status in COMMITTED else 0
        grant = grant_id(person.district, person.district_ref)
        kind = _one_of(chance, _KINDS)
        day = f"{FISCAL_YEAR}-{chance.randint(1, 4):02}-{chance.randint(1, 28):02}"
        rows.append((grant, person.beneficiary_id, person.district, amount, status, kind, day))
    await set_wise(
        session,
        f"""INSERT INTO grant_now (grant_id, beneficiary_id, district, amount, status, kind, fiscal_year, version, "on")
            SELECT r.id, r.person, r.district, r.amount, r.status, r.kind, {FISCAL_YEAR}, 1, r.day
            FROM {{rows}} WHERE true""",
        {"id": "uuid", "person": "uuid", "district": "text", "amount": "bigint", "status": "text", "kind": "text",
         "day": "text"},
        rows,
    )  # fmt: skip
    step = 25_000_000
    await set_wise(
        session,
        f"""INSERT INTO budget (district, fiscal_year, amount, version)
            SELECT r.district, {FISCAL_YEAR}, r.amount, 1 FROM {{rows}} WHERE true""",
        {"district": "text", "amount": "bigint"},
        [(code, step * math.ceil(spent * chance.uniform(1.05, 1.6) / step)) for code, spent in committed.items()],
    )


async def _insert_assets(session: AsyncSession) -> None:
    """Of the tailor: three things, one of them worn and one given back."""
    things = (
        ("Mesin jahit Singer 8280", "SG-8280-114", 3_450_000, "held", "good", TAILOR, f"{FISCAL_YEAR}-03-12"),
        ("Mesin obras Butterfly", "BF-747-0912", 2_600_000, "held", "worn", TAILOR, f"{FISCAL_YEAR}-08-20"),
        ("Setrika uap", "-", None, "returned", "broken", None, f"{FISCAL_YEAR}-09-02"),
    )
    grant = grant_id(BOJONEGORO, "BJN-0001")
    await set_wise(
        session,
        """INSERT INTO asset (asset_id, grant_id, holder_id, name, serial, value, status, condition, "on")
           SELECT r.id, r.given, r.holder, r.name, r.serial, r.value, r.status, r.condition, r.day
           FROM {rows} WHERE true""",
        {"id": "uuid", "given": "uuid", "name": "text", "serial": "text", "value": "bigint", "status": "text",
         "condition": "text", "holder": "uuid", "day": "text"},
        [(UUID(int=number), grant, *thing) for number, thing in enumerate(things, 1)],
    )  # fmt: skip


async def _insert_pairs(session: AsyncSession, people: Sequence[_Person]) -> None:
    """A suspicion in every fifth district or so, of different ages, none of them decided."""
    firsts = [place for place in range(1, len(people)) if people[place].district != people[place - 1].district][::5]
    await set_wise(
        session,
        """INSERT INTO pair (duplicate_id, version, first_id, second_id, same, open_since_us)
           SELECT r.id, 1, r.first_id, r.second_id, r.same, r.since FROM {rows} WHERE true""",
        {"id": "uuid", "first_id": "uuid", "second_id": "uuid", "same": "boolean", "since": "bigint"},
        [
            (
                UUID(int=place),
                people[place].beneficiary_id,
                people[place + 1].beneficiary_id,
                False,
                microseconds(now() - timedelta(days=2 + 7 * number)),
            )
            for number, place in enumerate(firsts)
        ],
    )


async def _hear(session: AsyncSession, chance: random.Random) -> None:
    """Nearly every district was heard of within days; two long ago, two never."""
    silent = {"3509": 12, "3528": 31, "3519": None, "3572": None}
    ages = {code: silent.get(code, chance.randint(0, 5)) for code in DISTRICTS}
    known = [
        (code, "berdaya.district.income-reported.v1", microseconds(now() - timedelta(days=age)))
        for code, age in ages.items()
        if age is not None
    ]
    await note(session, known)
    await set_wise(
        session,
        """INSERT INTO inbox (district, event_id, source, type, verdict, reason, detail, warnings, at, deliveries,
                              time_us)
           SELECT r.district, 'invented', '/district/0000/invented', r.type, 'accepted', '', '', '', :at, 1, r.time_us
           FROM {rows} WHERE true""",
        {"district": "text", "type": "text", "time_us": "bigint"},
        known,
        at=now(),
    )


def _rounded(rupiah: float) -> int:
    return int(round(rupiah, -4))


def _one_of(chance: random.Random, weighted: Mapping[str, int]) -> str:
    return chance.choices(list(weighted), list(weighted.values()))[0]
