"""The few grants that each show one rule of the office at work."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TypeVar

from deploy.story.aid import (
    APPROVERS,
    TREASURER,
    Aid,
    cancel,
    cash,
    equipment,
    first_aid,
    hand_over,
    hers,
    reject,
    support,
    walk,
)
from deploy.story.months import day_in, plus
from deploy.story.person import Person
from deploy.story.province import Cast
from deploy.story.trades import shared_workplace
from shared.events.district import GrantKind, Status

_EXHAUSTED_ON, _RAISED_FROM = date(2025, 12, 11), date(2026, 9, 17)
_UNTIL_RAISED = timedelta(days=2)

T = TypeVar("T")
Place = tuple[str, int]
"""A district and a fiscal year."""


@dataclass(eq=False)
class Plan:
    """All grants; in the tight places, the one for which the budget is too small, and when that budget is raised."""

    aids: list[Aid] = field(default_factory=list)
    tight: dict[Place, Aid] = field(default_factory=dict)
    raised: dict[Place, date] = field(default_factory=dict)

    def add(self, aid: Aid) -> Aid:
        self.aids.append(aid)
        return aid


def special_people(rng: Random, plan: Plan, cast: Cast) -> None:
    """The woman of Bojonegoro, the person who is in two districts, and those who have no usual first grant."""
    plan.add(hers(cast.her))
    twin = plan.add(cash(rng, cast.twins[1], 2026, date(2026, 4, 6)))
    twin.call(date(2026, 4, 14), "verify", twin.officer)
    twin.call(date(2026, 4, 22), "approve", "provinsi.2", refused="duplicate_suspected")
    for index, person in enumerate(p for p in cast.ex_clients if p.outlook == "none"):
        _without_reports(rng, plan, person, index)
    for person in cast.gone:
        if person.status is Status.moved:
            _moved_away(rng, plan, person)
    leaver = next(p for p in cast.ex_clients if p.outlook == "new")
    _asked_before_leaving(rng, next(aid for aid in plan.aids if aid.person is leaver), leaver)


def second_grants_of_2025(rng: Random, plan: Plan, helped: list[Person], scale: float) -> None:
    """Asked for beside the first: too much for the budget, against the rule, turned down, or taken back."""
    exhausted = plan.add(support(rng, helped.pop(), 2025, date(2025, 11, 17)))
    exhausted.call(date(2025, 11, 27), "verify", exhausted.officer)
    exhausted.call(_EXHAUSTED_ON, "approve", "provinsi.1", refused="budget_exceeded")
    plan.tight[exhausted.person.district, 2025] = exhausted
    has_goods = {aid.person for aid in plan.aids if aid.kind in (GrantKind.equipment, GrantKind.cash)}
    for person in take(helped, 1, scale, lambda person: person in has_goods):
        refused_by_criteria(plan.add(cash(rng, person, 2025, date(2025, 9, 8))))
    for person in take(helped, 5, scale):
        turned_down(rng, plan, person, day_in(plus("2025-03", rng.randrange(7)), rng.randint(4, 25)))
    for person in take(helped, 2, scale):
        aid = plan.add(support(rng, person, 2025, day_in(plus("2025-04", rng.randrange(5)), rng.randint(4, 25))))
        cancel(aid, aid.requested + timedelta(days=4))


def big_grant(rng: Random, plan: Plan, person: Person) -> None:
    """Above Rp 50 million: with one approval the treasurer is too early; a second approver is needed."""
    aid = plan.add(equipment(rng, person, 2026, date(2026, 3, 9), shared_workplace(rng, person.work)))
    aid.call(date(2026, 3, 18), "verify", aid.officer)
    aid.call(date(2026, 4, 7), "approve", APPROVERS[0])
    aid.call(date(2026, 4, 8), "disburse", TREASURER, refused="illegal_transition")
    aid.call(date(2026, 4, 14), "approve", APPROVERS[1])
    aid.call(date(2026, 4, 28), "disburse", TREASURER)
    hand_over(rng, aid, date(2026, 4, 28))


def not_the_poorest(rng: Random, plan: Plan, person: Person) -> None:
    """Desil 8: verified, but refused at approval."""
    aid = plan.add(support(rng, person, 2026, date(2026, 5, 11)))
    aid.desil = 8
    refused_by_criteria(aid)


def budget_raised(rng: Random, plan: Plan, helped: list[Person]) -> None:
    """Refused for want of budget; the budget is raised, and the same grant goes through.

    Where nothing is cancelled, and in days without another approval, so that what was committed is beyond doubt.
    """
    cancelled = {(aid.person.district, aid.year) for aid in plan.aids if aid.calls and aid.calls[-1].kind == "cancel"}
    person = next(p for p in helped if (p.district, 2026) not in cancelled)
    place = person.district, 2026
    day = _RAISED_FROM
    while any(_within(aid.approved, day) for aid in plan.aids if (aid.person.district, aid.year) == place):
        day += timedelta(days=1)
    aid = plan.add(equipment(rng, person, 2026, date(2026, 8, 24)))
    aid.call(date(2026, 9, 3), "verify", aid.officer)
    aid.call(day, "approve", "provinsi.1", refused="budget_exceeded")
    aid.call(day + _UNTIL_RAISED + timedelta(days=1), "approve", "provinsi.2")
    aid.call(day + timedelta(days=7), "disburse", TREASURER)
    hand_over(rng, aid, day + timedelta(days=7))
    plan.tight[place], plan.raised[place] = aid, day + _UNTIL_RAISED


def refused_by_criteria(aid: Aid) -> None:
    aid.call(aid.requested + timedelta(days=8), "verify", aid.officer)
    aid.call(aid.requested + timedelta(days=17), "approve", "provinsi.2", refused="criteria_not_met")
    reject(aid, aid.requested + timedelta(days=20))


def turned_down(rng: Random, plan: Plan, person: Person, requested: date) -> None:
    """By the district at once, or by the province after verification."""
    aid = plan.add(support(rng, person, requested.year, requested))
    if rng.random() < 0.4:
        walk(rng, aid, until="verified")
    reject(aid, (aid.calls[-1].day if aid.calls else requested) + timedelta(days=7))


def take(queue: list[T], count: int, scale: float, fits: Callable[[T], bool] = lambda _: True) -> list[T]:
    """Takes that many of those that fit off the queue; one at least."""
    chosen = [each for each in queue if fits(each)][: max(1, round(count * scale))]
    queue[:] = [each for each in queue if each not in chosen]
    return chosen


def _within(approved: date | None, day: date) -> bool:
    return approved is not None and day <= approved <= day + _UNTIL_RAISED


def _without_reports(rng: Random, plan: Plan, person: Person, index: int) -> None:
    """Nothing came of it yet: only asked, paid but never handed over, turned down, or never asked."""
    if index % 4 == 0:
        plan.add(equipment(rng, person, 2026, day_in("2026-10", rng.randint(5, 25))))
    elif index % 4 == 1:
        walk(rng, plan.add(equipment(rng, person, 2026, day_in("2026-05", rng.randint(5, 25)))), until="disbursed")
    elif index % 4 == 2:
        aid = plan.add(first_aid(rng, person, 2026, day_in("2026-03", rng.randint(5, 20))))
        reject(aid, aid.requested + timedelta(days=9))


def _moved_away(rng: Random, plan: Plan, person: Person) -> None:
    """Verified, then moved: checked again at approval, the grant is refused."""
    moved = person.stages[-1].since
    aid = plan.add(support(rng, person, 2026, moved - timedelta(days=40)))
    aid.call(moved - timedelta(days=25), "verify", aid.officer)
    aid.call(moved + timedelta(days=3), "approve", "provinsi.1", refused="criteria_not_met")
    reject(aid, moved + timedelta(days=8))


def _asked_before_leaving(rng: Random, aid: Aid, person: Person) -> None:
    """Aid for a client within 3 months of leaving the UPT, approved when they are out."""
    out = person.ex_client_since
    aid.requested, aid.calls, aid.handed_over, aid.handover_habit = out - timedelta(days=45), [], None, None
    aid.call(out - timedelta(days=30), "verify", aid.officer)
    aid.call(out + timedelta(days=5), "approve", "provinsi.2")
    aid.call(out + timedelta(days=17), "disburse", TREASURER)
    hand_over(rng, aid, out + timedelta(days=17))
