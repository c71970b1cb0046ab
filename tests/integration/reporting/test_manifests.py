"""Control totals: what a system says it sent, against what came, whatever came first."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting.tables import METADATA
from shared.events.control import digest
from shared.events.district import ManifestClosed
from shared.events.envelope import Record
from shared.security import Caller, Role
from tests.conflicts import SOURCES, batches
from tests.helpers import again, from_district
from tests.integration.reporting.office import (
    BOJONEGORO,
    HOUR,
    MILLION,
    OFFICER,
    SURABAYA,
    TUBAN,
    VIEWER,
    Office,
    person,
    report,
)

SYSTEM = Caller("simdu", Role.district_system, BOJONEGORO)
DAY = date(2026, 11, 5)
MORNING = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
"""8 o'clock in Jakarta."""
MIDNIGHT = datetime(2026, 11, 5, 17, 0, tzinfo=UTC)
"""In Jakarta: the end of the day."""
TEST = "/district/3522/test"


def manifest(
    ids: Iterable[str],
    rupiah: int = 0,
    *,
    event_id: str = "m",
    day: date = DAY,
    stream: str = "income-reported",
    district: str = BOJONEGORO,
    source: str | None = None,
    time: datetime = MIDNIGHT,
    service: str | None = None,
) -> Record:
    """As a system that sent these ids would close its day."""
    ids = list(ids)
    data = ManifestClosed(stream=stream, day=day, count=len(ids), sum_rupiah=rupiah, sha256=digest(ids))
    return from_district(
        district, data, event_id=event_id, time=time, subject=day.isoformat(), source=source, service=service
    )


def sent(event_id: str, ref: str = "B-1", net: int = MILLION, **more: Any) -> Record:
    return report(ref, net=net, event_id=event_id, **{"time": MORNING, **more})


async def shown(office: Office, query: str = f"day={DAY}", who: Caller = VIEWER) -> list[dict[str, Any]]:
    answer = await office.call(f"/v1/manifests?{query}", who)
    assert answer.status_code == 200, answer.text
    assert answer.json()["day"] == str(DAY)
    found: list[dict[str, Any]] = answer.json()["manifests"]
    return found


async def receipt(office: Office, event_id: str = "m", source: str = TEST) -> dict[str, Any]:
    answer = await office.call(f"/v1/receipts/{event_id}?source={source}", SYSTEM)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def told(office: Office) -> list[tuple[str, str]]:
    """(reason, message) of the receipts of manifests on their way to the topic."""
    found = await office.rows("SELECT payload FROM outbox WHERE type = 'berdaya.receipt.v1' ORDER BY id")
    return [row[0] for row in found if "manifest-closed" in row[0]]


@pytest.mark.parametrize("together", [True, False])
async def test_a_day_of_which_everything_came_is_complete(office: Office, together: bool) -> None:
    reports = [sent("e-1"), sent("e-2", "B-2", net=2 * MILLION)]
    await office.hear(person(), person("B-2"))
    await office.arrive(together, *reports, manifest(["e-1", "e-2"], 3 * MILLION))
    (found,) = await shown(office)
    totals = {"count": 2, "sum_rupiah": 3 * MILLION, "sha256": digest(["e-1", "e-2"])}
    assert found == {
        "district": BOJONEGORO,
        "source": TEST,
        "stream": "income-reported",
        "day": "2026-11-05",
        "event_id": "m",
        "closed_at": "2026-11-05T17:00:00.000000Z",
        "verdict": "complete",
        "expected": totals,
        "received": {**totals, "verdicts": {"accepted": 2}},
        "missing": 0,
        "extra": 0,
        "message": {"id": "2 dari 2 diterima; lengkap", "en": "2 of 2 received; complete"},
    }
    (published,) = await told(office)
    assert "2 dari 2 diterima; lengkap" in published, "a manifest counts what came in its own batch"
    assert (await receipt(office))["warnings"] == []


async def test_what_has_not_arrived_is_told_and_no_longer_once_it_has(office: Office) -> None:
    await office.hear(person(), sent("e-1"), manifest(["e-1", "e-2", "e-3"], 3 * MILLION))
    (published,) = await told(office)
    assert "1 dari 3 diterima; 2 belum sampai" in published
    assert '"manifest_differs"' in published
    first = await receipt(office)
    assert (first["verdict"], first["reason"], first["warnings"]) == (
        "accepted",
        "manifest_differs",
        ["manifest_differs"],
    )
    assert first["message"]["id"].endswith("(1 dari 3 diterima; 2 belum sampai)")
    assert first["message"]["en"].endswith("(1 of 3 received; 2 have not arrived)")
    await office.hear(person("B-2"), sent("e-2", "B-2"), sent("e-3", "B-3"))
    (found,) = await shown(office)
    assert (found["verdict"], found["missing"], found["received"]["verdicts"]) == (
        "complete",
        0,
        {"accepted": 2, "waiting": 1},
    )
    later = await receipt(office)
    assert (later["verdict"], later["reason"], later["warnings"]) == ("accepted", "accepted", [])
    assert len(await told(office)) == 1, "the topic keeps one final verdict"


