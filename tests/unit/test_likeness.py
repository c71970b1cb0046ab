"""How alike two people are: spellings of Indonesian names, and scores worked out by hand."""

from datetime import date
from uuid import UUID

import pytest

from services.registry.likeness import THRESHOLD, Traits, given, name_key, similarity, words
from shared.events.district import Sex

BORN = date(1990, 5, 12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Soekardjo", "Sukarjo"),
        ("Tjokro", "Cokro"),
        ("Jusuf", "Yusuf"),
        ("Sjarifah", "Syarifah"),
        ("Achmad", "Akhmad"),
        ("Achmad", "Ahmad"),
        ("Taufiq", "Taufik"),
        ("Sitti Hasannah", "Siti Hasanah"),
        ("M. Rizal", "Muhammad Rizal"),
        ("Moh. Rizal", "Mochamad Rizal"),
        ("Rizal Mohammad", "M Rizal"),
        ("H. Slamet", "Slamet"),
        ("Hj. Dr. Siti Aminah, S.Pd.", "SITI AMINAH"),
        ("Nur'aini", "Nuraini"),
        ("Aminah Siti", "Siti  Aminah"),
        ("Abdul Al-Faqih", "Abdul Faqih"),
        ("R. Bambang", "Bambang"),
        ("Ahmad bin Slamet", "Ahmad Slamet"),
    ],
)
def test_one_name_in_two_spellings_is_one(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(("one", "other"), [("Siti", "Sari"), ("Ahmad", "Amad"), ("Siti H", "Siti"), ("M", "N")])
def test_other_names_stay_others(one: str, other: str) -> None:
    assert words(one) != words(other)


@pytest.mark.parametrize("name", ["H.", "Hj", "R", "Al", "M", "Binti", "...", "Ni'"])
def test_a_name_of_nothing_but_a_title_keeps_it(name: str) -> None:
    assert len(words(name)) == (0 if name == "..." else 1)


def test_the_name_of_the_father_is_left_out_where_only_one_gives_it() -> None:
    assert given("Siti Aminah binti Slamet") == "siti aminah"
    assert given("Binti Lestari") == "binti lestari"
    assert similarity(person("Siti Aminah binti Slamet"), person("Siti Aminah"))[0] == 100
    # "aminah siti slamet", "aminah siti wagiran": of 18 and 19 letters "aminah siti a" agrees, 2 * 13 / 37 of 60 points
    assert similarity(person("Siti Aminah binti Slamet"), person("Siti Aminah binti Wagiran"))[0] == 42 + 40


def test_who_may_be_one_in_spite_of_a_vowel_shares_a_block() -> None:
    assert name_key("Siti Amina", BORN) == name_key("Sitti Aminah binti Ahmad", BORN) == "1990/amn st"
    assert name_key("Siti Amina", BORN) != name_key("Siti Amina", date(1991, 5, 12))


def person(name: str = "Siti Aminah", *, born: date = BORN, sex: Sex = Sex.female, nik: str | None = None) -> Traits:
    return Traits(UUID(int=1), nik, None, None, name, born, sex)


@pytest.mark.parametrize(
    ("other", "score", "reasons"),
    [
        (person(), 100, ("name_same", "birth_date_same", "sex_same")),
        (person(sex=Sex.male), 90, ("name_same", "birth_date_same", "sex_differs")),
        # "aminah siti", "amina siti": 10 letters of 11 and 10 agree, 20 / 21 of 60 points
        (person("Siti Amina"), 57 + 40, ("name_alike", "birth_date_same", "sex_same")),
        (person(born=date(1990, 12, 5)), 60 + 24 + 10, ("name_same", "birth_date_swapped", "sex_same")),
        (person(born=date(1990, 5, 21)), 60 + 21 + 10, ("name_same", "birth_date_near", "sex_same")),
        (person(born=date(1990, 1, 1)), 60 + 18 + 10, ("name_same", "birth_date_placeholder", "sex_same")),
        (person("Siti Amina", born=date(1990, 1, 1)), 57 + 28, ("name_alike", "birth_date_placeholder", "sex_same")),
        (person(born=date(1990, 8, 20)), 70, ("name_same", "birth_date_differs", "sex_same")),
        (person(born=date(1991, 5, 12)), 70, ("name_same", "birth_date_differs", "sex_same")),
        # "aminah siti", "endang palupi": of 11 and 13 letters "na i" or the like, 4, agree: 8 / 24 of 60
        (person("Endang Palupi"), 20 + 40, ("name_differs", "birth_date_same", "sex_same")),
    ],
)
def test_a_score_is_the_sum_of_its_reasons(other: Traits, score: int, reasons: tuple[str, ...]) -> None:
    assert similarity(person(), other) == (score, reasons)
    assert similarity(other, person()) == (score, reasons)


def test_the_first_of_january_is_no_evidence_even_when_both_say_it() -> None:
    holiday = person(born=date(1990, 1, 1))
    assert similarity(holiday, holiday) == (88, ("name_same", "birth_date_placeholder", "sex_same"))


def test_two_niks_that_differ_speak_against_it_and_one_that_is_missing_does_not() -> None:
    a, b = person(nik="a"), person(nik="b")
    assert similarity(a, b) == (90, ("name_same", "birth_date_same", "sex_same", "nik_differs"))
    assert similarity(a, person())[0] == similarity(a, a)[0] == 100


def test_the_same_name_is_suspected_even_with_a_placeholder_or_other_niks_but_not_with_both() -> None:
    holiday = date(1990, 1, 1)
    assert similarity(person(), person(born=holiday))[0] >= THRESHOLD
    assert similarity(person(nik="a"), person(nik="b"))[0] >= THRESHOLD
    assert similarity(person(nik="a"), person(nik="b", born=holiday))[0] < THRESHOLD
