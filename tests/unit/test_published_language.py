"""What was once said stays readable for ever, errors repeat nothing of an event, and docs/events tells the truth."""

import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
import yaml
from jsonschema import Draft7Validator

from shared.events import asyncapi, district, facts, guide, receipts
from shared.events.catalogue import (
    CATALOGUE,
    Event,
    Invalid,
    Undecodable,
    decode,
    facts_topic,
    intake_topic,
    outgoing,
    receipts_topic,
)
from shared.events.envelope import (
    STRUCTURED,
    Envelope,
    Malformed,
    Outgoing,
    Record,
    beneficiary_id,
    grant_id,
    read_structured,
    read_structured_batch,
    write_structured,
)
from shared.events.golden import GOLDEN, samples
from shared.events.words import CURES, FIELDS, SUMMARIES

SITI = UUID("8478f57c-fd14-504f-8d0b-47eec293925c")
BUDI = UUID("b5c68742-6465-5488-9e94-f6bf51421d42")
MADE = UUID("848ce37a-cb3c-5ba3-9f97-b3dff7226ea1")
GRESIK = UUID("d94dd617-19ad-5011-b39d-dd3b58d6b0f2")
SEWING = UUID("f6e84b38-0f9a-5ab5-91c0-d85e888e81f6")
MARKET = UUID("04550b82-d5c7-5b71-99aa-5ddaa970b526")
DOUBT = UUID("2f1c7a52-8f0e-4f0a-9d55-3a1f5be20c11")
DOUBT_2 = UUID("7be9d5b4-52f4-4f4e-8a2e-6a0b9b6f4c02")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WIB = timezone(timedelta(hours=7))

STRUCTURED_SAMPLES = [f"{name}/{sample.name}" for name in CATALOGUE for sample in samples(GOLDEN, name)]
BINARY_SAMPLES = ["berdaya.district.income-reported.v1/binary", "berdaya.grants.grant-approved.v1/binary"]


def golden(sample: str) -> bytes:
    return (GOLDEN / f"{sample}.json").read_bytes()


def structured(body: bytes, topic: str = "intake.reporting.3522") -> Record:
    return Record(topic, 0, 0, b"W-0001", body, (("content-type", STRUCTURED.encode()),))


def binary(sent: Outgoing) -> Record:
    return Record(sent.topic, 0, 0, sent.key, sent.value, sent.headers)


def decoded(sample: str) -> Event:
    return decode(structured(golden(sample)))


def district_event(kind: str, sample: str) -> Any:
    return decoded(f"berdaya.district.{kind}.v1/{sample}").data


# Golden samples, one by one.


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_type_has_a_minimal_and_a_full_sample(name: str) -> None:
    assert {"minimal", "full"} <= {sample.name for sample in samples(GOLDEN, name)}


@pytest.mark.parametrize("sample", STRUCTURED_SAMPLES)
def test_every_sample_ever_written_is_still_read(sample: str) -> None:
    event = decoded(sample)
    assert event.envelope.type == sample.partition("/")[0]
    assert type(event.data) is CATALOGUE[event.envelope.type].data


@pytest.mark.parametrize("sample", STRUCTURED_SAMPLES)
def test_an_event_is_the_same_in_both_content_modes(sample: str) -> None:
    event = decoded(sample)
    sent = outgoing("a.topic", "a key", event.envelope, event.data)
    in_binary = decode(binary(sent))
    in_structured = decode(structured(write_structured(event.envelope, sent.value)))
    assert (in_binary.envelope, in_binary.data) == (event.envelope, event.data)
    assert (in_structured.envelope, in_structured.data) == (event.envelope, event.data)


def test_a_full_record_of_a_person_is_read_as_it_was_meant() -> None:
    event = decoded("berdaya.district.beneficiary-recorded.v1/full")
    assert event.envelope == Envelope(
        id="3522-0000042",
        source="/district/3522/simdu",
        type="berdaya.district.beneficiary-recorded.v1",
        time=datetime(2026, 4, 7, 9, 30, 0, 250_000, tzinfo=WIB),
        subject="W-0001",
        traceparent=TRACE,
    )
    assert event.data == district.BeneficiaryRecorded(
        district_ref="W-0001",
        revision=3,
        name="Siti Contoh",
        sex=district.Sex.female,
        birth_date=date(1990, 3, 17),
        nik="3522995703900001",
        ppks=district.Ppks.person_with_disability,
        disabilities=(district.Disability.physical, district.Disability.hearing),
        status=district.Status.client,
        unit="UPT Rehabilitasi Sosial Contoh",
        skills=("sewing", "handicraft"),
        consent=district.Consent(given=True, by="guardian", form="sign_language", on=date(2026, 1, 15)),
        leaves_unit_on=date(2026, 6, 30),
    )


def test_a_minimal_record_of_a_person_has_nothing_where_nothing_was_said() -> None:
    assert district_event("beneficiary-recorded", "minimal") == district.BeneficiaryRecorded(
        district_ref="W-0002",
        revision=1,
        name="Budi Contoh",
        sex=district.Sex.male,
        birth_date=date(1985, 12, 1),
        nik=None,
        ppks=district.Ppks.poor,
        disabilities=(),
        status=district.Status.client,
        unit=None,
        skills=(),
        consent=district.Consent(given=True, by="self", form="written", on=date(2026, 3, 1)),
        leaves_unit_on=None,
    )


