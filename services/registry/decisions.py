"""What a list of records changes: who is in force, what travels, whom to warn. No I/O."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from services.registry.life import Life, Lives, Standing, thing_of
from services.registry.likeness import Traits
from services.registry.rules import PPKS_GROUPS, InvalidNik, check_nik, needs_guardian
from shared.events import facts
from shared.events.district import BeneficiaryRecorded
from shared.events.envelope import microseconds
from shared.events.receipts import Answer, accepted, rejected
from shared.revisions import Judging, Mark, Said

BIRTH_YEARS = range(1900, 2101)
"""Those that a fact may carry; a record outside is rejected here, or every reader would stumble over its fact."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry holds of one person: the record in force and the event it came by.

    `record` is without its NIK. The blocks are None for who was recorded before there were any. `version` is that of
    the last fact, 0 before the first.
    """

    beneficiary_id: UUID
    district: str
    record: BeneficiaryRecorded
    nik_token: str | None
    nik_sealed: str | None
    born_block: str | None
    name_block: str | None
    event_time: datetime
    event_id: str
    source: str
    version: int = 0
    withdrawn_on: date | None = None
    """When the person withdrew consent; then the record is without name and day of birth."""
    withdrawn_at: datetime | None = None
    """When the district said so: from then on nothing more is done with what is told of the person."""
    content: str | None = None
    """Of who withdrew: what stands for `text` as it was."""

    @property
    def mark(self) -> Mark:
        return Mark(self.record.revision, microseconds(self.event_time), self.event_id, self.source)

    @property
    def told_at(self) -> datetime:
        """When what the fact says came about."""
        return max(self.event_time, self.withdrawn_at or self.event_time)

    @property
    def traits(self) -> Traits:
        record = self.record
        return Traits(
            self.beneficiary_id,
            self.nik_token,
            self.born_block,
            self.name_block,
            record.name,
            record.birth_date,
            record.sex,
        )

    def standing(self, content: str) -> Standing:
        """`content` stands for `text`."""
        return Standing(self.record.revision, self.record.status, self.event_time, self.event_id, self.source, content)

    def text(self) -> bytes:
        """All that the record says, equal where two say the same. A field left out reads like one never thought of,
        so that adding an optional one makes no old record another."""
        said = msgspec.to_builtins(self.record) | {"nik_token": self.nik_token}
        return msgspec.json.encode({name: value for name, value in said.items() if value is not None}, order="sorted")

    def fact(self) -> facts.BeneficiaryRegistered | facts.BeneficiaryUpdated:
        """All that leaves the registry: no name, no NIK, of the birth date the year, of the category the group."""
        kind = facts.BeneficiaryRegistered if self.version <= 1 else facts.BeneficiaryUpdated
        record = self.record
        return kind(
            version=self.version,
            beneficiary_id=self.beneficiary_id,
            district=self.district,
            district_ref=record.district_ref,
            status=record.status,
            ppks_group=PPKS_GROUPS[record.ppks],
            sex=record.sex,
            birth_year=record.birth_date.year,
            disabilities=record.disabilities,
            skills=record.skills,
            unit=record.unit,
            leaves_unit_on=record.leaves_unit_on,
            consent_withdrawn_at=self.withdrawn_at or UNSET,
        )


def examine(record: BeneficiaryRecorded, district: str) -> Answer:
    """Rejected, or accepted with the warnings about its NIK and its consent: what can be said of a record without
    knowing any other."""
    if not record.consent.given:
        return rejected("no_consent")
    try:
        warnings = check_nik(record.nik, sex=record.sex, birth_date=record.birth_date, district=district)
    except InvalidNik as error:
        return rejected("invalid_nik", error.detail)
    if record.birth_date.year not in BIRTH_YEARS:
        return rejected("invalid_data", f"year before {BIRTH_YEARS[0]} or after {BIRTH_YEARS[-1]} - at `$.birth_date`")
    if record.nik and record.nik in record.district_ref:  # a ref travels in facts and keys; a NIK never may
        return rejected("invalid_data", "the reference holds the NIK - at `$.district_ref`")
    if needs_guardian(record.birth_date, record.consent.on) and record.consent.by != "guardian":
        warnings = (*warnings, "guardian_missing")
    return accepted(*warnings)


class Batch:
    """Records taken one after another. `people` is who is known after them, `judging` has the answers, `lives` what
    each was said to be on the way. `past`: by person, what is known of revisions below the one in force.

    `news` are the persons to tell of, once for each version: the same facts whatever the batches.

    `content` is a text that is equal where two records say the same and gives neither away.
    """

    def __init__(
        self,
        known: Mapping[UUID, Person],
        past: Mapping[UUID, Life],
        heard: Mapping[str, Iterable[tuple[int, str]]],
        content: Callable[[Person], str],
    ) -> None:
        self._known = known
        self._content = content
        self.people = dict(known)
        self.news: list[Person] = []
        self.judging = Judging(heard)
        self.lives = Lives(past, {who: person.standing(content(person)) for who, person in known.items()})
        self._places: dict[UUID, int] = {}

    def take(self, arrived: Person, warnings: tuple[str, ...]) -> None:
        """Judge a record against the one in force, which it may replace."""
        who, place = arrived.beneficiary_id, len(self.judging.answers)
        stored = self.people.get(who)
        if stored is None:
            self.judging.answer(accepted(*warnings))
        else:
            in_force = Said(stored.mark, self._content(stored), self._places.get(who))
            said = Said(arrived.mark, self._content(arrived), place)
            self.lives.hear(who, stored.district, stored.standing(in_force.content), in_force.place)
            self.lives.hear(who, arrived.district, arrived.standing(said.content), place)
            if not self.judging.take(stored.district, thing_of(who), in_force, said, warnings=warnings):
                return
        self.people[who] = now = _following(stored, arrived)
        self._places[who] = place
        if stored is None or now.version != stored.version:
            self.news.append(now)

    def settle(self, who: UUID, settled: Callable[[Person], Person]) -> None:
        """Let go of what may not be kept of somebody any more. Whoever is not known is passed over."""
        stored = self.people.get(who)
        if stored is None or (now := settled(stored)) is stored:
            return
        if now.fact() != stored.fact():
            now = replace(now, version=now.version + 1)
            self.news.append(now)
        self.people[who] = now

    def changed(self) -> list[Person]:
        """Whom to save, in the order of their ids."""
        moved = [person for key, person in self.people.items() if person is not self._known.get(key)]
        return sorted(moved, key=lambda person: person.beneficiary_id)


def _following(stored: Person | None, arrived: Person) -> Person:
    """Who is in force now. The version rises with each record that changes what travels, not with each batch: a replay
    in other batches, from a backup, gives each fact the version it had."""
    if stored is None:
        return replace(arrived, version=1)
    same = replace(arrived, version=stored.version).fact() == stored.fact()
    return replace(
        arrived,
        version=stored.version if same else stored.version + 1,
        nik_sealed=stored.nik_sealed if stored.nik_token == arrived.nik_token else arrived.nik_sealed,
    )
