"""An officer's class beside the computed one, and what another rule would change."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from typer.testing import CliRunner

from services.reporting import __main__ as command_line
from services.reporting import rule_versions
from services.reporting.app import build
from services.reporting.dashboard import build_next
from services.reporting.growth import Classes
from services.reporting.reconcile import rebuild, reconcile
from services.reporting.rule_versions import RULES, GrowthRule
from services.reporting.tables import METADATA
from shared.embedded import EmbeddedLog
from shared.events.districts import DISTRICTS
from shared.security import Caller, Role
from shared.settings import Settings
from tests.integration.conftest import DatabaseFor
from tests.integration.reporting.office import (
    BOJONEGORO,
    HOUR,
    MILLION,
    NOVEMBER,
    OFFICER,
    TUBAN,
    VIEWER,
    Office,
    person,
    report,
)
from tests.integration.reporting.test_worklist import PROVINCE, TODAY, TUBAN_OFFICER, ask, listed, where

ADMIN = Caller("root", Role.admin, None)
OVERRIDE = f"/v1/businesses/{where()}/override"
WANTED = {"class": "growing", "reason": "Musim panen; dicek di tempat.", "until": "2026-12"}
STRICTER = msgspec.structs.replace(RULES[1], version=2, ordinary_level=4 * MILLION)


@pytest.fixture
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    """B-1 is steady at three million (ordinary), the newest month October. After every test all views are right."""
    async with AsyncExitStack() as stack:
        found = Office.over(await database_for("reporting", METADATA), tmp_path)
        found.node.app.state.today = lambda: TODAY
        stack.push_async_callback(found.node.log.close)
        stack.push_async_callback(found.client.aclose)
        await found.hear(person(), *steady("B-1"))
        yield found
        assert await reconcile(found.database) == []


def steady(ref: str, net: int = 3 * MILLION, district: str = BOJONEGORO) -> list[Any]:
    return [report(ref, month, net, district=district) for month in ("2026-08", "2026-09", "2026-10")]


async def growth(office: Office) -> dict[str, Any]:
    found: dict[str, Any] = (await office.business())["growth"]
    return found


async def classes(office: Office) -> dict[str, int]:
    """Of the district on the dashboard, those that are not zero."""
    counted = (await office.cell())["growth"]
    return {name: many for name, many in counted.items() if many}


async def test_an_override_is_the_class_that_counts_and_the_computed_one_stays_beside_it(office: Office) -> None:
    assert await classes(office) == {"ordinary": 1}
    answer = await ask(office, "POST", OVERRIDE, PROVINCE, WANTED)
    assert answer.status_code == 200, answer.text
    found = await growth(office)
    assert (found["class"], found["computed"], found["because"]) == ("growing", "ordinary", "level >= 1500000")
    override = found["override"]
    assert list(override) == ["class", "reason", "until", "by", "at"]
    assert (override["class"], override["until"], override["by"]) == ("growing", "2026-12", "agus")
    assert override["reason"] == WANTED["reason"]
    viewed = (await office.business(who=VIEWER))["growth"]["override"]
    assert viewed == {"class": "growing", "until": "2026-12"}, "who and why is not for those who only view"
    assert WANTED["reason"] not in (await office.call(f"/business/{where()}", VIEWER)).text
    assert await classes(office) == {"growing": 1}
    assert answer.json()["business"]["growth"] == found
    told = (await office.told())[-1]
    assert (told["from"], told["to"], told["version"], told["rule_version"]) == ("ordinary", "growing", 2, 1)
    assert told["evidence"]["growth_class"] == "ordinary"
    assert told["evidence"]["override"] == {"class": "growing", "until": "2026-12"}


async def test_an_override_is_shown_on_the_dashboard_though_no_event_came(office: Office) -> None:
    before = await build_next(office.database)
    await ask(office, "POST", OVERRIDE, PROVINCE, WANTED)
    after = await build_next(office.database)
    assert before is not None
    assert after is not None
    assert after.version == before.version + 1


async def test_an_override_ends_with_a_report_after_its_month_and_by_no_clock(office: Office) -> None:
    await ask(office, "POST", OVERRIDE, PROVINCE, WANTED | {"until": "2026-10"})
    await office.hear(report(month="2026-09", revision=2, net=MILLION))
    assert (await growth(office))["class"] == "growing"
    await office.hear(report(month="2026-11", net=3 * MILLION, time=NOVEMBER + HOUR))
    found = await growth(office)
    assert (found["class"], found["override"]) == ("ordinary", None)
    assert await classes(office) == {"ordinary": 1}
    assert [(fact["from"], fact["to"]) for fact in await office.told()] == [
        (None, "ordinary"),
        ("ordinary", "growing"),
        ("growing", "ordinary"),
    ]
    (kept,) = await _history(office)
    assert (kept["until"], kept["ended"]) == ("2026-10", None)


async def test_the_history_says_who_when_and_why(office: Office) -> None:
    await ask(office, "POST", OVERRIDE, PROVINCE, WANTED)
    second = Caller("sri", Role.province_officer, None)
    await ask(office, "POST", OVERRIDE, second, WANTED | {"class": "stagnant", "reason": "Keliru"})
    removed = await ask(office, "POST", f"{OVERRIDE}/remove", PROVINCE, {"reason": "Sudah jelas"})
    assert removed.json()["business"]["growth"]["override"] is None
    newest, oldest = await _history(office)
    assert (newest["class"], newest["by"], newest["ended"]["by"]) == ("stagnant", "sri", "agus")
    assert newest["ended"]["reason"] == "Sudah jelas"
    assert (oldest["class"], oldest["by"], oldest["ended"]["by"]) == ("growing", "agus", "sri")
    assert oldest["ended"]["reason"] == "Keliru"
    assert oldest["ended"]["at"] == newest["at"]
    assert await classes(office) == {"ordinary": 1}


async def _history(office: Office) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await ask(office, "GET", f"{OVERRIDE}s", PROVINCE)).json()["overrides"]
    return found


async def test_the_same_call_again_is_one_override(office: Office) -> None:
    first = await ask(office, "POST", OVERRIDE, PROVINCE, WANTED, key="one")
    assert (await ask(office, "POST", OVERRIDE, PROVINCE, WANTED, key="one")).content == first.content
    assert len(await _history(office)) == 1


async def test_a_class_declared_declining_stands_on_the_worklist_and_one_lifted_leaves_it(office: Office) -> None:
    await ask(office, "POST", OVERRIDE, PROVINCE, WANTED | {"class": "declining"})
    assert await listed(office) == {("B-1", "declining"): "2026-10-01"}
    await ask(office, "POST", f"{OVERRIDE}/remove", PROVINCE, {"reason": "Tidak jadi"})
    assert await listed(office) == {}
    await office.hear(person("B-2"), *steady("B-2", -1))
    assert await listed(office) == {("B-2", "declining"): "2026-10-01"}
    path = f"/v1/businesses/{where('B-2')}/override"
    await ask(office, "POST", path, PROVINCE, WANTED | {"class": "stagnant"})
    assert await listed(office) == {}
    by = await office.rows("SELECT closed_by FROM work_item ORDER BY id")
    assert [row.closed_by for row in by] == ["report", "override"]


async def test_an_override_of_one_who_is_no_ex_client_counts_when_they_become_one(office: Office) -> None:
    await office.hear(person(status="client", version=2))
    await ask(office, "POST", OVERRIDE, PROVINCE, WANTED)
    assert await classes(office) == {}
    await office.hear(person(status="ex_client", version=3))
    assert await classes(office) == {"growing": 1}


async def test_a_rebuild_keeps_what_an_officer_decided(office: Office) -> None:
    await ask(office, "POST", OVERRIDE, PROVINCE, WANTED)
    await office.change("UPDATE person SET growth_class = 'ordinary'")
    assert any("growth class of business" in line for line in await reconcile(office.database))
    assert await rebuild(office.database) == 1
    assert await classes(office) == {"growing": 1}


@pytest.mark.parametrize("until", ["2026-09", "2027-11"])
async def test_the_end_lies_within_a_year_of_the_newest_reported_month(office: Office, until: str) -> None:
    answer = await ask(office, "POST", OVERRIDE, PROVINCE, WANTED | {"until": until})
    assert (answer.status_code, answer.json()["code"]) == (409, "until_out_of_range")
    assert (answer.json()["earliest"], answer.json()["latest"]) == ("2026-10", "2027-10")
    assert (await growth(office))["override"] is None


async def test_a_business_without_a_report_and_one_without_an_override_are_refused(office: Office) -> None:
    await office.hear(person("B-2"))
    answer = await ask(office, "POST", f"/v1/businesses/{where('B-2')}/override", PROVINCE, WANTED)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_report")
    answer = await ask(office, "POST", f"{OVERRIDE}/remove", PROVINCE, {"reason": "x"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_override")
    for path in (f"/v1/businesses/{uuid4()}/override", f"/v1/businesses/{uuid4()}/override/remove"):
        body = WANTED if path.endswith("override") else {"reason": "x"}
        assert (await ask(office, "POST", path, PROVINCE, body)).status_code == 404


@pytest.mark.parametrize("who", [OFFICER, VIEWER, ADMIN, TUBAN_OFFICER, Caller("b", Role.treasurer, None)])
async def test_only_a_province_officer_overrides(office: Office, who: Caller) -> None:
    assert (await ask(office, "POST", OVERRIDE, who, WANTED)).status_code == 403
    assert (await ask(office, "POST", f"{OVERRIDE}/remove", who, {"reason": "x"})).status_code == 403
    assert (await growth(office))["override"] is None


async def test_the_history_is_of_the_own_district_and_not_for_those_who_only_view(office: Office) -> None:
    assert (await ask(office, "GET", f"{OVERRIDE}s", OFFICER)).status_code == 200
    assert (await ask(office, "GET", f"{OVERRIDE}s", TUBAN_OFFICER)).status_code == 404
    assert (await ask(office, "GET", f"{OVERRIDE}s", VIEWER)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"class": "rich"},
        {"class": None},
        {"reason": ""},
        {"reason": "a\x00"},
        {"until": "2026-13"},
        {"until": "2026-12-01"},
        {"note": "x"},
    ],
)
async def test_an_override_that_breaks_the_contract_is_422(office: Office, body: dict[str, Any]) -> None:
    assert (await ask(office, "POST", OVERRIDE, PROVINCE, WANTED | body)).status_code == 422


async def test_the_page_of_a_business_shows_both_classes(office: Office) -> None:
    await ask(office, "POST", OVERRIDE, PROVINCE, WANTED | {"reason": "<b>Musim</b>"})
    html = (await office.call(f"/business/{where()}", PROVINCE)).text
    assert "Ditetapkan petugas provinsi agus" in html
    assert "sampai Des 2026: &lt;b&gt;Musim&lt;/b&gt;" in html
    assert "Menurut aturan: biasa saja." in html


# Another rule


async def _province(office: Office) -> None:
    """Beside B-1: B-2 ordinary at five million, T-1 ordinary at three, T-2 no ex-client, B-3 without a report."""
    await office.hear(
        person("B-2"),
        person("B-3"),
        person("T-1", district=TUBAN),
        person("T-2", "graduated", district=TUBAN),
        *steady("B-2", 5 * MILLION),
        *steady("T-1", district=TUBAN),
        *steady("T-2", district=TUBAN),
    )


EXPECTED = [{"from": "ordinary", "to": "stagnant", "businesses": 1}]


async def test_what_another_rule_would_change_is_told_by_district_and_changes_nothing(office: Office) -> None:
    await _province(office)
    await ask(office, "POST", OVERRIDE, PROVINCE, WANTED)
    before = await classes(office)
    answer = await ask(office, "POST", "/v1/growth/what-if", ADMIN, json.loads(msgspec.json.encode(STRICTER)))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["candidate"]["ordinary_level"] == 4 * MILLION
    assert found["compared"] == {"businesses": 3, "by_rule": {"1": 3}}
    assert found["moved"] == 2
    assert found["province"] == [{"from": "ordinary", "to": "stagnant", "businesses": 2}]
    assert found["districts"] == {BOJONEGORO: EXPECTED, TUBAN: EXPECTED}
    moved = {business["beneficiary_id"]: business["overridden"] for business in found["businesses"]}
    assert moved == {str(where()): True, str(where("T-1", TUBAN)): False}
    assert await classes(office) == before


async def test_the_rule_in_force_changes_nothing(office: Office) -> None:
    found = (await ask(office, "GET", "/v1/growth/what-if?rule=1", ADMIN)).json()
    assert (found["moved"], found["province"], found["businesses"]) == (0, [], [])
    assert (await ask(office, "GET", "/v1/growth/what-if?rule=2", ADMIN)).status_code == 404
    rules = (await ask(office, "GET", "/v1/growth/rules", VIEWER)).json()
    assert (rules["in_force"], [rule["version"] for rule in rules["rules"]]) == (1, [1])


@pytest.mark.parametrize("who", [OFFICER, PROVINCE, VIEWER])
async def test_only_an_admin_asks_what_another_rule_would_change(office: Office, who: Caller) -> None:
    assert (await ask(office, "GET", "/v1/growth/what-if?rule=1", who)).status_code == 403
    assert (await ask(office, "POST", "/v1/growth/what-if", who, {})).status_code == 403


async def test_a_candidate_that_cannot_be_a_rule_is_422_and_says_why(office: Office) -> None:
    body = json.loads(msgspec.json.encode(STRICTER)) | {"level_reports": 2}
    answer = await ask(office, "POST", "/v1/growth/what-if", ADMIN, body)
    assert (answer.status_code, answer.json()["detail"]) == (422, "level_reports must be odd")


@pytest.fixture
def second_rule(monkeypatch: pytest.MonkeyPatch) -> GrowthRule:
    """As if version 2 had been decided."""
    monkeypatch.setitem(rule_versions._RULES, 2, STRICTER)
    return STRICTER


async def test_a_rule_switched_on_gives_every_business_its_class_anew_and_says_so(
    second_rule: GrowthRule, office: Office
) -> None:
    await _province(office)
    switched = Classes(second_rule)
    async with office.database.reading() as session:
        assert await switched.due(session, DISTRICTS)
    for more in (True, False):  # first all that another rule looked at is made due
        async with office.database.transaction() as session:
            assert await switched.settle(session, DISTRICTS) is more
    async with office.database.reading() as session:
        assert not await switched.due(session, DISTRICTS)
    assert await classes(office) == {"ordinary": 1, "stagnant": 1, "insufficient": 1}
    found = await growth(office)
    assert (found["class"], found["rule_version"], found["because"]) == ("stagnant", 2, "level < 4000000")
    told = (await office.told())[-1]
    assert (told["to"], told["rule_version"], told["evidence"]["rule_version"]) == ("stagnant", 2, 2)
    assert "versi 2" in (await office.call(f"/business/{where()}", VIEWER)).text
    assert [row.growth_rule for row in await office.rows("SELECT growth_rule FROM person ORDER BY no")] == [
        2, 2, None, 2, 2,
    ]  # fmt: skip


async def test_a_rule_that_there_is_not_stops_the_service_at_its_start(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        build(Settings(service="reporting", var=tmp_path, growth_rule=7), EmbeddedLog(tmp_path / "log.db"))


def test_the_command_names_what_it_cannot_do(tmp_path: Path) -> None:
    run = CliRunner()
    candidate = tmp_path / "rule.toml"
    candidate.write_text("version = 1")
    for arguments, said in (
        ([], "give either --rule or --candidate"),
        (["--rule", "9"], "there is no rule 9"),
        (["--candidate", str(candidate)], "missing required field"),
    ):
        found = run.invoke(command_line.app, ["what-if", *arguments])
        assert found.exit_code == 2
        assert said in " ".join(found.output.replace("│", " ").split())