def test_what_a_newer_system_adds_is_ignored() -> None:
    event = decoded("berdaya.district.beneficiary-recorded.v1/from-a-newer-system")
    assert event.data.name == "Made Contoh"
    assert event.data.consent == district.Consent(given=True, by="self", form="braille", on=date(2026, 4, 30))
    assert b"favourite_colour" not in msgspec.json.encode(event.data)


def test_a_requested_grant_is_read_as_it_was_meant() -> None:
    assert district_event("grant-requested", "full") == district.GrantRequested(
        grant_ref="B-2026-001",
        district_ref="W-0001",
        kind=district.GrantKind.equipment,
        items=(
            district.Item(name="Mesin jahit", quantity=1, unit_value=3_500_000),
            district.Item(name="Mesin obras", quantity=2, unit_value=2_750_000),
        ),
        amount=9_000_000,
        fiscal_year=2026,
        purpose="Usaha jahit seragam sekolah di rumah",
        desil=2,
    )


def test_a_handover_is_read_as_it_was_meant() -> None:
    assert district_event("grant-handed-over", "minimal") == district.GrantHandedOver(
        grant_ref="HIBAH-77",
        on=date(2026, 9, 1),
        received_by="guardian",
        witness="Lurah Contoh",
        evidence_sha256="2105b06515edef8ebb84ffa449f0fa1faf832c4a65fa6abece42bbe1969670ad",
        assets=(),
    )


def test_an_income_report_is_read_as_it_was_meant() -> None:
    report = district_event("income-reported", "full")
    assert report == INCOME
    assert report.net_profit == 3_000_000


def test_a_manifest_is_read_as_it_was_meant() -> None:
    assert district_event("manifest-closed", "full") == district.ManifestClosed(
        stream="income-reported",
        day=date(2026, 11, 3),
        count=2,
        sum_rupiah=13_750_000,
        sha256="2c9922d2bf052ea7bffab5f7529f2b2f8cbd93d5350492f5499895de46c10cd9",
    )
    assert district_event("manifest-closed", "minimal").sum_rupiah == 0


def test_a_net_profit_may_be_a_loss() -> None:
    assert district_event("income-reported", "loss").net_profit == -1_000_000_000_000


INCOME = district.IncomeReported(
    district_ref="W-0001",
    month="2026-10",
    revision=2,
    turnover=9_500_000,
    materials=3_200_000,
    production=500_000,
    wages=2_800_000,
    employees=4,
    orders=12,
    asset_use=district.AssetUse.in_use,
)

# Facts: what the code writes is what the golden files hold, byte for byte.


def beneficiary(kind: type[facts.Beneficiary], **more: Any) -> facts.Beneficiary:
    common: dict[str, Any] = {
        "district": "3522",
        "leaves_unit_on": None,
        "unit": None,
        "skills": (),
        "disabilities": (),
    }
    return kind(**(common | more))


def budi(kind: type[facts.Beneficiary], version: int, status: district.Status) -> facts.Beneficiary:
    return beneficiary(
        kind,
        version=version,
        beneficiary_id=BUDI,
        district_ref="W-0002",
        status=status,
        ppks_group=district.PpksGroup.poverty,
        sex=district.Sex.male,
        birth_year=1985,
    )


def siti(kind: type[facts.Beneficiary], **more: Any) -> facts.Beneficiary:
    return beneficiary(
        kind,
        beneficiary_id=SITI,
        district_ref="W-0001",
        status=district.Status.client,
        ppks_group=district.PpksGroup.disability,
        sex=district.Sex.female,
        birth_year=1990,
        unit="UPT Rehabilitasi Sosial Contoh",
        **more,
    )


def sewing_grant(kind: type[facts.Grant], version: int, on: date) -> facts.Grant:
    return kind(
        version=version,
        grant_id=SEWING,
        beneficiary_id=SITI,
        district="3522",
        kind=district.GrantKind.equipment,
        amount=9_000_000,
        fiscal_year=2026,
        on=on,
    )


def market_grant(kind: type[facts.Grant], version: int, on: date) -> facts.Grant:
    return kind(
        version=version,
        grant_id=MARKET,
        beneficiary_id=MADE,
        district="3578",
        kind=district.GrantKind.marketing,
        amount=1,
        fiscal_year=2026,
        on=on,
    )


STEPS: list[tuple[type[facts.Grant], str, int, date]] = [
    (facts.GrantRequested, "grant-requested", 1, date(2026, 7, 2)),
    (facts.GrantVerified, "grant-verified", 2, date(2026, 7, 6)),
    (facts.GrantApproved, "grant-approved", 3, date(2026, 7, 13)),
    (facts.GrantRejected, "grant-rejected", 2, date(2026, 7, 7)),
    (facts.GrantDisbursed, "grant-disbursed", 4, date(2026, 8, 3)),
    (facts.GrantHandedOver, "grant-handed-over", 5, date(2026, 8, 19)),
    (facts.GrantCancelled, "grant-cancelled", 4, date(2026, 7, 20)),
]

EVIDENCE = {
    "window": ["2026-05", "2026-10"],
    "months": ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"],
    "nets": [2_000_000, 2_100_000, 2_200_000, 2_300_000, 2_400_000, 2_500_000],
    "level": 2_400_000,
    "trend": 100_000,
    "scale": 2_250_000,
    "rate": 0.0444,
    "because": "rate >= 0.03",
    "sentence": {
        "id": "Laba bersih naik rata-rata 4,4 % per bulan dari 6 laporan (Mei-Okt 2026)",
        "en": "Net profit rose by 4.4% a month on average, from 6 reports (May-Oct 2026)",
    },
}