async def test_what_came_counts_whatever_it_was_answered_and_once(office: Office) -> None:
    first = sent("e-1")
    await office.hear(
        person(),
        first,
        again(first),
        sent("e-2"),  # alike: a duplicate
        sent("e-3", month="2026-12"),  # rejected: it has not begun
        sent("e-4", "B-9"),  # waits
        manifest(["e-1", "e-2", "e-3", "e-4"], 4 * MILLION),
    )
    await office.hear(again(first))
    (found,) = await shown(office)
    assert found["verdict"] == "complete"
    assert found["received"]["verdicts"] == {"accepted": 1, "duplicate": 1, "rejected": 1, "waiting": 1}


async def test_a_day_holds_what_happened_between_two_midnights_of_jakarta(office: Office) -> None:
    instant = timedelta(microseconds=1)
    await office.hear(
        sent("before", time=MIDNIGHT - timedelta(days=1) - instant),
        sent("first", time=MIDNIGHT - timedelta(days=1)),
        sent("last", time=MIDNIGHT - instant),
        sent("after", time=MIDNIGHT),
        manifest(["first", "last"], 2 * MILLION),
    )
    assert [found["verdict"] for found in await shown(office)] == ["complete"]


async def test_each_system_is_held_to_its_own_events(office: Office) -> None:
    await office.hear(
        sent("7", source=SOURCES[0]),
        sent("7", "B-2", source=SOURCES[1]),
        sent("8", "B-3", source=SOURCES[1]),
        sent("7", district=TUBAN),
        manifest(["7"], MILLION, source=SOURCES[0]),
        manifest(["7"], MILLION, source=SOURCES[1]),
        manifest(["7"], MILLION, district=TUBAN),
    )
    found = {(each["district"], each["source"]): each for each in await shown(office)}
    assert {key: each["verdict"] for key, each in found.items()} == {
        (BOJONEGORO, SOURCES[0]): "complete",
        (BOJONEGORO, SOURCES[1]): "differs",
        (TUBAN, "/district/3523/test"): "complete",
    }
    assert found[BOJONEGORO, SOURCES[1]]["extra"] == 1


async def test_other_ids_or_another_sum_are_a_difference_though_as_many_came(office: Office) -> None:
    await office.hear(sent("e-1"), manifest(["e-2"], MILLION))
    (found,) = await shown(office)
    assert (found["verdict"], found["missing"], found["extra"]) == ("differs", 1, 1)
    await office.hear(manifest(["e-1"], 7, event_id="m-2", time=MIDNIGHT + HOUR))
    (found,) = await shown(office)
    assert (found["verdict"], found["missing"], found["extra"]) == ("differs", 0, 0)
    assert found["message"]["id"] == "1 dari 1 diterima, tetapi jumlahnya Rp 1000000, bukan Rp 7"


@pytest.mark.parametrize("together", [True, False])
async def test_of_several_manifests_of_a_day_the_latest_is_in_force_in_any_order(
    office: Office, together: bool
) -> None:
    said = [
        manifest(["e-1"], MILLION, event_id="a", time=MIDNIGHT),
        manifest(["e-1", "e-2"], MILLION, event_id="b", time=MIDNIGHT + HOUR),
        manifest(["e-1"], MILLION, event_id="c", time=MIDNIGHT + HOUR),
    ]
    for order in permutations(said):
        await office.forget_everything(METADATA, but="view_state")
        await office.hear(sent("e-1"))
        await office.arrive(together, *order)
        assert [(each["event_id"], each["verdict"]) for each in await shown(office)] == [("c", "complete")]
        for older in ("a", "b"):
            found = await receipt(office, older)
            assert (found["verdict"], found["reason"], found["warnings"]) == ("superseded", "newer_manifest", [])
        assert (await receipt(office, "c"))["reason"] == "accepted"


class Sent(NamedTuple):
    """One event of a day: an income report, or a manifest that says which of e-0, e-1, e-2 were sent."""

    event_id: str
    minute: int
    says: frozenset[str] | None

    @property
    def record(self) -> Record:
        if self.says is None:
            return sent(self.event_id, f"B-{self.event_id}")
        time = MIDNIGHT + timedelta(minutes=self.minute)
        return manifest(self.says, MILLION * len(self.says), event_id=self.event_id, time=time)


REPORTS = ("e-0", "e-1", "e-2")
events = st.tuples(
    st.sets(st.sampled_from(REPORTS)).map(lambda ids: [Sent(name, 0, None) for name in sorted(ids)]),
    st.lists(
        st.builds(Sent, st.sampled_from("abc"), st.integers(0, 2), st.frozensets(st.sampled_from(REPORTS))),
        min_size=1,
        max_size=3,
        unique_by=lambda each: each.event_id,
    ),
)


