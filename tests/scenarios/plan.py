"""What of the story must keep its order, so that all the rest may come in any.

An officer decides on what the office knows that day, and a decision stays: what arrives after it cannot undo it. So
these, and only these, keep the order in which the story tells them; each line says what would differ otherwise.

1. Calls on one grant. (`illegal_transition`)
2. Versions of a request: those of before its first call come before it, those of after it after. What comes after is
   `already_in_progress`, so which version is in force depends on it, by the contract.
3. Records that give a person another status: those that the story tells after an approval stay after it. The criteria
   are checked at approval; who has moved by then is refused.
4. Records of another person with the same NIK: likewise (`duplicate_suspected`).
5. Approvals and cancellations of goods for one person in one year. (`criteria_not_met`: one such grant a year)
6. Budgets, approvals and cancellations where one approval is to meet an exhausted budget (`budget_exceeded`).
7. An approval that is to be refused by the criteria waits until the office knows why.

Reports, handovers, first and repeated records, refused and unreadable events, facts and repetitions are free.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from deploy.story.generate import OfficerStep, Publication, Story
from tests.oracle.events import RECORDED, REQUESTED, Event, Place, event, fault
from tests.oracle.office import GOODS

Step = Publication | OfficerStep


@dataclass
class Plan:
    """All by place in `steps`. Of an event told several times only the first telling has a place in `events`."""

    steps: Sequence[Step]
    events: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    """Further tellings: the same event once more, at any time."""
    first: dict[int, int] = field(default_factory=dict)
    """Of a further telling, the first."""
    held: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By event: the calls that come before it."""
    needed: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By call: the events that come before it."""
    before: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By call: the calls that come before it."""

    def publication(self, place: int) -> Publication:
        return cast(Publication, self.steps[place])

    def call(self, place: int) -> OfficerStep:
        return cast(OfficerStep, self.steps[place])


def plan(steps: Sequence[Step]) -> Plan:
    found = Plan(steps)
    good = _sort(found)
    records: dict[Place, list[tuple[int, Event]]] = defaultdict(list)
    requests: dict[Place, list[tuple[int, Event]]] = defaultdict(list)
    for place, each in good:
        if each.type == RECORDED:
            records[each.person].append((place, each))
        elif each.type == REQUESTED:
            requests[each.grant].append((place, each))
    by_grant: dict[Place, list[int]] = defaultdict(list)
    for place in found.calls:
        call = found.call(place)
        if call.grant_ref is not None:
            by_grant[call.district, call.grant_ref].append(place)
    for grant, calls in by_grant.items():
        _chain(found, calls)  # 1
        for place, _ in requests[grant]:  # 2
            if place < calls[0]:
                found.needed[calls[0]].add(place)
            else:
                found.held[place].add(calls[0])
        request = max((each for place, each in requests[grant] if place < calls[0]), key=lambda each: each.rank)
        for call_place in calls:
            if found.call(call_place).kind == "approve":
                _criteria(found, call_place, request, records)
    _money(found, by_grant, requests)
    return found


def slice_of(story: Story, districts: Iterable[str]) -> list[Step]:
    """What these districts said and what was decided about them."""
    chosen = set(districts)
    return [step for chapter in story.chapters for step in chapter.steps if step.district in chosen]


def _sort(found: Plan) -> list[tuple[int, Event]]:
    """Puts every step in its list. Returns the events that are not refused for what they are."""
    seen: dict[tuple[str, str, str], int] = {}
    good = []
    for place, step in enumerate(found.steps):
        if isinstance(step, OfficerStep):
            found.calls.append(place)
            continue
        each = event(step)
        if each.key in seen:
            found.repeated.append(place)
            found.first[place] = seen[each.key]
            continue
        seen[each.key] = place
        found.events.append(place)
        if step.raw is None and fault(each) is None:
            good.append((place, each))
    return good


def _criteria(found: Plan, call_place: int, request: Event, records: dict[Place, list[tuple[int, Event]]]) -> None:
    own = records[request.person]
    known = max((each for place, each in own if place < call_place), key=lambda each: each.rank)
    twins = [
        (place, each)
        for person, some in records.items()
        for place, each in some
        if person != request.person and known.data["nik"] is not None and each.data["nik"] == known.data["nik"]
    ]
    refused = found.call(call_place).expect_code in ("criteria_not_met", "duplicate_suspected")
    for place, each in [*own, *(twins if request.data["kind"] in GOODS else [])]:
        if place < call_place:
            if refused:
                found.needed[call_place].add(place)  # 7
        elif each.person != request.person or _standing(each) != _standing(known):
            found.held[place].add(call_place)  # 3, 4


def _standing(record: Event) -> tuple[Any, ...]:
    """What of a person the criteria look at."""
    return record.data["status"], record.data.get("leaves_unit_on"), record.data["birth_date"]


def _money(found: Plan, by_grant: dict[Place, list[int]], requests: dict[Place, list[tuple[int, Event]]]) -> None:
    goods: dict[tuple[Place, int], list[int]] = defaultdict(list)
    budgets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for grant, calls in by_grant.items():
        request = requests[grant][0][1]
        moving = [place for place in calls if found.call(place).kind in ("approve", "cancel")]
        budgets[grant[0], request.data["fiscal_year"]] += moving
        if request.data["kind"] in GOODS:
            goods[request.person, request.data["fiscal_year"]] += moving
    for calls in goods.values():
        _chain(found, sorted(calls))  # 5
    for place in found.calls:
        call = found.call(place)
        if call.kind == "set_budget":
            budgets[call.district, call.fiscal_year].append(place)
    for calls in budgets.values():
        if any(found.call(place).expect_code == "budget_exceeded" for place in calls):
            _chain(found, sorted(calls))  # 6


def _chain(found: Plan, calls: Iterable[int]) -> None:
    for earlier, later in pairwise(calls):
        found.before[later].add(earlier)
