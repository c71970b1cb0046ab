"""One event as the province hears it, and what is wrong with it when nothing else is known (contract.md)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

NAMESPACE = uuid5(NAMESPACE_DNS, "berdaya.jatimprov.go.id")
RECORDED = "berdaya.district.beneficiary-recorded.v1"
REQUESTED = "berdaya.district.grant-requested.v1"
HANDED_OVER = "berdaya.district.grant-handed-over.v1"
REPORTED = "berdaya.district.income-reported.v1"

Place = tuple[str, str]
"""A district, and its number for a person or a grant."""


@dataclass(frozen=True)
class Event:
    """`place` is whom it is about: the person, or for a handover the grant."""

    district: str
    service: str
    id: str
    source: str
    type: str
    time: datetime
    data: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a further delivery a duplicate."""
        return self.district, self.source, self.id

    @property
    def person(self) -> Place:
        return self.district, self.data["district_ref"]

    @property
    def grant(self) -> Place:
        return self.district, self.data["grant_ref"]

    @property
    def rank(self) -> tuple[int, datetime, str, str]:
        """Of two about the same thing the greater is in force: revision, then time, then id, then source."""
        return self.data.get("revision", 1), self.time, self.id, self.source


def event(publication: Any) -> Event:
    """The event of a publication of the story, data decoded; {} when it is no JSON object."""
    envelope = publication.envelope
    try:
        data = json.loads(publication.data)
    except ValueError:
        data = {}
    return Event(
        publication.district,
        publication.service,
        envelope.id,
        envelope.source,
        envelope.type,
        envelope.time,
        data if isinstance(data, dict) else {},
    )


def unreadable(publication: Any) -> str | None:
    """Why a record goes to quarantine, when its publication is a raw one whose envelope or value cannot be read."""
    if publication.raw is None:
        return None
    present = {name for name, _ in publication.raw.headers}
    if not {"ce_id", "ce_source", "ce_type", "ce_specversion", "ce_time", "ce_subject"} <= present:
        return "invalid_envelope"
    try:
        json.loads(publication.raw.value)
    except ValueError:
        return "not_json"
    return None


def fault(found: Event) -> str | None:
    """Why the event is rejected, whatever else is known; None when nothing is wrong with it."""
    if not found.source.startswith(f"/district/{found.district}/"):
        return "district_mismatch"
    if not _well_formed(found):
        return "invalid_data"
    if found.type == RECORDED:
        return _fault_of_record(found.data)
    if found.type == REQUESTED:
        return _fault_of_request(found.data)
    if found.type == REPORTED and found.data["month"] > f"{found.time:%Y-%m}":
        return "future_month"
    return None


def _fault_of_record(data: dict[str, Any]) -> str | None:
    if not data["consent"]["given"]:
        return "no_consent"
    return None if data["nik"] is None or valid_nik(data["nik"]) else "invalid_nik"


def _fault_of_request(data: dict[str, Any]) -> str | None:
    if data["kind"] != "equipment":
        return None
    if not data["items"]:
        return "no_items"
    total = sum(item["quantity"] * item["unit_value"] for item in data["items"])
    return None if data["amount"] == total else "amount_mismatch"


def valid_nik(nik: str) -> bool:
    """16 digits: district and kecamatan, day (plus 40 for women), month, year, serial from 0001."""
    if not re.fullmatch("[0-9]{16}", nik) or nik[12:] == "0000":
        return False
    day, month, year = int(nik[6:8]), int(nik[8:10]), int(nik[10:12])
    return any(_is_date(century + year, month, day % 40 if day > 40 else day) for century in (1900, 2000))


def nik_warnings(found: Event) -> set[str]:
    """Where a NIK disagrees with the record it stands in: a warning each, never more."""
    nik = found.data["nik"]
    if nik is None:
        return set()
    born = date.fromisoformat(found.data["birth_date"])
    day = int(nik[6:8])
    of_a_woman = day > 40
    told = (day - 40 if of_a_woman else day, int(nik[8:10]), int(nik[10:12]))
    disagreements = {
        "nik_sex_mismatch": of_a_woman != (found.data["sex"] == "female"),
        "nik_birth_date_mismatch": told != (born.day, born.month, born.year % 100),
        "nik_district_mismatch": nik[:4] != found.district,
    }
    return {name for name, differs in disagreements.items() if differs}


