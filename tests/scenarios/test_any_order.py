"""Whatever the order and the number of deliveries, the province comes to the same dashboard."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from deploy.story.generate import Story, generate
from shared.events.envelope import Outgoing, Record
from shared.settings import ServiceName
from tests import oracle
from tests.oracle import Office
from tests.oracle.events import beneficiary_id
from tests.scenarios.bench import NAMES, Bench, Templates, bench
from tests.scenarios.comparison import differing
from tests.scenarios.noise import with_noise
from tests.scenarios.plan import Plan, Step, plan, slice_of
from tests.scenarios.telling import as_record, publications

MONTHS = (None, "2026-10", "2026-03", "2025-11", "2025-07", "2024-12")
BATCH = 60
EXAMPLES = 50
STORIES = (2026, 7, 11)
"""Their seeds."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    found = Templates(tmp_path_factory.mktemp("templates"))
    asyncio.run(found.make())
    return found


@cache
def story(seed: int) -> Story:
    return generate(seed, scale=0.1)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a seed does not shrink to anything simpler
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_order_and_any_repetition_end_in_the_same_dashboard(seed: int, templates: Templates) -> None:
    note(f"seed {seed}")
    asyncio.run(_example(seed, templates))


def test_the_whole_small_story_backwards_ends_in_the_same_dashboard(templates: Templates) -> None:
    whole = story(STORIES[0])
    districts = {each.district for each in publications(whole)}
    asyncio.run(_run(Random(0), templates, slice_of(whole, districts), _backwards))


async def _example(seed: int, templates: Templates) -> None:
    """Some districts of a story; the two of the person who is in two districts go together."""
    random = Random(seed)
    whole = story(random.choice(STORIES))
    districts = sorted({each.district for each in publications(whole)})
    twins = _twins(whole)
    chosen = {district for district in districts if random.random() < 0.25} or {random.choice(districts)}
    if chosen & twins:
        chosen |= twins
    steps = slice_of(whole, chosen)
    noisy = random.random() < 0.5
    await _run(random, templates, with_noise(random, steps) if noisy else steps, _anyhow, noisy=noisy)


Choice = Callable[[Random, Sequence[int], int], list[int]]
"""Some of these places, that many at most, in an order."""


def _anyhow(random: Random, places: Sequence[int], most: int) -> list[int]:
    return random.sample(places, random.randint(1, min(most, len(places))))


def _backwards(_: Random, places: Sequence[int], most: int) -> list[int]:
    return sorted(places, reverse=True)[:most]


async def _run(
    random: Random, templates: Templates, steps: Sequence[Step], choice: Choice, *, noisy: bool = False
) -> None:
    with TemporaryDirectory() as folder:
        async with bench(templates, Path(folder)) as found:
            await Scheduler(random, found, plan(steps), choice).run()
            await _compare(found, _office(steps), noisy=noisy)


def _office(steps: Sequence[Step]) -> Office:
    office = Office()
    for step in steps:
        office.hear(step)
    return office


async def _compare(found: Bench, office: Office, *, noisy: bool) -> None:
    for month in MONTHS if office.reports else MONTHS[1:]:  # without a report there is no newest month
        shown = json.loads(await found.dashboard(month))
        for name in ("version", "as_of", "lag"):
            del shown[name]
        assert differing(oracle.dashboard(office, month), shown) == []
    for person in office.records:
        shown = await found.business(beneficiary_id(person))
        expected = oracle.business(office, person)
        growth = {name: value for name, value in shown["growth"].items() if name in expected["growth"]}
        assert (differing(expected["growth"], growth), shown["reports"]) == ([], expected["reports"])
    assert await found.differences() == []
    assert _wrong_verdicts(office, await found.verdicts(), noisy=noisy) == []


def _wrong_verdicts(
    office: Office, verdicts: dict[tuple[str, str, str], tuple[str, str, set[str]]], *, noisy: bool
) -> list[str]:
    """What is refused, what is in force and what is warned of does not depend on the order.

    Whether an event that is not in force was accepted at first, or superseded at once, does; and among several alike
    (`noisy`), which of them is told so.
    """
    in_force = {max(some, key=lambda each: each.rank).key for some in office.records.values()}
    in_force |= {max(some, key=lambda each: each.rank).key for some in office.reports.values()}
    in_force |= {max(grant.requests, key=lambda each: each.rank).key for grant in office.grants.values()}
    wrong = []
    for key, due in office.verdicts.items():
        verdict, reason, warnings = verdicts[key]
        if due.verdict == "rejected" or (key in in_force and not noisy):
            fine = (verdict, reason) == (due.shown, due.shown_reason)
        else:
            fine = verdict in ("accepted", "superseded", "duplicate")
        if not fine or warnings != due.shown_warnings:
            wrong.append(f"{key}: {verdict} {reason} {warnings}, expected {due}")
    return wrong


