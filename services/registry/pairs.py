"""Which two people may be one: a function of what is on record now, whatever came first, until a human decides."""

from collections.abc import Collection, Iterable, Mapping, Set
from datetime import datetime
from itertools import combinations
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.registry.likeness import THRESHOLD, Traits, similarity
from services.registry.rules import duplicate_id, pair
from shared.events import facts

State = Literal["open", "same", "different", "withdrawn"]
Because = Literal["same_nik", "similar"]

CROWD = 25
"""More people than these share a NIK, a day of birth or a name because somebody had to write something. They are not
compared two by two, which would be n (n - 1) / 2 questions: see `grounds_of`."""


class Ground(NamedTuple):
    """Why two people are suspected. `score` is of 100; the same NIK needs no score."""

    because: Because
    score: int | None
    reasons: tuple[str, ...]


class Decided(NamedTuple):
    """A human's word on a pair. `by` is the officer's `sub`."""

    by: str
    at: datetime
    reason: str


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """That two records are one person. Opened and withdrawn by what they say, decided by a human until undone."""

    duplicate_id: UUID
    people: tuple[UUID, UUID]
    state: State
    version: int
    because: Because = "same_nik"
    score: int | None = None
    reasons: tuple[str, ...] = ()
    different: Decided | None = None
    """A human called them so, also while they are asked about again."""

    def moved(self, state: State, ground: Ground | None = None) -> "Suspicion":
        """One version on; without a new ground the last one stays on record."""
        found = replace(self, state=state, version=self.version + 1)
        return replace(found, **ground._asdict()) if ground else found

    def fact(self, districts: Collection[str]) -> facts.DuplicateSuspected | facts.DuplicateDecided:
        """A reader who gives aid minds `because`: only the same NIK stands in the way of a grant.

        `districts`: of the two people, so that readers need not hold up all others.
        """
        where = tuple(sorted(set(districts)))
        if self.state == "open":
            return facts.DuplicateSuspected(
                version=self.version,
                duplicate_id=self.duplicate_id,
                beneficiary_ids=self.people,
                because=self.because,
                districts=where,
            )
        return facts.DuplicateDecided(
            version=self.version,
            duplicate_id=self.duplicate_id,
            beneficiary_ids=self.people,
            decision=self.state,
            districts=where,
        )


Grounds = Mapping[tuple[UUID, UUID], Ground]


def grounds_of(
    who: Set[UUID], people: Mapping[UUID, Traits], niks: Iterable[Collection[UUID]], blocks: Iterable[Collection[UUID]]
) -> dict[tuple[UUID, UUID], Ground]:
    """The grounds of these people with anybody. `niks`: all who share a NIK of theirs; `blocks`: all who share one of
    their blocks that is no crowd.

    Of a crowd with one NIK each is paired with the first of them by id alone: so everybody's aid waits for a decision,
    as the contract wants it, by n - 1 questions.
    """
    found: dict[tuple[UUID, UUID], Ground] = {}
    for block in blocks:
        for two in _pairs(who, block):
            score, reasons = similarity(people[two[0]], people[two[1]])
            if score >= THRESHOLD:
                found[two] = Ground("similar", score, reasons)
    for holders in niks:
        crowd = len(holders) > CROWD
        reasons = ("nik_same", "nik_of_many") if crowd else ("nik_same",)
        first = min(holders, key=str)
        near = ((first, other) for other in holders if other != first) if crowd else combinations(holders, 2)
        found |= {pair(*two): Ground("same_nik", None, reasons) for two in near if two[0] in who or two[1] in who}
    return found


def _pairs(who: Set[UUID], block: Collection[UUID]) -> Iterable[tuple[UUID, UUID]]:
    return (pair(*two) for two in combinations(block, 2) if two[0] in who or two[1] in who)


def weigh(grounds: Grounds, known: Iterable[Suspicion]) -> list[Suspicion]:
    """The suspicions that change. `known` are all about the people whose `grounds` these are; what a human has decided
    stays."""
    left = dict(grounds)
    changed = []
    for suspicion in known:
        ground = left.pop(suspicion.people, None)
        if (now := _following(suspicion, ground)) != suspicion:
            changed.append(now)
    new = [
        Suspicion(duplicate_id=duplicate_id(*two), people=two, state="open", version=1, **ground._asdict())
        for two, ground in left.items()
    ]
    return sorted(changed + new, key=lambda suspicion: suspicion.duplicate_id)


def _following(suspicion: Suspicion, ground: Ground | None) -> Suspicion:
    """A change of score or reasons alone is nobody else's business: it keeps the version.

    Whom a human called different for their names is asked about again when both come to have one NIK: the contract lets
    neither be given aid before that is decided, and nobody had decided that. Once they no longer do, what was decided
    counts again.
    """
    new_evidence = suspicion.because == "similar" and ground is not None and ground.because == "same_nik"
    if suspicion.state == "same" or (suspicion.state == "different" and not new_evidence):
        return suspicion
    if ground is None:
        return suspicion if suspicion.state == "withdrawn" else suspicion.moved("withdrawn")
    if suspicion.different and ground.because == "similar":
        return suspicion.moved("different", ground)
    if suspicion.state != "open" or suspicion.because != ground.because:
        return suspicion.moved("open", ground)
    return replace(suspicion, **ground._asdict())
