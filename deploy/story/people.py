"""Who lives in the province. Birth dates and NIKs are unique, so that only one pair can look like the same person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal, NamedTuple

from deploy.story import bojonegoro
from deploy.story.months import FIRST, LAST, day_in, month_of, plus
from deploy.story.names import Names, misspelt
from deploy.story.places import BOJONEGORO, OTHERS, WEIGHTS, apportion, unit_of
from deploy.story.trades import TRADES, Trade
from shared.events.district import BeneficiaryRecorded, Consent, Disability, Ppks, Sex, Status

Outlook = Literal["growing", "ordinary", "stagnant", "declining", "sparse", "new", "none"]
"""What becomes of a business. The last three have too few reports: now and then, just begun, none at all."""

_OUTLOOKS: tuple[tuple[Outlook, int], ...] = (
    ("growing", 26), ("ordinary", 30), ("stagnant", 19), ("declining", 15), ("sparse", 3), ("new", 4), ("none", 3),
)  # fmt: skip

_CHILD = tuple(Ppks)[:7]
_ADULT = tuple(Ppks)[7:]
_ADULT_WEIGHTS = {Ppks.person_with_disability: 70, Ppks.vulnerable_woman: 8, Ppks.poor: 6, Ppks.homeless: 3}
_WORK = {
    Disability.physical: "sewing sewing sewing electronics printing handicraft cooking trade workshop",
    Disability.visual: "massage massage massage massage trade",
    Disability.hearing: "sewing sewing barber workshop cooking printing handicraft",
    Disability.speech: "sewing barber workshop cooking printing",
    Disability.intellectual: "farming handicraft handicraft cooking",
    Disability.mental: "farming trade cooking handicraft",
}
_OTHER_WORK = "sewing cooking cooking barber trade trade farming workshop handicraft"
_FORMS: dict[Disability, Literal["written", "recorded", "braille", "sign_language", "easy_read"]] = {
    Disability.visual: "braille",
    Disability.hearing: "sign_language",
    Disability.speech: "sign_language",
    Disability.intellectual: "easy_read",
}


class Stage(NamedTuple):
    """A status from a day on."""

    since: date
    status: Status


@dataclass(eq=False)
class Person:
    """One person as their district knows them, and what the story has in mind for them."""

    district: str
    ref: str
    name: str
    sex: Sex
    birth_date: date
    nik: str | None
    ppks: Ppks
    disabilities: tuple[Disability, ...]
    trade: Trade | None
    consent: Consent
    stages: list[Stage]
    outlook: Outlook = "none"
    leaves_unit_on: date | None = None
    reported_before_aid: bool = False
    more_skills: tuple[str, ...] = ()
    last_report: str = LAST
    """The month after which nothing more is heard."""

    @property
    def work(self) -> Trade:
        """The trade of one who has one."""
        if self.trade is None:
            raise LookupError(f"{self.ref} of {self.district} has no trade")
        return self.trade

    @property
    def unit(self) -> str:
        return unit_of(self.ppks, self.disabilities)

    @property
    def recorded(self) -> date:
        return self.stages[0].since

    @property
    def status(self) -> Status:
        """The last one."""
        return self.stages[-1].status

    @property
    def ex_client_since(self) -> date:
        return next(stage.since for stage in self.stages if stage.status is Status.ex_client)

    @property
    def key(self) -> tuple[str, str]:
        return self.district, self.ref


@dataclass(eq=False)
class Cast:
    """Everybody. `ex_clients` end as such; `gone` were ex_clients and end as something else; `clients` are in a UPT."""

    ex_clients: list[Person]
    gone: list[Person]
    clients: list[Person]
    her: Person
    """The woman of Bojonegoro."""
    twins: tuple[Person, Person]
    """The same NIK in two districts: the first was helped before the second was recorded."""

    @property
    def people(self) -> list[Person]:
        return [*self.ex_clients, *self.gone, *self.clients]


class Registrar:
    """Gives refs, names, birth dates and NIKs that nobody else has, those already `known` included."""

    def __init__(self, prefix: str = "WB", known: Iterable[BeneficiaryRecorded] = ()) -> None:
        taken = list(known)
        self._prefix = prefix
        self._count: dict[str, int] = {}
        self._names = Names({bojonegoro.NAME, *(each.name for each in taken)})
        self._births = {bojonegoro.BORN, *(each.birth_date for each in taken)}
        self._niks = {each.nik for each in taken if each.nik}

    def enter(self, rng: Random, district: str, ppks: Ppks, since: date) -> Person:
        """A person of that category with a trade of their own; children have none."""
        child = ppks in _CHILD
        sex = _sex(rng, ppks)
        born = self._born(rng, ppks)
        disabilities = _disabilities(rng, ppks)
        return Person(
            district,
            self.ref(district),
            self._names.invent(rng, sex),
            sex,
            born,
            self.nik(rng, district, born, sex),
            ppks,
            disabilities,
            None if child else TRADES[_work(rng, disabilities)],
            _consent(rng, disabilities, child, since),
            [Stage(since, Status.ex_client)],
        )

    def ref(self, district: str) -> str:
        self._count[district] = self._count.get(district, 0) + 1
        return f"{self._prefix}-{self._count[district]:04d}"

    def nik(self, rng: Random, region: str, born: date, sex: Sex) -> str:
        """A well-formed NIK that no office can issue: kecamatan are numbered from 01, and this one is of 00."""
        while True:
            nik = f"{region}00{born.day + 40 * (sex is Sex.female):02d}{born:%m%y}{rng.randint(1, 9999):04d}"
            if nik not in self._niks:
                self._niks.add(nik)
                return nik

    def _born(self, rng: Random, ppks: Ppks) -> date:
        youngest, oldest = _ages(ppks)
        while True:
            born = date(2024, 11, 1) - timedelta(days=rng.randrange(youngest * 365 + 5, oldest * 365))
            if born not in self._births:
                self._births.add(born)
                return born


def cast(rng: Random, registrar: Registrar, scale: float) -> Cast:
    """The whole province: 376 ex-clients in 29 districts at scale 1."""
    weights = dict(list(WEIGHTS.items())[: max(9, round(29 * min(1.0, scale)))])
    ex_clients = _ex_clients(rng, registrar, apportion(round(376 * scale), weights))
    gone = _gone(rng, registrar, list(weights), scale)
    clients = _clients(rng, registrar, list(weights), scale)
    _give_outlooks(rng, ex_clients)
    her = _seamstress(rng, registrar, ex_clients)
    everybody = Cast(ex_clients, gone, clients, her, _twins(rng, ex_clients))
    _spoil_niks(rng, registrar, everybody, scale)
    _fall_silent(rng, everybody, max(1, round(20 * scale)))
    return everybody


def record(person: Person, *, revision: int, status: Status, name: str | None = None) -> BeneficiaryRecorded:
    """The district's record of a person, perhaps under another spelling."""
    trade = () if person.trade is None else (person.trade.slug,)
    return BeneficiaryRecorded(
        district_ref=person.ref,
        revision=revision,
        name=name or person.name,
        sex=person.sex,
        birth_date=person.birth_date,
        nik=person.nik,
        ppks=person.ppks,
        disabilities=person.disabilities,
        status=status,
        unit=person.unit,
        skills=trade + person.more_skills,
        consent=person.consent,
        leaves_unit_on=person.leaves_unit_on if status is Status.client else None,
    )


