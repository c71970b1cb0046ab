"""Many at once: no budget is exceeded, no step is taken twice, and what is judged is what is true at commit."""

import asyncio
import multiprocessing
import random
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest

from services.grants import commands, reconcile
from shared.database import Database
from shared.events.envelope import Record, grant_id
from shared.security import Caller, Role
from tests.integration.grants.office import (
    BOJONEGORO,
    OFFICER,
    PROVINCE,
    PROVINCE_TOO,
    Office,
    cash,
    handover,
    pair,
    person,
    problem,
    request,
)

T = TypeVar("T")


async def verified(office: Office, count: int) -> list[UUID]:
    """So many people, each with a verified grant of one million."""
    refs = [f"P-{place}" for place in range(count)]
    await office.hear(*(person(ref) for ref in refs), *(cash(ref, 1_000_000, to=ref) for ref in refs))
    numbers = [grant_id(BOJONEGORO, ref) for ref in refs]
    async with office.database.transaction() as session:
        for number in numbers:
            await commands.verify(session, OFFICER, number, "")
    return numbers


def outcomes(answers: Sequence[httpx.Response]) -> Counter[tuple[int, str]]:
    return Counter((answer.status_code, answer.json().get("code", "")) for answer in answers)


def approve_all(url: str, folder: Path, numbers: Sequence[UUID]) -> Counter[tuple[int, str]]:
    """What a process of its own gets when it approves all of these at the same time.

    As any client it asks again, with the same key, when it is told that the service cannot answer yet.
    """

    async def approve(office: Office, number: UUID) -> httpx.Response:
        answer = await office.take("approve", number, key=f"approve-{number}")
        return await approve(office, number) if answer.status_code == 503 else answer

    async def main() -> Counter[tuple[int, str]]:
        office = Office.over(Database(url), folder)
        answers = await asyncio.gather(*(approve(office, number) for number in numbers))
        await office.client.aclose()
        await office.database.close()
        return outcomes(answers)

    return asyncio.run(main())


async def test_two_hundred_approvals_at_once_from_several_processes_never_exceed_the_budget(office: Office) -> None:
    count, processes, room = (30, 2, 7) if office.database.is_sqlite else (200, 4, 77)
    numbers = await verified(office, count)
    await office.budget(room * 1_000_000 + 999_999)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        work = [
            loop.run_in_executor(
                pool, approve_all, office.database.url, office.node.settings.var, numbers[part::processes]
            )
            for part in range(processes)
        ]
        total = sum(await asyncio.gather(*work), Counter[tuple[int, str]]())
    assert total == {(200, ""): room, (409, "budget_exceeded"): count - room}
    assert await office.money() == (room * 1_000_000 + 999_999, room * 1_000_000, 0)
    assert Counter(name for name, _, _ in await office.told())["grant-approved.v1"] == room
    async with office.database.reading() as session:
        assert await reconcile.differences(session) == []


async def test_approvals_and_a_budget_that_shrinks_at_the_same_time_leave_it_covered(office: Office) -> None:
    numbers = await verified(office, 20)
    await office.budget(20_000_000)
    calls = [office.take("approve", number) for number in numbers]
    shrinking = [office.budget(million * 1_000_000) for million in range(19, 4, -1)]
    answers = await asyncio.gather(*_shuffled(calls + shrinking))
    amount, committed, _ = await office.money()
    approved = await office.value("SELECT count(*) FROM grants WHERE status = 'approved'")
    assert committed == approved * 1_000_000 <= amount
    assert {code for status, code in outcomes(answers) if status != 200} <= {
        "budget_exceeded",
        "budget_below_committed",
    }