@st.composite
def arriving(draw: st.DrawFn) -> tuple[list[Sent], list[Sent], list[list[Sent]]]:
    """Reports, manifests, and all of them in any order and in batches, some twice."""
    reports, manifests = draw(events)
    everything = [*reports, *manifests]
    repeated = draw(st.lists(st.sampled_from(everything), min_size=1, max_size=3))
    return reports, manifests, draw(batches([*everything, *repeated]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arriving())
async def test_any_order_of_manifests_and_events_ends_in_the_same_comparison(
    office: Office, arriving: tuple[list[Sent], list[Sent], list[list[Sent]]]
) -> None:
    reports, manifests, heard = arriving
    records: dict[str, Record] = {}
    await office.forget_everything(METADATA, but="view_state")
    for batch in heard:
        await office.hear(*(_delivered(records, each) for each in batch))
    ruling = max(manifests, key=lambda each: (each.minute, each.event_id))
    came = frozenset(each.event_id for each in reports)
    assert ruling.says is not None
    (found,) = await shown(office)
    assert found["event_id"] == ruling.event_id
    assert found["verdict"] == ("complete" if came == ruling.says else "differs")
    assert found["received"]["count"] == len(came)
    fewest = len(ruling.says) - len(came)
    other = int(fewest == 0 and came != ruling.says)
    assert (found["missing"], found["extra"]) == (max(fewest, other), max(-fewest, other))
    for each in manifests:
        answer = await receipt(office, each.event_id)
        if each is ruling:
            assert answer["warnings"] == ([] if came == each.says else ["manifest_differs"])
            assert answer["verdict"] == "accepted"
        else:
            assert (answer["verdict"], answer["reason"]) == ("superseded", "newer_manifest")


def _delivered(records: dict[str, Record], each: Sent) -> Record:
    """The event, or once more the same."""
    if each.event_id in records:
        return again(records[each.event_id])
    return records.setdefault(each.event_id, each.record)


REFUSED = [
    ("unknown_stream", {"stream": "manifest-closed"}),
    ("unknown_stream", {"stream": "sales"}),
    ("wrong_topic", {"stream": "grant-requested"}),
    ("future_day", {"day": date(2026, 11, 7)}),
]


@pytest.mark.parametrize(("reason", "wrong"), REFUSED)
async def test_a_manifest_that_can_count_nothing_is_rejected(
    office: Office, reason: str, wrong: dict[str, Any]
) -> None:
    await office.hear(manifest([], **wrong))
    assert await office.receipts() == {"m": ("rejected", reason, "")}
    found = await receipt(office)
    assert (found["verdict"], found["reason"]) == ("rejected", reason)
    assert await office.rows("SELECT * FROM manifest") == []


async def test_a_manifest_that_breaks_the_contract_is_rejected_with_the_path(office: Office) -> None:
    wrong = b'{"stream":"income-reported","day":"2026-11-05","count":-1,"sha256":"' + b"0" * 64 + b'"}'
    await office.hear(manifest([])._replace(value=wrong))
    found = await receipt(office)
    assert (found["verdict"], found["reason"]) == ("rejected", "invalid_data")
    assert "$.count" in found["message"]["en"]


async def test_the_day_of_a_manifest_may_be_its_own(office: Office) -> None:
    await office.hear(manifest([], time=MIDNIGHT - HOUR))
    assert [found["verdict"] for found in await shown(office)] == ["complete"]


async def test_a_district_sees_its_own_manifests_only(office: Office) -> None:
    codes = [BOJONEGORO, TUBAN, SURABAYA]
    await office.hear(*(manifest([], district=code) for code in codes))
    for role in (Role.viewer, Role.auditor, Role.province_officer, Role.admin):
        assert _codes(await shown(office, who=Caller("x", role, None))) == codes
    assert _codes(await shown(office, f"day={DAY}&district={TUBAN}")) == [TUBAN]
    for who in (OFFICER, SYSTEM):
        assert _codes(await shown(office, who=who)) == [BOJONEGORO]
        assert _codes(await shown(office, f"day={DAY}&district={BOJONEGORO}", who)) == [BOJONEGORO]
        foreign = await office.call(f"/v1/manifests?day={DAY}&district={TUBAN}", who)
        assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")


def _codes(found: Sequence[dict[str, Any]]) -> list[str]:
    return [each["district"] for each in found]


async def test_a_question_without_a_day_or_a_caller_is_refused(office: Office) -> None:
    assert (await office.call(f"/v1/manifests?day={DAY}", None)).status_code == 401
    for query in ("", "?day=yesterday", f"?day={DAY}&district=Bojonegoro"):
        answer = await office.call(f"/v1/manifests{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), query


async def test_a_day_without_a_manifest_has_none(office: Office) -> None:
    await office.hear(sent("e-1"), manifest(["e-1"], MILLION))
    answer = await office.call("/v1/manifests?day=2026-11-04")
    assert answer.json() == {"day": "2026-11-04", "manifests": [], "next": None}