WRITTEN: dict[str, msgspec.Struct] = {
    "berdaya.registry.beneficiary-registered.v1/minimal": budi(facts.BeneficiaryRegistered, 1, district.Status.client),
    "berdaya.registry.beneficiary-registered.v1/full": siti(
        facts.BeneficiaryRegistered,
        version=1,
        disabilities=(district.Disability.physical, district.Disability.hearing),
        skills=("sewing", "handicraft"),
        leaves_unit_on=date(2026, 6, 30),
    ),
    "berdaya.registry.beneficiary-updated.v1/minimal": budi(facts.BeneficiaryUpdated, 2, district.Status.ex_client),
    "berdaya.registry.beneficiary-updated.v1/full": siti(
        facts.BeneficiaryUpdated,
        version=7,
        disabilities=tuple(district.Disability),
        skills=("sewing", "massage", "cooking"),
        leaves_unit_on=date(2026, 7, 31),
    ),
    "berdaya.registry.duplicate-suspected.v1/minimal": facts.DuplicateSuspected(
        version=1, duplicate_id=DOUBT, beneficiary_ids=(SITI, BUDI), because="same_nik"
    ),
    "berdaya.registry.duplicate-suspected.v1/full": facts.DuplicateSuspected(
        version=3, duplicate_id=DOUBT_2, beneficiary_ids=(MADE, GRESIK), because="similar"
    ),
    "berdaya.registry.duplicate-suspected.v1/districts": facts.DuplicateSuspected(
        version=5,
        duplicate_id=DOUBT_2,
        beneficiary_ids=(MADE, GRESIK),
        because="similar",
        districts=("3522", "3525"),
    ),
    "berdaya.registry.duplicate-decided.v1/districts": facts.DuplicateDecided(
        version=5, duplicate_id=DOUBT_2, beneficiary_ids=(MADE, GRESIK), decision="same", districts=("3522", "3525")
    ),
    "berdaya.registry.duplicate-decided.v1/minimal": facts.DuplicateDecided(
        version=2, duplicate_id=DOUBT, beneficiary_ids=(SITI, BUDI), decision="different"
    ),
    "berdaya.registry.duplicate-decided.v1/full": facts.DuplicateDecided(
        version=4, duplicate_id=DOUBT_2, beneficiary_ids=(MADE, GRESIK), decision="withdrawn"
    ),
    "berdaya.grants.budget-set.v1/minimal": facts.BudgetSet(version=1, district="3578", fiscal_year=2026, amount=0),
    "berdaya.grants.budget-set.v1/full": facts.BudgetSet(
        version=2, district="3522", fiscal_year=2026, amount=750_000_000
    ),
    "berdaya.grants.budget-set.v1/funds": facts.BudgetSet(
        version=3,
        district="3522",
        fiscal_year=2026,
        amount=750_000_000,
        funds=(
            facts.FundAmount(fund="apbn", amount=250_000_000),
            facts.FundAmount(fund="csr", amount=500_000_000),
        ),
    ),
    "berdaya.grants.assets-kept.v1/minimal": facts.AssetsKept(
        version=1, grant_id=SEWING, beneficiary_id=SITI, district="3522", assets=()
    ),
    "berdaya.grants.assets-kept.v1/full": facts.AssetsKept(
        version=3,
        grant_id=SEWING,
        beneficiary_id=SITI,
        district="3522",
        assets=(
            facts.KeptAsset(
                asset_id=UUID("0f0c6b52-6c1e-5b39-9a55-1d2f5be20a01"),
                name="Mesin jahit",
                serial="SN-1",
                value=3_000_000,
                status="held",
                condition="worn",
                holder_id=SITI,
                on=date(2026, 12, 1),
            ),
            facts.KeptAsset(
                asset_id=UUID("0f0c6b52-6c1e-5b39-9a55-1d2f5be20a02"),
                name="Mesin obras",
                serial="-",
                value=None,
                status="contested",
                condition="good",
                holder_id=BUDI,
                on=date(2026, 8, 19),
            ),
            facts.KeptAsset(
                asset_id=UUID("0f0c6b52-6c1e-5b39-9a55-1d2f5be20a03"),
                name="Setrika",
                serial="ST/9",
                value=250_000,
                status="returned",
                condition="broken",
                holder_id=None,
                on=date(2026, 11, 30),
            ),
        ),
    ),
    "berdaya.grants.grant-approved.v1/fund": msgspec.structs.replace(
        sewing_grant(facts.GrantApproved, 3, date(2026, 7, 13)), fund="baznas"
    ),
    **{f"berdaya.grants.{kind}.v1/minimal": market_grant(step, version, on) for step, kind, version, on in STEPS},
    **{f"berdaya.grants.{kind}.v1/full": sewing_grant(step, version, on) for step, kind, version, on in STEPS},
    "berdaya.reporting.growth-changed.v1/minimal": facts.GrowthChanged(
        version=1,
        beneficiary_id=MADE,
        district="3578",
        from_=None,
        to="insufficient",
        rule_version=1,
        evidence={},
    ),
    "berdaya.reporting.growth-changed.v1/full": facts.GrowthChanged(
        version=4,
        beneficiary_id=SITI,
        district="3522",
        from_="ordinary",
        to="growing",
        rule_version=1,
        evidence=EVIDENCE,
    ),
    "berdaya.receipt.v1/minimal": receipts.Receipt(
        event_id="3522-0000103",
        event_type="berdaya.district.income-reported.v1",
        verdict=receipts.Verdict.accepted,
        reason="accepted",
        message=receipts.Sentence("Diterima.", "Accepted."),
        warnings=(),
        at=datetime(2026, 11, 3, 0, 5, 9, 912_000, tzinfo=UTC),
    ),
}