class Scheduler:
    """Lets things happen in an order that `choice` and chance decide, within what the plan holds fast."""

    def __init__(self, random: Random, found: Bench, plan_: Plan, choice: Choice) -> None:
        self._random = random
        self._bench = found
        self._plan = plan_
        self._choice = choice
        self._coming = [*plan_.events, *plan_.repeated]
        self._arrived: list[int] = []
        self._open = list(plan_.calls)
        self._done: set[int] = set()
        self._reporting_hears_nothing = choice is _backwards or random.random() < 0.4
        """Until the end: then it is told in a few batches what the others said in two years."""

    async def run(self) -> None:
        while self._coming or self._open:
            if not self._free():
                left = len(self._coming) + len(self._open)
                await self._come_to_rest()
                assert self._free() or len(self._coming) + len(self._open) < left, self._stuck()
            chance = self._random.random()
            if chance < 0.5 and self._free():
                await self._events()
            elif chance < 0.65:
                await self._bench.relay(self._random.choice(NAMES), twice=self._random.random() < 0.2)
            elif chance < 0.8:
                await self._facts(self._random.choice(NAMES))
            elif chance < 0.85:
                await self._bench.idle(self._random.choice(NAMES))
            else:
                await self._officers(self._random.randint(1, 3))
        self._reporting_hears_nothing = False
        await self._come_to_rest()

    def _free(self) -> list[int]:
        """What may arrive now."""
        return [place for place in self._coming if self._plan.held[self._first(place)] <= self._done]

    def _first(self, place: int) -> int:
        return self._plan.first.get(place, place)

    async def _events(self) -> None:
        """A batch of one service: new events, old ones again, and with them some facts."""
        free = self._free()
        chance = self._plan.publication(self._random.choice(free)).service
        service = next(name for name in NAMES if name == chance)
        fitting = [place for place in free if self._plan.publication(place).service == service]
        chosen = self._choice(self._random, fitting, BATCH)
        before = [place for place in self._arrived if self._plan.publication(place).service == service]
        again = self._random.sample(before, min(len(before), self._random.choice((0, 0, 1, 5))))
        self._coming = [place for place in self._coming if place not in set(chosen)]
        self._arrived += chosen
        records: list[Outgoing | Record] = [as_record(self._plan.publication(place)) for place in chosen + again]
        records += self._some_facts(service)
        in_order = self._choice is _backwards
        await self._arrive(service, records if in_order else self._random.sample(records, len(records)))

    async def _facts(self, service: ServiceName) -> None:
        facts = self._some_facts(service)
        if facts:
            await self._arrive(service, facts)

    async def _arrive(self, service: ServiceName, records: Sequence[Outgoing | Record]) -> None:
        await self._bench.arrive(service, records, settle=self._random.random() < 0.5)

    def _some_facts(self, service: ServiceName) -> list[Record]:
        untold = self._bench.untold[service]
        if not self._hears(service):
            return []
        chosen = self._choice(self._random, range(len(untold)), len(untold))
        self._bench.untold[service] = [fact for place, fact in enumerate(untold) if place not in set(chosen)]
        return [untold[place] for place in chosen]

    def _hears(self, service: ServiceName) -> bool:
        return bool(self._bench.untold[service]) and not (service == "reporting" and self._reporting_hears_nothing)

    async def _officers(self, most: int) -> bool:
        """Officers try what they are to do next. True when one was answered as the story counts on."""
        ready = [place for place in self._open if self._plan.before[place] <= self._done and self._knows(place)]
        moved = False
        for place in self._random.sample(ready, min(most, len(ready))):
            call = self._plan.call(place)
            answer = await self._bench.call(call)
            if answer == call.expect_code:
                self._done.add(place)
                self._open.remove(place)
                moved = True
            else:
                assert answer is not None, f"refused in the story: {call}"
        return moved

    def _knows(self, place: int) -> bool:
        """Has all arrived on which the answer rests? For the criteria, facts included."""
        needed = self._plan.needed[place]
        if not needed <= {self._first(each) for each in self._arrived}:
            return False
        by_criteria = self._plan.call(place).expect_code in ("criteria_not_met", "duplicate_suspected")
        return not by_criteria or self._at_rest

    _at_rest = False

    async def _come_to_rest(self) -> None:
        """All facts told, all calls made that can be made, nothing left to do."""
        moved = True
        while moved:
            moved = False
            for name in NAMES:
                moved |= await self._bench.relay(name)
            for name in self._random.sample(NAMES, len(NAMES)):
                while self._hears(name):
                    await self._facts(name)
                    moved = True
                await self._bench.idle(name)
            self._at_rest = not moved
            moved |= await self._officers(len(self._open))
            self._at_rest = False

    def _stuck(self) -> str:
        return f"stuck: {[self._plan.call(place) for place in self._open][:3]}, {len(self._coming)} events held"


def _twins(whole: Story) -> set[str]:
    """The districts of the person who is in two of them."""
    office = oracle.after(whole)
    niks = {place: office.person(place)["nik"] for place in office.records}
    count = Counter(nik for nik in niks.values() if nik is not None)
    return {place[0] for place, nik in niks.items() if count[nik] > 1}
