"""Enters people. Birth dates and NIKs are unique, so that no two people look like one by chance."""

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random
from typing import Literal

from deploy.story import bojonegoro
from deploy.story.names import Names
from deploy.story.person import Person, Stage
from deploy.story.trades import TRADES
from shared.events.district import BeneficiaryRecorded, Consent, Disability, Ppks, Sex, Status

CHILD = tuple(Ppks)[:7]
ADULT = tuple(Ppks)[7:]

Form = Literal["written", "recorded", "braille", "sign_language", "easy_read"]

_WORK = {
    Disability.physical: "sewing sewing sewing electronics printing handicraft cooking trade workshop",
    Disability.visual: "massage massage massage massage trade",
    Disability.hearing: "sewing sewing barber workshop cooking printing handicraft",
    Disability.speech: "sewing barber workshop cooking printing",
    Disability.intellectual: "farming handicraft handicraft cooking",
    Disability.mental: "farming trade cooking handicraft",
}
_OTHER_WORK = "sewing cooking cooking barber trade trade farming workshop handicraft"
_FORMS: dict[Disability, Form] = {
    Disability.visual: "braille",
    Disability.hearing: "sign_language",
    Disability.speech: "sign_language",
    Disability.intellectual: "easy_read",
}


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
        child = ppks in CHILD
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


def _sex(rng: Random, ppks: Ppks) -> Sex:
    return Sex.female if ppks is Ppks.vulnerable_woman or rng.random() < 0.52 else Sex.male


def _ages(ppks: Ppks) -> tuple[int, int]:
    """Youngest and oldest in years, when the story begins."""
    if ppks is Ppks.neglected_toddler:
        return 1, 4
    if ppks in CHILD:
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
    usual: Form = rng.choice(("written", "written", "recorded"))
    return Consent(
        given=True,
        by="guardian" if guarded else "self",
        form=_FORMS.get(disabilities[0], usual) if disabilities and not guarded else usual,
        on=since - timedelta(days=rng.randint(1, 60)),
    )
