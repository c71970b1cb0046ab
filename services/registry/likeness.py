"""How alike two people are by name, birth date and sex: a score that a human can check, and its reasons.

It opens a question for an officer and decides nothing. Indonesian names have one word or several and no family name,
and one name has many spellings: of before 1947 and 1972 (Soekardjo, Sukarjo), of Arabic (Achmad, Ahmad), by title.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from rapidfuzz import fuzz

from shared.events.district import Sex

THRESHOLD = 88
"""Points of 100 from which two people are suspected to be one. With the same date and sex that takes names of which
four letters in five agree; with a date that is but a placeholder, or with two NIKs that differ, it takes the same
name."""

NAME, BIRTH, SEX = 60, 30, 10
"""What each counts at most."""
SWAPPED, NEAR, PLACEHOLDER = 24, 21, 18
"""Of BIRTH: day and month swapped; the year and one of the two right; 1 January, which is written for "unknown"."""
OTHER_NIK = 10
"""Taken off when both have a NIK, and not the same: usually two people, but a clerk may err in that too."""

_TITLES_TEXT = (
    "haji hajah hajjah hj dr drs dra drg ir prof kh kyai kiai nyai ust ustad ustadz ustadzah bapak bpk ibu bu pak "
    "tn ny nn sdr sdri alm almh raden rd rr rm"
)
_LEADING_TITLES = frozenset({"h", "r"})
"""Elsewhere they may be an initial."""
_PARTICLES_TEXT = "al el as ad ar"
_CHILD_OF = frozenset({"bin", "binti", "bte", "bt", "ibnu"})
_MUHAMMAD_TEXT = (
    "m md mh moh moch mohd muh much muhd muhamad muhammad muhamed muhammed mohamad mohammad mohamed mohammed "
    "mochamad mochammad mukhamad mukhammad muchamad muchammad"
)
_TITLES, _PARTICLES, _MUHAMMAD = (frozenset(text.split()) for text in (_TITLES_TEXT, _PARTICLES_TEXT, _MUHAMMAD_TEXT))
_SPELLINGS = (
    ("oe", "u"),
    ("ch", "h"),
    ("kh", "h"),
    ("dj", "j"),
    ("tj", "c"),
    ("dh", "d"),
    ("th", "t"),
    ("q", "k"),
    ("v", "f"),
    ("y", "j"),
)
"""In this order: sj, nj are sy, ny by the last, and Jusuf is Yusuf."""


class Traits(NamedTuple):
    """What two people are compared by. The blocks are keyed: who shares one is compared, and nobody else."""

    who: UUID
    nik_token: str | None
    born_block: str | None
    name_block: str | None
    name: str
    birth_date: date
    sex: Sex


_WORD, _MARKS, _TWICE = re.compile(r"[^\W\d_]+"), re.compile("['’`ʼ\u0300-\u036f]"), re.compile(r"(.)\1+")
_MUTE = re.compile(r"[aeiou]|h$")


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name in one spelling, in the order of the alphabet; titles, particles and degrees left out.

    Nothing is left out of a name that would leave nothing.
    """
    raw = _raw(name)
    while len(raw) > 1 and raw[0] in _LEADING_TITLES | _TITLES:
        raw = raw[1:]
    kept = [word for word in raw if word not in _TITLES | _PARTICLES | _CHILD_OF] or raw
    first = ["muhammad"] if len(kept) > 1 and kept[0] in _MUHAMMAD else kept[:1]
    return tuple(sorted(_spelled(word) for word in first + kept[1:]))


@lru_cache(maxsize=4096)
def given(name: str) -> str:
    """The name without that of the father, which is written at one place and left out at another."""
    raw = _raw(name)
    end = next((place for place, word in enumerate(raw) if place and word in _CHILD_OF), len(raw))
    return " ".join(raw[:end])


def _raw(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.partition(",")[0]).casefold()
    return _WORD.findall(_MARKS.sub("", plain))


@lru_cache(maxsize=4096)
def _spelled(word: str) -> str:
    if word in _MUHAMMAD and len(word) > 2:
        word = "muhammad"
    for old, new in _SPELLINGS:
        word = word.replace(old, new)
    return _TWICE.sub(r"\1", word)


def born_key(person_birth: date, sex: Sex) -> str:
    """Who was born on the same day, and of the same sex, is compared."""
    return f"{person_birth.isoformat()}/{sex.value}"


def name_key(name: str, person_birth: date) -> str:
    """Likewise who was born in the same year, with a name of the same consonants: "Amina" and "Aminah"."""
    bones = (word[:1] + _MUTE.sub("", word[1:]) for word in words(given(name)))
    return f"{person_birth.year}/{' '.join(bones)}"


def similarity(a: Traits, b: Traits) -> tuple[int, tuple[str, ...]]:
    """Points of 100, and what they are for: a code each for name, birth date, sex and, if it counts, the NIK."""
    name, name_reason = _names(a.name, b.name)
    birth, birth_reason = _births(a.birth_date, b.birth_date)
    alike = a.sex is b.sex
    reasons = (name_reason, birth_reason, "sex_same" if alike else "sex_differs")
    score = name + birth + (SEX if alike else 0)
    if a.nik_token and b.nik_token and a.nik_token != b.nik_token:
        return max(score - OTHER_NIK, 0), (*reasons, "nik_differs")
    return score, reasons


def _names(one: str, other: str) -> tuple[int, str]:
    if (given(one) == " ".join(_raw(one))) != (given(other) == " ".join(_raw(other))):
        one, other = given(one), given(other)
    a, b = words(one), words(other)
    if a == b:
        return NAME, "name_same"
    points = int(NAME * fuzz.ratio(" ".join(a), " ".join(b)) / 100)
    return points, "name_alike" if points >= THRESHOLD - BIRTH - SEX else "name_differs"


def _births(a: date, b: date) -> tuple[int, str]:
    if a.year != b.year:
        return 0, "birth_date_differs"
    if (1, 1) in ((a.month, a.day), (b.month, b.day)):
        return PLACEHOLDER, "birth_date_placeholder"
    if a == b:
        return BIRTH, "birth_date_same"
    if (a.month, a.day) == (b.day, b.month):
        return SWAPPED, "birth_date_swapped"
    if a.month == b.month or a.day == b.day:
        return NEAR, "birth_date_near"
    return 0, "birth_date_differs"
