"""Two records that an officer decided to be one person count once, until the decision is undone."""

from itertools import pairwise
from typing import Any, Literal
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting.reconcile import rebuild, reconcile
from services.reporting.tables import METADATA
from shared.events import facts
from shared.events.envelope import Record, beneficiary_id
from shared.security import Caller, Role
from tests.helpers import from_service
from tests.integration.reporting.office import BOJONEGORO, MILLION, NOVEMBER, TUBAN, Office, grant, person, report
from tests.integration.sites import as_read

A, B, C = (BOJONEGORO, "B-1"), (BOJONEGORO, "B-2"), (TUBAN, "T-1")
FIRST, SECOND, THIRD = sorted((A, B, C), key=lambda who: str(beneficiary_id(*who)))
"""Where they are alike, the first stands for all."""
Decision = Literal["same", "different", "withdrawn"] | None
STATUSES = ("client", "ex_client", "graduated", "withdrawn", "moved", "deceased")


def pair(
    one: tuple[str, str],
    other: tuple[str, str],
    version: int,
    decision: Decision = None,
) -> Record:
    people = sorted((beneficiary_id(*one), beneficiary_id(*other)), key=str)
    number = UUID(int=people[0].int ^ people[1].int)
    common: dict[str, Any] = {
        "version": version,
        "duplicate_id": number,
        "beneficiary_ids": (people[0], people[1]),
        "districts": tuple(sorted({one[0], other[0]})),
    }
    fact = (
        facts.DuplicateDecided(**common, decision=decision)
        if decision
        else facts.DuplicateSuspected(**common, because="same_nik")
    )
    return from_service("registry", fact, event_id=f"pair/{number}/{version}", time=NOVEMBER, key=str(number))


def people() -> list[Record]:
    """Three ex-clients who reported three months, each of their own district, and a grant to each of two of them."""
    found = []
    for place, (district, ref) in enumerate((A, B, C)):
        found.append(person(ref, district=district))
        net = (place + 1) * MILLION
        found += [report(ref, month, net, district=district) for month in ("2026-08", "2026-09", "2026-10")]
    return [*found, grant("G-1", "handed_over", to="B-1"), grant("G-2", "handed_over", to="B-2")]


async def counted(office: Office) -> tuple[int, int, int, int, int]:
    """Of the province: ex-clients, reports of October, their net profit in millions, classes, grants handed over."""
    cell = await office.cell(district=None)
    return (
        cell["beneficiaries"]["ex_client"],
        cell["income"]["reports"],
        cell["income"]["net_profit"] // MILLION,
        sum(cell["growth"].values()),
        cell["grants"]["handed_over"],
    )


def net(*who: tuple[str, str]) -> int:
    """In millions, of the records that count."""
    return sum({A: 1, B: 2, C: 3}[one] for one in who)


async def test_who_is_decided_to_be_one_counts_once_and_an_undone_decision_brings_them_back(office: Office) -> None:
    await office.hear(*people(), pair(FIRST, SECOND, 1))
    both = (3, 3, net(A, B, C), 3, 2)
    assert await counted(office) == both
    await office.hear(pair(FIRST, SECOND, 2, "same"))
    assert await counted(office) == (2, 2, net(FIRST, THIRD), 2, 2)
    assert await reconcile(office.database) == []
    listed = (await office.call("/v1/businesses", Caller("budi", Role.province_officer, None))).json()
    assert {item["district_ref"] for item in listed["items"]} == {FIRST[1], THIRD[1]}
    await office.hear(pair(FIRST, SECOND, 3))
    assert await counted(office) == both
    await office.hear(pair(FIRST, SECOND, 2, "same"))  # older: dropped
    assert await counted(office) == both
    assert await reconcile(office.database) == []


async def test_over_two_pairs_three_records_are_one_person_also_of_another_district(office: Office) -> None:
    await office.hear(*people(), pair(SECOND, THIRD, 1, "same"))
    assert await counted(office) == (2, 2, net(FIRST, SECOND), 2, 2)
    await office.hear(pair(FIRST, THIRD, 1, "same"))
    assert await counted(office) == (1, 1, net(FIRST), 1, 2)
    await office.hear(pair(FIRST, THIRD, 2, "different"))
    assert await counted(office) == (2, 2, net(FIRST, SECOND), 2, 2)
    assert await reconcile(office.database) == []


