"""CloudEvents 1.0 in both content modes, and the record it travels in.

The district of a record is that of its topic, never what its text says.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "berdaya.jatimprov.go.id")
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_DATA_BYTES = 1024 * 1024
"""The largest data of one event; a bigger record is quarantined, a bigger request refused with 413."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SOURCE = re.compile(r"/(?:district/(?P<district>[0-9]{4})/[A-Za-z0-9._-]{1,64}|service/[a-z]{1,32})")


class Malformed(Exception):
    """The envelope cannot be read. `reason` is a stable code; the text carries no value of the event."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Record(NamedTuple):
    """One record as the log holds it. `offset` is dense per (topic, partition), starting at 0.

    `taken_us` is when the log took it, by the log's own clock, in microseconds since 1970; None where it cannot say.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    taken_us: int | None = None


class Outgoing(NamedTuple):
    """One record on its way into the log."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The context attributes of one event. `time` always carries an offset."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    source: Annotated[str, Meta(min_length=1, max_length=128)]
    type: Annotated[str, Meta(min_length=1, max_length=128)]
    time: Annotated[datetime, Meta(tz=True)]
    subject: Annotated[str, Meta(min_length=1, max_length=64)]
    traceparent: Annotated[str, Meta(max_length=64)] | None = None


class _Structured(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    specversion: str
    id: Annotated[str, Meta(min_length=1, max_length=128)]
    source: Annotated[str, Meta(min_length=1, max_length=128)]
    type: Annotated[str, Meta(min_length=1, max_length=128)]
    time: Annotated[datetime, Meta(tz=True)]
    subject: Annotated[str, Meta(min_length=1, max_length=64)]
    data: msgspec.Raw
    datacontenttype: str = "application/json"
    traceparent: Annotated[str, Meta(max_length=64)] | None = None


_structured = msgspec.json.Decoder(_Structured)
_structured_batch = msgspec.json.Decoder(list[msgspec.Raw])


def beneficiary_id(district: str, district_ref: str) -> uuid.UUID:
    """The province's id of a person, derived so that nobody waits for anybody."""
    return uuid.uuid5(NAMESPACE, f"{district}/{district_ref}")


def grant_id(district: str, grant_ref: str) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"grant/{district}/{grant_ref}")


@lru_cache(maxsize=4096)
def _read_source(source: str) -> re.Match[str] | None:
    return _SOURCE.fullmatch(source)


def source_district(source: str) -> str | None:
    """The district a source names, or None when it is not a district's source."""
    found = _read_source(source)
    return found["district"] if found else None


def to_headers(envelope: Envelope) -> tuple[tuple[str, bytes], ...]:
    """The envelope in binary mode."""
    headers = [
        ("ce_id", envelope.id.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_specversion", b"1.0"),
        ("ce_time", format_time(envelope.time).encode()),
        ("ce_subject", envelope.subject.encode()),
        ("content-type", b"application/json"),
    ]
    if envelope.traceparent:
        headers.append(("traceparent", envelope.traceparent.encode()))
    return tuple(headers)


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: one moment has one spelling, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def microseconds(moment: datetime) -> int:
    """A moment as whole microseconds since 1970, for comparing and storing without any rounding."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(time_us: int) -> datetime:
    """The moment of `microseconds`, in UTC."""
    return _EPOCH + timedelta(microseconds=time_us)


def read_record(record: Record) -> tuple[Envelope, bytes]:
    """The envelope and the data bytes of a record, whichever content mode it is in.

    Raises Malformed when either cannot be had.
    """
    if record.value is None:
        raise Malformed("no_value", "the record has no value")
    headers: Mapping[str, bytes] = dict(record.headers)
    if headers.get("content-type", b"").startswith(STRUCTURED.encode()):
        return read_structured(record.value)
    if headers.get("ce_specversion") != b"1.0":
        raise Malformed("invalid_envelope", "ce_specversion must be 1.0")
    envelope = _read_headers(headers)
    _check_data(record.value)
    return envelope, record.value


def read_structured(body: bytes) -> tuple[Envelope, bytes]:
    """One event in structured mode. Raises Malformed."""
    try:
        read = _structured.decode(body)
    except msgspec.ValidationError as error:
        raise Malformed("invalid_envelope", validation_text(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("not_json", "the event is not JSON") from None
    if read.specversion != "1.0" or not read.datacontenttype.startswith("application/json"):
        raise Malformed("invalid_envelope", "specversion must be 1.0 and datacontenttype application/json")
    data = bytes(read.data)
    _check_data(data)
    envelope = Envelope(
        id=read.id,
        source=read.source,
        type=read.type,
        time=read.time,
        subject=read.subject,
        traceparent=read.traceparent,
    )
    _check_attributes(envelope)
    return envelope, data


def read_structured_batch(body: bytes) -> Iterable[bytes]:
    """The single events of a batch, still encoded. Raises Malformed when the body is no JSON list."""
    try:
        return [bytes(raw) for raw in _structured_batch.decode(body)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("not_json", "the batch is not a JSON list of events") from None


def write_structured(envelope: Envelope, data: bytes) -> bytes:
    fields = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "time": format_time(envelope.time),
        "subject": envelope.subject,
        "datacontenttype": "application/json",
    }
    if envelope.traceparent:
        fields["traceparent"] = envelope.traceparent
    return msgspec.json.encode({**fields, "data": msgspec.Raw(data)})


def validation_text(error: msgspec.ValidationError) -> str:
    """What is wrong and where, without the value: msgspec repeats an unknown enum value, which may be personal."""
    text = str(error)
    if text.startswith("Invalid enum value"):
        _, _, path = text.rpartition(" - at ")
        return f"Not one of the allowed values - at {path}" if path else "Not one of the allowed values"
    if text.startswith("Object contains unknown field"):
        return "Unknown field"
    return text


def _read_headers(headers: Mapping[str, bytes]) -> Envelope:
    try:
        attributes = {
            "id": headers["ce_id"].decode(),
            "source": headers["ce_source"].decode(),
            "type": headers["ce_type"].decode(),
            "time": headers["ce_time"].decode(),
            "subject": headers["ce_subject"].decode(),
        }
        if "traceparent" in headers:
            attributes["traceparent"] = headers["traceparent"].decode()
        envelope = msgspec.convert(attributes, Envelope)
    except KeyError as error:
        raise Malformed("invalid_envelope", f"{error.args[0]} is missing") from None
    except msgspec.ValidationError as error:
        raise Malformed("invalid_envelope", validation_text(error)) from None
    except UnicodeDecodeError:
        raise Malformed("invalid_envelope", "an attribute is not UTF-8") from None
    _check_attributes(envelope)
    return envelope


def _check_attributes(envelope: Envelope) -> None:
    shown = f"{envelope.id}{envelope.source}{envelope.type}{envelope.subject}{envelope.traceparent or ''}"
    if not shown.isprintable():
        names = ("id", "source", "type", "subject", "traceparent")
        name = next(name for name in names if not (getattr(envelope, name) or "").isprintable())
        raise Malformed("invalid_envelope", f"{name} has characters that cannot be printed")
    if _read_source(envelope.source) is None:
        raise Malformed("invalid_envelope", "source must be /district/<code>/<system> or /service/<name>")
    if not 2000 <= envelope.time.year <= 2100:
        # the first and the last days of the calendar cannot be turned into UTC, and would fail later
        raise Malformed("invalid_envelope", "time must be between the years 2000 and 2100")


def _check_data(data: bytes) -> None:
    if len(data) > MAX_DATA_BYTES:
        raise Malformed("too_large", f"the data is larger than {MAX_DATA_BYTES} bytes")
