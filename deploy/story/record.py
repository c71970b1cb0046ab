"""The tidy story: people, grants and months as a district without bad habits would send them."""

from datetime import timedelta
from random import Random

from deploy.story import bojonegoro, business
from deploy.story.aid import Aid, handover, request
from deploy.story.cases import Plan
from deploy.story.desk import Desk, Draft
from deploy.story.model import Habit
from deploy.story.months import END, at_work, day_in, month_end, month_of, plus
from deploy.story.names import Names, misspelt
from deploy.story.person import Person, record
from deploy.story.province import Cast
from shared.events.district import GrantKind, GrantRequested, IncomeReported, Item, Sex

HOUR = timedelta(hours=1)
_WITNESSES = ("Kepala Desa", "Lurah", "Pendamping Sosial", "TKSK")


def people(rng: Random, desk: Desk, cast: Cast, plan: Plan) -> dict[Person, Draft]:
    """Every person at every stage. Returns the first record of each."""
    for aid in plan.aids:
        if aid.request_habit is Habit.request_before_person:
            aid.person.stages = [aid.person.stages[0]._replace(since=aid.requested)]
    firsts = {person: _stages(rng, desk, person, rng.random() < 0.04) for person in cast.people}
    firsts[cast.twins[1]].habit = Habit.same_nik
    return firsts


def grants(rng: Random, desk: Desk, plan: Plan, firsts: dict[Person, Draft]) -> None:
    """Requests, the officers' calls, and handovers."""
    names = Names()
    for aid in plan.aids:
        asked = _request(rng, desk, aid)
        if aid.request_habit is Habit.request_before_person:
            firsts[aid.person].arrives = asked.arrives + HOUR
        for day, step in aid.steps():
            desk.call(day, step)
        if aid.handed_over:
            given = _handover(rng, desk, aid, names)
            if aid.handover_habit is Habit.handover_before_request:
                asked.arrives = given.arrives + HOUR


def reports(rng: Random, desk: Desk, cast: Cast, plan: Plan) -> None:
    """The months of every business: after the first handover, or from the start where there was one before."""
    handed_over: dict[Person, list[Aid]] = {}
    for aid in sorted(plan.aids, key=lambda aid: aid.handed_over or END):
        if aid.handed_over:
            handed_over.setdefault(aid.person, []).append(aid)
    for person in [*cast.ex_clients, *cast.gone]:
        for report in _months(rng, person, handed_over.get(person, []), hers=person is cast.her):
            desk.publish(person.district, person.ref, report, month_end(rng, report.month))


def _stages(rng: Random, desk: Desk, person: Person, mended: bool) -> Draft:
    """A mended person was misspelt at first."""
    moments = [(at_work(rng, since), status) for since, status in person.stages]
    if mended and len(moments) == 1 and person.recorded + timedelta(days=45) < END:
        moments.append((moments[0][0] + timedelta(days=rng.randint(12, 45)), person.status))
    else:
        mended = False
    drafts = []
    for index, (moment, status) in enumerate(moments):
        data = record(person, revision=index + 1, status=status)
        drafts.append(desk.publish(person.district, person.ref, data, moment))
    if mended:
        drafts[0].data = record(person, revision=1, status=person.status, name=misspelt(person.name))
        drafts[1].habit = Habit.correction
    return drafts[0]


def _request(rng: Random, desk: Desk, aid: Aid) -> Draft:
    """The request in force; by habit, with another version of it before or after."""
    moment, place = at_work(rng, aid.requested), (aid.person.district, aid.person.ref)
    if aid.request_habit is Habit.amount_mismatch:
        wrong = request(aid, amount=aid.amount + 150_000)
        desk.publish(*place, wrong, moment - HOUR, habit=Habit.amount_mismatch)
    if aid.request_habit is Habit.already_in_progress:
        verified = next(call.day for call in aid.calls if call.kind == "verify")
        late = at_work(rng, day_in(plus(month_of(verified), 1), rng.randint(8, 20)))
        desk.publish(*place, _with_more(aid), late, habit=Habit.already_in_progress)
    if aid.request_habit is Habit.request_changed:
        desk.publish(*place, _with_more(aid), moment - timedelta(days=1))
    known = aid.request_habit in (Habit.request_changed, Habit.request_before_person)
    return desk.publish(*place, request(aid), moment, habit=aid.request_habit if known else None)


def _with_more(aid: Aid) -> GrantRequested:
    extra = Item(name="bahan awal", quantity=1, unit_value=400_000)
    return request(aid, items=(*aid.items, extra), amount=aid.amount + extra.unit_value)


def _handover(rng: Random, desk: Desk, aid: Aid, names: Names) -> Draft:
    day = aid.handed_over or END
    moment = at_work(rng, day)
    witness = f"{rng.choice(_WITNESSES)} {names.invent(rng, rng.choice(tuple(Sex)))}"
    paper = handover(rng, aid, day, witness)
    return desk.publish(aid.person.district, aid.person.ref, paper, moment, habit=aid.handover_habit)


def _months(rng: Random, person: Person, aids: list[Aid], *, hers: bool) -> list[IncomeReported]:
    if hers:
        return bojonegoro.reports(person.ref)
    aided = [month_of(aid.handed_over) for aid in aids if aid.handed_over]
    tooled = [month_of(aid.handed_over) for aid in aids if aid.handed_over and aid.kind is GrantKind.equipment]
    if person.outlook == "none" or not (aided or person.reported_before_aid):
        return []
    first = month_of(person.recorded) if person.reported_before_aid else plus(aided[0], 1)
    months = business.months_reported(rng, person, first)
    return business.reports(rng, person, months, aided=min(aided, default=None), tooled=min(tooled, default=None))