def _ex_clients(rng: Random, registrar: Registrar, quota: dict[str, int]) -> list[Person]:
    homes = [district for district, count in quota.items() for _ in range(count)]
    categories = _categories(rng, len(homes))
    return [
        registrar.enter(rng, home, ppks, _first_entry(rng))
        for home, ppks in zip(homes, categories, strict=True)
    ]


def _categories(rng: Random, count: int) -> list[Ppks]:
    """Mostly people with disabilities; in a province of some size every adult category is there."""
    weights = [_ADULT_WEIGHTS.get(ppks, 1) for ppks in _ADULT]
    each = list(_ADULT) if count >= 100 else []
    rest = rng.choices(_ADULT, weights, k=count - len(each))
    mixed = each + rest
    rng.shuffle(mixed)
    return mixed


def _gone(rng: Random, registrar: Registrar, homes: list[str], scale: float) -> list[Person]:
    gone = []
    counts = {Status.graduated: 9, Status.withdrawn: 6, Status.moved: 5, Status.deceased: 4}
    for status, count in counts.items():
        for _ in range(max(1, round(count * scale))):
            person = registrar.enter(rng, rng.choice(homes), Ppks.person_with_disability, _first_entry(rng))
            person.outlook = (
                "growing" if status is Status.graduated else rng.choice(("ordinary", "declining"))
            )
            left = day_in(plus("2026-05", rng.randrange(5)), rng.randint(2, 20))
            person.stages.append(Stage(left, status))
            person.last_report = plus(month_of(left), -1)
            gone.append(person)
    return gone


