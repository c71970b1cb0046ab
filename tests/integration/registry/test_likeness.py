"""Who may be one by what they are called and when they were born: asked of a human, for as long as it is so."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import combinations, pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.registry import pairs, suspicions
from services.registry.likeness import THRESHOLD, similarity
from services.registry.pairs import CROWD
from services.registry.placing import place_some
from shared.database import run
from shared.events import facts
from shared.events.district import BeneficiaryRecorded, Sex
from shared.events.envelope import Record
from shared.security import Role
from tests.helpers import again
from tests.integration.registry.office import NIK, OTHER_NIK, SITI, SURABAYA, Office, another, event

HOLIDAY = date(1990, 1, 1)


def called(ref: str, name: str, *, nik: str | None = None, revision: int = 1, **more: Any) -> BeneficiaryRecorded:
    return replace(SITI, district_ref=ref, name=name, nik=nik, revision=revision, **more)


async def questions(office: Office, **query: str) -> list[dict[str, Any]]:
    answer = await office.get("/v1/duplicates", Role.province_officer, **query)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def refs(item: Mapping[str, Any]) -> set[str]:
    return {person["district_ref"] for person in item["people"]}


async def told(office: Office) -> list[tuple[str, int, str]]:
    return [
        (
            type(fact).__name__,
            fact.version,
            fact.because if isinstance(fact, facts.DuplicateSuspected) else fact.decision,
        )
        for fact in await office.facts()
        if isinstance(fact, facts.DuplicateSuspected | facts.DuplicateDecided)
    ]


async def test_two_spellings_of_a_name_in_two_districts_are_asked_about_with_score_and_reasons(office: Office) -> None:
    await office.receive(event(called("A", "Hj. Siti Aminah"), "e1"))
    await office.receive(event(called("B", "Sitti Amina"), "e2", district=SURABAYA))
    assert (await office.verdict("e2", SURABAYA)) == ("accepted", "accepted", [])
    (item,) = await questions(office)
    assert refs(item) == {"A", "B"}
    assert (item["because"], item["score"]) == ("similar", 97)
    assert item["reasons"] == ["name_alike", "birth_date_same", "sex_same"]
    assert await told(office) == [("DuplicateSuspected", 1, "similar")]
    assert await questions(office, because="similar") == [item]
    assert await questions(office, because="same_nik") == []


async def test_a_mistyped_name_on_the_right_day_and_a_mistyped_day_under_the_right_name_are_found(
    office: Office,
) -> None:
    await office.receive(event(called("A", "Siti Aminah"), "e1"), event(called("B", "Siti Amimah"), "e2"))
    await office.receive(event(called("C", "Siti Aminah", birth_date=date(1990, 1, 5)), "e3"))
    assert {frozenset(refs(item)) for item in await questions(office)} == {frozenset("AB"), frozenset("AC")}


async def test_a_correction_withdraws_the_question_and_another_asks_it_again(office: Office) -> None:
    await office.receive(event(called("A", "Siti Aminah"), "e1"), event(called("B", "Siti Aminah"), "e2"))
    await office.receive(event(called("B", "Endang Palupi", revision=2), "e3", minute=1))
    await office.receive(event(called("B", "Siti Amina", revision=3), "e4", minute=2))
    assert await told(office) == [
        ("DuplicateSuspected", 1, "similar"),
        ("DuplicateDecided", 2, "withdrawn"),
        ("DuplicateSuspected", 3, "similar"),
    ]


async def test_the_same_nik_outweighs_a_likeness_which_stays_when_the_nik_is_corrected(office: Office) -> None:
    await office.receive(event(called("A", "Siti Aminah", nik=NIK), "e1"), event(called("B", "Siti Aminah"), "e2"))
    await office.receive(event(called("B", "Siti Aminah", nik=NIK, revision=2), "e3", minute=1))
    await office.receive(event(called("B", "Siti Aminah", nik=OTHER_NIK, revision=3), "e4", minute=2))
    assert await told(office) == [
        ("DuplicateSuspected", 1, "similar"),
        ("DuplicateSuspected", 2, "same_nik"),
        ("DuplicateSuspected", 3, "similar"),
    ]
    (item,) = await questions(office)
    assert (item["score"], item["reasons"][-1]) == (90, "nik_differs")


async def test_who_was_called_different_for_the_name_is_asked_about_when_they_come_to_share_a_nik(
    office: Office,
) -> None:
    await office.receive(event(called("A", "Siti Aminah", nik=NIK), "e1"), event(called("B", "Siti Aminah"), "e2"))
    await office.decide(await office.open_duplicate(), "different", key="k")
    await office.receive(event(called("B", "Siti Aminah", nik=NIK, revision=2), "e3", minute=1))
    (item,) = await questions(office)
    assert (item["because"], item["decided_by"]) == ("same_nik", None)
    assert [step["step"] for step in item["history"]] == ["different"]
    await office.decide(item["duplicate_id"], "different", key="k2")
    await office.receive(event(called("B", "Siti Amina", nik=NIK, revision=3), "e4", minute=2))
    assert await questions(office) == []


async def test_what_was_decided_for_the_name_counts_again_when_the_shared_nik_was_a_mistake(office: Office) -> None:
    await office.receive(event(called("A", "Siti Aminah", nik=NIK), "e1"), event(called("B", "Siti Aminah"), "e2"))
    duplicate = await office.open_duplicate()
    await office.decide(duplicate, "different", key="k")
    await office.receive(event(called("B", "Siti Aminah", nik=NIK, revision=2), "e3", minute=1))
    await office.receive(event(called("B", "Siti Aminah", nik=OTHER_NIK, revision=3), "e4", minute=2))
    assert await questions(office) == []
    (item,) = (await office.get("/v1/duplicates", Role.province_officer, state="different")).json()["items"]
    assert (item["because"], item["decided_by"], item["reason"]) == ("similar", "rini", "sudah dicek")
    assert await told(office) == [
        ("DuplicateSuspected", 1, "similar"),
        ("DuplicateDecided", 2, "different"),
        ("DuplicateSuspected", 3, "same_nik"),
        ("DuplicateDecided", 4, "different"),
    ]
    await office.receive(event(called("B", "Siti Aminah", nik=NIK, revision=4), "e5", minute=3))
    assert [item["because"] for item in await questions(office)] == ["same_nik"]
    await office.receive(event(called("B", "Wulan Ningtyas", nik=OTHER_NIK, revision=5), "e6", minute=4))
    assert list((await office.suspicions()).values()) == ["withdrawn"]
    await office.receive(event(called("B", "Siti Aminah", nik=OTHER_NIK, revision=6), "e7", minute=5))
    assert list((await office.suspicions()).values()) == ["different"]
    assert (await office.undo(duplicate, key="u")).json()["state"] == "open"


# --- undo ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["same", "different"])
async def test_a_decision_is_undone_and_both_steps_stay_on_record(office: Office, decision: str) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    await office.decide(duplicate, decision, key="k1")
    answer = await office.undo(duplicate, key="k2")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["because"], body["decided_by"], body["reason"]) == ("open", "same_nik", None, None)
    assert [(step["step"], step["by"], step["reason"]) for step in body["history"]] == [
        (decision, "rini", "sudah dicek"),
        ("undone", "wati", "ternyata keliru"),
    ]
    retried = await office.undo(duplicate, key="k2")
    assert (retried.status_code, retried.content) == (200, answer.content)
    assert await told(office) == [
        ("DuplicateSuspected", 1, "same_nik"),
        ("DuplicateDecided", 2, decision),
        ("DuplicateSuspected", 3, "same_nik"),
    ]
    assert (await office.decide(duplicate, "same", key="k3")).status_code == 200


async def test_what_is_undone_after_its_ground_has_gone_is_withdrawn(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    await office.decide(duplicate, "same", key="k1")
    await office.receive(event(another("B", nik=None, revision=2), "e3", minute=1))
    assert (await office.undo(duplicate, key="k2")).json()["state"] == "withdrawn"
    assert (await told(office))[-1] == ("DuplicateDecided", 3, "withdrawn")


async def test_only_a_decision_can_be_undone_and_only_by_the_province(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    refused = await office.undo(duplicate, key="k1")
    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "not_decided", "open")
    await office.decide(duplicate, "same", key="k2")
    for role in (Role.district_officer, Role.auditor, Role.viewer):
        assert (await office.undo(duplicate, key="k3", role=role)).status_code == 403
    assert (await office.undo(str(UUID(int=7)), key="k4")).status_code == 404


# --- crowds -------------------------------------------------------------------------------------------------------


def crowd(size: int, **more: Any) -> list[BeneficiaryRecorded]:
    """People of no common name: each is of one letter, many times."""
    return [called(f"W-{number}", _name(number), **more) for number in range(size)]


def _name(number: int) -> str:
    first, second = divmod(number, 20)
    return "bcdfghjklmnprstwzaiu"[second] + "aeiou"[first] + "bcdfghjklmnprstwzaiu"[-second] + "aeiou"[-first] * 9


async def test_a_placeholder_for_a_nik_makes_one_question_less_than_people_and_nobody_is_left_out(
    office: Office,
) -> None:
    size = CROWD + 5
    people = crowd(size, nik=NIK)
    await office.receive(*(event(person, f"e{place}") for place, person in enumerate(people[:CROWD])))
    assert len(await questions(office, limit="500")) == CROWD * (CROWD - 1) // 2
    await office.receive(*(event(person, f"f{place}") for place, person in enumerate(people[CROWD:])))
    items = await questions(office, limit="500")
    assert len(items) == size - 1
    assert {ref for item in items for ref in refs(item)} == {person.district_ref for person in people}
    assert {tuple(item["reasons"]) for item in items} == {("nik_same", "nik_of_many")}
    crowds = (await office.get("/v1/duplicates/crowds", Role.auditor)).json()
    assert crowds["limit"] == CROWD
    shown = next(item for item in crowds["items"] if item["code"] == "nik_of_many")
    assert (shown["people"], shown["nik_last_four"]) == (size, NIK[-4:])


async def test_a_placeholder_for_a_birth_date_makes_no_question_but_one_name_among_them_does(office: Office) -> None:
    people = crowd(CROWD + 3, birth_date=HOLIDAY)
    twins = [called(ref, "Siti Aminah", birth_date=HOLIDAY) for ref in ("T-1", "T-2")]
    await office.receive(*(event(person, person.district_ref) for person in [*people, *twins]))
    assert [refs(item) for item in await questions(office)] == [{"T-1", "T-2"}]
    (shown,) = (await office.get("/v1/duplicates/crowds", Role.auditor)).json()["items"]
    assert (shown["code"], shown["people"], shown["birth_date"]) == ("birth_date_of_many", CROWD + 5, "1990-01-01")


async def test_a_crowd_is_no_business_of_a_district(office: Office) -> None:
    assert (await office.get("/v1/duplicates/crowds", Role.district_officer, SURABAYA)).status_code == 403


# --- any order ----------------------------------------------------------------------------------------------------

_NAMES = ("Siti Aminah", "Sitti Amina", "Siti Amimah", "Endang Palupi")
_DAYS = (date(1990, 5, 1), HOLIDAY, date(1990, 1, 5))


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[Record], list[list[Record]]]:
    """Up to six people of few names, days and NIKs, some corrected; in any order, in batches, some again."""
    said = [
        called(
            f"P{who}",
            draw(st.sampled_from(_NAMES)),
            nik=draw(st.sampled_from((None, NIK, OTHER_NIK))),
            birth_date=draw(st.sampled_from(_DAYS)),
            sex=draw(st.sampled_from((Sex.female, Sex.female, Sex.male))),
            revision=revision,
        )
        for who in range(draw(st.integers(2, 6)))
        for revision in range(1, draw(st.integers(2, 3)))
    ]
    records = [event(data, f"{data.district_ref}.{data.revision}", minute=data.revision) for data in said]
    order = draw(st.permutations([*records, *draw(st.lists(st.sampled_from(records), max_size=2))]))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1))))
    return records, [list(order[start:end]) for start, end in pairwise([0, *cuts, len(order)])]


@given(history=_histories(), crowd_size=st.sampled_from((1, 2, 3, 25)))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_ends_in_the_questions_that_follow_from_who_is_on_record(
    office: Office, monkeypatch: pytest.MonkeyPatch, history: tuple[list[Record], list[list[Record]]], crowd_size: int
) -> None:
    for module in (pairs, suspicions):
        monkeypatch.setattr(module, "CROWD", crowd_size)
    _, batches = history
    await office.forget_everything()
    for batch in batches:
        await office.receive(*map(again, batch))
    expected = await _expected(office, crowd_size)
    found = {
        frozenset(UUID(person["beneficiary_id"]) for person in item["people"]): item["because"]
        for item in await questions(office, limit="500")
    }
    assert found == expected
    newest: dict[UUID, facts.Fact] = {}
    for fact in await office.facts():
        if isinstance(fact, facts.DuplicateSuspected | facts.DuplicateDecided):
            before = newest.get(fact.duplicate_id)
            assert fact.version == (before.version + 1 if before else 1)
            newest[fact.duplicate_id] = fact
    assert {
        frozenset(fact.beneficiary_ids): fact.because
        for fact in newest.values()
        if isinstance(fact, facts.DuplicateSuspected)
    } == expected


async def _expected(office: Office, crowd_size: int) -> dict[frozenset[UUID], str]:
    """By definition, from all people two by two."""
    people = [person.traits for person in await office.people()]

    def sharing(field: str, value: str | None) -> list[UUID]:
        return [traits.who for traits in people if value and getattr(traits, field) == value]

    def share(a: Any, b: Any, field: str) -> Sequence[UUID]:
        return sharing(field, getattr(a, field)) if getattr(a, field) == getattr(b, field) else []

    expected = {}
    for a, b in combinations(people, 2):
        together = frozenset((a.who, b.who))
        near = any(1 < len(share(a, b, field)) <= crowd_size for field in ("born_block", "name_block"))
        if near and similarity(a, b)[0] >= THRESHOLD:
            expected[together] = "similar"
        holders = share(a, b, "nik_token")
        if holders and (len(holders) <= crowd_size or min(holders, key=str) in together):
            expected[together] = "same_nik"
    return expected


# --- those of before ----------------------------------------------------------------------------------------------


async def test_who_was_recorded_before_people_were_compared_is_placed_at_the_next_start(office: Office) -> None:
    for number, day in enumerate((1, 2, 3)):
        await office.receive(event(called(f"A{number}", "Siti Aminah", birth_date=date(1990, 5, day)), f"a{number}"))
    async with office.node.database.transaction() as session:
        await run(session, "DELETE FROM duplicate")
        await run(session, "UPDATE person SET born_block = NULL, name_block = NULL")
    await office.receive(event(called("B", "Sitti Amina"), "b"))
    assert await questions(office) == []
    for left in (True, False):
        async with office.node.database.transaction() as session:
            assert await place_some(session, office.node.app.state.nik_keys) is left
    assert {frozenset(refs(item)) for item in await questions(office)} == {
        frozenset(two) for two in combinations(("A0", "A1", "A2", "B"), 2)
    }