def test_every_fact_has_its_bytes_written_down() -> None:
    expected = {
        f"{name}/{size}" for name, entry in CATALOGUE.items() if entry.family == "facts" for size in ("minimal", "full")
    }
    assert expected <= WRITTEN.keys()


@pytest.mark.parametrize("sample", WRITTEN)
def test_a_fact_is_written_byte_for_byte_as_the_golden_file_has_it(sample: str) -> None:
    envelope, data = read_structured(golden(sample))
    written = write_structured(envelope, msgspec.json.encode(WRITTEN[sample]))
    assert msgspec.json.format(written, indent=2) + b"\n" == golden(sample)
    assert msgspec.json.encode(WRITTEN[sample]) == compact(data)


@pytest.mark.parametrize("sample", WRITTEN)
def test_a_fact_is_read_as_it_was_meant(sample: str) -> None:
    assert decoded(sample).data == WRITTEN[sample]


def compact(data: bytes) -> bytes:
    return msgspec.json.format(data, indent=-1)


def wrapped(sample: str) -> Record:
    wrapper = json.loads(golden(sample))
    value = compact(msgspec.json.encode(wrapper["data"]))
    headers = tuple((name, text.encode()) for name, text in wrapper["headers"].items())
    return Record(wrapper["topic"], 3, 17, wrapper["key"].encode(), value, headers)


def test_a_record_in_binary_mode_is_read_as_it_was_meant() -> None:
    event = decode(wrapped("berdaya.district.income-reported.v1/binary"))
    assert event.data == INCOME
    assert event.district == "3522"
    assert event.envelope == Envelope(
        id="3522-0000103",
        source="/district/3522/simdu",
        type="berdaya.district.income-reported.v1",
        time=datetime(2026, 11, 3, 7, 5, 9, 500_000, tzinfo=WIB),
        subject="W-0001",
        traceparent=TRACE,
    )


@pytest.mark.parametrize("sample", BINARY_SAMPLES)
def test_a_record_is_written_in_binary_mode_byte_for_byte(sample: str) -> None:
    record = wrapped(sample)
    event = decode(record)
    assert record.key is not None
    sent = outgoing(record.topic, record.key.decode(), event.envelope, event.data)
    assert sent == Outgoing(record.topic, record.key, record.value or b"", record.headers)


def test_the_district_is_that_of_the_topic_and_facts_have_none() -> None:
    assert decode(wrapped("berdaya.district.income-reported.v1/binary")).district == "3522"
    assert decode(wrapped("berdaya.grants.grant-approved.v1/binary")).district is None
    assert decode(structured(golden("berdaya.receipt.v1/full"), "receipts.3578")).district == "3578"


def test_ids_are_derived_so_that_nobody_waits_for_anybody() -> None:
    assert beneficiary_id("3522", "W-0001") == SITI
    assert beneficiary_id("3578", "0417.B") == MADE
    assert grant_id("3522", "B-2026-001") == SEWING
    assert grant_id("3578", "HIBAH-77") == MARKET


def test_no_fact_has_room_for_a_name_a_nik_an_address_a_phone_or_a_birth_date() -> None:
    for name, entry in CATALOGUE.items():
        if entry.family == "facts":
            words = {word for field in entry.data.__struct_encode_fields__ for word in field.split("_")}
            assert not words & {"name", "nik", "address", "phone", "date"}, name


# What cannot be read.

CANARY = "Siti Canary"
HEADERS: dict[str, bytes | None] = {
    "ce_id": b"3522-1",
    "ce_source": b"/district/3522/simdu",
    "ce_type": b"berdaya.district.income-reported.v1",
    "ce_specversion": b"1.0",
    "ce_time": b"2026-11-03T07:05:09+07:00",
    "ce_subject": b"W-0001",
    "content-type": b"application/json",
}
REPORT = msgspec.json.encode(INCOME)


class Refusal(NamedTuple):
    text: str
    value: bytes | None = REPORT
    headers: Mapping[str, bytes | None] = MappingProxyType({})
    """Instead of those of HEADERS; None leaves one out."""


def saying(old: str, new: str) -> bytes:
    assert old.encode() in REPORT
    return REPORT.replace(old.encode(), new.encode())


def attempt(case: Refusal) -> Event:
    headers = tuple((name, value) for name, value in {**HEADERS, **case.headers}.items() if value is not None)
    return decode(Record("intake.reporting.3522", 0, 0, b"W-0001", case.value, headers))


NOT_JSON = "not_json: the data is not JSON"
A_REF = r"Expected `str` matching regex '^[A-Za-z0-9._-]{1,64}(?![\\s\\S])' - at `$.district_ref`"
A_MONTH = r"Expected `str` matching regex '^[0-9]{4}-(0[1-9]|1[0-2])(?![\\s\\S])' - at `$.month`"
A_SOURCE = "invalid_envelope: source must be /district/<code>/<system> or /service/<name>"
A_TIME = "invalid_envelope: Invalid RFC3339 encoded datetime - at `$.time`"
IN_2000_TO_2100 = "invalid_envelope: time must be between the years 2000 and 2100"
NOT_PRINTABLE = "invalid_envelope: subject has characters that cannot be printed"