def _clients(rng: Random, registrar: Registrar, homes: list[str], scale: float) -> list[Person]:
    """People in a UPT, some from districts that have no ex-client yet. Some are about to leave."""
    count = max(7, round(60 * scale))
    children = list(_CHILD) if count >= 20 else [Ppks.neglected_child]
    categories = children + _categories(rng, count - len(children))
    clients = []
    for ppks in categories:
        since = day_in(plus(FIRST, rng.randrange(23)), rng.randint(2, 22))
        home = rng.choice(OTHERS[:5]) if rng.random() < 0.12 else rng.choice(homes)
        person = registrar.enter(rng, home, ppks, since)
        person.stages = [Stage(since, Status.client)]
        if person.trade and rng.random() < 0.3:
            person.leaves_unit_on = day_in(plus("2026-11", rng.randrange(5)), rng.randint(3, 27))
        clients.append(person)
    return clients


def _give_outlooks(rng: Random, ex_clients: list[Person]) -> None:
    """Outlooks by quota. The new ones and one in nine of the others come out of a UPT during the story."""
    quota = apportion(len(ex_clients), dict(_OUTLOOKS))
    outlooks = [outlook for outlook, _ in _OUTLOOKS for _ in range(quota[outlook])]
    rng.shuffle(outlooks)
    for person, outlook in zip(ex_clients, outlooks, strict=True):
        person.outlook = outlook
        if outlook == "new":
            _comes_out(rng, person, day_in(plus("2026-05", rng.randrange(2)), rng.randint(4, 25)))
        elif outlook != "none" and rng.random() < 0.11:
            _comes_out(rng, person, day_in(plus("2025-02", rng.randrange(8)), rng.randint(4, 25)))
        else:
            person.reported_before_aid = outlook != "none" and rng.random() < 0.5


def _comes_out(rng: Random, person: Person, day: date) -> None:
    since = max(date(2024, 11, 4), day - timedelta(days=rng.randint(90, 400)))
    person.stages = [Stage(since, Status.client), Stage(day, Status.ex_client)]
    person.leaves_unit_on = day


def _seamstress(rng: Random, registrar: Registrar, ex_clients: list[Person]) -> Person:
    """The woman of Bojonegoro takes the place of an ex-client there whose category is not rare."""
    her = next(p for p in ex_clients if p.district == BOJONEGORO and p.ppks is Ppks.person_with_disability)
    her.name, her.sex, her.birth_date = bojonegoro.NAME, Sex.female, bojonegoro.BORN
    her.nik = registrar.nik(rng, BOJONEGORO, her.birth_date, her.sex)
    her.disabilities, her.trade = (Disability.physical,), TRADES["sewing"]
    her.consent = Consent(given=True, by="self", form="written", on=date(2024, 10, 21))
    her.stages, her.leaves_unit_on = [Stage(date(2024, 11, 5), Status.ex_client)], None
    her.outlook, her.reported_before_aid = "growing", True
    return her


