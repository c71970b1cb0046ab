"""The story of two years, told to the whole system through its own doors, against the oracle's second reckoning."""

import ast
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import tests.oracle
from deploy.story.generate import Habit, Story, generate
from services.reporting.reconcile import rebuild
from shared.database import Database, run
from tests import oracle
from tests.oracle import Office
from tests.oracle.events import beneficiary_id, event
from tests.scenarios.comparison import differing, wrong_answer, wrong_receipts
from tests.scenarios.full_run import full_run
from tests.scenarios.telling import Told, embedded_run, in_turns, publications, without_moment
from tests.scenarios.world import Ground

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

SMALL = 0.1
SCALES = (SMALL, 1.0)
MONTHS = (None, "2026-10", "2026-09", "2026-03", "2025-12", "2025-07", "2024-11")
"""None: the newest."""
HER_DISTRICT, HER_NAME = "3522", "Rukmi Kinanthi"


def story_of(scale: float) -> tuple[Story, Office]:
    if scale not in _STORIES:
        story = generate(scale=scale)
        _STORIES[scale] = story, oracle.after(story)
    return _STORIES[scale]


_STORIES: dict[float, tuple[Story, Office]] = {}


class Runs:
    """Embedded runs after the story, one for each scale that a test asked for."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._told: dict[float, Told] = {}

    async def at(self, scale: float) -> Told:
        if scale not in self._told:
            told = await self._stack.enter_async_context(embedded_run(self._folder / str(scale)))
            await told.tell(story_of(scale)[0])
            self._told[scale] = told
        return self._told[scale]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runs]:
    async with AsyncExitStack() as stack:
        yield Runs(tmp_path_factory.mktemp("province"), stack)


@pytest.fixture(scope="module", params=SCALES)
def scale(request: pytest.FixtureRequest) -> float:
    found: float = request.param
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(scale: float, runs: Runs) -> Told:
    return await runs.at(scale)


async def test_the_oracle_shares_no_code_with_what_it_judges() -> None:
    folder = Path(tests.oracle.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.startswith("tests.oracle") or name.partition(".")[0] in sys.stdlib_module_names, name


async def test_the_dashboard_is_what_the_oracle_counts(told: Told, scale: float) -> None:
    _, office = story_of(scale)
    for month in MONTHS:
        shown = json.loads(await told.dashboard(month))
        del shown["version"], shown["as_of"], shown["lag"]
        assert differing(oracle.dashboard(office, month), shown) == []


async def test_every_event_has_one_final_receipt_on_its_district_s_topic(told: Told, scale: float) -> None:
    _, office = story_of(scale)
    assert wrong_receipts(told, office, await told.receipts()) == []


async def test_a_missing_a_second_and_a_wrong_final_receipt_would_be_noticed(told: Told, scale: float) -> None:
    _, office = story_of(scale)
    receipts = await told.receipts()
    missing, doubled, wrong = [name for name, some in receipts.items() if some[0]["verdict"] == "accepted"][:3]
    del receipts[missing]
    receipts[doubled].append(receipts[doubled][0])
    receipts[wrong][0] = {**receipts[wrong][0], "verdict": "rejected"}
    assert len(wrong_receipts(told, office, receipts)) == 3


async def test_what_came_before_what_it_refers_to_waited_and_was_told_so(told: Told, scale: float) -> None:
    story, _ = story_of(scale)
    receipts = await told.receipts()
    early = [each for each in publications(story) if each.habit is Habit.handover_before_disbursement]
    for publication in early:
        found = receipts[publication.district, publication.envelope.id]
        said = [(receipt["verdict"], receipt["reason"]) for receipt in found if receipt["verdict"] != "duplicate"]
        assert said in (
            [("waiting", "not_disbursed"), ("accepted", "accepted")],
            [("waiting", "unknown_grant"), ("accepted", "accepted")],
        )


async def test_every_event_is_answered_over_http(told: Told, scale: float) -> None:
    """At full scale, all that is not plainly accepted and some of the rest."""
    story, office = story_of(scale)
    asked: list[tuple[Any, ...]] = []
    for place, (key, verdict) in enumerate(office.verdicts.items()):
        if scale < 1 or place % 25 == 0 or verdict.shown != "accepted" or verdict.shown_warnings:
            asked.append((key, verdict))
    services = {(each.district, each.envelope.id): each.service for each in publications(story)}
    answers = await in_turns([told.receipt(key[0], services[key[0], key[2]], key[2]) for key, _ in asked])
    wrong = [
        wrong_answer(verdict, told.deliveries(office, key), answer)
        for (key, verdict), answer in zip(asked, answers, strict=True)
    ]
    assert [line for line in wrong if line] == []


async def test_the_growth_of_every_business_is_what_the_oracle_works_out(told: Told, scale: float) -> None:
    _, office = story_of(scale)
    people = list(office.records)
    answers = await in_turns([told.get(f"/reporting/v1/businesses/{beneficiary_id(person)}") for person in people])
    for person, answer in zip(people, answers, strict=True):
        expected, shown = oracle.business(office, person), answer.json()
        growth = shown["growth"]
        assert growth.pop("sentence").keys() == {"id", "en"}
        assert (growth.pop("computed"), growth.pop("override"), growth.pop("rule_version")) == (
            growth["class"],
            None,
            1,
        )
        assert differing(expected["growth"], growth) == [], person
        assert shown["reports"] == expected["reports"], person


async def test_the_woman_of_bojonegoro_nets_three_million_with_four_employees(told: Told, scale: float) -> None:
    _, office = story_of(scale)
    (her,) = (who for who in office.records if who[0] == HER_DISTRICT and office.person(who)["name"] == HER_NAME)
    shown = (await told.get(f"/reporting/v1/businesses/{beneficiary_id(her)}")).json()
    newest = shown["reports"][-1]
    assert (newest["month"], newest["net_profit"], newest["employees"]) == ("2026-10", 3_000_000, 4)
    assert [report["net_profit"] for report in shown["reports"][-3:]] == [3_000_000] * 3
    assert (shown["growth"]["class"], shown["growth"]["because"]) == ("growing", "rate >= 0.03")


async def test_reconcile_finds_nothing(told: Told) -> None:
    assert await told.reconcile() == []


async def test_rebuild_gives_the_same_dashboard(told: Told) -> None:
    before = await dashboards(told)
    assert await rebuild(told.province.databases["reporting"]) == 0
    assert await dashboards(told) == before


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE district_people SET ex_client = ex_client + 1 WHERE district = '3522'", "ex_client"),
        ("UPDATE district_month SET turnover = turnover - 1 WHERE reports > 0", "turnover"),
        ("DELETE FROM district_year WHERE district = '3522'", "rupiah_budget"),
        ("UPDATE person SET growth_class = 'stagnant' WHERE growth_class = 'growing'", "growth class"),
    ],
)
async def test_a_number_changed_by_hand_is_found_and_rebuild_puts_it_right(told: Told, change: str, found: str) -> None:
    database = told.province.databases["reporting"]
    before = await dashboards(told)
    await by_hand(database, change)
    assert [line for line in await told.reconcile() if found in line]
    await rebuild(database)
    assert await told.reconcile() == []
    assert await dashboards(told) == before


async def test_a_budget_changed_by_hand_is_found(told: Told) -> None:
    database = told.province.databases["grants"]
    await by_hand(database, "UPDATE budgets SET committed = committed + 1 WHERE district = '3522'")
    assert len(await told.reconcile()) == 2  # one for each fiscal year
    await by_hand(database, "UPDATE budgets SET committed = committed - 1 WHERE district = '3522'")
    assert await told.reconcile() == []


async def test_readers_get_the_rebuilt_numbers_though_no_event_comes(told: Told, scale: float) -> None:
    database = told.province.databases["reporting"]
    before = await dashboards(told)
    await by_hand(database, "UPDATE district_people SET client = client + 1000 WHERE district = '3522'")
    await told.publish_again(next(each for each in publications(story_of(scale)[0]) if each.service == "reporting"))
    assert await dashboards(told) != before
    await rebuild(database)
    assert await dashboards(told) == before


async def test_the_story_told_twice_changes_nothing_and_its_receipts_say_so(told: Told, scale: float) -> None:
    before = await dashboards(told)
    await told.tell(story_of(scale)[0])
    assert await dashboards(told) == before
    assert await told.reconcile() == []
    story, office = story_of(scale)
    assert wrong_receipts(told, office, await told.receipts()) == []
    once = next(each for each in publications(story) if office.deliveries[event(each).key] == 1)
    answer = await told.receipt(once.district, once.service, once.envelope.id)
    assert answer["deliveries"] == 2


async def test_through_kafka_postgresql_and_redis_it_is_the_same_dashboard_to_the_byte(
    runs: Runs, ground: Ground, tmp_path: Path
) -> None:
    story, office = story_of(SMALL)
    expected = await dashboards(await runs.at(SMALL))
    ground.heal()
    async with full_run(ground, tmp_path) as (told, _):
        await told.tell(story)
        shown = await dashboards(told)
        assert shown == expected
        for month, body in zip(MONTHS, shown, strict=True):
            assert differing(oracle.dashboard(office, month), json.loads(body)) == []
        assert wrong_receipts(told, office, await told.receipts()) == []
        assert await told.reconcile() == []


async def dashboards(told: Told) -> list[bytes]:
    """Of all the months looked at here, apart from what two equal runs need not share."""
    return [without_moment(await told.dashboard(month)) for month in MONTHS]


async def by_hand(database: Database, change: str) -> None:
    async with database.transaction() as session:
        await run(session, change)
