"""What goes on after the story: month after month up to today, then corrections, gently and for ever."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from itertools import chain, count, takewhile
from random import Random

import msgspec
from msgspec.structs import replace

from deploy.story import aid
from deploy.story.model import REFUSED, Habit, OfficerStep, Publication, Story
from deploy.story.months import END, LAST, WIB, at_work, between, day_in, month_end, plus
from deploy.story.person import record
from deploy.story.places import WEIGHTS, source_of
from deploy.story.registrar import Registrar
from deploy.story.trades import TRADES
from shared.events.catalogue import CATALOGUE, NAMES
from shared.events.district import AssetUse, BeneficiaryRecorded, IncomeReported, Ppks, Status
from shared.events.envelope import Envelope

Place = tuple[str, str]
Said = tuple[datetime, Place, msgspec.Struct, Habit | None]

_END = datetime.combine(END, time(), WIB)
_NOT_A_BASE = REFUSED | {Habit.poison, Habit.extra_zero, Habit.wages_exceed_turnover}


def live(story: Story, seed: int, until: datetime) -> Iterator[Publication]:
    """Endless events from November 2026 on, in order of time. No id is ever repeated, nor one of the story's.

    Each business goes on near its last month, with the season; now and then a correction, a new person, a request.
    Nothing is said of the time after `until`, since the province refuses what comes from the future: from there on
    the newest reports are corrected, again and again. The same story, seed and `until` give the same events; another
    seed gives other ids and other refs, and with a later `until` the same begin again and go further.
    """
    days = _Days(story, seed)
    numbers = dict.fromkeys(WEIGHTS, 0)
    soon = ((f"L{seed}", said) for said in takewhile(lambda said: said[0] <= until, days.ahead()))
    later = ((f"L{seed}-{until:%Y%m%d%H%M%S}", said) for said in days.mends(until))
    for series, (moment, place, data, habit) in chain(soon, later):
        numbers[place[0]] = numbers.get(place[0], 0) + 1
        yield _bind(f"{place[0]}-{series}-{numbers[place[0]]:06d}", moment, place, data, habit)


class _Days:
    """The province as the story left it, and what it says in the months to come."""

    def __init__(self, story: Story, seed: int) -> None:
        self._rng = Random(f"berdaya/live/{story.seed}/{seed}")
        people, months = _newest(story)
        self._base = {
            place: report
            for place, report in months.items()
            if between(report.month, LAST) <= 2 and _still_works(people.get(place))
        }
        self._trades = {place: TRADES[people[place].skills[0]] for place in self._base}
        self._homes = sorted({district for district, _ in self._base})
        self._registrar = Registrar(f"WB-L{seed}", people.values())
        self._grants = count(1)
        self._seed = seed
        self._sent: list[tuple[Place, IncomeReported]] = []
        self._newest = dict(self._base)

    def ahead(self) -> Iterator[Said]:
        """Month after month, in order of time."""
        for months in count(1):
            for said in sorted(self.of(plus(LAST, months)), key=lambda said: said[:2]):
                yield said
                _, place, data, _ = said  # not reached for one that is left out since it is of the future
                if isinstance(data, IncomeReported) and _rank(data) > _rank(self._newest[place]):
                    self._newest[place] = data

    def mends(self, until: datetime) -> Iterator[Said]:
        """Each business's newest report with a little more or less turnover. Revisions rise from run to run as well."""
        first = (until - _END) // timedelta(minutes=1)
        for revision in count(max(first, 0) + 10):
            for place, report in self._rng.sample(sorted(self._newest.items(), key=_place), len(self._newest)):
                turnover = _thousands(report.turnover * self._rng.uniform(0.97, 1.03))
                yield until, place, replace(report, revision=revision, turnover=turnover), Habit.correction

    def of(self, month: str) -> Iterator[Said]:
        yield from self._corrections(month)
        yield from self._newcomers(month)
        self._sent = [(place, self._report(place, month)) for place in self._base if self._rng.random() < 0.96]
        for place, report in self._sent:
            yield month_end(self._rng, month), place, report, None

    def _corrections(self, month: str) -> Iterator[Said]:
        """Of the month before."""
        for place, report in self._sent:
            if self._rng.random() < 0.02:
                mended = replace(report, revision=2, turnover=report.turnover + 25_000)
                yield self._moment(month), place, mended, Habit.correction

    def _newcomers(self, month: str) -> Iterator[Said]:
        """One or two people, and what one of them asks for a few days later."""
        for index in range(self._rng.randint(1, 2)):
            moment = self._moment(month)
            home = self._rng.choice(self._homes)
            person = self._registrar.enter(self._rng, home, Ppks.person_with_disability, moment.date())
            yield moment, person.key, record(person, revision=1, status=Status.ex_client), None
            if index == 0:
                asked = moment + timedelta(days=self._rng.randint(1, 4))
                grant = aid.first_aid(self._rng, person, asked.year, asked.date())
                grant.ref = f"BT-{grant.year}-L{self._seed}-{next(self._grants):04d}"
                yield asked, person.key, aid.request(grant), None

    def _report(self, place: Place, month: str) -> IncomeReported:
        base, trade = self._base[place], self._trades[place]
        busy = trade.season(month) / trade.season(base.month) * self._rng.uniform(0.93, 1.07)
        machine = base.asset_use
        if machine is not AssetUse.none and self._rng.random() < 0.03:
            machine = self._rng.choice((AssetUse.in_use, AssetUse.idle, AssetUse.broken))
        return replace(
            base,
            month=month,
            revision=1,
            turnover=_thousands(base.turnover * busy),
            materials=_thousands(base.materials * busy),
            production=_thousands(base.production * busy),
            orders=max(1, round(base.orders * busy)),
            asset_use=machine,
        )

    def _moment(self, month: str) -> datetime:
        return at_work(self._rng, day_in(month, self._rng.randint(3, 19)))


