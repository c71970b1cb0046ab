"""Which grants there are: the rounds of 2025 and 2026, and the budgets that are just enough for them."""

from datetime import date, timedelta
from random import Random

from deploy.story import cases
from deploy.story.aid import Aid, cancel, equipment, first_aid, number, support, walk
from deploy.story.cases import Place, Plan, take
from deploy.story.model import Habit, OfficerStep
from deploy.story.months import day_in, plus
from deploy.story.person import Person
from deploy.story.province import Cast
from shared.events.district import GrantKind, Status
from shared.events.districts import DISTRICTS

_BUDGETS_SET = {2025: date(2024, 12, 16), 2026: date(2025, 12, 15)}


def plan(rng: Random, cast: Cast, scale: float) -> Plan:
    """Every grant of the story, numbered."""
    made = Plan()
    ordinary = _first_round(rng, made, cast)
    _oddities_of_the_first_round(rng, ordinary, scale)
    cases.special_people(rng, made, cast)
    helped = [aid.person for aid in ordinary if aid.handed_over and aid.person not in cast.twins]
    rng.shuffle(helped)
    cases.second_grants_of_2025(rng, made, helped, scale)
    _second_round(rng, made, helped, scale)
    cases.budget_raised(rng, made, helped)
    number(made.aids)
    return made


def budgets(rng: Random, made: Plan) -> list[tuple[date, OfficerStep]]:
    """A budget for all 38 districts and both years: enough for all that is approved, but for the tight ones."""
    steps = []
    for year, day in _BUDGETS_SET.items():
        for district in DISTRICTS:
            place = district, year
            approved = [aid for aid in made.aids if (aid.person.district, aid.year) == place and aid.approved]
            needed = sum(aid.amount for aid in approved)
            ample = 5_000_000 * (round(needed * rng.uniform(1.08, 1.5) / 5_000_000) + rng.randint(3, 12))
            tight = _just_too_little(made.tight[place], approved) if place in made.tight else ample
            steps.append((day, _set_budget(place, tight)))
            if place in made.raised:
                steps.append((made.raised[place], _set_budget(place, ample)))
    return steps


def _first_round(rng: Random, made: Plan, cast: Cast) -> list[Aid]:
    """The first grant of nearly everybody. Returns those of 2025 that may be made odd, not yet walked."""
    ordinary = []
    for person in [*cast.ex_clients, *cast.gone]:
        if person is cast.her or person is cast.twins[1] or person.outlook == "none":
            continue
        year, requested = _first_request(rng, person, certain=person is cast.twins[0])
        aid = made.add(first_aid(rng, person, year, requested))
        if year == 2025 and len(person.stages) == 1:
            ordinary.append(aid)
        else:
            walk(rng, aid)
    return ordinary


def _first_request(rng: Random, person: Person, *, certain: bool) -> tuple[int, date]:
    """Who came out of a UPT during the story asks soon after; of the rest, one in nine only in 2026."""
    if person.stages[0].status is Status.client:
        requested = person.ex_client_since + timedelta(days=rng.randint(3, 20))
        return requested.year, requested
    if not certain and person.status is Status.ex_client and rng.random() < 0.11:
        return 2026, day_in(plus("2026-01", rng.randrange(3)), rng.randint(5, 25))
    later = rng.choices(range(7), (30, 26, 16, 10, 8, 6, 4))[0]
    return 2025, day_in(plus("2025-01", 0 if certain else later), rng.randint(6, 25))


def _oddities_of_the_first_round(rng: Random, ordinary: list[Aid], scale: float) -> None:
    """Walks all of them; some meet someone with two hats, others come from a system with a habit."""
    queue = rng.sample(ordinary, len(ordinary))
    for aid in take(queue, 2, scale):
        walk(rng, aid, two_hats="approve")
    for aid in take(queue, 2, scale):
        walk(rng, aid, two_hats="disburse")
    for aid in take(queue, 1, scale):
        aid.requested = aid.requested.replace(day=3)
        walk(rng, aid, hurry=True, early=True)
        aid.handover_habit = Habit.handover_before_request
    for aid in take(queue, 6, scale):
        walk(rng, aid, early=True)
    for habit, count in ((Habit.request_changed, 3), (Habit.already_in_progress, 2), (Habit.amount_mismatch, 2)):
        for aid in take(queue, count, scale, lambda aid: aid.kind is GrantKind.equipment):
            aid.request_habit = habit
            walk(rng, aid)
    for aid in take(queue, 3, scale, lambda aid: not aid.person.reported_before_aid):
        aid.request_habit = Habit.request_before_person
        walk(rng, aid)
    for aid in queue:
        walk(rng, aid)


def _second_round(rng: Random, made: Plan, helped: list[Person], scale: float) -> None:
    """2026, for those helped in 2025."""
    cases.big_grant(rng, made, helped.pop())
    for person in take(helped, 1, scale):
        cases.not_the_poorest(rng, made, person)
    for person in take(helped, 6, scale):
        cases.turned_down(rng, made, person, day_in(plus("2026-02", rng.randrange(7)), rng.randint(4, 25)))
    _still_on_their_way(rng, made, helped, scale)
    _taken_back(rng, made, helped, scale)
    for person in take(helped, len(helped) // 4, 1):
        walk(rng, made.add(_next_aid(rng, person, "2026-01", 6)))


def _still_on_their_way(rng: Random, made: Plan, helped: list[Person], scale: float) -> None:
    """What the story leaves requested, verified, approved, or paid for and not handed over (some for months)."""
    for count, status, month in (
        (9, "requested", "2026-10"),
        (6, "verified", "2026-09"),
        (6, "approved", "2026-08"),
        (4, "disbursed", "2026-06"),
        (4, "disbursed", "2026-08"),
    ):
        for person in take(helped, count, scale):
            aid = made.add(_next_aid(rng, person, month, 1))
            if status != "requested":
                walk(rng, aid, until=status)


def _taken_back(rng: Random, made: Plan, helped: list[Person], scale: float) -> None:
    """Cancelled when requested, when verified, and when already approved."""
    for count, status in ((3, "requested"), (2, "verified"), (3, "approved")):
        for person in take(helped, count, scale):
            aid = made.add(_next_aid(rng, person, "2026-02", 4))
            if status != "requested":
                walk(rng, aid, until=status)
            cancel(aid, (aid.calls[-1].day if aid.calls else aid.requested) + timedelta(days=6))


def _next_aid(rng: Random, person: Person, first: str, months: int) -> Aid:
    """More tools for who is growing, else training or help with the market; asked for within `months` from `first`."""
    requested = day_in(plus(first, rng.randrange(months)), rng.randint(4, 25))
    more_tools = person.outlook == "growing" and rng.random() < 0.5
    return (equipment if more_tools else support)(rng, person, 2026, requested)


def _just_too_little(refused: Aid, approved: list[Aid]) -> int:
    """Enough for what is approved before, and for half of the one that is refused."""
    day = next(call.day for call in refused.calls if call.refused == "budget_exceeded")
    return sum(aid.amount for aid in approved if aid.approved and aid.approved < day) + refused.amount // 2


def _set_budget(place: Place, amount: int) -> OfficerStep:
    return OfficerStep("set_budget", "admin.1", "admin", place[0], place[1], None, {"amount": amount})