async def test_one_key_sent_many_times_at_once_is_one_step_with_one_answer(office: Office) -> None:
    await office.hear(person(), request())
    answers = await asyncio.gather(*(office.take("verify", key="k") for _ in range(10)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert await office.value("SELECT count(*) FROM steps") == 1
    assert [name for name, _, _ in await office.told()].count("grant-verified.v1") == 1


async def test_of_many_who_take_one_step_at_once_one_takes_it(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.take("verify")
    officers = [Caller(f"officer-{place}", Role.province_officer, None) for place in range(8)]
    answers = await asyncio.gather(*(office.take("approve", who=who) for who in officers))
    assert outcomes(answers) == {(200, ""): 1, (409, "illegal_transition"): 7}
    treasurers = [Caller(f"treasurer-{place}", Role.treasurer, None) for place in range(8)]
    answers = await asyncio.gather(*(office.take("disburse", who=who) for who in treasurers))
    assert outcomes(answers) == {(200, ""): 1, (409, "illegal_transition"): 7}
    assert await office.money() == (3_000_000, 3_000_000, 3_000_000)


async def test_two_approvals_of_one_officer_at_once_are_one(office: Office) -> None:
    await office.budget(60_000_000)
    await office.hear(person(), cash("B-1", 50_000_000))
    await office.take("verify")
    answers = await asyncio.gather(*(office.take("approve") for _ in range(5)))
    assert outcomes(answers) == {(200, ""): 1, (409, "four_eyes"): 4}
    assert await office.money() == (60_000_000, 0, 0)
    answers = await asyncio.gather(*(office.take("approve", who=PROVINCE_TOO) for _ in range(5)))
    assert outcomes(answers) == {(200, ""): 1, (409, "illegal_transition"): 4}
    assert await office.money() == (60_000_000, 50_000_000, 0)


async def test_a_grant_cancelled_while_it_is_paid_is_either_paid_or_free(office: Office) -> None:
    numbers = await verified(office, 10)
    await office.budget(10_000_000)
    for number in numbers:
        await office.take("approve", number)
    calls = [office.take(action, number) for number in numbers for action in ("disburse", "cancel")]
    answers = await asyncio.gather(*_shuffled(calls))
    assert outcomes(answers) == {(200, ""): 10, (409, "illegal_transition"): 10}
    paid = await office.value("SELECT count(*) FROM grants WHERE status = 'disbursed'")
    assert await office.money() == (10_000_000, paid * 1_000_000, paid * 1_000_000)


async def test_two_grants_of_one_person_approved_at_once_become_one(office: Office) -> None:
    await office.budget(100_000_000)
    refs = [f"B-{place}" for place in range(6)]
    await office.hear(person(), *(cash(ref, 1_000_000) for ref in refs))
    numbers = [grant_id(BOJONEGORO, ref) for ref in refs]
    for number in numbers:
        await office.take("verify", number)
    answers = await asyncio.gather(*(office.take("approve", number) for number in numbers))
    assert outcomes(answers) == {(200, ""): 1, (409, "criteria_not_met"): 5}
    failed = Counter(row[0] for row in await office.rows("SELECT failed FROM grants"))
    assert failed == {"": 1, "already_aided": 5}


@pytest.mark.parametrize("first", ["suspicion", "request", "person"])
async def test_a_request_and_a_suspicion_that_commit_side_by_side_know_of_each_other(
    office: Office, first: str
) -> None:
    news: dict[str, tuple[list[Record], list[Record]]] = {
        "suspicion": ([pair("BJN-1", "BJN-2", version=1)], [request()]),
        "request": ([request()], [pair("BJN-1", "BJN-2", version=1)]),
        "person": ([person()], [pair("BJN-1", "BJN-2", version=1)]),
    }
    before, after = news[first]
    await office.hear(*([request()] if first == "person" else [person()]))
    async with office.database.transaction() as session:
        await office.node.inbox.apply(session, before)
        beside = asyncio.create_task(office.hear(*after))
        done, _ = await asyncio.wait({beside}, timeout=0.3)
        assert not done, "the second must wait for the first"
    await beside
    assert await office.failed() == ["duplicate_suspected"]


async def test_a_handover_that_arrives_while_the_grant_is_paid_is_not_left_waiting(office: Office) -> None:
    numbers = await verified(office, 10)
    await office.budget(10_000_000)
    for number in numbers:
        await office.take("approve", number)
    paid: list[Coroutine[Any, Any, object]] = [office.take("disburse", number) for number in numbers]
    handed_over: list[Coroutine[Any, Any, object]] = [
        office.hear(handover(ref, by=ref)) for ref in (f"P-{place}" for place in range(10))
    ]
    await asyncio.gather(*_shuffled(paid + handed_over))
    await office.drain()
    assert await office.rows("SELECT DISTINCT status FROM grants") == [("handed_over",)]
    assert await office.rows("SELECT * FROM waiting") == []


async def test_officers_and_districts_at_once_leave_versions_in_order_and_budgets_proven(office: Office) -> None:
    refs = [f"P-{place}" for place in range(12)]
    numbers = {ref: grant_id(BOJONEGORO, ref) for ref in refs}
    await office.budget(8_500_000)

    async def district() -> None:
        for ref in _shuffled(refs):
            await office.hear(person(ref), cash(ref, 1_000_000, to=ref), handover(ref, by=ref))
            await office.hear(cash(ref, 1_000_000, to=ref), pair(ref, "P-0", version=1) if ref > "P-7" else person(ref))

    async def officers(approver: Caller) -> None:
        for _ in range(4):
            for ref in _shuffled(refs):
                for action in ("verify", "approve", "disburse", "cancel" if ref == "P-3" else "verify"):
                    who = {"who": approver} if action == "approve" else {}
                    answer = await office.take(action, numbers[ref], **who)
                    assert answer.status_code in (200, 404, 409), problem(answer)

    async def worker() -> None:
        for _ in range(10):
            await office.drain()
            await asyncio.sleep(0.01)

    await asyncio.gather(district(), district(), officers(PROVINCE), officers(PROVINCE_TOO), worker())
    await office.drain()
    versions = defaultdict(list)
    for name, _, data in await office.told():
        of_assets = name == "assets-kept.v1"
        versions[of_assets, data.get("grant_id", data["district"])].append(data["version"])
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
    assert {of for of_assets, of in versions if not of_assets} == {BOJONEGORO, *map(str, numbers.values())}
    async with office.database.reading() as session:
        assert await reconcile.differences(session) == []
    assert {row[0] for row in await office.rows("SELECT status FROM grants")} <= {
        "requested",
        "verified",
        "approved",
        "cancelled",
        "handed_over",
    }
    assert await office.value("SELECT count(*) FROM waiting WHERE ready") == 0


def _shuffled(items: Sequence[T]) -> list[T]:
    seed = random.randrange(2**32)
    print("seed", seed)
    return random.Random(seed).sample(items, len(items))