def _newest(story: Story) -> tuple[dict[Place, BeneficiaryRecorded], dict[Place, IncomeReported]]:
    """The newest record of each person, and each business's newest month, as the contract orders revisions."""
    people: dict[Place, tuple[tuple[int, datetime], BeneficiaryRecorded]] = {}
    months: dict[Place, tuple[tuple[str, int, datetime], IncomeReported]] = {}
    for publication in _good(story):
        place = publication.district, publication.envelope.subject
        time, data = publication.envelope.time, CATALOGUE[publication.envelope.type].decoder.decode(publication.data)
        if isinstance(data, BeneficiaryRecorded):
            person = (data.revision, time), data
            people[place] = max(people.get(place, person), person, key=lambda each: each[0])
        elif isinstance(data, IncomeReported):
            report = (data.month, data.revision, time), data
            months[place] = max(months.get(place, report), report, key=lambda each: each[0])
    return {place: data for place, (_, data) in people.items()}, {place: data for place, (_, data) in months.items()}


def _good(story: Story) -> Iterator[Publication]:
    for chapter in story.chapters:
        for step in chapter.steps:
            if not isinstance(step, OfficerStep) and step.habit not in _NOT_A_BASE:
                yield step


def _still_works(person: BeneficiaryRecorded | None) -> bool:
    return person is not None and person.status is Status.ex_client and person.skills[0] in TRADES


def _bind(event_id: str, time: datetime, place: Place, data: msgspec.Struct, habit: Habit | None) -> Publication:
    kind = CATALOGUE[NAMES[type(data)]]
    source = source_of(place[0], kind.service)
    envelope = Envelope(id=event_id, source=source, type=kind.name, time=time, subject=place[1])
    return Publication(place[0], envelope, msgspec.json.encode(data), kind.service, None, habit)


def _rank(report: IncomeReported) -> tuple[str, int]:
    return report.month, report.revision


def _place(known: tuple[Place, IncomeReported]) -> Place:
    return known[0]


def _thousands(amount: float) -> int:
    return 1_000 * round(amount / 1_000)
