"""The worklist over real databases: what opens and closes a line, who sees to it, in any order of arrival."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.reporting.reconcile import rebuild, reconcile
from services.reporting.tables import METADATA
from services.reporting.worklist_lines import Filters, Line, Sort, open_counts, read_all, read_page
from services.reporting.worklist_rules import Reason
from shared.events import facts
from shared.events.district import AssetUse, GrantKind
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.security import Caller, Role
from shared.tables import Chassis
from tests.helpers import bearer, from_service
from tests.integration.conftest import DatabaseFor
from tests.integration.reporting.office import (
    BOJONEGORO,
    HOUR,
    MILLION,
    NOVEMBER,
    OFFICER,
    SURABAYA,
    TUBAN,
    VIEWER,
    Office,
    person,
    report,
)

TODAY = date(2026, 11, 24)
PROVINCE = Caller("agus", Role.province_officer, None)
AUDITOR = Caller("dewi", Role.auditor, None)
TUBAN_OFFICER = Caller("bambang", Role.district_officer, TUBAN)
_STEPS = {
    "approved": facts.GrantApproved,
    "disbursed": facts.GrantDisbursed,
    "handed_over": facts.GrantHandedOver,
    "cancelled": facts.GrantCancelled,
}


@pytest.fixture
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    """After every test the views, and the worklist, are those of the facts. It is 24 November 2026."""
    async with AsyncExitStack() as stack:
        found = Office.over(await database_for("reporting", METADATA), tmp_path)
        found.node.app.state.today = lambda: TODAY
        stack.push_async_callback(found.node.log.close)
        stack.push_async_callback(found.client.aclose)
        yield found
        assert await reconcile(found.database) == []


def grant(
    status: str, on: str, *, ref: str = "G-1", to: str = "B-1", amount: int = MILLION, version: int = 1,
    district: str = BOJONEGORO,
) -> Record:  # fmt: skip
    whose = beneficiary_id(district, to)
    number = grant_id(district, ref)
    fact = _STEPS[status](
        version=version,
        grant_id=number,
        beneficiary_id=whose,
        district=district,
        kind=GrantKind.equipment,
        amount=amount,
        fiscal_year=2026,
        on=date.fromisoformat(on),
    )
    return from_service("grants", fact, event_id=f"grant/{number}/{version}", time=NOVEMBER, key=str(whose))


async def lines(office: Office, day: date = TODAY, **filters: Any) -> list[Line]:
    async with office.database.reading() as session:
        return [line async for line in read_all(session, day, Filters(**filters))]


async def listed(office: Office, day: date = TODAY) -> dict[tuple[str, str], str]:
    """Since when, by (ref, reason)."""
    return {(line.district_ref, line.reason.value): line.since.isoformat() for line in await lines(office, day)}


async def closed(office: Office) -> list[tuple[Any, ...]]:
    """(reason, opened, closed, by) of the items no longer open, in order."""
    return [
        tuple(row)
        for row in await office.rows(
            "SELECT reason, opened_us, closed_us, closed_by FROM work_item WHERE closed_us IS NOT NULL ORDER BY id"
        )
    ]


def us(hours: int = 0) -> int:
    return int((NOVEMBER + hours * HOUR).timestamp() * 1_000_000)


async def ask(
    office: Office,
    method: str,
    path: str,
    who: Caller,
    body: Any = None,
    *,
    key: str | None = None,
) -> httpx.Response:
    headers = bearer(office.node.settings, who.role, who.sub, who.district)
    if method != "GET":
        headers["Idempotency-Key"] = key or str(uuid4())
    return await office.client.request(method, path, headers=headers, json=body)


def where(ref: str = "B-1", district: str = BOJONEGORO) -> UUID:
    return beneficiary_id(district, ref)


SUSPICIOUS = [report(month="2026-08", net=MILLION), report(month="2026-09", net=10 * MILLION)]


# What opens and closes a line


async def test_a_decline_opens_a_line_with_its_evidence_and_a_better_report_closes_it(office: Office) -> None:
    await office.hear(person(), *(report(month=month, net=-1) for month in ("2026-07", "2026-08", "2026-09")))
    (line,) = await lines(office)
    assert (line.reason, line.since, line.district_ref) == (Reason.declining, date(2026, 9, 1), "B-1")
    assert line.evidence["level"] == -1
    assert line.evidence["growth"]["id"].startswith("Usaha tidak untung: laba bersih -Rp 1 per bulan")
    # The last three are then -1, 5 and 5 million.
    later = NOVEMBER + HOUR
    await office.hear(*(report(month=month, net=5 * MILLION, time=later) for month in ("2026-10", "2026-11")))
    assert await listed(office) == {}
    assert await closed(office) == [("declining", us(), us(1), "report")]


async def test_idle_assets_open_a_line_and_in_use_closes_it(office: Office) -> None:
    idle, broken, used = AssetUse.idle, AssetUse.broken, AssetUse.in_use
    await office.hear(person(), report(month="2026-08", asset_use=idle))
    assert await listed(office) == {}
    await office.hear(report(month="2026-09", asset_use=broken))
    assert await listed(office) == {("B-1", "idle_asset"): "2026-08-01"}
    await office.hear(report(month="2026-10", asset_use=AssetUse.none))
    assert await listed(office) == {("B-1", "idle_asset"): "2026-08-01"}
    await office.hear(report(month="2026-10", revision=2, asset_use=used))
    assert await listed(office) == {}


async def test_a_correction_that_leaves_the_profit_alone_is_seen_all_the_same(office: Office) -> None:
    """Net profit does not change: only turnover and wages, in equal measure."""
    await office.hear(person(), report(net=0, turnover=MILLION, wages=MILLION))
    assert await listed(office) == {}
    await office.hear(report(net=0, revision=2, turnover=0, wages=1, materials=0))
    assert await listed(office) == {("B-1", "wages_exceed_turnover"): "2026-10-01"}
    await office.hear(report(net=0, revision=3, turnover=MILLION, wages=MILLION + 1, materials=0))
    await office.hear(report(net=0, revision=4, turnover=MILLION + 1, wages=MILLION + 2, materials=0))
    assert await listed(office) == {("B-1", "wages_exceed_turnover"): "2026-10-01"}
    await office.hear(report(net=0, revision=5, turnover=MILLION + 2, wages=MILLION + 1, materials=0))
    assert await listed(office) == {}


async def test_wages_above_turnover_end_with_the_next_report_and_begin_anew_with_a_next_bad_one(office: Office) -> None:
    bad: dict[str, Any] = {"turnover": MILLION, "wages": 2 * MILLION, "materials": 0}
    await office.hear(person(), report(month="2026-08", **bad))
    await office.hear(report(month="2026-09", time=NOVEMBER + HOUR, **bad))
    assert await listed(office) == {("B-1", "wages_exceed_turnover"): "2026-09-01"}
    await office.hear(report(month="2026-10", time=NOVEMBER + 2 * HOUR))
    # Of three months two ended with a loss of a million.
    assert await listed(office) == {("B-1", "declining"): "2026-10-01"}
    assert await closed(office) == [
        ("wages_exceed_turnover", us(), us(1), "report"),
        ("wages_exceed_turnover", us(1), us(2), "report"),
    ]


async def test_an_extra_zero_is_on_the_list_until_it_is_corrected(office: Office) -> None:
    await office.hear(person(), *SUSPICIOUS)
    (line,) = await lines(office)
    assert (line.reason, line.since) == (Reason.suspicious_report, date(2026, 9, 1))
    assert line.evidence == {"month": "2026-09", "turnover": 10 * MILLION, "median": MILLION, "times": 10.0}
    await office.hear(report(month="2026-10"))
    assert await listed(office) == {("B-1", "suspicious_report"): "2026-09-01"}
    await office.hear(report(month="2026-09", revision=2, time=NOVEMBER + HOUR))
    assert await listed(office) == {}
    assert await closed(office) == [("suspicious_report", us(), us(1), "report")]


async def test_only_ex_clients_are_on_the_list_by_their_reports(office: Office) -> None:
    await office.hear(person(status="client"), *SUSPICIOUS)
    assert await listed(office) == {}
    await office.hear(person(status="ex_client", version=2))
    assert await listed(office) == {("B-1", "suspicious_report"): "2026-09-01"}
    await office.hear(person(status="graduated", version=3))
    assert await listed(office) == {}
    assert await closed(office) == [("suspicious_report", us(), us(), "status")]


async def test_a_line_of_a_report_that_waited_for_its_person_opens_once(office: Office) -> None:
    await office.hear(*SUSPICIOUS)
    await office.hear(person())
    assert await listed(office) == {("B-1", "suspicious_report"): "2026-09-01"}


# What depends on today


async def test_two_full_months_without_a_report_are_silence(office: Office) -> None:
    await office.hear(person(), grant("handed_over", "2026-03-05"), report(month="2026-08"))
    assert await listed(office, date(2026, 10, 31)) == {}  # September only
    assert await listed(office, date(2026, 11, 1)) == {("B-1", "silent"): "2026-09-01"}
    (line,) = await lines(office)
    assert line.evidence == {"newest": "2026-08", "months": 2, "handed_over_on": "2026-03-05"}
    await office.hear(report(month="2026-09"))
    assert await listed(office) == {}
    assert await listed(office, date(2026, 12, 1)) == {("B-1", "silent"): "2026-10-01"}


@pytest.mark.parametrize(("on", "silent"), [("2026-09-01", True), ("2026-09-02", False), ("2026-08-31", True)])
async def test_silence_counts_from_the_first_full_month_after_the_handover(
    office: Office, on: str, silent: bool
) -> None:
    await office.hear(person(), grant("handed_over", on))
    assert await listed(office) == ({("B-1", "silent"): "2026-09-01"} if silent else {})


async def test_nobody_is_silent_without_a_grant_in_hand_or_when_no_ex_client(office: Office) -> None:
    await office.hear(person("B-1"), person("B-2"), person("B-3", "moved"))
    await office.hear(grant("disbursed", "2026-10-30", to="B-2"))
    await office.hear(grant("handed_over", "2026-03-05", ref="G-3", to="B-3"))
    assert await listed(office) == {}


async def test_a_grant_not_handed_over_for_more_than_30_days(office: Office) -> None:
    await office.hear(person(), grant("disbursed", "2026-10-25"))
    assert await listed(office) == {}  # the thirtieth day
    (line,) = await lines(office, TODAY + timedelta(days=1))
    assert (line.reason, line.since) == (Reason.not_handed_over, date(2026, 10, 25))
    assert line.evidence == {"disbursed_on": "2026-10-25", "days": 31, "grants": 1, "amount": MILLION}
    await office.hear(grant("handed_over", "2026-11-24", version=2))
    assert await listed(office, TODAY + timedelta(days=1)) == {}


async def test_two_grants_not_handed_over_are_one_line_of_whoever_it_is_by_now(office: Office) -> None:
    await office.hear(
        person(status="deceased"),
        grant("disbursed", "2026-09-02"),
        grant("disbursed", "2026-09-01", ref="G-2", amount=2 * MILLION),
        grant("disbursed", "2026-11-20", ref="G-3"),
        grant("approved", "2026-01-01", ref="G-4"),
    )
    (line,) = await lines(office)
    assert line.evidence == {"disbursed_on": "2026-09-01", "days": 84, "grants": 2, "amount": 3 * MILLION}


# Who sees to it


async def test_an_officer_sees_to_a_line_and_the_same_call_again_changes_nothing(office: Office) -> None:
    await office.hear(person(), *SUSPICIOUS)
    path, body = f"/v1/worklist/{where()}/suspicious_report", {"owner": "ratna", "due": "2026-12-01", "note": "Telepon"}
    answer = await ask(office, "PUT", path, OFFICER, body, key="one")
    assert answer.status_code == 200, answer.text
    line = answer.json()
    assert (line["owner"], line["due"], line["note"], line["assigned"]["by"]) == (
        "ratna",
        "2026-12-01",
        "Telepon",
        "ratna",
    )
    assert list(line) == [
        "beneficiary_id", "district", "district_ref", "reason", "since", "evidence", "next_step", "owner", "due",
        "note", "assigned",
    ]  # fmt: skip
    assert (await ask(office, "PUT", path, OFFICER, body, key="one")).content == answer.content
    assert (await ask(office, "PUT", path, OFFICER, {"owner": None}, key="one")).status_code == 422
    assert (await ask(office, "PUT", path, PROVINCE, {"owner": None})).json()["owner"] is None
    assert [(found.owner, found.note) for found in await lines(office)] == [(None, "")]


async def test_a_line_that_opens_anew_has_no_owner_and_the_old_one_stays_on_record(office: Office) -> None:
    await office.hear(person(), *SUSPICIOUS)
    path = f"/v1/worklist/{where()}/suspicious_report"
    await ask(office, "PUT", path, OFFICER, {"owner": "ratna", "due": "2026-12-01"})
    await office.hear(report(month="2026-09", revision=2))
    assert (await ask(office, "PUT", path, OFFICER, {"owner": "ratna"})).json()["code"] == "not_on_worklist"
    await office.hear(report(month="2026-10", net=10 * MILLION))
    (line,) = await lines(office)
    assert (line.since, line.owner, line.due) == (date(2026, 10, 1), None, None)
    assert [row.owner for row in await office.rows("SELECT owner FROM assignment")] == ["ratna"]


async def test_an_owner_of_a_silence_stays_while_it_lasts_and_does_not_come_back_with_the_next(office: Office) -> None:
    await office.hear(person(), grant("handed_over", "2026-03-05"), report(month="2026-05"))
    assert (await ask(office, "PUT", f"/v1/worklist/{where()}/silent", OFFICER, {"owner": "ratna"})).status_code == 200
    later = date(2027, 1, 10)
    assert [line.owner for line in await lines(office, later)] == ["ratna"]
    # A report of June, which came in late, ends no silence of September and October.
    await office.hear(report(month="2026-06"))
    assert [(line.since.isoformat(), line.owner) for line in await lines(office, later)] == [("2026-07-01", "ratna")]
    office.node.app.state.today = lambda: later
    await ask(office, "PUT", f"/v1/worklist/{where()}/silent", OFFICER, {"owner": "wulan"})
    assert [line.owner for line in await lines(office, later)] == ["wulan"]
    assert len(await office.rows("SELECT owner FROM assignment")) == 1
    await office.hear(report(month="2026-10"))
    assert [(line.since.isoformat(), line.owner) for line in await lines(office, later)] == [("2026-11-01", None)]


async def test_an_owner_of_a_missing_handover_is_for_that_payment(office: Office) -> None:
    await office.hear(person(), grant("disbursed", "2026-09-01"), grant("disbursed", "2026-09-20", ref="G-2"))
    path = f"/v1/worklist/{where()}/not_handed_over"
    assert (await ask(office, "PUT", path, OFFICER, {"owner": "ratna"})).status_code == 200
    assert [line.owner for line in await lines(office)] == ["ratna"]
    await office.hear(grant("handed_over", "2026-11-01", version=2))
    assert [(line.since.isoformat(), line.owner) for line in await lines(office)] == [("2026-09-20", None)]


async def test_a_confirmed_report_leaves_the_list_and_comes_back_with_another_amount(office: Office) -> None:
    await office.hear(person(), *SUSPICIOUS)
    path = f"/v1/worklist/{where()}/suspicious_report/confirm"
    wrong = await ask(office, "POST", path, OFFICER, {"note": "Cocok", "month": "2026-08"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["month"]) == (409, "not_on_worklist", "2026-09")
    answer = await ask(office, "POST", path, OFFICER, {"note": "Cocok", "month": "2026-09"}, key="one")
    assert (answer.status_code, answer.json()["since"]) == (200, "2026-09-01")
    assert await listed(office) == {}
    assert [(row[0], row[3]) for row in await closed(office)] == [("suspicious_report", "confirmed")]
    assert (await ask(office, "POST", path, OFFICER, {"note": "Cocok", "month": "2026-09"}, key="one")).json() == (
        answer.json()
    )
    assert (await ask(office, "POST", path, OFFICER, {"note": "x"})).status_code == 409
    await office.hear(report(month="2026-09", revision=2, net=11 * MILLION))
    assert await listed(office) == {("B-1", "suspicious_report"): "2026-09-01"}


async def test_the_history_of_a_business_says_what_closed_each_line_and_what_was_confirmed(office: Office) -> None:
    await office.hear(person(), *SUSPICIOUS)
    await ask(office, "PUT", f"/v1/worklist/{where()}/suspicious_report", OFFICER, {"owner": "ratna"})
    path = f"/v1/worklist/{where()}/suspicious_report/confirm"
    await ask(office, "POST", path, OFFICER, {"note": "Cocok dengan buku kas"})
    later = NOVEMBER + HOUR
    await office.hear(report(month="2026-10", wages=2 * MILLION, turnover=MILLION, time=later))
    found = (await ask(office, "GET", f"/v1/worklist/{where()}", OFFICER)).json()
    assert [item["reason"] for item in found["items"][1:]] == ["declining", "suspicious_report"]
    wages, _, zero = found["items"]
    assert (wages["reason"], wages["since"], wages["opened"], wages["closed"]) == (
        "wages_exceed_turnover",
        "2026-10",
        "2026-11-05T03:00:00Z",
        None,
    )
    assert (zero["reason"], zero["opened"], zero["closed"]["by"], zero["owner"]) == (
        "suspicious_report",
        "2026-11-05T02:00:00Z",
        "confirmed",
        "ratna",
    )
    (confirmed,) = found["confirmed"]
    assert (confirmed["month"], confirmed["turnover"], confirmed["by"], confirmed["note"]) == (
        "2026-09",
        10 * MILLION,
        "ratna",
        "Cocok dengan buku kas",
    )
    assert (await ask(office, "GET", f"/v1/worklist/{where()}", TUBAN_OFFICER)).status_code == 404
    assert (await ask(office, "GET", f"/v1/worklist/{uuid4()}", PROVINCE)).status_code == 404
    assert (await ask(office, "GET", f"/v1/worklist/{where()}", VIEWER)).status_code == 403


# Who may


@pytest.mark.parametrize("role", [Role.viewer, Role.auditor, Role.treasurer, Role.admin])
async def test_only_officers_see_to_a_line(office: Office, role: Role) -> None:
    await office.hear(person(), *SUSPICIOUS)
    who = Caller("x", role, None)
    put = await ask(office, "PUT", f"/v1/worklist/{where()}/suspicious_report", who, {"owner": "x"})
    post = await ask(office, "POST", f"/v1/worklist/{where()}/suspicious_report/confirm", who, {"note": ""})
    assert [put.status_code, post.status_code] == [403, 403]
    assert await office.rows("SELECT 1 FROM assignment UNION ALL SELECT 1 FROM confirmed_report") == []


async def test_the_list_is_of_people_and_not_for_those_who_only_view(office: Office) -> None:
    assert (await ask(office, "GET", "/v1/worklist", VIEWER)).status_code == 403
    assert (await ask(office, "GET", "/v1/worklist?format=csv", VIEWER)).status_code == 403
    assert (await ask(office, "GET", "/v1/worklist", AUDITOR)).status_code == 200
    assert (await office.call("/v1/worklist", None)).status_code == 401
    system = Caller("sistem", Role.district_system, BOJONEGORO)
    assert (await ask(office, "GET", "/v1/worklist", system)).status_code == 403
    assert (await ask(office, "GET", "/v1/worklist/counts", VIEWER)).status_code == 200


async def test_a_foreign_district_is_not_found_whatever_is_asked(office: Office) -> None:
    await office.hear(person(), *SUSPICIOUS)
    line = f"/v1/worklist/{where()}/suspicious_report"
    answers = [
        await ask(office, "GET", f"/v1/worklist?district={BOJONEGORO}", TUBAN_OFFICER),
        await ask(office, "GET", f"/v1/worklist?district={BOJONEGORO}&format=csv", TUBAN_OFFICER),
        await ask(office, "GET", "/v1/worklist?district=9999", PROVINCE),
        await ask(office, "PUT", line, TUBAN_OFFICER, {"owner": "x"}),
        await ask(office, "POST", f"{line}/confirm", TUBAN_OFFICER, {"note": ""}),
        await ask(office, "PUT", f"/v1/worklist/{uuid4()}/declining", PROVINCE, {"owner": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 6
    own = (await ask(office, "GET", "/v1/worklist", TUBAN_OFFICER)).json()
    assert (own["total"], own["items"]) == (0, [])
    counts = (await ask(office, "GET", "/v1/worklist/counts", TUBAN_OFFICER)).json()
    assert list(counts["districts"]) == [TUBAN]


@pytest.mark.parametrize(
    "body",
    [{"due": "2026-13-01"}, {"owner": ""}, {"owner": "a\x00"}, {"note": "x" * 501}, {"note": "a\x00"}, {"who": "x"}],
)
async def test_a_call_that_breaks_the_contract_is_refused(office: Office, body: dict[str, Any]) -> None:
    await office.hear(person(), *SUSPICIOUS)
    answer = await ask(office, "PUT", f"/v1/worklist/{where()}/suspicious_report", OFFICER, body)
    assert answer.status_code == 422
    assert (await ask(office, "PUT", f"/v1/worklist/{where()}/hungry", OFFICER, {})).status_code == 422


# Pages, counts, files


async def _several(office: Office) -> None:
    """Five lines in three districts: B-1 suspicious and idle, B-2 silent, T-1 not handed over, S-1 silent."""
    idle: dict[str, Any] = {"asset_use": AssetUse.idle}
    await office.hear(
        person("B-1"),
        person("B-2"),
        person("T-1", district=TUBAN),
        person("S-1", district=SURABAYA),
        report(month="2026-08", **idle),
        report(month="2026-09", net=10 * MILLION, **idle),
        grant("handed_over", "2026-01-20", ref="G-2", to="B-2"),
        grant("disbursed", "2026-08-15", ref="G-3", to="T-1", district=TUBAN),
        grant("handed_over", "2026-06-01", ref="G-4", to="S-1", district=SURABAYA),
    )


ALL = [
    ("B-2", "silent"),  # since February
    ("S-1", "silent"),  # since June
    ("B-1", "idle_asset"),  # since August
    ("T-1", "not_handed_over"),  # since 15 August
    ("B-1", "suspicious_report"),  # since September
]


async def test_the_longest_open_line_comes_first_and_every_line_once_over_the_pages(office: Office) -> None:
    await _several(office)
    seen: list[tuple[str, str]] = []
    cursor = ""
    for _ in range(9):
        found = (await ask(office, "GET", f"/v1/worklist?limit=2{cursor}", PROVINCE)).json()
        assert found["total"] == 5
        seen += [(item["district_ref"], item["reason"]) for item in found["items"]]
        if found["next"] is None:
            break
        cursor = f"&cursor={found['next']}"
    assert seen == ALL


@pytest.mark.parametrize("sort", ["since", "-since", "due", "-due", "district", "-district"])
async def test_every_order_shows_every_line_once_and_the_two_directions_mirror_each_other(
    office: Office, sort: Sort
) -> None:
    await _several(office)
    body = {"owner": "ratna", "due": "2026-12-01"}
    assert (await ask(office, "PUT", f"/v1/worklist/{where()}/idle_asset", OFFICER, body)).status_code == 200
    mirrored: Any = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
    async with office.database.reading() as session:
        one = [line async for line in read_all(session, TODAY, Filters(), sort=sort, at_once=1)]
        other = [line async for line in read_all(session, TODAY, Filters(), sort=mirrored, at_once=2)]
    assert len(one) == 5
    assert one == other[::-1]
    if sort == "due":
        assert (one[0].reason, one[0].due) == (Reason.idle_asset, "2026-12-01")


async def test_the_list_is_filtered_and_counted(office: Office) -> None:
    await _several(office)
    await ask(office, "PUT", f"/v1/worklist/{where()}/idle_asset", OFFICER, {"owner": "ratna"})
    everything = (await ask(office, "GET", "/v1/worklist", PROVINCE)).json()
    assert everything["counts"] == {
        "reasons": {
            "silent": 2,
            "declining": 0,
            "idle_asset": 1,
            "not_handed_over": 1,
            "wages_exceed_turnover": 0,
            "suspicious_report": 1,
        },
        "districts": {BOJONEGORO: 3, TUBAN: 1, SURABAYA: 1},
    }
    assert everything["today"] == "2026-11-24"
    silent = (await ask(office, "GET", "/v1/worklist?reason=silent", PROVINCE)).json()
    assert (silent["total"], silent["counts"]["districts"]) == (2, {BOJONEGORO: 1, SURABAYA: 1})
    assert silent["counts"]["reasons"] == everything["counts"]["reasons"]
    own = (await ask(office, "GET", "/v1/worklist", OFFICER)).json()
    assert [(item["district_ref"], item["reason"]) for item in own["items"]] == [ALL[0], ALL[2], ALL[4]]
    mine = (await ask(office, "GET", "/v1/worklist?owner=ratna", PROVINCE)).json()
    assert [(item["district_ref"], item["reason"]) for item in mine["items"]] == [ALL[2]]
    assert (mine["total"], mine["counts"]["districts"]) == (1, {BOJONEGORO: 1})
    unowned = (await ask(office, "GET", "/v1/worklist?owner=", PROVINCE)).json()
    assert unowned["total"] == 4
    async with office.database.reading() as session:
        assert await open_counts(session, TODAY) == {
            BOJONEGORO: {Reason.silent: 1, Reason.idle_asset: 1, Reason.suspicious_report: 1},
            TUBAN: {Reason.not_handed_over: 1},
            SURABAYA: {Reason.silent: 1},
        }


async def test_an_item_of_the_list_says_why_in_both_languages_and_what_to_do(office: Office) -> None:
    await office.hear(person(), *SUSPICIOUS)
    (item,) = (await ask(office, "GET", "/v1/worklist", OFFICER)).json()["items"]
    assert item["evidence"] == {
        "month": "2026-09",
        "turnover": 10_000_000,
        "median": 1_000_000,
        "times": 10.0,
        "sentence": {
            "id": "Omzet Rp 10.000.000 pada laporan Sep 2026 adalah 10,0 kali nilai tengah laporan sebelumnya "
            "(Rp 1.000.000): mungkin kelebihan nol",
            "en": "The turnover of Rp 10,000,000 in the report of Sep 2026 is 10.0 times the median of the earlier "
            "ones (Rp 1,000,000): perhaps a zero too many",
        },
    }
    assert set(item["next_step"]) == {"id", "en"}
    assert (item["owner"], item["due"], item["note"], item["assigned"]) == (None, None, "", None)


@pytest.mark.parametrize("cursor", ["x", "%00", "WyJzaW5jZSIsMSwyLCJodW5ncnkiXQ", "WyItc2luY2UiLDEsMiwic2lsZW50Il0"])
async def test_a_cursor_of_no_page_of_this_list_is_422(office: Office, cursor: str) -> None:
    assert (await ask(office, "GET", f"/v1/worklist?cursor={cursor}", PROVINCE)).status_code == 422


async def test_the_csv_has_every_line_and_no_formula(office: Office) -> None:
    await _several(office)
    await ask(office, "PUT", f"/v1/worklist/{where()}/idle_asset", OFFICER, {"owner": "=1+1", "note": '@a, "b"\nc'})
    answer = await ask(office, "GET", "/v1/worklist?format=csv&limit=1", PROVINCE)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="berdaya-daftar-kerja-2026-11-24.csv"'
    assert not answer.content.startswith(b"\xef\xbb\xbf")
    heading, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8"), newline=""))
    assert heading[:3] == ["Kode", "Kabupaten/kota", "Usaha"]
    assert [row[2] for row in rows] == [ref for ref, _ in ALL]
    assert rows[2][7:10] == ["'=1+1", "", '\'@a, "b"\nc']
    assert rows[0][1] == "Kab. Bojonegoro"
    english = await ask(office, "GET", "/v1/worklist?format=csv&lang=en&reason=silent", OFFICER)
    assert english.text.splitlines()[0].startswith("Code,District,Business")
    assert len(english.text.splitlines()) == 2


async def test_the_spreadsheet_has_text_in_every_cell_and_no_formula(office: Office) -> None:
    await _several(office)
    await ask(office, "PUT", f"/v1/worklist/{where()}/idle_asset", OFFICER, {"note": "=HYPERLINK(1)"})
    answer = await ask(office, "GET", "/v1/worklist?format=xlsx", PROVINCE)
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    with ZipFile(io.BytesIO(answer.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "=HYPERLINK(1)" in sheet
    assert "<f>" not in sheet
    assert sheet.count("<row ") == 6
    assert "hyperlink" not in sheet


async def test_the_counts_name_every_district_and_reason(office: Office) -> None:
    await _several(office)
    found = (await ask(office, "GET", "/v1/worklist/counts", VIEWER)).json()
    assert len(found["districts"]) == 38
    assert found["districts"][TUBAN] == {
        "silent": 0,
        "declining": 0,
        "idle_asset": 0,
        "not_handed_over": 1,
        "wages_exceed_turnover": 0,
        "suspicious_report": 0,
    }


# Proof and repair


async def test_a_line_that_does_not_follow_from_the_reports_is_found_and_mended(office: Office) -> None:
    await office.hear(person(), *SUSPICIOUS)
    await office.change("UPDATE work_item SET reason = 'declining'")
    (said,) = await reconcile(office.database)
    assert said.endswith("declining since 2026-09, by its reports suspicious_report since 2026-09")
    await rebuild(office.database)
    assert await listed(office) == {("B-1", "suspicious_report"): "2026-09-01"}


# Any order


@st.composite
def _tellings(draw: st.DrawFn) -> tuple[list[Record], list[Record], list[int]]:
    said: list[Record] = [person("B-1"), person("B-2")]
    statuses = draw(st.lists(st.sampled_from(["client", "ex_client", "graduated"]), max_size=2))
    said += [person("B-2", status, version=version) for version, status in enumerate(statuses, start=2)]
    told = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["B-1", "B-2"]),
                st.sampled_from(["2026-05", "2026-06", "2026-07", "2026-08", "2026-10"]),
                st.integers(1, 2),
                st.integers(0, 2),
                st.sampled_from([MILLION, 10 * MILLION, 100 * MILLION]),
                st.sampled_from([0, 20 * MILLION]),
                st.sampled_from(sorted(AssetUse)),
            ),
            min_size=3,
            max_size=14,
        )
    )
    said += [
        report(
            ref, month, turnover - wages, revision=revision, time=NOVEMBER + hours * HOUR, event_id=f"r{place}",
            turnover=turnover, wages=wages, materials=0, asset_use=use,
        )
        for place, (ref, month, revision, hours, turnover, wages, use) in enumerate(told)
    ]  # fmt: skip
    order = draw(st.permutations(said))
    return said, order, sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=5)))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(telling=_tellings())
async def test_the_open_lines_are_the_same_in_any_order_of_arrival(
    office: Office, telling: tuple[list[Record], list[Record], list[int]]
) -> None:
    said, order, cuts = telling
    await _empty(office)
    for start, end in pairwise([0, *cuts, len(order)]):
        await office.hear(*order[start:end])
        assert await reconcile(office.database) == []
    shown = await _shown(office)
    assert await office.rows("SELECT 1 FROM work_item WHERE closed_us < opened_us") == []
    await _empty(office)
    await office.hear(*said)
    assert await _shown(office) == shown


async def _shown(office: Office) -> list[Any]:
    return sorted((line.district_ref, line.reason, line.since, repr(line.evidence)) for line in await lines(office))


async def _empty(office: Office) -> None:
    names = [table.name for metadata in (METADATA, Chassis.metadata) for table in reversed(metadata.sorted_tables)]
    async with office.database.transaction() as session:
        for name in names:
            if name != "view_state":
                await session.execute(text(f"DELETE FROM {name}"))


async def test_a_page_asked_for_beyond_the_last_line_is_empty(office: Office) -> None:
    await _several(office)
    async with office.database.reading() as session:
        page = await read_page(session, TODAY, Filters(), limit=5)
    assert (len(page.lines), page.next) == (5, None)
