"""The same events in any order and batches, with officers in between, end in the same rows."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.grants import budgets, commands, reconcile
from services.grants.tables import METADATA
from shared.database import run
from shared.events.district import Status
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.refusals import Refused
from tests.helpers import again
from tests.integration.grants.office import (
    ADMIN,
    BOJONEGORO,
    OFFICER,
    PROVINCE,
    TREASURER,
    Office,
    cash,
    handover,
    pair,
    person,
    request,
)


def _scenario() -> list[Record]:
    """All that is told of two people and four grants, in one of its possible orders."""
    hour, day = timedelta(hours=1), timedelta(days=1)
    return [
        person(status=Status.client),
        person(version=2),
        person(version=3, birth_year=1991),
        person("BJN-2", status=Status.ex_client),
        pair("BJN-1", "BJN-2", version=1),
        pair("BJN-1", "BJN-2", version=2, decision="different"),
        request(event_id="r1"),
        request(event_id="r1-like", after=day),
        cash("B-2", 1_000_000, event_id="r2-first"),
        cash("B-2", 2_000_000, event_id="r2-other", after=hour, fiscal_year=2027),
        cash("B-2", 1_000_000, event_id="r2-first-again", after=2 * day),
        request("B-3", to="BJN-2", event_id="r3"),
        cash("B-4", 4_000_000, to="BJN-9", event_id="r4"),
        handover(event_id="h1"),
        handover(event_id="h1-like", after=timedelta(days=22)),
        handover(event_id="h2", after=timedelta(days=21), evidence_sha256="cd" * 32),
        handover("B-3", by="BJN-2", event_id="h3"),
        handover("B-5", event_id="h5"),
    ]


async def _try_officers(office: Office) -> None:
    """Each step as soon as it is possible."""
    for ref, actions in (("B-1", ("verify", "approve", "disburse")), ("B-3", ("verify", "approve", "cancel"))):
        number = grant_id(BOJONEGORO, ref)
        for action in actions:
            try:
                async with office.database.transaction() as session:
                    match action:
                        case "verify":
                            await commands.verify(session, OFFICER, number, "")
                        case "approve":
                            await commands.approve(session, PROVINCE, number, "")
                        case "disburse":
                            on = date(2026, 11, 20)
                            await commands.disburse(session, TREASURER, number, reference="", on=on)
                        case "cancel" if await _is_approved(session, number):
                            await commands.cancel(session, PROVINCE, number, "")
            except Refused:
                continue


async def _is_approved(session: Any, number: UUID) -> bool:
    found = await run(session, "SELECT 1 FROM grants WHERE id = :id AND status = 'approved'", id=number)
    return found.first() is not None


async def _empty(office: Office) -> None:
    await office.forget_everything(METADATA)
    async with office.database.transaction() as session:
        await budgets.set_budget(session, ADMIN, fiscal_year=2026, district=BOJONEGORO, amount=6_000_000)


async def _state(office: Office) -> dict[str, Any]:
    """All rows, but for what counts arrivals or reads the officers' clocks: versions, serial numbers, moments."""
    columns = {
        "beneficiaries": "id, version, district, status, birth_year, leaves_unit_on",
        "suspicions": "id, version, first_id, second_id, undecided",
        "budgets": "fiscal_year, district, amount, committed, disbursed",
        "grants": """id, district, grant_ref, beneficiary_id, district_ref, kind, items, amount, fiscal_year, purpose,
                     desil, requested_at, event_id, source, status, failed, criteria_version""",
        "steps": "grant_id, step, sub, note",
        "handovers": "grant_id, day, received_by, evidence_sha256, assets, at, event_id, source",
        "waiting": "waits_for, ready",
        "ledger": "fiscal_year, district, kind, amount, cause, grant_id, sub",
        "assets": "id, grant_id, district, name, serial, serial_key, value, status, condition, holder_id",
    }
    state: dict[str, Any] = {
        table: sorted(map(str, await office.rows(f"SELECT {names} FROM {table}"))) for table, names in columns.items()
    }
    last: dict[tuple[bool, str], Any] = {}
    for name, key, data in await office.told():
        last[name == "assets-kept.v1", data.get("grant_id", key)] = (name, {**data, "version": 0})
    for name, data in last.values():
        if name in ("grant-verified.v1", "grant-cancelled.v1"):
            data.pop("on")
    return {**state, "told": last}


_expected: dict[str, Any] = {}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(18)),
    repeated=st.lists(st.tuples(st.integers(0, 17), st.integers(0, 18)), max_size=4),
    cuts=st.sets(st.integers(1, 21)),
)
async def test_any_order_and_repetition_of_the_same_events_ends_in_the_same_rows(
    office: Office, order: list[int], repeated: list[tuple[int, int]], cuts: set[int]
) -> None:
    await _empty(office)
    events = _scenario()
    deliveries = [events[place] for place in order]
    for event_place, at in repeated:
        deliveries.insert(at, again(events[event_place]))
    bounds = [0, *sorted(cuts), len(deliveries)]
    for start, end in pairwise(bounds):
        await office.hear(*deliveries[start:end])
        await _try_officers(office)
        await office.drain()
        async with office.database.reading() as session:
            assert await reconcile.differences(session) == []
    state = await _state(office)
    assert state == _expected.setdefault(str(office.database.is_sqlite), state)
    statuses = await office.rows("SELECT grant_ref, status, failed, event_id FROM grants ORDER BY grant_ref")
    assert statuses == [
        ("B-1", "handed_over", "", "r1-like"),
        ("B-2", "requested", "already_aided", "r2-first-again"),
        ("B-3", "cancelled", "", "r3"),
    ]
    assert await office.rows("SELECT event_id FROM handovers") == [("h1",)]
    assert await office.money() == (6_000_000, 3_000_000, 3_000_000)
    waits = sorted(row[0] for row in await office.rows("SELECT waits_for FROM waiting"))
    assert waits == sorted(
        (f"beneficiary/{beneficiary_id(BOJONEGORO, 'BJN-9')}", f"grant/{grant_id(BOJONEGORO, 'B-5')}")
    )
    verdicts = await office.verdicts()
    assert verdicts["h2"] == ("rejected", "already_handed_over")
    assert verdicts["h3"] == ("rejected", "grant_closed")