QUARANTINED = {
    "no JSON": Refusal(NOT_JSON, b"Siti Canary"),
    "nothing": Refusal(NOT_JSON, b""),
    "null value": Refusal("no_value: the record has no value", None),
    "half of an object": Refusal(NOT_JSON, REPORT[:-1]),
    "something after the object": Refusal(NOT_JSON, REPORT + b"x"),
    "a byte order mark": Refusal(NOT_JSON, b"\xef\xbb\xbf" + REPORT),
    "UTF-16": Refusal(NOT_JSON, REPORT.decode().encode("utf-16")),
    "NaN": Refusal(NOT_JSON, saying("9500000", "NaN")),
    "NaN where nobody looks": Refusal(NOT_JSON, saying('"turnover"', '"later":NaN,"turnover"')),
    "Infinity": Refusal(NOT_JSON, saying("9500000", "-Infinity")),
    "100,000 nested arrays where nobody looks": Refusal(
        NOT_JSON, b'{"later":' + b"[" * 100_000 + b"]" * 100_000 + b"," + REPORT[1:]
    ),
    "a lone surrogate": Refusal(NOT_JSON, saying('"in_use"', r'"\ud800"')),
    "a lone surrogate in a ref": Refusal(NOT_JSON, saying('"W-0001"', r'"\udc00"')),
    "bytes that are not UTF-8": Refusal(NOT_JSON, REPORT.replace(b"in_use", b"\xff\xfe")),
    "a NUL byte": Refusal(NOT_JSON, saying("W-0001", "W\x00")),
    "more than 1 MiB": Refusal(
        "too_large: the data is larger than 1048576 bytes", REPORT[:-1] + b" " * 1024 * 1024 + b"}"
    ),
    "an unknown type": Refusal(
        "unknown_type: see the list of types in the contract", headers={"ce_type": b"berdaya.siti-canary.v1"}
    ),
    "a missing ce_id": Refusal("invalid_envelope: ce_id is missing", headers={"ce_id": None}),
    "an empty ce_id": Refusal("invalid_envelope: Expected `str` of length >= 1 - at `$.id`", headers={"ce_id": b""}),
    "a long ce_id": Refusal(
        "invalid_envelope: Expected `str` of length <= 128 - at `$.id`", headers={"ce_id": b"i" * 129}
    ),
    "no CloudEvent at all": Refusal("invalid_envelope: ce_specversion must be 1.0", headers=dict.fromkeys(HEADERS)),
    "an old CloudEvent": Refusal("invalid_envelope: ce_specversion must be 1.0", headers={"ce_specversion": b"0.3"}),
    "a batch": Refusal(
        "invalid_envelope: ce_specversion must be 1.0",
        headers={"content-type": b"application/cloudevents-batch+json", "ce_specversion": None},
    ),
    "an attribute that is not UTF-8": Refusal(
        "invalid_envelope: an attribute is not UTF-8", headers={"ce_id": b"\xff"}
    ),
    "time without offset": Refusal(
        "invalid_envelope: Expected `datetime` with a timezone component - at `$.time`",
        headers={"ce_time": b"2026-11-03T07:05:09"},
    ),
    "time that is none": Refusal(A_TIME, headers={"ce_time": b"Siti Canary"}),
    "time in seconds": Refusal(A_TIME, headers={"ce_time": b"1793664309"}),
    "time before every calendar in UTC": Refusal(IN_2000_TO_2100, headers={"ce_time": b"0001-01-01T00:00:00+14:00"}),
    "time after every calendar in UTC": Refusal(IN_2000_TO_2100, headers={"ce_time": b"9999-12-31T23:59:59-12:00"}),
    "a source of no known form": Refusal(A_SOURCE, headers={"ce_source": b"/Siti Canary"}),
    "a source without its system": Refusal(A_SOURCE, headers={"ce_source": b"/district/3522"}),
    "a source with a name for a code": Refusal(A_SOURCE, headers={"ce_source": b"/district/Bojonegoro/simdu"}),
    "a source with other digits": Refusal(A_SOURCE, headers={"ce_source": "/district/٣٥٢٢/simdu".encode()}),
    "a source inside another text": Refusal(A_SOURCE, headers={"ce_source": b"x/district/3522/simdu"}),
    "a line feed after the subject": Refusal(NOT_PRINTABLE, headers={"ce_subject": b"W-0001\n"}),
    "a NUL in the subject": Refusal(NOT_PRINTABLE, headers={"ce_subject": b"W-0001\x00"}),
    "a long traceparent": Refusal(
        "invalid_envelope: Expected `str` of length <= 64 - at `$.traceparent`", headers={"traceparent": b"0" * 65}
    ),
}

