"""Who exists: the newest record of each person, their NIKs, suspected duplicates, and who may see them."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from datetime import date
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.exceptions import InvalidTag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import MetaData, select
from sqlalchemy.exc import IntegrityError

from deploy.stack import ports
from deploy.stack.files import ROOT
from services.registry.app import TOPICS, build
from services.registry.keys import NikKeys
from services.registry.proof import adopt
from services.registry.tables import METADATA, PERSON, PERSON_COLUMNS, person_of, person_values
from shared.database import Database, run
from shared.events import facts
from shared.events.district import BeneficiaryRecorded, Consent, Disability, PpksGroup, Sex, Status
from shared.events.envelope import STRUCTURED, Envelope, Record, beneficiary_id, read_record, write_structured
from shared.runtime import Node
from shared.security import Role, WrongSecret
from shared.settings import Settings
from tests.conflicts import SOURCES, Told, arrivals, in_force, wrong_receipts
from tests.helpers import again
from tests.integration.conftest import DatabaseFor
from tests.integration.registry.office import (
    BOJONEGORO,
    NAME,
    NIK,
    OTHER_NIK,
    SITI,
    SITI_ID,
    SURABAYA,
    Office,
    another,
    at,
    event,
)

# --- the newest record of a person --------------------------------------------------------------------------------


async def test_a_first_record_registers_the_person_and_tells_no_more_than_the_contract_allows(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    assert await office.verdict("e1") == ("accepted", "accepted", [])
    assert await office.facts() == [
        facts.BeneficiaryRegistered(
            version=1,
            beneficiary_id=SITI_ID,
            district=BOJONEGORO,
            district_ref="W-0001",
            status=Status.client,
            ppks_group=PpksGroup.disability,
            sex=Sex.female,
            birth_year=1990,
            disabilities=(Disability.physical, Disability.hearing),
            skills=("sewing", "handicraft"),
            unit="UPT Rehabilitasi Sosial Contoh",
            leaves_unit_on=date(2026, 6, 30),
        )
    ]


async def test_a_fact_is_keyed_by_the_person_and_happened_when_the_event_says(office: Office) -> None:
    await office.receive(event(SITI, "e1", minute=5))
    async with office.node.database.reading() as session:
        row = (await run(session, "SELECT aggregateid, envelope FROM outbox WHERE type LIKE '%registered%'")).one()
    assert row.aggregateid == str(SITI_ID)
    assert msgspec.json.decode(row.envelope, type=Envelope).time == at(5)


async def test_a_higher_revision_replaces_and_is_told_with_the_next_version(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    await office.receive(event(replace(SITI, revision=2, status=Status.ex_client), "e2", minute=1))
    assert await office.verdict("e2") == ("accepted", "accepted", [])
    first, second = await office.facts()
    assert isinstance(first, facts.BeneficiaryRegistered)
    assert isinstance(second, facts.BeneficiaryUpdated)
    assert (second.version, second.status) == (2, Status.ex_client)


async def test_a_change_of_what_never_travels_is_kept_but_not_told(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    await office.receive(event(replace(SITI, revision=2, name="Siti Contoh Baru"), "e2", minute=1))
    assert (await office.person()).record.name == "Siti Contoh Baru"
    assert len(await office.facts()) == 1


async def test_a_lower_revision_is_superseded_however_late_its_event(office: Office) -> None:
    await office.receive(event(replace(SITI, revision=2), "e2"))
    await office.receive(event(replace(SITI, status=Status.moved), "e1", minute=9))
    assert await office.verdict("e1") == ("superseded", "older_revision", [])
    assert (await office.person()).record.status is Status.client


async def test_the_same_record_under_another_event_id_is_a_duplicate(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    await office.receive(event(SITI, "e2", minute=1))
    assert await office.verdict("e2") == ("duplicate", "duplicate", [])
    assert len(await office.facts()) == 1


async def test_a_later_duplicate_makes_the_record_in_force_as_late(office: Office) -> None:
    await office.receive(event(SITI, "e1", minute=1))
    await office.receive(event(SITI, "e3", minute=3))
    assert (await office.person()).event_time == at(3)
    await office.receive(event(replace(SITI, status=Status.moved), "e2", minute=2))
    assert await office.verdict("e2") == ("superseded", "revision_conflict", ["revision_conflict"])
    assert (await office.person()).record.status is Status.client


async def test_of_two_contents_of_one_revision_the_later_event_wins_and_both_are_warned(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    await office.receive(event(replace(SITI, status=Status.ex_client), "e2", minute=1))
    assert await office.verdict("e1") == ("superseded", "revision_conflict", ["revision_conflict"])
    assert await office.verdict("e2") == ("accepted", "accepted", ["revision_conflict"])
    assert (await office.person()).record.status is Status.ex_client


async def test_of_two_contents_the_earlier_event_loses_even_when_it_arrives_last(office: Office) -> None:
    await office.receive(event(SITI, "e2", minute=1))
    await office.receive(event(replace(SITI, status=Status.ex_client), "e1"))
    assert await office.verdict("e1") == ("superseded", "revision_conflict", ["revision_conflict"])
    assert await office.verdict("e2") == ("accepted", "accepted", ["revision_conflict"])
    assert len(await office.facts()) == 1


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
async def test_of_two_contents_at_one_moment_the_greater_event_id_wins(office: Office, ids: tuple[str, str]) -> None:
    contents = {"a": SITI, "b": replace(SITI, status=Status.ex_client)}
    for event_id in ids:
        await office.receive(event(contents[event_id], event_id))
    assert (await office.person()).record.status is Status.ex_client
    assert (await office.verdict("a"))[0] == "superseded"


async def test_a_conflict_within_one_batch_is_answered_as_one_across_batches(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(replace(SITI, status=Status.ex_client), "e2", minute=1))
    assert await office.verdict("e1") == ("superseded", "revision_conflict", ["revision_conflict"])
    assert await office.verdict("e2") == ("accepted", "accepted", ["revision_conflict"])


async def test_a_conflict_reaches_the_receipt_that_said_accepted_before_an_event_alike(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    await office.receive(event(SITI, "e2", minute=1))
    await office.receive(event(replace(SITI, status=Status.ex_client), "e3", minute=2))
    for loser in ("e1", "e2"):
        assert await office.verdict(loser) == ("superseded", "revision_conflict", ["revision_conflict"])


async def test_a_conflict_leaves_the_receipt_of_another_system_with_the_same_id_alone(office: Office) -> None:
    await office.receive(event(another("B"), "7", source=SOURCES[0]), event(SITI, "7", source=SOURCES[1]))
    await office.receive(event(replace(SITI, unit="UPT Lain"), "8", minute=1, source=SOURCES[1]))
    receipts = await office.receipts()
    assert receipts["7", SOURCES[0]] == ("accepted", "accepted", frozenset())
    assert receipts["7", SOURCES[1]] == ("superseded", "revision_conflict", frozenset({"revision_conflict"}))


async def test_a_conflict_adds_to_the_warnings_about_the_nik(office: Office) -> None:
    born_else = replace(SITI, birth_date=date(1990, 5, 2))
    await office.receive(event(born_else, "e1"))
    await office.receive(event(SITI, "e2", minute=1))
    assert (await office.verdict("e1"))[2] == ["nik_birth_date_mismatch", "revision_conflict"]


async def test_several_revisions_of_one_person_in_one_batch_each_get_their_own_answer(office: Office) -> None:
    await office.receive(
        event(replace(SITI, revision=2, status=Status.ex_client), "e2", minute=2),
        event(SITI, "e1"),
        event(replace(SITI, revision=3, status=Status.graduated), "e3", minute=3),
        event(replace(SITI, revision=3, status=Status.graduated), "e4", minute=4),
    )
    answers = [(await office.verdict(name))[:2] for name in ("e1", "e2", "e3", "e4")]
    assert answers == [
        ("superseded", "older_revision"),
        ("accepted", "accepted"),
        ("accepted", "accepted"),
        ("duplicate", "duplicate"),
    ]
    # The same facts as in three batches: a replay from a backup must give each version what it had.
    told = [fact for fact in await office.facts() if isinstance(fact, facts.Beneficiary)]
    assert [type(fact) for fact in told] == [facts.BeneficiaryRegistered, facts.BeneficiaryUpdated]
    assert [(fact.version, fact.status) for fact in told] == [(1, Status.ex_client), (2, Status.graduated)]


async def test_the_same_event_again_changes_nothing(office: Office) -> None:
    record = event(SITI, "e1")
    await office.receive(record)
    before = await office.person()
    await office.receive(again(record), again(record))
    assert await office.person() == before
    assert len(await office.facts()) == 1
    assert (await office.receipt("e1"))["deliveries"] == 3


async def test_one_number_in_two_districts_is_two_people(office: Office) -> None:
    await office.receive(event(replace(SITI, nik=None), "e1"), event(replace(SITI, nik=None), "e1", district=SURABAYA))
    assert {person.district for person in await office.people()} == {BOJONEGORO, SURABAYA}


# --- refusals and the NIK -----------------------------------------------------------------------------------------


async def test_without_consent_nothing_is_kept_not_even_a_look_at_the_nik(office: Office) -> None:
    refused = Consent(given=False, by="self", form="written", on=date(2026, 1, 1))
    await office.receive(event(replace(SITI, consent=refused, nik="1"), "e1"))
    assert await office.verdict("e1") == ("rejected", "no_consent", [])
    assert await office.people() == []
    assert await office.facts() == []


@pytest.mark.parametrize(
    ("nik", "wrong"),
    [
        ("352201410590000", "length"),
        ("3522O14105900001", "digits"),
        ("3522013113900001", "date"),
        ("3522014105900000", "serial"),
    ],
)
async def test_an_impossible_nik_is_rejected_naming_what_is_wrong_and_not_the_nik(
    office: Office, nik: str, wrong: str
) -> None:
    await office.receive(event(replace(SITI, nik=nik), "e1"))
    receipt = await office.receipt("e1")
    assert (receipt["verdict"], receipt["reason"]) == ("rejected", "invalid_nik")
    assert receipt["message"]["en"].endswith(f"({wrong})")
    assert nik not in str(receipt)
    assert await office.people() == []


async def test_a_rejected_record_does_not_stand_in_the_way_of_the_same_revision(office: Office) -> None:
    await office.receive(event(replace(SITI, nik="1"), "e1", minute=5))
    await office.receive(event(SITI, "e2"))
    assert await office.verdict("e2") == ("accepted", "accepted", [])


async def test_a_nik_that_disagrees_warns_and_decides_nothing(office: Office) -> None:
    man = replace(SITI, sex=Sex.male, birth_date=date(1991, 1, 1))
    await office.receive(event(man, "e1", district=SURABAYA))
    assert await office.verdict("e1", SURABAYA) == (
        "accepted",
        "accepted",
        ["nik_sex_mismatch", "nik_birth_date_mismatch", "nik_district_mismatch"],
    )
    (person,) = await office.people()
    assert (person.district, person.record.sex) == (SURABAYA, Sex.male)


@pytest.mark.parametrize(("born", "verdict"), [(1899, "rejected"), (1900, "accepted"), (2101, "rejected")])
async def test_a_year_of_birth_that_no_fact_can_carry_is_rejected(office: Office, born: int, verdict: str) -> None:
    await office.receive(event(replace(SITI, birth_date=date(born, 5, 1)), "e1"))
    receipt = await office.receipt("e1")
    assert receipt["verdict"] == verdict
    assert verdict == "accepted" or "$.birth_date" in receipt["message"]["en"]


async def test_a_slug_said_twice_counts_once(office: Office) -> None:
    twice = replace(SITI, skills=("sewing", "cooking", "sewing"), disabilities=(Disability.mental, Disability.mental))
    await office.receive(event(twice, "e1"))
    record = (await office.person()).record
    assert record.skills == ("sewing", "cooking")
    assert record.disabilities == (Disability.mental,)


async def test_the_nik_is_stored_as_a_token_and_sealed_and_in_no_other_way(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    person = await office.person()
    keys = NikKeys.at(office.node.settings.keys)
    assert person.nik_token == keys.token(NIK)
    assert NIK not in str(person)
    assert keys.last_four(person.nik_sealed or "", SITI_ID) == "0001"


async def test_a_sealed_nik_opens_for_its_owner_only(tmp_path: Path) -> None:
    keys = NikKeys.at(tmp_path)
    sealed = keys.seal(NIK, SITI_ID)
    assert NikKeys.at(tmp_path).last_four(sealed, SITI_ID) == "0001"
    with pytest.raises(InvalidTag):
        keys.last_four(sealed, uuid4())
    assert (tmp_path / "nik.key").stat().st_mode & 0o077 == 0


async def test_a_row_says_what_its_person_says(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    assert tuple(PERSON_COLUMNS) == tuple(column.name for column in METADATA.tables["person"].columns)
    async with office.node.database.reading() as session:
        row = (await session.execute(select(PERSON))).one()
    assert tuple(row) == person_values(person_of(row))


@pytest.mark.parametrize(
    "mistake",
    [
        "UPDATE person SET nik_token = NULL",
        "UPDATE person SET status = 'lost'",
        "UPDATE person SET birth_date = '1899-12-31'",
        "UPDATE duplicate SET state = 'same'",
        "UPDATE duplicate SET first_id = second_id",
        "UPDATE duplicate SET because = 'similar'",
        "UPDATE duplicate SET score = 99",
        "DELETE FROM person",
    ],
)
async def test_the_schema_refuses_a_state_that_must_not_be(office: Office, mistake: str) -> None:
    await office.receive(event(SITI, "e1"), event(replace(SITI, district_ref="W-0002"), "e2"))
    with pytest.raises(IntegrityError):
        async with office.node.database.transaction() as session:
            await run(session, mistake)


# --- suspected duplicates -----------------------------------------------------------------------------------------


async def test_one_nik_under_two_ids_is_accepted_and_suspected_across_districts(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    await office.receive(event(another("S-1"), "e2", minute=1, district=SURABAYA))
    assert (await office.verdict("e2", SURABAYA))[0] == "accepted"
    suspected = (await office.facts())[-1]
    assert isinstance(suspected, facts.DuplicateSuspected)
    assert suspected.version == 1
    assert suspected.because == "same_nik"
    assert set(suspected.beneficiary_ids) == {SITI_ID, beneficiary_id(SURABAYA, "S-1")}
    assert str(suspected.beneficiary_ids[0]) < str(suspected.beneficiary_ids[1])


async def test_three_people_with_one_nik_are_three_pairs_in_one_batch_or_in_three(office: Office) -> None:
    records = [event(another(ref), ref) for ref in ("A", "B", "C", "D", "E", "F")]
    await office.receive(*records[:3])
    assert list((await office.suspicions()).values()) == ["open"] * 3
    for record in records[3:]:
        await office.receive(record)
    ids = [beneficiary_id(BOJONEGORO, ref) for ref in "ABCDEF"]
    assert await office.suspicions() == {frozenset(pair): "open" for pair in combinations(ids, 2)}


async def test_people_without_a_nik_are_not_alike_for_that(office: Office) -> None:
    await office.receive(event(another("A", nik=None), "e1"), event(another("B", nik=None), "e2"))
    assert await office.suspicions() == {}


async def test_a_suspicion_goes_with_its_ground_and_comes_back_with_it(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    for revision, nik in ((2, None), (3, NIK), (4, OTHER_NIK)):
        await office.receive(event(another("B", nik=nik, revision=revision), f"r{revision}", minute=revision))
    told = [
        fact for fact in await office.facts() if isinstance(fact, facts.DuplicateSuspected | facts.DuplicateDecided)
    ]
    assert [(type(fact).__name__, fact.version) for fact in told] == [
        ("DuplicateSuspected", 1),
        ("DuplicateDecided", 2),
        ("DuplicateSuspected", 3),
        ("DuplicateDecided", 4),
    ]
    assert all(fact.decision == "withdrawn" for fact in told if isinstance(fact, facts.DuplicateDecided))
    assert list((await office.suspicions()).values()) == ["withdrawn"]


async def test_a_corrected_nik_moves_the_suspicion_to_whom_it_now_belongs(office: Office) -> None:
    await office.receive(event(another("A"), "e1"), event(another("B"), "e2"), event(another("C", nik=OTHER_NIK), "e3"))
    await office.receive(event(another("B", nik=OTHER_NIK, revision=2), "e4", minute=1))
    a, b, c = (beneficiary_id(BOJONEGORO, ref) for ref in "ABC")
    assert await office.suspicions() == {frozenset((a, b)): "withdrawn", frozenset((b, c)): "open"}


@pytest.mark.parametrize("nik", [NIK, None])
async def test_two_of_one_nik_or_one_name_at_the_same_time_in_two_districts_do_not_miss_each_other(
    office: Office, nik: str | None
) -> None:
    twin = replace(SITI, district_ref="S-1", nik=nik)
    database = office.node.database
    second: asyncio.Task[None] | None = None
    async with database.transaction() as session:
        await office.node.inbox.apply(session, [event(SITI, "e1")])
        second = asyncio.create_task(office.receive(event(twin, "e2", district=SURABAYA)))
        if not database.is_sqlite:
            await _somebody_waits_for_a_lock(database)
    await second
    assert list((await office.suspicions()).values()) == ["open"]


async def _somebody_waits_for_a_lock(database: Database) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        async with database.reading() as session:
            waiting = await run(
                session,
                "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
                "WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()",
            )
            if waiting.first() is not None:
                return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waited for the NIK")


# --- any order, any repetition ------------------------------------------------------------------------------------


def _pool() -> list[tuple[int, Record]]:
    """What districts say of three people: revisions, conflicts, repeats, and a NIK that wanders between them."""

    def said(data: BeneficiaryRecorded, event_id: str, minute: int, district: str = BOJONEGORO) -> tuple[int, Record]:
        return data.revision, event(data, event_id, minute=minute, district=district)

    return [
        said(another("A"), "a1", 1),
        said(another("A"), "a1-again", 6),
        said(replace(another("A"), status=Status.ex_client), "a1-else", 4),
        said(replace(another("A"), skills=("cooking",)), "a1-tie", 4),
        said(another("A", nik=None, revision=2), "a2", 3),
        said(another("A", nik=OTHER_NIK, revision=3), "a3", 2),
        said(another("A", nik=NIK, revision=3), "a3-else", 5),
        said(another("B"), "b1", 1),
        said(replace(another("B", nik=OTHER_NIK, revision=2), status=Status.moved), "b2", 2),
        said(replace(another("B", revision=3), nik="1"), "b3-invalid", 9),
        said(another("C", nik=OTHER_NIK), "c1", 1, SURABAYA),
        said(another("C", nik=NIK), "c1-else", 2, SURABAYA),
        said(another("C", nik=NIK, revision=2), "c2", 3, SURABAYA),
    ]


POOL = _pool()


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[Record], list[list[Record]]]:
    """Some events, and the same events in another order, some more than once, cut into batches."""
    newest = draw(st.integers(1, 3))  # or the highest revisions would hide most of what the lower ones do
    pool = [record for revision, record in POOL if revision <= newest]
    chosen = draw(st.lists(st.sampled_from(pool), unique_by=id, min_size=2))
    repeated = draw(st.lists(st.sampled_from(chosen), max_size=4))
    shuffled = draw(st.permutations([*chosen, *repeated]))
    cuts = sorted(draw(st.sets(st.integers(1, len(shuffled) - 1))))
    return chosen, [shuffled[start:end] for start, end in pairwise([0, *cuts, len(shuffled)])]


@given(history=_histories())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_and_repetition_of_the_same_events_ends_in_the_same_state(
    office: Office, history: tuple[list[Record], list[list[Record]]]
) -> None:
    chosen, batches = history
    await office.forget_everything()
    for record in sorted(chosen, key=lambda record: record.offset):
        await office.receive(again(record))
    expected = await _final_state(office)
    await office.forget_everything()
    for batch in batches:
        await office.receive(*map(again, batch))
    assert await _final_state(office) == expected


@given(arriving=arrivals())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_of_what_two_systems_say_of_one_person_ends_in_the_same_record_and_warnings(
    office: Office, arriving: tuple[list[Told], list[list[Told]]]
) -> None:
    told, batches = arriving
    await office.forget_everything()
    for batch in batches:
        await office.receive(*(_recorded(each) for each in batch))
    ruling = in_force(told)
    person = await office.person()
    assert (person.record.revision, person.event_time, person.event_id, person.source, person.record.unit) == (
        ruling.revision,
        at(ruling.minute),
        *ruling.key,
        f"UPT {ruling.content}",
    )
    assert wrong_receipts(told, await office.receipts()) == []


def _recorded(told: Told) -> Record:
    data = replace(SITI, revision=told.revision, unit=f"UPT {told.content}")
    return event(data, told.event_id, minute=told.minute, source=told.source)


async def _final_state(office: Office) -> object:
    """People, open suspicions, and the newest fact of each; versions count the steps on the way, so they are left out.

    A suspicion that was withdrawn is as good as one that never was.
    """
    people = await office.people()
    told = await _newest_facts(office)
    suspicions = {pair for pair, state in (await office.suspicions()).items() if state == "open"}
    assert suspicions == {
        frozenset((a.beneficiary_id, b.beneficiary_id))
        for a, b in combinations(people, 2)
        if a.nik_token and a.nik_token == b.nik_token
    }
    assert suspicions == {
        frozenset(fact.beneficiary_ids) for fact in told.values() if isinstance(fact, facts.DuplicateSuspected)
    }
    for person in people:
        assert told[person.beneficiary_id] == person.fact()
    return [(p.beneficiary_id, p.record, p.nik_token, p.event_time, p.event_id, p.source) for p in people], suspicions


async def _newest_facts(office: Office) -> dict[UUID, facts.Fact]:
    """By aggregate; their versions rise by one from one."""
    newest: dict[UUID, facts.Fact] = {}
    for fact in await office.facts():
        aggregate = fact.beneficiary_id if isinstance(fact, facts.Beneficiary) else _duplicate(fact)
        assert fact.version == (newest[aggregate].version + 1 if aggregate in newest else 1)
        newest[aggregate] = fact
    return newest


def _duplicate(fact: facts.Fact) -> UUID:
    assert isinstance(fact, facts.DuplicateSuspected | facts.DuplicateDecided)
    return fact.duplicate_id


# --- over HTTP ----------------------------------------------------------------------------------------------------


async def test_an_officer_sees_a_person_of_the_own_district_with_four_digits_of_the_nik(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    answer = await office.get(f"/v1/beneficiaries/{SITI_ID}", Role.district_officer, BOJONEGORO)
    assert answer.status_code == 200
    assert answer.json() == {
        "beneficiary_id": str(SITI_ID),
        "alias_of": None,
        "district": BOJONEGORO,
        "district_ref": "W-0001",
        "revision": 1,
        "recorded_at": "2026-04-07T12:00:00Z",
        "name": NAME,
        "sex": "female",
        "birth_date": "1990-05-01",
        "nik_last_four": "0001",
        "ppks": "person_with_disability",
        "ppks_group": "disability",
        "disabilities": ["physical", "hearing"],
        "status": "client",
        "unit": "UPT Rehabilitasi Sosial Contoh",
        "skills": ["sewing", "handicraft"],
        "leaves_unit_on": "2026-06-30",
        "consent": {"by": "self", "form": "braille", "on": "2026-01-15"},
        "consent_withdrawn_on": None,
        "consents": [
            {
                "given": True,
                "by": "self",
                "form": "braille",
                "on": "2026-01-15",
                "revision": 1,
                "event_id": "e1",
                "source": "/district/3522/test",
            }
        ],
        "history": [
            {
                "from": None,
                "to": "client",
                "on": "2026-04-07T12:00:00Z",
                "revision": 1,
                "event_id": "e1",
                "source": "/district/3522/test",
                "unusual": False,
            }
        ],
    }


async def test_a_foreign_person_is_not_found_like_an_unknown_one(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    foreign = await office.get(f"/v1/beneficiaries/{SITI_ID}", Role.district_officer, SURABAYA)
    unknown = await office.get(f"/v1/beneficiaries/{uuid4()}", Role.district_officer, SURABAYA)
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content
    assert foreign.headers["content-type"] == "application/problem+json"
    assert foreign.json()["type"] == "urn:berdaya:problem:not_found"


@pytest.mark.parametrize("role", [Role.province_officer, Role.auditor, Role.admin])
async def test_the_province_sees_everybody(office: Office, role: Role) -> None:
    await office.receive(event(SITI, "e1"), event(another("S-1"), "e2", district=SURABAYA))
    answer = await office.get("/v1/beneficiaries", role)
    assert {item["district"] for item in answer.json()["items"]} == {BOJONEGORO, SURABAYA}


async def test_a_list_never_shows_a_foreign_district(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("S-1"), "e2", district=SURABAYA))
    own = await office.get("/v1/beneficiaries", Role.district_officer, SURABAYA)
    assert [item["district_ref"] for item in own.json()["items"]] == ["S-1"]
    foreign = await office.get("/v1/beneficiaries", Role.district_officer, SURABAYA, district=BOJONEGORO)
    assert foreign.status_code == 404
    assert (await office.get("/v1/beneficiaries", Role.admin, district="9999")).status_code == 404


@pytest.mark.parametrize(
    ("role", "district"), [(Role.viewer, None), (Role.treasurer, None), (Role.district_system, BOJONEGORO)]
)
async def test_viewers_treasurers_and_systems_read_no_person(office: Office, role: Role, district: str | None) -> None:
    await office.receive(event(SITI, "e1"))
    answers = [
        await office.get("/v1/beneficiaries", role, district),
        await office.get(f"/v1/beneficiaries/{SITI_ID}", role, district),
        await office.get("/v1/duplicates", role, district),
        await office.look_up(NIK, role, district),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4


async def test_a_district_officer_neither_reads_nor_decides_duplicates(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    assert (await office.get("/v1/duplicates", Role.district_officer, BOJONEGORO)).status_code == 403
    refused = await office.decide(duplicate, "same", key="k", role=Role.district_officer)
    assert refused.status_code == 403
    assert (await office.decide(duplicate, "same", key="k", role=Role.auditor)).status_code == 403


async def test_without_a_token_nothing_is_answered(office: Office) -> None:
    paths = ["/v1/beneficiaries", f"/v1/beneficiaries/{SITI_ID}", "/v1/duplicates"]
    assert [(await office.client.get(path)).status_code for path in paths] == [401] * 3


async def test_pages_follow_each_other_without_gap_or_repeat(office: Office) -> None:
    refs = [f"W-{number}" for number in range(5)]
    await office.receive(*(event(another(ref, nik=None), ref) for ref in refs))
    seen: list[str] = []
    query: dict[str, str | int] = {"limit": 2}
    for expected in (2, 2, 1):
        page = (await office.get("/v1/beneficiaries", Role.admin, **query)).json()
        assert len(page["items"]) == expected
        seen += [item["district_ref"] for item in page["items"]]
        query["after"] = page["next"]
    assert page["next"] is None
    assert sorted(seen) == refs


async def test_a_full_last_page_says_that_it_is_the_last(office: Office) -> None:
    await office.receive(event(another("A"), "e1"), event(another("B"), "e2"))
    assert (await office.get("/v1/beneficiaries", Role.admin, limit=2)).json()["next"] is None
    assert (await office.get("/v1/duplicates", Role.admin, limit=1)).json()["next"] is None


async def test_the_list_is_filtered_by_district_status_and_skill(office: Office) -> None:
    await office.receive(
        event(another("A", nik=None), "e1"),
        event(replace(another("B", nik=None), status=Status.ex_client, skills=("sew_ing",)), "e2"),
        event(replace(another("C", nik=None), skills=("cooking", "sewing")), "e3", district=SURABAYA),
    )

    async def refs(**query: str) -> set[str]:
        answer = await office.get("/v1/beneficiaries", Role.province_officer, **query)
        return {item["district_ref"] for item in answer.json()["items"]}

    assert await refs(district=BOJONEGORO) == {"A", "B"}
    assert await refs(status="ex_client") == {"B"}
    assert await refs(skill="sewing") == {"A", "C"}
    assert await refs(skill="sew_ing") == {"B"}
    assert await refs(skill="sew") == set()
    assert await refs(skill="sewing", district=SURABAYA, status="client") == {"C"}


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"after": "x"}, {"status": "lost"}, {"district": "1"}])
async def test_a_query_out_of_bounds_is_refused(office: Office, query: dict[str, str | int]) -> None:
    answer = await office.get("/v1/beneficiaries", Role.admin, **query)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"


async def test_a_suspected_duplicate_is_shown_with_both_people(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("S-1"), "e2", district=SURABAYA))
    (item,) = (await office.get("/v1/duplicates", Role.province_officer, state="open")).json()["items"]
    assert item["because"] == "same_nik"
    assert {person["district"] for person in item["people"]} == {BOJONEGORO, SURABAYA}
    assert [person["nik_last_four"] for person in item["people"]] == ["0001", "0001"]
    assert (await office.get("/v1/duplicates", Role.province_officer, state="same")).json()["items"] == []


@pytest.mark.parametrize("decision", ["same", "different"])
async def test_a_decision_closes_the_suspicion_and_is_told_once(office: Office, decision: str) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    answer = await office.decide(duplicate, decision, key="k1")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["decided_by"], body["reason"]) == (decision, "rini", "sudah dicek")
    retried = await office.decide(duplicate, decision, key="k1")
    assert (retried.status_code, retried.content) == (200, answer.content)
    told = [fact for fact in await office.facts() if isinstance(fact, facts.DuplicateDecided)]
    assert [(fact.decision, fact.version) for fact in told] == [(decision, 2)]


async def test_a_second_decision_is_refused_with_the_one_that_stands(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    await office.decide(duplicate, "different", key="k1")
    answer = await office.decide(duplicate, "same", key="k2")
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["decision"]) == ("already_decided", "different")


async def test_of_two_officers_who_decide_at_once_one_is_refused(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    answers = await asyncio.gather(*(office.decide(duplicate, "same", key=key) for key in ("k1", "k2", "k3")))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_a_decision_outlives_its_ground(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    await office.decide(await office.open_duplicate(), "different", key="k1")
    told = len(await office.facts())
    await office.receive(event(another("B", nik=None, revision=2), "e3", minute=1))
    await office.receive(event(another("B", revision=3), "e4", minute=2))
    assert list((await office.suspicions()).values()) == ["different"]
    assert len(await office.facts()) == told


async def test_a_withdrawn_suspicion_cannot_be_decided(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    await office.receive(event(another("B", nik=None, revision=2), "e3", minute=1))
    answer = await office.decide(duplicate, "same", key="k1")
    assert (answer.status_code, answer.json()["decision"]) == (409, "withdrawn")


async def test_a_decision_needs_a_key_a_reason_and_a_suspicion(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("B"), "e2"))
    duplicate = await office.open_duplicate()
    assert (await office.decide(duplicate, "same", key=None)).json()["code"] == "idempotency_key_missing"
    assert (await office.decide(duplicate, "perhaps", key="k1")).status_code == 422
    assert (await office.decide(str(uuid4()), "same", key="k2")).status_code == 404
    await office.decide(duplicate, "same", key="k3")
    assert (await office.decide(duplicate, "different", key="k3")).json()["code"] == "idempotency_key_reused"


async def test_every_call_documents_its_answer_and_its_problems(office: Office) -> None:
    paths = (await office.client.get("/openapi.json")).json()["paths"]
    for path in ("/v1/beneficiaries", "/v1/beneficiaries/{beneficiary_id}", "/v1/lookups", "/v1/duplicates"):
        for operation in paths[path].values():
            assert operation["summary"]
            assert operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert "application/problem+json" in operation["responses"]["422"]["content"]
    problems = paths["/v1/duplicates/{duplicate_id}/decision"]["post"]["responses"]
    assert "already_decided" in problems["409"]["content"]["application/problem+json"]["examples"]


# --- privacy, the journey, the schema ------------------------------------------------------------------------------


async def test_a_name_and_a_nik_are_found_nowhere_but_in_the_rows_of_the_registry(
    office: Office, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    canary = replace(SITI, name="Kenari Rahasia", nik="3522014105901717")
    wrong = replace(canary, district_ref="W-0009", nik="352201410590171X")
    unreadable = event(canary, "e6")._replace(value=msgspec.json.encode({"name": canary.name, "nik": [canary.nik]}))
    await office.receive(event(canary, "e1"), event(replace(canary, district_ref="W-0002"), "e2"), event(wrong, "e3"))
    await office.receive(event(replace(canary, status=Status.moved), "e4", minute=1), event(canary, "e5"), unreadable)
    assert canary.nik is not None
    bodies = [
        await office.look_up(canary.nik, Role.province_officer),
        await office.look_up(wrong.nik or "", Role.province_officer),
        await office.look_up(canary.nik, Role.viewer),
        await office.get("/v1/beneficiaries", Role.admin, skill=canary.name),
        await office.decide(await office.open_duplicate(), "same", key="k"),
        await office.client.get("/openapi.json"),
        await office.client.get("/metrics"),
    ]
    seen = [answer.text for answer in bodies if not answer.request.url.path.endswith("/decision")]
    shown = bodies[4].text
    async with office.node.database.reading() as session:
        for query in (
            "SELECT payload, envelope, aggregateid FROM outbox",
            "SELECT * FROM inbox",
            "SELECT event_id, reason, detail FROM quarantine",
            "SELECT fingerprint FROM reply",
            "SELECT nik_token, nik_sealed FROM person",
        ):
            seen += [str(tuple(row)) for row in await run(session, query)]
    output = capfd.readouterr()
    seen += [output.out, output.err, caplog.text]
    for secret in (canary.name, canary.nik, wrong.nik or "", "1990-05-01"):
        assert not [text for text in seen if secret in text]
    assert canary.nik not in shown
    assert canary.name in shown, "the officer who decides must see the two people"


async def test_an_event_sent_over_http_comes_back_as_a_receipt_and_goes_out_as_a_fact(office: Office) -> None:
    node = office.node
    envelope, data = read_record(event(SITI, "e1"))
    headers = office.credentials(Role.district_system, BOJONEGORO) | {"Content-Type": STRUCTURED}
    async with node.running():
        taken = await office.client.post("/v1/events", headers=headers, content=write_structured(envelope, data))
        assert taken.status_code == 202
        async with asyncio.timeout(20), node.log.subscribe("test", ["facts.registry"], _from_the_start) as facts_topic:
            while not (told := await facts_topic.read(limit=10, timeout=1)):
                pass
        assert await office.verdict("e1") == ("accepted", "accepted", [])
    assert [record.key for record in told] == [str(SITI_ID).encode()]


async def _from_the_start(partitions: Any) -> dict[Any, int]:
    return dict.fromkeys(partitions, 0)


# --- the key ------------------------------------------------------------------------------------------------------


class Keyless:
    """The registry of an office, started once more, its `nik.key` lost or put back."""

    def __init__(self, office: Office, folder: Path) -> None:
        self._database = office.node.database
        self._log = office.node.log
        self.key = folder / "keys" / "nik.key"
        self._folder = folder

    def node(self) -> Node:
        return build(Settings(service="registry", var=self._folder), self._log, Database(self._database.url))

    async def runs(self, *, seconds: float = 1) -> None:
        """Raises what ends it before that."""
        async with self.node().running():
            await asyncio.sleep(seconds)


@pytest.fixture
def started_again(office: Office, tmp_path: Path) -> Keyless:
    return Keyless(office, tmp_path)


async def test_without_its_key_it_does_not_start_and_says_what_to_do(
    office: Office, started_again: Keyless, tmp_path: Path
) -> None:
    kept = started_again.key.rename(tmp_path / "backup")
    with pytest.raises(BaseExceptionGroup) as caught:
        await started_again.runs(seconds=20)
    (wrong,) = caught.value.exceptions
    assert isinstance(wrong, WrongSecret)
    assert "nik.key" in str(wrong) and "backup" in str(wrong)
    kept.rename(started_again.key)
    await started_again.runs()


async def test_a_process_without_the_key_ends_with_one_clear_line(
    office: Office, started_again: Keyless, tmp_path: Path
) -> None:
    started_again.key.unlink()
    environment = {"BERDAYA_DATABASE": office.node.database.url, "BERDAYA_VAR": str(tmp_path)}
    environment |= {"BERDAYA_PORT": str(ports.choose()), "BERDAYA_LOG_LEVEL": "ERROR"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.registry", "serve"),
        cwd=ROOT,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode == 1
    (line,) = output.decode().splitlines()
    assert "put the old file back from backup" in msgspec.json.decode(line)["event"]


async def test_with_another_key_nothing_is_recorded_and_no_lookup_answers_that_a_nik_is_unknown(
    office: Office, started_again: Keyless
) -> None:
    await office.receive(event(SITI, "e1"))
    started_again.key.unlink()
    node = started_again.node()  # its background does not run yet, as while the database is away
    other = Office(node, httpx.AsyncClient(transport=httpx.ASGITransport(node.app), base_url="http://registry"))
    with pytest.raises(WrongSecret):
        await other.receive(event(replace(SITI, district_ref="W-0002"), "e2"))
    with pytest.raises(WrongSecret):
        await other.look_up(NIK, Role.province_officer)
    await other.client.aclose()
    await node.database.close()
    assert [person.beneficiary_id for person in await office.people()] == [SITI_ID]


async def test_a_registry_of_before_fingerprints_were_kept_is_judged_by_a_nik_it_holds(
    office: Office, started_again: Keyless, tmp_path: Path
) -> None:
    await office.receive(event(SITI, "e1"))
    async with office.node.database.transaction() as session:
        await run(session, "DELETE FROM nik_key")
    kept = started_again.key.rename(tmp_path / "backup")
    with pytest.raises(BaseExceptionGroup) as caught:
        await started_again.runs(seconds=20)
    assert isinstance(caught.value.exceptions[0], WrongSecret)
    kept.rename(started_again.key)
    await started_again.runs()
    async with office.node.database.reading() as session:
        stored = (await run(session, "SELECT fingerprint FROM nik_key")).scalar_one()
    assert stored == office.node.app.state.nik_keys.fingerprint


async def test_of_two_processes_with_keys_of_their_own_one_is_refused_before_anything_is_recorded(
    office: Office, started_again: Keyless
) -> None:
    first, second = NikKeys(b"1" * 32), NikKeys(b"2" * 32)
    async with office.node.database.transaction() as session:
        await run(session, "DELETE FROM nik_key")

    async def begin(keys: NikKeys) -> str:
        async with office.node.database.transaction() as session:
            await adopt(session, keys)
        return keys.fingerprint

    ended = await asyncio.gather(begin(first), begin(second), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ended) == ["WrongSecret", "str"]


def test_the_registry_reads_one_topic_per_district_and_the_facts_of_grants() -> None:
    assert len(TOPICS) == 39
    assert all(topic.startswith("intake.registry.") for topic in TOPICS[:-1])
    assert TOPICS[-1] == "facts.grants"


async def test_the_migration_makes_the_tables_that_the_code_declares(database_for: DatabaseFor) -> None:
    database = await database_for("registry", METADATA)
    async with database.transaction() as session:
        connection = await session.connection()
        differences = await connection.run_sync(lambda found: _differences(MigrationContext.configure(found), METADATA))
    assert differences == []


def _differences(context: MigrationContext, metadata: MetaData) -> Sequence[Any]:
    """But for the tables of the chassis, which belong to another metadata."""
    return [
        found
        for found in compare_metadata(context, metadata)
        if isinstance(found, list) or getattr(found[1], "name", "") in metadata.tables
    ]