async def test_what_is_told_of_an_alias_afterwards_counts_when_it_is_none_any_more(office: Office) -> None:
    await office.hear(*people(), pair(FIRST, SECOND, 1, "same"))
    district, ref = SECOND
    await office.hear(person(ref, "graduated", version=2, district=district))
    await office.hear(report(ref, "2026-10", 9 * MILLION, revision=2, district=district))
    assert await counted(office) == (2, 2, net(FIRST, THIRD), 2, 2)
    await office.hear(pair(FIRST, SECOND, 2, "different"))
    assert await counted(office) == (2, 2, net(FIRST, THIRD), 2, 2)
    assert (await office.cell(district=None))["beneficiaries"]["graduated"] == 1
    await office.hear(person(ref, version=3, district=district))
    assert await counted(office) == (3, 3, net(FIRST, THIRD) + 9, 3, 2)
    assert await reconcile(office.database) == []


async def test_nobody_vanishes_because_the_record_that_was_first_has_ended(office: Office) -> None:
    """Of FIRST, who moved away, and SECOND, who is an ex-client: the person is an ex-client."""
    await office.hear(*people())
    district, ref = FIRST
    await office.hear(person(ref, "moved", version=2, district=district))
    assert await counted(office) == (2, 2, net(SECOND, THIRD), 2, 2)
    await office.hear(pair(FIRST, SECOND, 1, "same"))
    assert await counted(office) == (2, 2, net(SECOND, THIRD), 2, 2)
    assert (await office.cell(district=None))["beneficiaries"]["moved"] == 0
    assert await reconcile(office.database) == []


async def test_who_stands_for_a_person_is_chosen_anew_when_a_record_changes(office: Office) -> None:
    """Also by a record of another district, whose fact alone arrives; with reports and classes."""
    await office.hear(*people(), pair(FIRST, SECOND, 1, "same"), pair(SECOND, THIRD, 1, "same"))
    assert await counted(office) == (1, 1, net(FIRST), 1, 2)
    for ended, status, stands in (
        (FIRST, "withdrawn", SECOND),
        (SECOND, "client", THIRD),
        (THIRD, "moved", None),
        (SECOND, "deceased", None),
    ):
        district, ref = ended
        version = 3 if (ended, status) == (SECOND, "deceased") else 2
        await office.hear(person(ref, status, version=version, district=district))
        here = (1, 1, net(stands), 1, 2) if stands else (0, 0, 0, 0, 2)
        assert await counted(office) == here, (ended, status)
        assert await reconcile(office.database) == []
    beneficiaries = (await office.cell(district=None))["beneficiaries"]
    assert {name: number for name, number in beneficiaries.items() if number} == {"deceased": 1}
    await office.hear(person(THIRD[1], "ex_client", version=3, district=THIRD[0]))
    assert await counted(office) == (1, 1, net(THIRD), 1, 2)
    assert await reconcile(office.database) == []


async def test_a_record_of_which_nothing_was_heard_yet_stands_for_nobody(office: Office) -> None:
    known = [record for record in people() if FIRST[1].encode() not in (record.value or b"")]
    unknown = [record for record in people() if FIRST[1].encode() in (record.value or b"")]
    await office.hear(*known, pair(FIRST, SECOND, 1, "same"))
    assert (await counted(office))[:3] == (2, 2, net(SECOND, THIRD))
    await office.hear(*unknown)
    assert (await counted(office))[:3] == (2, 2, net(FIRST, THIRD))
    assert await reconcile(office.database) == []


async def test_a_status_that_is_not_that_of_the_facts_is_named_and_a_rebuild_mends_it(office: Office) -> None:
    await office.hear(*people(), pair(FIRST, SECOND, 1, "same"))
    right = await counted(office)
    await office.change("UPDATE person SET status = said_status")
    lines = await reconcile(office.database)
    assert [line for line in lines if line.startswith("status of business")] and len(lines) > 1
    await rebuild(office.database)
    await office.hear()
    assert await reconcile(office.database) == []
    await office.change("UPDATE view_state SET content_sha256 = ''")
    assert await counted(office) == right


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(19)), cuts=st.sets(st.integers(1, 18)))
async def test_any_order_of_the_same_events_gives_the_same_numbers(
    office: Office, order: list[int], cuts: set[int]
) -> None:
    await office.forget_everything(METADATA)
    events = [
        *people(),
        pair(FIRST, SECOND, 1),
        pair(FIRST, SECOND, 2, "same"),
        pair(FIRST, SECOND, 3),
        pair(SECOND, THIRD, 1, "same"),
        person(THIRD[1], version=2, district=THIRD[0]),
    ]
    assert len(events) == 19
    bounds = [0, *sorted(cuts), len(events)]
    for start, end in pairwise(bounds):
        await office.hear(*(events[place] for place in order[start:end]))
    await office.drain()
    await office.hear()
    assert await reconcile(office.database) == []
    totals = await office.rows(
        "SELECT sum(ex_client), sum(growing) + sum(ordinary) + sum(stagnant) + sum(declining) FROM district_people"
    )
    assert totals == [(2, 2)]
    months = await office.rows("SELECT sum(reports), sum(net_profit) FROM district_month WHERE month = 2026 * 12 + 9")
    assert months == [(2, net(FIRST, SECOND) * MILLION)]