REJECTED = {
    "null": Refusal("Expected `object`, got `null`", b"null"),
    "a list": Refusal("Expected `object`, got `array`", b"[]"),
    "100,000 nested arrays": Refusal("Expected `object`, got `array`", b"[" * 100_000),
    "no field": Refusal("Object missing required field `district_ref`", b"{}"),
    "one field missing": Refusal("Object missing required field `wages`", saying('"wages":2800000,', "")),
    "negative rupiah": Refusal("Expected `int` >= 0 - at `$.turnover`", saying("9500000", "-1")),
    "a rupiah too many": Refusal(
        "Expected `int` <= 1000000000000 - at `$.turnover`", saying("9500000", "1000000000001")
    ),
    "half a rupiah": Refusal("Expected `int`, got `float` - at `$.turnover`", saying("9500000", "0.5")),
    "whole rupiah as a fraction": Refusal(
        "Expected `int`, got `float` - at `$.turnover`", saying("9500000", "9500000.0")
    ),
    "1e400": Refusal("Number out of range - at `$.turnover`", saying("9500000", "1e400")),
    "5,000 digits": Refusal("Integer value out of range - at `$.turnover`", saying("9500000", "9" * 5000)),
    "rupiah in words": Refusal("Expected `int`, got `str` - at `$.turnover`", saying("9500000", '"9500000"')),
    "true rupiah": Refusal("Expected `int`, got `bool` - at `$.turnover`", saying("9500000", "true")),
    "no revision yet": Refusal("Expected `int` >= 1 - at `$.revision`", saying('"revision":2', '"revision":0')),
    "month 13": Refusal(A_MONTH, saying("2026-10", "2026-13")),
    "month 0": Refusal(A_MONTH, saying("2026-10", "2026-00")),
    "a line feed after the month": Refusal(A_MONTH, saying("2026-10", r"2026-10\n")),
    "a month in other digits": Refusal(A_MONTH, saying("2026-10", "2026-١٠")),
    "a line feed after a ref": Refusal(A_REF, saying("W-0001", r"W-0001\n")),
    "a NUL in a ref": Refusal(A_REF, saying("W-0001", r"W\u0000")),
    "an empty ref": Refusal(A_REF, saying("W-0001", "")),
    "a long ref": Refusal(A_REF, saying("W-0001", "W" * 65)),
    "a value nobody listed": Refusal("Not one of the allowed values - at `$.asset_use`", saying("in_use", "sold")),
    "a value that looks like a path": Refusal(
        "Not one of the allowed values - at `$.asset_use`", saying("in_use", "Siti Canary - at `$.Canary`")
    ),
}


@pytest.mark.parametrize("case", QUARANTINED)
def test_what_cannot_become_an_event_is_undecodable_with_a_stable_reason(case: str) -> None:
    with pytest.raises(Undecodable) as caught:
        attempt(QUARANTINED[case])
    assert str(caught.value) == QUARANTINED[case].text
    assert caught.value.reason in receipts.SENTENCES


@pytest.mark.parametrize("case", REJECTED)
def test_what_breaks_the_contract_is_invalid_and_says_where(case: str) -> None:
    with pytest.raises(Invalid) as caught:
        attempt(REJECTED[case])
    assert str(caught.value) == REJECTED[case].text
    assert caught.value.envelope.id == "3522-1"


def test_the_envelope_is_kept_where_only_the_type_or_the_data_cannot_be_read() -> None:
    for case in ("an unknown type", "NaN"):
        with pytest.raises(Undecodable) as caught:
            attempt(QUARANTINED[case])
        assert caught.value.envelope is not None
        assert caught.value.envelope.subject == "W-0001"


def test_the_last_of_two_equal_keys_counts() -> None:
    event = attempt(Refusal("", saying('"turnover":9500000', '"turnover":1,"turnover":9500000')))
    assert event.data == INCOME


def test_an_unknown_field_may_hold_anything_that_is_json() -> None:
    event = attempt(Refusal("", saying('"turnover"', f'"later":[1e400,{"9" * 5000},{{"a":[null]}}],"turnover"')))
    assert event.data == INCOME


def test_a_nul_in_a_text_is_invalid_since_a_database_refuses_it() -> None:
    named = golden("berdaya.district.beneficiary-recorded.v1/full").replace(b"Siti Contoh", rb"Siti\u0000Canary")
    with pytest.raises(Invalid, match=r"^a text holds the character U\+0000$"):
        decode(structured(named))


def test_six_letters_that_look_like_a_nul_are_only_letters() -> None:
    named = golden("berdaya.district.beneficiary-recorded.v1/full").replace(b"Siti Contoh", rb"Siti \\u0000")
    assert decode(structured(named)).data.name == r"Siti \u0000"


def growth(evidence: str) -> Record:
    body = golden("berdaya.reporting.growth-changed.v1/minimal").replace(
        b'"evidence": {}', f'"evidence": {evidence}'.encode()
    )
    assert evidence.encode() in body
    return structured(body, "facts.reporting")


def test_a_nul_is_found_in_the_keys_and_in_the_depth_of_evidence() -> None:
    for evidence in (r'{"a\u0000": 1}', r'{"a": [{"b": ["\u0000"]}]}'):
        with pytest.raises(Invalid, match=r"U\+0000"):
            decode(growth(evidence))


def test_evidence_too_deep_to_be_searched_for_a_nul_is_undecodable() -> None:
    with pytest.raises(Undecodable, match=r"^not_json: "):
        decode(growth('{"a": ' + "[" * 900 + r'"\u0000"' + "]" * 900 + "}"))


