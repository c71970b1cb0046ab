"""What a NIK may and may not tell, and how a suspicion of a duplicate is named."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.rules import PPKS_GROUPS, InvalidNik, check_nik, duplicate_id, nik_token, pair
from shared.events.district import Ppks, PpksGroup, Sex
from shared.events.receipts import SENTENCES

# Issued in Bojonegoro to a woman born on 1 May 1990, and to a man born on 17 August 1985.
HERS = "3522014105900001"
HIS = "3522011708850003"
KEY = b"0123456789abcdef0123456789abcdef"

LOW = UUID("0f000000-0000-5000-8000-000000000001")
HIGH = UUID("a0000000-0000-5000-8000-000000000002")


def check(
    nik: str | None, *, sex: Sex = Sex.female, born: date = date(1990, 5, 1), district: str = "3522"
) -> tuple[str, ...]:
    return check_nik(nik, sex=sex, birth_date=born, district=district)


def fault(nik: str) -> str:
    with pytest.raises(InvalidNik) as caught:
        check(nik)
    assert nik not in str(caught.value) or not nik
    return caught.value.detail


def born_on(day_month_year: str) -> str:
    return f"352201{day_month_year}0001"


def test_a_person_without_a_nik_is_not_warned_about() -> None:
    assert check(None) == ()


def test_a_nik_that_agrees_with_the_record_raises_no_warning() -> None:
    assert check(HERS) == ()
    assert check(HIS, sex=Sex.male, born=date(1985, 8, 17)) == ()


@pytest.mark.parametrize("nik", ["", "352201410590000", "35220141059000011", " " + HERS, HERS + "\n"])
def test_a_nik_has_sixteen_characters(nik: str) -> None:
    assert fault(nik) == "length"


@pytest.mark.parametrize(
    "nik",
    [
        "352201410590000A",
        "3522014105900 01",
        "-522014105900001",
        "3522_14105900001",
        "352201410590000\u00b2",
        "352201410590000\u0661",
        "\uff13522014105900001"[:16],
        " " * 16,
    ],
)
def test_a_nik_has_only_the_digits_0_to_9(nik: str) -> None:
    assert len(nik) == 16
    assert fault(nik) == "digits"


@pytest.mark.parametrize(
    "day_month_year",
    [
        "000590",
        "320590",
        "400590",
        "720590",
        "990590",
        "410090",
        "411390",
        "319990",
        "310490",
        "710490",
        "300290",
    ],
)
def test_a_nik_with_an_impossible_date_is_invalid(day_month_year: str) -> None:
    assert fault(born_on(day_month_year)) == "date"


@pytest.mark.parametrize("day_month_year", ["010190", "310190", "410190", "710190", "300490", "700490", "311299"])
def test_a_nik_with_the_first_or_the_last_day_of_a_month_is_valid(day_month_year: str) -> None:
    check(born_on(day_month_year))


@pytest.mark.parametrize(
    ("day_month_year", "possible"),
    [
        ("290296", True),  # 1996
        ("290224", True),  # 2024, or 1924
        ("690224", True),
        ("290200", True),  # 2000 had one, 1900 had not
        ("290201", False),
        ("290290", False),
        ("690290", False),
        ("290299", False),
    ],
)
def test_a_leap_day_is_possible_when_either_century_had_it(day_month_year: str, possible: bool) -> None:
    if possible:
        check(born_on(day_month_year))
    else:
        assert fault(born_on(day_month_year)) == "date"


def test_a_nik_with_serial_0000_was_never_issued() -> None:
    assert fault("3522014105900000") == "serial"
    check("3522014105900010")


def test_the_receipt_has_a_sentence_for_an_invalid_nik() -> None:
    assert "invalid_nik" in SENTENCES


def test_a_disagreement_is_a_warning_and_not_a_refusal() -> None:
    assert check(HERS, sex=Sex.male) == ("nik_sex_mismatch",)
    assert check(HIS, born=date(1985, 8, 17)) == ("nik_sex_mismatch",)
    assert check(HERS, born=date(1990, 5, 2)) == ("nik_birth_date_mismatch",)
    assert check(HERS, born=date(1990, 6, 1)) == ("nik_birth_date_mismatch",)
    assert check(HERS, born=date(1991, 5, 1)) == ("nik_birth_date_mismatch",)
    assert check(HERS, district="3578") == ("nik_district_mismatch",)


def test_all_disagreements_are_named_in_a_fixed_order() -> None:
    assert check(HERS, sex=Sex.male, born=date(2001, 1, 1), district="3578") == (
        "nik_sex_mismatch",
        "nik_birth_date_mismatch",
        "nik_district_mismatch",
    )


def test_the_century_of_a_birth_cannot_be_told_from_a_nik() -> None:
    assert check("3522010101100001", sex=Sex.male, born=date(1910, 1, 1)) == ()
    assert check("3522010101100001", sex=Sex.male, born=date(2010, 1, 1)) == ()


def test_a_nik_from_another_province_is_accepted_with_a_warning() -> None:
    assert check("1271014105900001") == ("nik_district_mismatch",)


@given(born=st.dates(date(1901, 1, 1), date(2099, 12, 31)), sex=st.sampled_from(Sex), serial=st.integers(1, 9999))
def test_every_real_birthday_has_a_nik_that_raises_no_warning(born: date, sex: Sex, serial: int) -> None:
    day = born.day + (40 if sex is Sex.female else 0)
    nik = f"352201{day:02d}{born.month:02d}{born.year % 100:02d}{serial:04d}"
    assert check(nik, sex=sex, born=born) == ()


@given(st.text(max_size=20) | st.text("0123456789", min_size=16, max_size=16))
def test_any_text_gets_an_answer(nik: str) -> None:
    try:
        answer = set(check(nik))
    except InvalidNik as error:
        answer = {error.detail}
    warnings = {"nik_sex_mismatch", "nik_birth_date_mismatch", "nik_district_mismatch"}
    assert answer <= warnings or answer < {"length", "digits", "date", "serial"}


def test_a_token_is_the_hmac_that_openssl_computes() -> None:
    assert nik_token(HERS, KEY) == "e83265f74d89e71981144ebe05fdfb67f6e125bd9df53feb991eeb1a83e7c0f4"


def test_a_token_depends_on_the_key_and_hides_the_nik() -> None:
    assert nik_token(HERS, KEY) != nik_token(HERS, KEY[::-1])
    assert nik_token(HERS, KEY) != nik_token(HIS, KEY)
    assert HERS not in nik_token(HERS, KEY)


@pytest.mark.parametrize("length", [0, 1, 31])
def test_a_key_that_can_be_guessed_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        nik_token(HERS, KEY[:length])


def test_a_suspicion_has_one_name_whoever_of_the_two_comes_first() -> None:
    assert pair(HIGH, LOW) == pair(LOW, HIGH) == (LOW, HIGH)
    assert duplicate_id(HIGH, LOW) == duplicate_id(LOW, HIGH) == UUID("871b4fdb-3def-5db5-a913-66dc877ec3f7")


def test_nobody_is_a_duplicate_of_themselves() -> None:
    with pytest.raises(ValueError, match="themselves"):
        duplicate_id(LOW, LOW)


@given(st.uuids(), st.uuids(), st.uuids())
def test_different_pairs_have_different_names(a: UUID, b: UUID, c: UUID) -> None:
    if len({a, b, c}) == 3:
        assert len({duplicate_id(a, b), duplicate_id(b, c), duplicate_id(a, c)}) == 3
        first, second = pair(a, b)
        assert str(first) < str(second)


def test_every_ppks_category_has_the_group_of_the_contract() -> None:
    groups = {
        PpksGroup.child: """neglected_toddler neglected_child child_in_conflict_with_law street_child
            child_with_disability child_victim_of_violence child_needing_special_protection""",
        PpksGroup.elderly: "neglected_elderly",
        PpksGroup.disability: "person_with_disability",
        PpksGroup.social: """sex_worker homeless beggar scavenger minority_group former_prisoner
            person_with_hiv drug_abuse_victim trafficking_victim violence_victim troubled_migrant_worker""",
        PpksGroup.disaster: "natural_disaster_victim social_disaster_victim",
        PpksGroup.poverty: "vulnerable_woman poor troubled_family remote_indigenous_community",
    }
    expected = {Ppks(slug): group for group, slugs in groups.items() for slug in slugs.split()}
    assert len(expected) == 26
    assert expected == PPKS_GROUPS
    assert list(PPKS_GROUPS) == list(Ppks)
