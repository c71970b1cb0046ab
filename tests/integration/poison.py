"""Everything odd a district's program may send, and the answer to each: written by hand, shared by both doors."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from shared.events.envelope import STRUCTURED

INCOME = "berdaya.district.income-reported.v1"
SECRET = "RAHASIA4141"
"""A value that must not come back in any answer."""


def report(ref: str, **changed: object) -> dict[str, object]:
    """A good report, or with fields changed."""
    good = {
        "district_ref": ref,
        "month": "2026-03",
        "revision": 1,
        "turnover": 4_000_000,
        "materials": 1_500_000,
        "production": 200_000,
        "wages": 300_000,
        "employees": 1,
        "orders": 12,
        "asset_use": "in_use",
    }
    return good | changed


def raw_report(ref: str, field: str, value: bytes) -> bytes:
    """A report in which one field has these very bytes as its value."""
    return msgspec.json.encode(report(ref, **{field: "@"})).replace(b'"@"', value)


class Answer(NamedTuple):
    verdict: str
    reason: str


REJECTED = Answer("rejected", "invalid_data")
NOT_JSON = Answer("quarantined", "not_json")
TOO_LARGE = Answer("quarantined", "too_large")
ENVELOPE = Answer("quarantined", "invalid_envelope")
WAITS = Answer("waiting", "unknown_beneficiary")


class Data(NamedTuple):
    """Odd data in a good envelope. `status`: what HTTP says at once; 202 means that a receipt tells."""

    value: bytes
    answer: Answer
    status: int = 202


def data(ref: str) -> Mapping[str, Data]:
    deep = b"[" * 100_000 + b"]" * 100_000
    return {
        "cut off": Data(b'{"district_ref": ', NOT_JSON, 400),
        "no JSON": Data(SECRET.encode(), NOT_JSON, 400),
        "empty": Data(b"", NOT_JSON, 400),
        "a blank": Data(b" ", NOT_JSON, 400),
        "NUL bytes": Data(b"\0" * 64, NOT_JSON, 400),
        "no UTF-8": Data(raw_report(ref, "month", b'"\xff\xfe"'), NOT_JSON),
        "UTF-16": Data(msgspec.json.encode(report(ref)).decode().encode("utf-16"), NOT_JSON, 400),
        "NaN": Data(raw_report(ref, "turnover", b"NaN"), NOT_JSON, 400),
        "Infinity": Data(raw_report(ref, "turnover", b"-Infinity"), NOT_JSON, 400),
        "a leading zero": Data(raw_report(ref, "turnover", b"007"), NOT_JSON, 400),
        "a comma too many": Data(msgspec.json.encode(report(ref))[:-1] + b",}", NOT_JSON, 400),
        "two documents": Data(msgspec.json.encode(report(ref)) * 2, NOT_JSON, 400),
        "deeply nested": Data(deep, REJECTED, 400),
        "deeply nested in a field nobody knows": Data(raw_report(ref, "note", deep), NOT_JSON, 400),
        "2 MB": Data(raw_report(ref, "note", b'"' + b"x" * 2_000_000 + b'"'), TOO_LARGE, 413),
        "a list": Data(b"[]", REJECTED),
        "a number": Data(b"5", REJECTED),
        "a text": Data(b'"' + SECRET.encode() + b'"', REJECTED),
        "null": Data(b"null", REJECTED),
        "nothing in it": Data(b"{}", REJECTED),
        "negative rupiah": Data(raw_report(ref, "turnover", b"-1"), REJECTED),
        "too many rupiah": Data(raw_report(ref, "turnover", b"1000000000001"), REJECTED),
        "as many rupiah as digits fit": Data(raw_report(ref, "turnover", b"9" * 400), REJECTED),
        "a fraction of a rupiah": Data(raw_report(ref, "turnover", b"1.5"), REJECTED),
        "rupiah with a point": Data(raw_report(ref, "turnover", b"4000000.0"), REJECTED),
        "rupiah with an exponent": Data(raw_report(ref, "turnover", b"4e6"), REJECTED),
        "rupiah as text": Data(raw_report(ref, "turnover", b'"4000000"'), REJECTED),
        "rupiah as truth": Data(raw_report(ref, "turnover", b"true"), REJECTED),
        "rupiah as null": Data(raw_report(ref, "turnover", b"null"), REJECTED),
        "rupiah in a list": Data(raw_report(ref, "turnover", b"[1]"), REJECTED),
        "revision 0": Data(raw_report(ref, "revision", b"0"), REJECTED),
        "revision -1": Data(raw_report(ref, "revision", b"-1"), REJECTED),
        "half a revision": Data(raw_report(ref, "revision", b"1.5"), REJECTED),
        "a true revision": Data(raw_report(ref, "revision", b"true"), REJECTED),
        "a revision beyond 64 bits": Data(raw_report(ref, "revision", b"18446744073709551616"), REJECTED),
        "month 13": Data(raw_report(ref, "month", b'"2026-13"'), REJECTED),
        "a month and a line feed": Data(raw_report(ref, "month", b'"2026-03\\n"'), REJECTED),
        "a month in other digits": Data(raw_report(ref, "month", '"２０２６-０３"'.encode()), REJECTED),
        "an overlong name of a person": Data(raw_report(ref, "district_ref", b'"' + b"r" * 65 + b'"'), REJECTED),
        "a secret where a code should be": Data(raw_report(ref, "asset_use", b'"' + SECRET.encode() + b'"'), REJECTED),
        "U+0000 in a text": Data(raw_report(ref, "district_ref", b'"W\\u0000"'), REJECTED),
        "half a surrogate": Data(raw_report(ref, "district_ref", b'"\\ud800"'), NOT_JSON, 400),
        "another person than the subject": Data(
            msgspec.json.encode(report("W-another")), Answer("rejected", "subject_mismatch")
        ),
        "a month yet to come": Data(raw_report(ref, "month", b'"2026-05"'), Answer("rejected", "future_month")),
        "U+0000 in a field nobody knows": Data(raw_report(ref, "note", b'"\\u0000"'), WAITS),
        "fields nobody knows": Data(raw_report(ref, "note", b'{"a": [1, 2.5, null]}'), WAITS),
        "a field twice, the last one counts": Data(raw_report(ref, "note", b'1, "revision": 2'), WAITS),
    }


Headers = tuple[tuple[str, bytes], ...]


class Envelope(NamedTuple):
    """Odd headers over good data, as only a Kafka client can send them."""

    headers: Headers
    answer: Answer


def envelopes(good: Headers) -> Mapping[str, Envelope]:
    def but(**changed: bytes | None) -> Headers:
        found = dict(good) | changed
        return tuple(
            (name.replace("content_type", "content-type"), value) for name, value in found.items() if value is not None
        )

    return {
        "no headers": Envelope((), ENVELOPE),
        "no id": Envelope(but(ce_id=None), ENVELOPE),
        "an empty id": Envelope(but(ce_id=b""), ENVELOPE),
        "an overlong id": Envelope(but(ce_id=b"i" * 129), ENVELOPE),
        "an id that is no UTF-8": Envelope(but(ce_id=b"\xff\xfe"), ENVELOPE),
        "an id with NUL": Envelope(but(ce_id=b"a\0b"), ENVELOPE),
        "an id with a line feed": Envelope(but(ce_id=b"a\nb"), ENVELOPE),
        "no specversion": Envelope(but(ce_specversion=None), ENVELOPE),
        "another specversion": Envelope(but(ce_specversion=b"0.3"), ENVELOPE),
        "no time": Envelope(but(ce_time=None), ENVELOPE),
        "a time without offset": Envelope(but(ce_time=b"2026-04-07T12:00:00"), ENVELOPE),
        "a time before all time": Envelope(but(ce_time=b"0001-01-01T00:00:00+07:00"), ENVELOPE),
        "a time after all time": Envelope(but(ce_time=b"9999-12-31T23:59:59-07:00"), ENVELOPE),
        "a time of words": Envelope(but(ce_time=b"kemarin"), ENVELOPE),
        "no subject": Envelope(but(ce_subject=None), ENVELOPE),
        "an overlong subject": Envelope(but(ce_subject=b"s" * 65), ENVELOPE),
        "no source": Envelope(but(ce_source=None), ENVELOPE),
        "a source of words": Envelope(but(ce_source=b"kantor kami"), ENVELOPE),
        "an overlong traceparent": Envelope(but(traceparent=b"0" * 65), ENVELOPE),
        "structured, it says": Envelope(but(content_type=STRUCTURED.encode()), ENVELOPE),
        "a type nobody knows": Envelope(
            but(ce_type=b"berdaya.district.unheard-of.v1"), Answer("quarantined", "unknown_type")
        ),
        "a type of another service": Envelope(but(ce_type=b"berdaya.receipt.v1"), REJECTED),
        "another district": Envelope(but(ce_source=b"/district/3578/test"), Answer("rejected", "district_mismatch")),
        "a service": Envelope(but(ce_source=b"/service/registry"), Answer("rejected", "district_mismatch")),
    }
