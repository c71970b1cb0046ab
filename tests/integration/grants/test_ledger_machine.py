"""Whatever officers and districts do, in any order: the ledger is the budget, and nobody checks themselves.

A small model of its own, which shares no code with the service, says what each call must come to.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from uuid import UUID

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.grants import reconcile
from services.grants.tables import METADATA
from shared.database import Database
from shared.events.envelope import grant_id
from shared.migrate import upgrade
from shared.security import Caller, Role
from tests.integration.grants.office import ADMIN, BOJONEGORO, TUBAN, Office, cash, handover, person

T = TypeVar("T")
MILLION = 1_000_000
PLACES = (BOJONEGORO, TUBAN)
PEOPLE = st.sampled_from(["ani", "budi", "cici", "dodo"])
"""Few, so that the same person often tries two steps, in whichever role."""
SMALL, LARGE = 2 * MILLION, 50 * MILLION
BUDGETS = st.sampled_from([2 * LARGE, LARGE + SMALL, 2 * SMALL, SMALL, SMALL, 0])


@dataclass
class Modelled:
    """A grant as the rules of the office have it."""

    district: str
    amount: int
    status: str = "requested"
    verifier: str = ""
    approvers: list[str] = field(default_factory=list)

    @property
    def binds(self) -> int:
        return self.amount if self.status in ("approved", "disbursed", "handed_over") else 0


class Budgets(RuleBasedStateMachine):
    """One SQLite database, spoken to over HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = TemporaryDirectory()
        self.budgets = dict.fromkeys(PLACES, 0)
        self.grants: dict[UUID, Modelled] = {}
        self.last: tuple[httpx.Response, tuple[Any, ...]] | None = None
        self._keys = 0

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    def teardown(self) -> None:
        self.run(self._close())
        self._runner.close()
        self._folder.cleanup()

    async def _close(self) -> None:
        await self.office.client.aclose()
        await self.office.node.log.close()
        await self.office.database.close()

    @initialize()
    def open(self) -> None:
        folder = Path(self._folder.name)
        database = Database(f"sqlite+aiosqlite:///{folder / 'grants.db'}")
        self.run(upgrade(database, "grants", METADATA))
        self.office = Office.over(database, folder)
        for place in PLACES:
            self.set_budget(place, LARGE + SMALL)
            self.request(place, SMALL, 2)

    # What is done

    @precondition(lambda self: len(self.grants) < 8)
    @rule(place=st.sampled_from(PLACES), amount=st.sampled_from([SMALL, SMALL, LARGE]), far=st.integers(0, 2))
    def request(self, place: str, amount: int, far: int) -> None:
        """`far`: how many steps it is brought at once, so that there is something to pay and to cancel."""
        ref = f"G-{len(self.grants)}"
        self.run(self.office.hear(person(ref, district=place), cash(ref, amount, to=ref, district=place)))
        number = grant_id(place, ref)
        self.grants[number] = Modelled(place, amount)
        if far > 0:
            self.verified_by(number, "ani")
        if far > 1:
            self.approved_by(number, "cici")

    @rule(place=st.sampled_from(PLACES), amount=BUDGETS)
    def set_budget(self, place: str, amount: int) -> None:
        fits = amount >= self.committed(place)
        self.call(
            "PUT", f"/v1/budgets/2026/{place}", ADMIN, {"amount": amount}, "" if fits else "budget_below_committed"
        )
        if fits:
            self.budgets[place] = amount

    @rule(giving=st.sampled_from(PLACES), getting=st.sampled_from(PLACES), amount=st.sampled_from([SMALL, LARGE]))
    def move(self, giving: str, getting: str, amount: int) -> None:
        refused = ""
        if giving == getting:
            refused = "same_district"
        elif self.budgets[giving] - amount < self.committed(giving):
            refused = "budget_below_committed"
        body = {"from": giving, "to": getting, "amount": amount, "reason": "needed there"}
        self.call("POST", "/v1/budgets/2026/moves", ADMIN, body, refused)
        if not refused:
            self.budgets[giving] -= amount
            self.budgets[getting] += amount

    @rule(data=st.data(), sub=PEOPLE)
    def verify(self, data: st.DataObject, sub: str) -> None:
        self.verified_by(self.any(data, "requested")[0], sub)

    def verified_by(self, number: UUID, sub: str) -> None:
        grant = self.grants[number]
        refused = "" if grant.status == "requested" else "illegal_transition"
        officer = Caller(sub, Role.district_officer, grant.district)
        self.step(number, "verify", officer, {"note": ""}, refused)
        if not refused:
            grant.status, grant.verifier = "verified", sub

    @rule(data=st.data(), sub=PEOPLE)
    def approve(self, data: st.DataObject, sub: str) -> None:
        self.approved_by(self.any(data, "verified")[0], sub)

    def approved_by(self, number: UUID, sub: str) -> None:
        grant = self.grants[number]
        refused = self.against_approval(grant, sub)
        last = grant.amount == SMALL or len(grant.approvers) == 1
        if not refused and last and grant.amount > self.left(grant.district):
            refused = "budget_exceeded"
        self.step(number, "approve", Caller(sub, Role.province_officer, None), {"note": ""}, refused)
        if not refused:
            grant.approvers.append(sub)
            grant.status = "approved" if last else "verified"

    @rule(data=st.data(), place=st.sampled_from(PLACES), sub=PEOPLE, wrong=st.sampled_from([0, 0, 0, 1]))
    def approve_list(self, data: st.DataObject, place: str, sub: str, wrong: int) -> None:
        here = {number: grant for number, grant in self.grants.items() if grant.district == place}
        verified = [number for number, grant in here.items() if grant.status == "verified"]
        listed = data.draw(
            st.sampled_from([verified, verified, list(here)]).filter(bool) if verified else st.just(list(here))
        )
        total = sum(self.grants[number].amount for number in listed)
        refused = ""
        if any(self.against_listing(self.grants[number], sub) for number in listed):
            refused = "batch_refused"
        elif wrong:
            refused = "total_mismatch"
        elif total > self.left(place):
            refused = "budget_exceeded"
        body = {
            "fiscal_year": 2026,
            "district": place,
            "grant_ids": [str(number) for number in listed],
            "total": total + wrong,
        }
        self.call("POST", "/v1/batches", Caller(sub, Role.province_officer, None), body, refused)
        if not refused:
            for number in listed:
                self.grants[number].status = "approved"
                self.grants[number].approvers.append(sub)

    @rule(data=st.data(), sub=PEOPLE)
    def disburse(self, data: st.DataObject, sub: str) -> None:
        number, grant = self.any(data, "approved")
        refused = ""
        if grant.status != "approved":
            refused = "illegal_transition"
        elif sub in (grant.verifier, *grant.approvers):
            refused = "four_eyes"
        body = {"reference": "SP2D", "on": "2026-11-20"}
        self.step(number, "disburse", Caller(sub, Role.treasurer, None), body, refused)
        if not refused:
            grant.status = "disbursed"

    @rule(data=st.data(), action=st.sampled_from(["cancel", "reject"]))
    def end(self, data: st.DataObject, action: str) -> None:
        number, grant = self.any(data, "approved" if action == "cancel" else "verified")
        ends = {"cancel": ("requested", "verified", "approved"), "reject": ("requested", "verified")}
        refused = "" if grant.status in ends[action] else "illegal_transition"
        self.step(number, action, Caller("pak", Role.province_officer, None), {"reason": "moved"}, refused)
        if not refused:
            grant.status = {"cancel": "cancelled", "reject": "rejected"}[action]

    @rule(data=st.data())
    def hand_over(self, data: st.DataObject) -> None:
        number, grant = self.any(data, "disbursed")
        ref = f"G-{list(self.grants).index(number)}"
        if grant.status in ("disbursed", "handed_over"):
            self.run(self.office.hear(handover(ref, by=ref, district=grant.district, assets=())))
            grant.status = "handed_over"

    @precondition(lambda self: self.last is not None)
    @rule()
    def say_the_last_thing_again(self) -> None:
        assert self.last is not None
        answer, (method, path, who, body, key) = self.last
        again = self.run(self.office.call(method, path, who, body, key=key))
        assert (again.status_code, again.content) == (answer.status_code, answer.content)

    # What must be true

    @invariant()
    def rows_ledger_grants_and_facts_agree(self) -> None:
        if hasattr(self, "office"):
            self.run(self._proved())

    async def _proved(self) -> None:
        async with self.office.database.reading(still=True) as session:
            assert await reconcile.differences(session) == []
        for place, amount, committed, paid in await self.office.rows(
            "SELECT district, amount, committed, disbursed FROM budgets"
        ):
            assert (amount, committed, paid) == (self.budgets[place], self.committed(place), self.paid(place))
            assert paid <= committed <= amount
        statuses = {UUID(row[0]): row[1] for row in await self.office.rows("SELECT id, status FROM grants")}
        assert statuses == {number: grant.status for number, grant in self.grants.items()}
        twice = await self.office.rows(
            """SELECT grant_id, sub FROM steps WHERE step IN ('verify', 'approve', 'disburse')
               GROUP BY grant_id, sub HAVING count(*) > 1"""
        )
        assert twice == []

    # How

    def any(self, data: st.DataObject, *fitting: str) -> tuple[UUID, Modelled]:
        """A grant; more often one in a status that fits."""
        fit = [number for number, grant in self.grants.items() if grant.status in fitting]
        number = data.draw(st.sampled_from(fit * 4 + list(self.grants)))
        return number, self.grants[number]

    def committed(self, place: str) -> int:
        return sum(grant.binds for grant in self.grants.values() if grant.district == place)

    def paid(self, place: str) -> int:
        return sum(
            grant.amount
            for grant in self.grants.values()
            if grant.district == place and grant.status in ("disbursed", "handed_over")
        )

    def left(self, place: str) -> int:
        return self.budgets[place] - self.committed(place)

    def against_approval(self, grant: Modelled, sub: str) -> str:
        if grant.status != "verified":
            return "illegal_transition"
        return "four_eyes" if sub in (grant.verifier, *grant.approvers) else ""

    def against_listing(self, grant: Modelled, sub: str) -> bool:
        return bool(self.against_approval(grant, sub)) or (grant.amount == LARGE and not grant.approvers)

    def step(self, number: UUID, action: str, who: Caller, body: dict[str, Any], refused: str) -> None:
        self.call("POST", f"/v1/grants/{number}/{action}", who, body, refused)

    def call(self, method: str, path: str, who: Caller, body: dict[str, Any], refused: str) -> None:
        """`refused`: the code that is due, or nothing where it is to be done."""
        self._keys += 1
        key = f"key-{self._keys}"
        answer = self.run(self.office.call(method, path, who, body, key=key))
        assert answer.json().get("code", "") == refused, (path, answer.text)
        if not refused:
            self.last = (answer, (method, path, who, body, key))


# Not shrunk: each try is a database of its own, and the steps that failed are told anyway.
Budgets.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
TestBudgets = Budgets.TestCase
