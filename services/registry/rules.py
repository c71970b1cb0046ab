"""A NIK can warn, never decide: nothing about a person is derived from it, only its token is compared."""

import hmac
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from uuid import UUID, uuid5

from shared.events.district import Ppks, PpksGroup, Sex, Status
from shared.events.envelope import NAMESPACE

NIK_DIGITS = 16
MIN_KEY_BYTES = 32

ADULT_YEARS = 18
_WOMENS_DAYS_FROM = 40
"""A woman's NIK carries her day of birth plus 40."""


class InvalidNik(Exception):
    """Rejected, `invalid_nik`. `detail`: `length`, `digits`, `date` or `serial`, never the NIK itself."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def check_nik(nik: str | None, *, sex: Sex, birth_date: date, district: str) -> tuple[str, ...]:
    """Warnings where the NIK and the record disagree. Raises InvalidNik for a NIK that cannot exist.

    They are `nik_sex_mismatch`, `nik_birth_date_mismatch`, `nik_district_mismatch`, in this order. A NIK is 4
    digits of the district that first issued it, 2 of the subdistrict, day (plus 40 for women), month and year
    of birth, and a serial. People move and clerks err, so a disagreement is for a human to judge.
    """
    if nik is None:
        return ()
    if len(nik) != NIK_DIGITS:
        raise InvalidNik("length")
    if not (nik.isascii() and nik.isdigit()):
        raise InvalidNik("digits")
    day, month, year = int(nik[6:8]), int(nik[8:10]), int(nik[10:12])
    female = day > _WOMENS_DAYS_FROM
    if female:
        day -= _WOMENS_DAYS_FROM
    try:
        # Every 29 February of a 19yy is one of 20yy as well, and 2000 had one where 1900 had not.
        date(2000 + year, month, day)
    except ValueError:
        raise InvalidNik("date") from None
    if nik[12:] == "0000":
        raise InvalidNik("serial")
    warnings = []
    if female != (sex == Sex.female):
        warnings.append("nik_sex_mismatch")
    if (day, month, year) != (birth_date.day, birth_date.month, birth_date.year % 100):
        warnings.append("nik_birth_date_mismatch")
    if nik[:4] != district:
        warnings.append("nik_district_mismatch")
    return tuple(warnings)


def needs_guardian(birth_date: date, on: date) -> bool:
    """Was it for a guardian to consent on this day? For those under 18 it is (UU 27/2022 Art. 25, UU 35/2014 Art. 1).

    Of an adult with a disability the law leaves it to the person (UU 27/2022 Art. 26): either is taken.
    """
    return (on.year - birth_date.year, on.month, on.day) < (ADULT_YEARS, birth_date.month, birth_date.day)


def nik_token(nik: str, key: bytes) -> str:
    """What stands for a NIK wherever two are compared: HMAC-SHA-256, in hex.

    A plain hash of the few hundred million possible NIKs is undone in minutes, so the key stays outside the
    database. ValueError for a key shorter than 32 bytes.
    """
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"the key of the NIK tokens needs at least {MIN_KEY_BYTES} bytes")
    return hmac.digest(key, nik.encode(), sha256).hex()


def pair(a: UUID, b: UUID) -> tuple[UUID, UUID]:
    """Two different people in the order of their ids' text. ValueError for one and the same."""
    if a == b:
        raise ValueError("nobody is a duplicate of themselves")
    return (a, b) if str(a) < str(b) else (b, a)


def duplicate_id(a: UUID, b: UUID) -> UUID:
    """The id of the suspicion that two records are one person: the same in either order."""
    first, second = pair(a, b)
    return uuid5(NAMESPACE, f"duplicate/{first}/{second}")


NEXT: Mapping[Status, frozenset[Status]] = {
    Status.client: frozenset({Status.ex_client, Status.withdrawn, Status.moved, Status.deceased}),
    Status.ex_client: frozenset({Status.client, Status.graduated, Status.withdrawn, Status.moved, Status.deceased}),
    Status.graduated: frozenset({Status.client, Status.ex_client, Status.moved, Status.deceased}),
    Status.withdrawn: frozenset({Status.client, Status.ex_client, Status.moved, Status.deceased}),
    Status.moved: frozenset({Status.client, Status.ex_client, Status.deceased}),
    Status.deceased: frozenset(),
}
"""The life of a person: what may follow what. Whatever else is said is believed, and warned of (decision 24).

Nothing follows death. A UPT takes people in again, whatever they were; whoever lost the living they had graduated with,
came back after withdrawing, or moved back here, is an ex-client again. Only an ex-client graduates, or from a UPT one
could be counted as a success without having been out of it for a day; and who has graduated or moved away has nothing
left to withdraw from. A first record may say anything: districts have people from before there was a registry.
"""


def usual(before: Status, after: Status) -> bool:
    """May `after` follow `before`? To stay as one is, is no step."""
    return after is before or after in NEXT[before]


PPKS_GROUPS: Mapping[Ppks, PpksGroup] = {
    Ppks.neglected_toddler: PpksGroup.child,
    Ppks.neglected_child: PpksGroup.child,
    Ppks.child_in_conflict_with_law: PpksGroup.child,
    Ppks.street_child: PpksGroup.child,
    Ppks.child_with_disability: PpksGroup.child,
    Ppks.child_victim_of_violence: PpksGroup.child,
    Ppks.child_needing_special_protection: PpksGroup.child,
    Ppks.neglected_elderly: PpksGroup.elderly,
    Ppks.person_with_disability: PpksGroup.disability,
    Ppks.sex_worker: PpksGroup.social,
    Ppks.homeless: PpksGroup.social,
    Ppks.beggar: PpksGroup.social,
    Ppks.scavenger: PpksGroup.social,
    Ppks.minority_group: PpksGroup.social,
    Ppks.former_prisoner: PpksGroup.social,
    Ppks.person_with_hiv: PpksGroup.social,
    Ppks.drug_abuse_victim: PpksGroup.social,
    Ppks.trafficking_victim: PpksGroup.social,
    Ppks.violence_victim: PpksGroup.social,
    Ppks.troubled_migrant_worker: PpksGroup.social,
    Ppks.natural_disaster_victim: PpksGroup.disaster,
    Ppks.social_disaster_victim: PpksGroup.disaster,
    Ppks.vulnerable_woman: PpksGroup.poverty,
    Ppks.poor: PpksGroup.poverty,
    Ppks.troubled_family: PpksGroup.poverty,
    Ppks.remote_indigenous_community: PpksGroup.poverty,
}
"""The 26 categories of Permensos 8/2012; only the group leaves the registry."""