def beneficiary_id(person: Place) -> UUID:
    return uuid5(NAMESPACE, f"{person[0]}/{person[1]}")


def grant_id(grant: Place) -> UUID:
    return uuid5(NAMESPACE, f"grant/{grant[0]}/{grant[1]}")


def utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Check = Callable[[Any], bool]


def _well_formed(found: Event) -> bool:
    return _has(found.data, _SHAPES[found.type])


def _has(data: Any, shape: Mapping[str, Check]) -> bool:
    return isinstance(data, dict) and all(name in data and check(data[name]) for name, check in shape.items())


def _whole(least: int, most: int) -> Check:
    return lambda value: type(value) is int and least <= value <= most


def _text(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None


def _one_of(*values: str) -> Check:
    return lambda value: value in values


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list(most: int, check: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(check, value))


def _object(**shape: Check) -> Check:
    return lambda value: _has(value, shape)


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _date(value: Any) -> bool:
    found = re.fullmatch("([0-9]{4})-([0-9]{2})-([0-9]{2})", value) if isinstance(value, str) else None
    return found is not None and _is_date(*map(int, found.groups()))


def _true_or_false(value: Any) -> bool:
    return value is True or value is False


_REF = _text(r"[A-Za-z0-9._-]{1,64}")
_RUPIAH = _whole(0, 1_000_000_000_000)
_REVISION = _whole(1, 1_000_000_000)
_NAME = _text(".{1,200}")

_SHAPES: dict[str, dict[str, Check]] = {
    RECORDED: {
        "district_ref": _REF,
        "revision": _REVISION,
        "name": _NAME,
        "sex": _one_of("female", "male"),
        "birth_date": _date,
        "nik": _or_null(_text(".{0,64}")),
        "ppks": _text("[a-z_]+"),
        "disabilities": _list(6, _one_of("physical", "visual", "hearing", "speech", "intellectual", "mental")),
        "status": _one_of("client", "ex_client", "graduated", "withdrawn", "moved", "deceased"),
        "unit": _or_null(_NAME),
        "skills": _list(10, _text("[a-z][a-z0-9_]{0,39}")),
        "consent": _object(
            given=_true_or_false,
            by=_one_of("self", "guardian"),
            form=_one_of("written", "recorded", "braille", "sign_language", "easy_read"),
            on=_date,
        ),
    },
    REQUESTED: {
        "grant_ref": _REF,
        "district_ref": _REF,
        "kind": _one_of("equipment", "cash", "training", "marketing"),
        "items": _list(100, _object(name=_NAME, quantity=_whole(1, 10_000), unit_value=_RUPIAH)),
        "amount": _whole(1, 1_000_000_000_000),
        "fiscal_year": _whole(2000, 2100),
        "purpose": _text(".{1,500}"),
        "desil": _or_null(_whole(1, 10)),
    },
    HANDED_OVER: {
        "grant_ref": _REF,
        "on": _date,
        "received_by": _one_of("beneficiary", "guardian"),
        "witness": _NAME,
        "evidence_sha256": _text("[0-9a-f]{64}"),
        "assets": _list(100, _object(name=_NAME, serial=_NAME)),
    },
    REPORTED: {
        "district_ref": _REF,
        "month": _text("[0-9]{4}-(0[1-9]|1[0-2])"),
        "revision": _REVISION,
        "turnover": _RUPIAH,
        "materials": _RUPIAH,
        "production": _RUPIAH,
        "wages": _RUPIAH,
        "employees": _whole(0, 1_000_000),
        "orders": _whole(0, 1_000_000),
        "asset_use": _one_of("in_use", "idle", "broken", "none"),
    },
}