PAIRS = ((FIRST, SECOND), (SECOND, THIRD), (FIRST, THIRD))
_STATUSES = st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3)
_DECISIONS: st.SearchStrategy[list[Decision]] = st.lists(
    st.sampled_from(("same", "different", "withdrawn", None)), max_size=3
)


def expected(statuses: dict[tuple[str, str], str], same: set[tuple[tuple[str, str], tuple[str, str]]]) -> Any:
    """How many of each status, and the net profit of October in millions: by the rule of decision 32, read anew."""
    groups = [{who} for who in statuses]
    for one, other in same:
        joined = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    order = ["ex_client", "client", "deceased", "graduated", "withdrawn", "moved"]
    standing = [
        min(group, key=lambda who: (order.index(statuses[who]), (FIRST, SECOND, THIRD).index(who))) for group in groups
    ]
    numbers = {name: sum(statuses[who] == name for who in standing) for name in STATUSES}
    return numbers, net(*(who for who in standing if statuses[who] == "ex_client"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_order_of_statuses_and_decisions_gives_the_numbers_of_the_newest(
    office: Office, data: st.DataObject
) -> None:
    await office.forget_everything(METADATA)
    lives = {who: data.draw(_STATUSES) for who in (FIRST, SECOND, THIRD)}
    decided = {pair_of: data.draw(_DECISIONS) for pair_of in PAIRS}
    events = [record for record in people() if b"income-reported" in dict(record.headers)["ce_type"]]
    for (district, ref), life in lives.items():
        events += [person(ref, status, version=1 + place, district=district) for place, status in enumerate(life)]
    for (one, other), decisions in decided.items():
        events += [pair(one, other, 1 + place, decision) for place, decision in enumerate(decisions)]
    order = data.draw(st.permutations(events))
    size = data.draw(st.integers(1, len(order)))
    for start in range(0, len(order), size):
        await office.hear(*order[start : start + size])
    await office.drain()
    await office.hear()
    assert await reconcile(office.database) == []
    same = {pair_of for pair_of, decisions in decided.items() if decisions and decisions[-1] == "same"}
    numbers, millions = expected({who: life[-1] for who, life in lives.items()}, same)
    cell = await office.rows(f"SELECT {', '.join(f'sum({name})' for name in STATUSES)} FROM district_people")
    assert list(cell[0]) == [numbers[name] for name in STATUSES]
    months = await office.rows("SELECT sum(net_profit) FROM district_month WHERE month = 2026 * 12 + 9")
    assert (months[0][0] or 0) == millions * MILLION


async def quality(office: Office, who: Caller) -> str:
    return as_read((await office.call("/quality", who)).text)


async def test_open_suspicions_are_told_by_district_until_they_are_decided(office: Office) -> None:
    """One between two districts is told of under both, and is one pair of the province."""
    province, tuban = Caller("budi", Role.province_officer, None), Caller("tuti", Role.district_officer, TUBAN)
    await office.hear(*people(), pair(A, B, 1), pair(B, C, 1))
    text = await quality(office, province)
    assert "Diduga ganda 2 pasangan catatan" in text
    since = "5 Nov 2026 ("
    assert f"Kab. Bojonegoro 2 {since}" in text
    assert f"Kab. Tuban 1 {since}" in text
    assert "Putuskan di antrean dugaan ganda" in text
    own = await quality(office, tuban)
    assert "Diduga ganda 1 pasangan catatan" in own
    assert f"Kab. Tuban 1 {since}" in own and f"Kab. Bojonegoro 2 {since}" not in own
    assert "Putuskan di antrean" not in own, "the queue is not open to a district's officer"
    await office.hear(pair(A, B, 2, "different"), pair(B, C, 2, "withdrawn"))
    assert "Tidak ada dugaan yang menunggu keputusan." in await quality(office, province)
    await office.hear(pair(A, B, 1), pair(A, B, 3))
    assert f"Kab. Bojonegoro 1 {since}" in await quality(office, province)


async def test_a_suspicion_is_open_or_not_by_its_newest_fact_in_any_order(office: Office) -> None:
    for records in ((pair(A, B, 2, "same"), pair(A, B, 1)), (pair(A, C, 1), pair(A, C, 2, "different"), pair(A, C, 3))):
        for record in reversed(records):
            await office.hear(record)
    assert [row[0] is None for row in await office.rows("SELECT open_since_us FROM pair ORDER BY same DESC")] == [
        True,
        False,
    ]
