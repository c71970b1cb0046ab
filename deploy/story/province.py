"""Who lives in the province: everybody the story is about, and what becomes of each."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from deploy.story import bojonegoro
from deploy.story.months import FIRST, day_in, month_of, plus
from deploy.story.names import misspelt
from deploy.story.person import Outlook, Person, Stage
from deploy.story.places import BOJONEGORO, OTHERS, WEIGHTS, apportion
from deploy.story.registrar import ADULT, CHILD, Registrar
from deploy.story.trades import TRADES
from shared.events.district import Consent, Disability, Ppks, Sex, Status

_OUTLOOKS: tuple[tuple[Outlook, int], ...] = (
    ("growing", 24), ("ordinary", 31), ("stagnant", 21), ("declining", 14), ("sparse", 3), ("new", 4), ("none", 3),
)  # fmt: skip

_ADULT_WEIGHTS = {Ppks.person_with_disability: 70, Ppks.vulnerable_woman: 8, Ppks.poor: 6, Ppks.homeless: 3}


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


def _ex_clients(rng: Random, registrar: Registrar, quota: dict[str, int]) -> list[Person]:
    homes = [district for district, count in quota.items() for _ in range(count)]
    categories = _categories(rng, len(homes))
    return [registrar.enter(rng, home, ppks, _first_entry(rng)) for home, ppks in zip(homes, categories, strict=True)]


def _categories(rng: Random, count: int) -> list[Ppks]:
    """Mostly people with disabilities; in a province of some size every adult category is there."""
    weights = [_ADULT_WEIGHTS.get(ppks, 1) for ppks in ADULT]
    each = list(ADULT) if count >= 100 else []
    rest = rng.choices(ADULT, weights, k=count - len(each))
    mixed = each + rest
    rng.shuffle(mixed)
    return mixed


def _gone(rng: Random, registrar: Registrar, homes: list[str], scale: float) -> list[Person]:
    gone = []
    counts = {Status.graduated: 9, Status.withdrawn: 6, Status.moved: 5, Status.deceased: 4}
    for status, count in counts.items():
        for _ in range(max(1, round(count * scale))):
            person = registrar.enter(rng, rng.choice(homes), Ppks.person_with_disability, _first_entry(rng))
            person.outlook = "growing" if status is Status.graduated else rng.choice(("ordinary", "declining"))
            left = day_in(plus("2026-05", rng.randrange(5)), rng.randint(2, 20))
            person.stages.append(Stage(left, status))
            person.last_report = plus(month_of(left), -1)
            gone.append(person)
    return gone


def _clients(rng: Random, registrar: Registrar, homes: list[str], scale: float) -> list[Person]:
    """People in a UPT, some from districts that have no ex-client yet. Some are about to leave."""
    count = max(7, round(60 * scale))
    children = list(CHILD) if count >= 20 else [Ppks.neglected_child]
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
    return day_in("2024-11", rng.randint(4, 20)) if rng.random() < 0.85 else day_in("2024-12", rng.randint(2, 19))