def _twins(rng: Random, ex_clients: list[Person]) -> tuple[Person, Person]:
    """One person, helped in 2025, whom a second district records in February 2026 with a spelling of its own."""
    usual = [p for p in ex_clients if p.outlook in ("ordinary", "stagnant", "growing") and len(p.stages) == 1]
    usual = [p for p in usual if p.district != BOJONEGORO and p.ppks is Ppks.person_with_disability]
    first = rng.choice(usual)
    second = rng.choice([p for p in usual if p.district != first.district])
    second.name, second.sex = misspelt(first.name), first.sex
    second.birth_date, second.nik = first.birth_date, first.nik
    second.disabilities, second.trade, second.consent = first.disabilities, first.trade, first.consent
    second.stages = [Stage(date(2026, 2, 10), Status.ex_client)]
    second.reported_before_aid = True
    return first, second


def _spoil_niks(rng: Random, registrar: Registrar, everybody: Cast, scale: float) -> None:
    """Some have no NIK; in others it disagrees with sex, birth date or district, which is only worth a warning."""
    people = [p for p in everybody.people if p not in everybody.twins and p.district != BOJONEGORO]
    rng.shuffle(people)
    unknown, sex, born, elsewhere = (max(1, round(count * scale)) for count in (14, 4, 3, 20))
    for person in _take(people, unknown):
        person.nik = None
    for person in _take(people, sex):
        other = Sex.male if person.sex is Sex.female else Sex.female
        person.nik = registrar.nik(rng, person.district, person.birth_date, other)
    for person in _take(people, born):
        typed = date(person.birth_date.year - 1, person.birth_date.month, min(28, person.birth_date.day))
        person.nik = registrar.nik(rng, person.district, typed, person.sex)
    for person in _take(people, elsewhere):
        region = rng.choice([code for code in WEIGHTS if code != person.district])
        person.nik = registrar.nik(rng, region, person.birth_date, person.sex)


def _fall_silent(rng: Random, everybody: Cast, count: int) -> None:
    lasting = [p for p in everybody.ex_clients if p.outlook in ("ordinary", "stagnant", "declining")]
    for person in rng.sample([p for p in lasting if p not in everybody.twins], count):
        person.last_report = plus("2026-03", rng.randrange(5))


def _take(people: list[Person], count: int) -> list[Person]:
    taken, people[:] = people[:count], people[count:]
    return taken


def _first_entry(rng: Random) -> date:
    """Most are entered in November 2024, the rest in December."""
    return (
        day_in("2024-11", rng.randint(4, 20))
        if rng.random() < 0.85
        else day_in("2024-12", rng.randint(2, 19))
    )


def _sex(rng: Random, ppks: Ppks) -> Sex:
    return Sex.female if ppks is Ppks.vulnerable_woman or rng.random() < 0.52 else Sex.male


def _ages(ppks: Ppks) -> tuple[int, int]:
    """Youngest and oldest in years, when the story begins."""
    if ppks is Ppks.neglected_toddler:
        return 1, 4
    if ppks in _CHILD:
        return 8, 15
    return (60, 68) if ppks is Ppks.neglected_elderly else (18, 57)


def _disabilities(rng: Random, ppks: Ppks) -> tuple[Disability, ...]:
    if ppks not in (Ppks.person_with_disability, Ppks.child_with_disability):
        return ()
    first = rng.choices(tuple(Disability), (42, 16, 18, 4, 10, 10))[0]
    if first is Disability.hearing and rng.random() < 0.6:
        return first, Disability.speech
    return (first,)


def _work(rng: Random, disabilities: tuple[Disability, ...]) -> str:
    return rng.choice((_WORK[disabilities[0]] if disabilities else _OTHER_WORK).split())


def _consent(rng: Random, disabilities: tuple[Disability, ...], child: bool, since: date) -> Consent:
    guarded = child or (Disability.intellectual in disabilities and rng.random() < 0.6)
    usual = rng.choice(("written", "written", "recorded"))
    return Consent(
        given=True,
        by="guardian" if guarded else "self",
        form=_FORMS.get(disabilities[0], usual) if disabilities and not guarded else usual,
        on=since - timedelta(days=rng.randint(1, 60)),
    )