# Structured mode.

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "3522-1",
    "source": "/district/3522/simdu",
    "type": "berdaya.district.income-reported.v1",
    "time": "2026-11-03T07:05:09+07:00",
    "subject": "W-0001",
    "data": json.loads(REPORT),
}
MALFORMED = {
    "not JSON": (b"Siti Canary", "not_json: the event is not JSON"),
    "100,000 nested arrays": (b'{"data":' + b"[" * 100_000, "not_json: the event is not JSON"),
    "a number": (b"5", "invalid_envelope: Expected `object`, got `int`"),
    "no data": (
        json.dumps({name: value for name, value in EVENT.items() if name != "data"}).encode(),
        "invalid_envelope: Object missing required field `data`",
    ),
    "data in base64": (
        json.dumps({name.replace("data", "data_base64"): value for name, value in EVENT.items()}).encode(),
        "invalid_envelope: Object missing required field `data`",
    ),
    "data of another kind": (
        json.dumps({**EVENT, "datacontenttype": "text/xml"}).encode(),
        "invalid_envelope: specversion must be 1.0 and datacontenttype application/json",
    ),
    "an old specversion": (
        json.dumps({**EVENT, "specversion": "0.3"}).encode(),
        "invalid_envelope: specversion must be 1.0 and datacontenttype application/json",
    ),
    "a lone surrogate in the id": (
        json.dumps({**EVENT, "id": "\ud800"}).encode(),
        "not_json: the event is not JSON",
    ),
    "a NUL in the id": (
        json.dumps({**EVENT, "id": "a\x00"}).encode(),
        "invalid_envelope: id has characters that cannot be printed",
    ),
    "time without offset": (
        json.dumps({**EVENT, "time": "2026-11-03T07:05:09"}).encode(),
        "invalid_envelope: Expected `datetime` with a timezone component - at `$.time`",
    ),
    "time beyond the calendar": (json.dumps({**EVENT, "time": "0001-01-01T00:00:00+14:00"}).encode(), IN_2000_TO_2100),
    "data of more than 1 MiB": (
        json.dumps({**EVENT, "data": "a" * 1024 * 1024}).encode(),
        "too_large: the data is larger than 1048576 bytes",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_structured_event_that_cannot_be_read_is_malformed_and_its_record_undecodable(case: str) -> None:
    body, text = MALFORMED[case]
    with pytest.raises(Malformed) as malformed:
        read_structured(body)
    with pytest.raises(Undecodable) as undecodable:
        decode(structured(body))
    assert str(malformed.value) == str(undecodable.value) == text
    assert undecodable.value.envelope is None
    assert malformed.value.reason in receipts.SENTENCES


def test_the_content_type_of_a_structured_event_may_name_its_charset() -> None:
    headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
    assert decode(Record("intake.reporting.3522", 0, 0, None, json.dumps(EVENT).encode(), headers)).data == INCOME


def test_a_batch_is_taken_apart_without_reading_its_events() -> None:
    assert list(read_structured_batch(b'[{"id": 1}, 2, []]')) == [b'{"id": 1}', b"2", b"[]"]
    for body in (b"{}", b"Siti Canary", b"[" * 100_000, b"[1", b"[NaN]"):
        with pytest.raises(Malformed, match=r"^not_json: the batch is not a JSON list of events$"):
            read_structured_batch(body)


# No value of an event in an error: somebody's name would reach a log.

WRONG = [CANARY, CANARY * 60, [CANARY], {CANARY: CANARY}, [{CANARY: [CANARY]}], CANARY + "\x00", -7_777_777_777_777]


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if way:
        yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inner:
        yield from places(part, (*way, step))


def replaced(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    copy = deepcopy(value)
    place = copy
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = new
    return copy


def refusal_of(record: Record) -> Exception | None:
    try:
        decode(record)
    except (Undecodable, Invalid) as error:
        return error
    return None


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_error_repeats_what_stood_in_an_event(name: str) -> None:
    event = json.loads(golden(f"{name}/full"))
    refused = 0
    for way in places(event):
        for wrong in WRONG:
            error = refusal_of(structured(json.dumps(replaced(event, way, wrong)).encode()))
            if error is not None:
                refused += 1
                told = f"{error} {error.args} {''.join(traceback.format_exception(error))}"
                assert "Canary" not in told, way
                assert "7777777" not in told, way
    assert refused > 50


@pytest.mark.parametrize("header", [name for name in HEADERS if name != "content-type"])
@pytest.mark.parametrize(
    "wrong", [b"Siti Canary\x00", b"Siti Canary" * 60, b"Siti Canary\xff"], ids=["NUL", "long", "bytes"]
)
def test_no_error_repeats_an_attribute_of_the_envelope(header: str, wrong: bytes) -> None:
    with pytest.raises(Undecodable) as caught:
        attempt(Refusal("", headers={header: wrong}))
    assert "Canary" not in "".join(traceback.format_exception(caught.value))


# AsyncAPI.


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((asyncapi.DOCS / "asyncapi.yaml").read_text("utf-8"))
    return read


def test_the_pages_on_disk_are_what_the_code_says() -> None:
    assert asyncapi.main(["--check"]) == 0, "docs/events is stale: run `python -m shared.events.asyncapi`"


def test_the_document_is_the_same_whatever_the_hash_seed() -> None:
    shown = "import sys; from shared.events import asyncapi; sys.stdout.write(asyncapi.written())"
    found = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", shown],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        cwd=GOLDEN.parents[1],
        capture_output=True,
        check=True,
    )
    assert found.stdout.decode() == asyncapi.written()


def test_the_document_satisfies_the_official_schema(document: dict[str, Any]) -> None:
    official = json.loads((GOLDEN / "asyncapi-3.0.0.schema.json").read_text("utf-8"))
    problems = [
        f"{list(error.absolute_path)}: {error.message}" for error in Draft7Validator(official).iter_errors(document)
    ]
    assert problems == []


def test_the_official_schema_would_notice_a_mistake(document: dict[str, Any]) -> None:
    official = json.loads((GOLDEN / "asyncapi-3.0.0.schema.json").read_text("utf-8"))
    wrong = replaced(document, ("operations", "sendReceipts", "action"), "publish")
    assert not Draft7Validator(official).is_valid(wrong)


def test_every_topic_family_is_a_channel_with_its_types(document: dict[str, Any]) -> None:
    addresses = {channel["address"]: list(channel["messages"]) for channel in document["channels"].values()}
    assert list(addresses) == [
        "intake.registry.{district}",
        "intake.grants.{district}",
        "intake.reporting.{district}",
        "facts.registry",
        "facts.grants",
        "facts.reporting",
        "receipts.{district}",
    ]
    assert addresses["intake.grants.{district}"] == [
        "berdaya.district.grant-requested.v1",
        "berdaya.district.grant-handed-over.v1",
        "berdaya.district.manifest-closed.v1",
    ]
    everywhere = [name for names in addresses.values() for name in names]
    assert set(everywhere) == set(CATALOGUE)
    twice = {name for name in everywhere if everywhere.count(name) > 1}
    assert twice == {"berdaya.district.manifest-closed.v1"}, "each service takes the manifests of its own streams"


def test_a_topic_with_a_district_says_which_codes_there_are(document: dict[str, Any]) -> None:
    for channel in document["channels"].values():
        assert ("parameters" in channel) == ("{district}" in channel["address"])
    codes = document["components"]["parameters"]["district"]["enum"]
    assert len(codes) == 38
    assert "3522" in codes


def test_berdaya_receives_intake_and_replies_with_receipts(document: dict[str, Any]) -> None:
    operations = document["operations"]
    assert {name: operation["action"] for name, operation in operations.items()} == {
        "receiveIntakeRegistry": "receive",
        "receiveIntakeGrants": "receive",
        "receiveIntakeReporting": "receive",
        "sendFactsRegistry": "send",
        "receiveFactsRegistry": "receive",
        "sendFactsGrants": "send",
        "receiveFactsGrants": "receive",
        "sendFactsReporting": "send",
        "receiveFactsReporting": "receive",
        "sendReceipts": "send",
    }
    assert operations["receiveIntakeGrants"]["reply"]["channel"] == {"$ref": "#/channels/receipts"}


def references(value: Any) -> Iterator[str]:
    for way in places(value):
        if way[-1] == "$ref":
            found = value
            for step in way:
                found = found[step]
            yield found


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert len(found) > 100
    for reference in found:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_example_satisfies_the_schemas_beside_it(document: dict[str, Any]) -> None:
    for name, message in document["components"]["messages"].items():
        assert message["summary"] == SUMMARIES[name]
        assert len(message["examples"]) >= 2
        for example in message["examples"]:
            for part in ("headers", "payload"):
                schema = {**message[part], "components": document["components"]}
                assert not list(Draft7Validator(schema).iter_errors(example[part])), (name, example["name"])


def test_keys_are_told_as_the_log_has_them(document: dict[str, Any]) -> None:
    keys = {
        name: message["bindings"]["kafka"]["key"]["description"]
        for name, message in document["components"]["messages"].items()
    }
    assert keys["berdaya.district.income-reported.v1"] == "The `district_ref`, which is also the `ce_subject`."
    assert keys["berdaya.district.manifest-closed.v1"] == "The `day`, which is also the `ce_subject`."
    assert keys["berdaya.grants.grant-approved.v1"] == "The `beneficiary_id` of the data."
    assert keys["berdaya.grants.budget-set.v1"] == "The `district` of the data."
    assert keys["berdaya.registry.duplicate-decided.v1"] == "The `duplicate_id` of the data."
    assert keys["berdaya.receipt.v1"] == "The `event_id` of the data."


def test_values_stand_in_the_order_people_know(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Status"]["enum"] == ["client", "ex_client", "graduated", "withdrawn", "moved", "deceased"]
    assert schemas["Ppks"]["enum"][0] == "neglected_toddler"
    assert len(schemas["Ppks"]["enum"]) == 26


def test_the_check_fails_on_a_stale_page_and_the_command_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(asyncapi.DOCS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 3.0.0\n", encoding="utf-8")
    readme = (tmp_path / "README.md").read_text("utf-8")
    (tmp_path / "README.md").write_text(readme.replace("| `no_consent` |", "| `consent` |"), encoding="utf-8")
    assert asyncapi.main(["--check"], tmp_path) == 1
    assert asyncapi.main([], tmp_path) == 0
    assert asyncapi.main(["--check"], tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        "stale: asyncapi.yaml",
        "stale: README.md",
        "written: asyncapi.yaml",
        "written: README.md",
    ]


# The page for districts.


def test_every_reason_has_a_verdict_and_a_cure_in_both_languages() -> None:
    assert CURES.keys() == receipts.SENTENCES.keys(), "words.CURES: a reason of receipts.SENTENCES lacks its cure"
    for cure in CURES.values():
        assert cure.what_to_do.id
        assert cure.what_to_do.en
    assert {cure.verdict for cure in CURES.values()} == set(receipts.Verdict)


def test_every_type_has_a_summary() -> None:
    assert SUMMARIES.keys() == CATALOGUE.keys(), "words.SUMMARIES: a type lacks its summary"


def test_every_field_that_districts_meet_is_explained_and_no_other() -> None:
    met = set()
    for entry in CATALOGUE.values():
        if entry.family != "facts":
            schema = msgspec.json.schema(entry.data)
            met |= {path for path, _ in guide.fields(schema["$defs"][entry.data.__name__], schema)}
    assert FIELDS.keys() == met


def test_the_page_shows_every_district_event_in_full_and_every_reason() -> None:
    page = (asyncapi.DOCS / "README.md").read_text("utf-8")
    for name, entry in CATALOGUE.items():
        if entry.family != "facts":
            assert golden(f"{name}/full").decode() in page
    for reason in receipts.SENTENCES:
        assert f"| `{reason}` |" in page


def test_topics_are_named_after_service_and_district() -> None:
    assert intake_topic("grants", "3522") == "intake.grants.3522"
    assert facts_topic("grants") == "facts.grants"
    assert receipts_topic("3522") == "receipts.3522"
