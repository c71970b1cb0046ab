"""Consent: who gave it, when it was taken back, and what is left of somebody then."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import permutations
from typing import Any

import pytest
from msgspec import UNSET, to_builtins
from msgspec.structs import replace

from services.registry.rules import needs_guardian
from shared.database import run
from shared.events import facts
from shared.events.district import BeneficiaryRecorded, Consent, Status
from shared.events.envelope import Record
from shared.security import Role
from tests.integration.registry.office import BOJONEGORO, NAME, NIK, SITI, SITI_ID, SURABAYA, Office, another, at, event

WITHDRAWN = Consent(given=False, by="self", form="recorded", on=date(2026, 3, 1))
BY_GUARDIAN = Consent(given=True, by="guardian", form="written", on=date(2026, 4, 1))


def said(revision: int, consent: Consent | None = None, **more: Any) -> BeneficiaryRecorded:
    return replace(SITI, revision=revision, consent=consent or SITI.consent, **more)


GIVEN = event(said(1), "given")
TAKEN_BACK = event(said(3, WITHDRAWN), "taken back", minute=3)
MEANWHILE = event(said(2, status=Status.ex_client), "meanwhile", minute=2)
GIVEN_AGAIN = event(said(4, BY_GUARDIAN), "given again", minute=4)


async def whole(office: Office, district: str = BOJONEGORO) -> Any:
    answer = await office.get(f"/v1/beneficiaries/{SITI_ID}", Role.district_officer, district)
    return answer.json() if answer.is_success else answer.status_code


async def test_who_withdraws_is_no_longer_named_anywhere_and_still_counts(office: Office) -> None:
    await office.receive(GIVEN)
    await office.receive(TAKEN_BACK)
    assert await office.verdict("taken back") == ("rejected", "no_consent", [])
    shown = await whole(office)
    assert (shown["name"], shown["birth_date"], shown["nik_last_four"]) == (None, None, None)
    assert (shown["consent_withdrawn_on"], shown["status"]) == ("2026-03-01", "client")
    async with office.node.database.reading() as session:
        for table in ("person", "consent", "standing", "heard", "inbox", "outbox"):
            rows = str([tuple(row) for row in await run(session, f"SELECT * FROM {table}")])
            assert NAME not in rows and "1990-05-01" not in rows and "datetime.date(1990, 5, 1)" not in rows
    assert not (await office.look_up(NIK, Role.province_officer)).json()["known"]
    found = await office.client.post(
        "/v1/beneficiaries/search",
        headers=office.credentials(Role.province_officer, None),
        json={"name": "siti"},
    )
    assert found.json()["total"] == 0
    first, then = await office.facts()  # nothing that other services count has changed
    assert isinstance(first, facts.BeneficiaryRegistered) and isinstance(then, facts.BeneficiaryUpdated)
    told = {"version": 2, "consent_withdrawn_at": at(3)}
    assert to_builtins(then, builtin_types=(datetime,)) == to_builtins(first) | told
    assert (await office.get("/v1/beneficiaries", Role.admin)).json()["total"] == 1


async def test_the_history_of_consent_is_read_by_the_own_district_alone(office: Office) -> None:
    await office.receive(GIVEN, TAKEN_BACK, GIVEN_AGAIN)
    shown = await whole(office)
    assert [(step["given"], step["by"], step["form"], step["on"], step["revision"]) for step in shown["consents"]] == [
        (True, "self", "braille", "2026-01-15", 1),
        (False, "self", "recorded", "2026-03-01", 3),
        (True, "guardian", "written", "2026-04-01", 4),
    ]
    assert (shown["name"], shown["consent_withdrawn_on"], shown["nik_last_four"]) == (NAME, None, "0001")
    assert await whole(office, SURABAYA) == 404


async def test_a_record_that_changes_nothing_of_consent_is_no_step_of_its_history(office: Office) -> None:
    await office.receive(GIVEN)
    await office.receive(MEANWHILE)
    assert [step["revision"] for step in (await whole(office))["consents"]] == [1]


async def test_what_arrives_late_of_somebody_who_withdrew_names_nobody(office: Office) -> None:
    await office.receive(TAKEN_BACK)
    assert await office.people() == []
    await office.receive(GIVEN)
    await office.receive(MEANWHILE)
    person = await office.person()
    assert (person.record.name, person.nik_token, person.record.status) == ("", None, Status.ex_client)


async def test_an_event_alike_is_known_again_though_the_name_is_gone(office: Office) -> None:
    await office.receive(GIVEN)
    await office.receive(TAKEN_BACK)
    await office.receive(event(said(1), "the same", minute=1))
    assert await office.verdict("the same") == ("duplicate", "duplicate", [])
    assert (await office.person()).record.name == ""


async def test_a_suspicion_for_a_nik_that_is_kept_no_longer_is_withdrawn(office: Office) -> None:
    await office.receive(GIVEN, event(another("S-1"), "e2", district=SURABAYA))
    assert list((await office.suspicions()).values()) == ["open"]
    await office.receive(TAKEN_BACK)
    assert list((await office.suspicions()).values()) == ["withdrawn"]


async def ends(office: Office, records: Sequence[Record], *, together: bool) -> Any:
    await office.forget_everything()
    async with office.node.database.transaction() as session:
        await run(session, "DELETE FROM consent")
    if together:
        await office.receive(*records)
    else:
        for record in records:
            await office.receive(record)
    person = await office.person()
    shown = await whole(office)
    del shown["history"]
    told = [fact for fact in await office.facts() if isinstance(fact, facts.Beneficiary)]
    assert [fact.version for fact in told] == list(range(1, len(told) + 1))
    assert told[-1] == person.fact()
    return replace(person, nik_sealed=None, version=0), shown


@pytest.mark.parametrize("together", [True, False])
async def test_any_order_of_giving_and_taking_back_comes_to_the_same_end(office: Office, together: bool) -> None:
    told = (GIVEN, MEANWHILE, TAKEN_BACK, event(said(3), "the same revision", minute=2))
    for events in (told, (*told[1:], GIVEN_AGAIN)):
        first, *others = [await ends(office, order, together=together) for order in permutations(events)]
        assert all(other == first for other in others)
        assert (first[0].record.name == NAME) == (GIVEN_AGAIN in events)
        assert (first[0].fact().consent_withdrawn_at is UNSET) == (GIVEN_AGAIN in events)


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
async def test_who_says_it_again_withdrew_when_they_said_it_first(office: Office, together: bool) -> None:
    again = (
        event(said(3, WITHDRAWN), "the list is sent again", minute=7),
        event(said(5, WITHDRAWN), "and later", minute=9),
    )
    for order in permutations((GIVEN, TAKEN_BACK, *again)):
        assert (await ends(office, order, together=together))[0].fact().consent_withdrawn_at == at(3)
    for order in permutations((GIVEN, TAKEN_BACK, GIVEN_AGAIN, *again)):
        # Given in between, by revision: the one of the third revision said again is below that.
        assert (await ends(office, order, together=together))[0].fact().consent_withdrawn_at == at(9)


async def test_who_withdrew_before_being_known_is_told_of_once(office: Office) -> None:
    await office.receive(TAKEN_BACK)
    await office.receive(GIVEN)
    (fact,) = await office.facts()
    assert isinstance(fact, facts.BeneficiaryRegistered) and fact.consent_withdrawn_at == at(3)


async def test_an_answer_that_is_kept_for_a_retry_names_nobody_who_withdrew_since(office: Office) -> None:
    await office.receive(GIVEN, event(another("S-1"), "e2", district=SURABAYA))
    suspicion = await office.open_duplicate()
    answered = (await office.decide(suspicion, "different", key="k")).json()
    assert {person["name"] for person in answered["people"]} == {NAME, another("S-1").name}
    await office.receive(TAKEN_BACK)
    again = (await office.decide(suspicion, "different", key="k")).json()
    for person in answered["people"]:
        if person["beneficiary_id"] == str(SITI_ID):
            person.update(name=None, birth_date=None, nik_last_four=None)
    assert again == answered
    async with office.node.database.reading() as session:
        assert NAME not in str([tuple(row) for row in await run(session, "SELECT body FROM reply")])


@pytest.mark.parametrize(
    ("born", "on", "needed"),
    [
        (date(2008, 5, 10), date(2026, 5, 9), True),
        (date(2008, 5, 10), date(2026, 5, 10), False),
        (date(2008, 2, 29), date(2026, 2, 28), True),
        (date(2008, 2, 29), date(2026, 3, 1), False),
        (date(2015, 1, 1), date(2026, 12, 31), True),
        (date(1950, 12, 31), date(2026, 1, 1), False),
    ],
)
def test_for_who_is_under_18_the_guardian_consents(born: date, on: date, needed: bool) -> None:
    assert needs_guardian(born, on) is needed


async def test_a_child_who_consented_alone_is_taken_with_a_warning_to_ask_the_guardian(office: Office) -> None:
    child = replace(SITI, birth_date=date(2010, 5, 1), nik=None)
    await office.receive(event(child, "alone"))
    assert await office.verdict("alone") == ("accepted", "accepted", ["guardian_missing"])
    await office.receive(event(replace(child, revision=2, consent=BY_GUARDIAN), "guarded", minute=1))
    assert await office.verdict("guarded") == ("accepted", "accepted", [])
