"""Who may see what; versions of the dashboard, its proof and its repair."""

from datetime import timedelta

import pytest

from services.reporting.dashboard import Lag, build_next
from services.reporting.reconcile import rebuild, reconcile
from shared.database import now
from shared.events.envelope import beneficiary_id
from shared.security import Caller, Role
from tests.integration.reporting.office import BOJONEGORO, DISTRICTS, EMPTY_CELL, OFFICER, Office, person, report
from tests.integration.reporting.province import BOJONEGORO_CELL, PROVINCE_CELL, tiny_province

# Who may see what


async def test_nobody_reads_without_a_token_and_no_system_of_a_district_reads_live_numbers(office: Office) -> None:
    await office.hear(person())
    for path in ("dashboard", f"businesses/{beneficiary_id(BOJONEGORO, 'B-1')}", "dashboard/stream"):
        nobody = await office.call(f"/v1/{path}", None)
        assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthenticated")
        wrong = await office.call(f"/v1/{path}", None, {"Authorization": "Bearer no.such.token"})
        assert wrong.status_code == 401
        system = await office.call(f"/v1/{path}", Caller("simpel", Role.district_system, BOJONEGORO))
        assert (system.status_code, system.json()["code"]) == (403, "forbidden")


async def test_roles_of_the_province_see_all_districts(office: Office) -> None:
    for role in (Role.viewer, Role.auditor, Role.treasurer, Role.province_officer, Role.admin):
        assert list((await office.dashboard(who=Caller("x", role, None)))["districts"]) == DISTRICTS


async def test_a_district_officer_sees_the_province_and_the_own_district(office: Office) -> None:
    await office.hear(*tiny_province())
    body = await office.dashboard(who=OFFICER)
    assert body["province"] == PROVINCE_CELL
    assert body["districts"] == {BOJONEGORO: BOJONEGORO_CELL}
    assert (await office.dashboard("2026-09", OFFICER))["districts"].keys() == {BOJONEGORO}


async def test_a_dashboard_unchanged_is_not_sent_again(office: Office) -> None:
    await office.hear(person(), report())
    await office.say(Lag(now(), 0, 0.0))
    first = await office.call("/v1/dashboard")
    tag = first.headers["etag"]
    assert tag.startswith('W/"'), "as_of is not in it"
    await office.say(Lag(now(), 0, 0.0))
    same = await office.call("/v1/dashboard", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    for way in (tag.removeprefix("W/"), f'"another", {tag}', "*"):
        assert (await office.call("/v1/dashboard", headers={"If-None-Match": way})).status_code == 304, way
    assert (await office.call("/v1/dashboard", headers={"If-None-Match": '"another"'})).status_code == 200
    assert (await office.call("/v1/dashboard", OFFICER, headers={"If-None-Match": tag})).status_code == 200
    assert (await office.call("/v1/dashboard?month=2026-09", headers={"If-None-Match": tag})).status_code == 200
    await office.hear(report(net=5, revision=2))
    changed = await office.call("/v1/dashboard", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert first.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(("age", "events", "seconds"), [(0, 1, 0.0), (0, 0, 0.2), (60, 0, 0.0)])
async def test_a_dashboard_whose_lag_has_changed_is_sent_again(
    office: Office, age: int, events: int, seconds: float
) -> None:
    """Also when the workers have been silent for a minute: every second the dashboard is a second older."""
    await office.say(Lag(now(), 0, 0.0))
    tag = (await office.call("/v1/dashboard")).headers["etag"]
    await office.say(Lag(now() - timedelta(seconds=age), events, seconds))
    again = await office.call("/v1/dashboard", headers={"If-None-Match": tag})
    assert again.status_code == 200
    lag = again.json()["lag"]
    assert lag["events"] == events
    assert lag["seconds"] == pytest.approx(age + seconds, abs=3 if age else 0)


# Versions, proof and repair


async def test_a_snapshot_has_the_next_version_when_it_shows_something_new(office: Office) -> None:
    first = await build_next(office.database)
    assert first is not None
    assert first.version == 1
    assert await build_next(office.database) is None
    await office.hear(person())
    second = await build_next(office.database)
    assert second is not None
    assert second.version == 2
    assert (await office.dashboard())["version"] == 2
    await office.hear(person(version=2), report("B-9"))  # nothing that the dashboard shows
    assert await build_next(office.database) is None


DAMAGE = [
    (
        "UPDATE district_people SET client = client + 1 WHERE district = '3522'",
        "district_people 3522 client: 2, by the facts 1",
    ),
    (
        "UPDATE district_year SET rupiah_committed = 0 WHERE district = '3523'",
        "district_year 3523 2026 rupiah_committed: 0, by the facts 16000000",
    ),
    (
        "UPDATE district_month SET net_profit = net_profit + 1 WHERE district = '3522' AND month = 24321",
        "district_month 3522 2026-10 net_profit: 1700000, by the facts 1699999",
    ),
    (
        "DELETE FROM district_month WHERE district = '3522' AND month = 24321",
        "district_month 3522 2026-10 reports: 0, by the facts 2",
    ),
    (
        "INSERT INTO district_year (district, fiscal_year, requested, verified, approved, rejected, disbursed, "
        "handed_over, cancelled, rupiah_budget, rupiah_committed, rupiah_disbursed) "
        "VALUES ('3579', 2026, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        "district_year 3579 2026 requested: 1, by the facts 0",
    ),
]
"""What is done to the views, and the line that names it. October 2026 is stored as 2026 * 12 + 9 = 24321."""


async def test_a_number_that_is_not_the_sum_of_its_facts_is_found_and_rebuilt(office: Office) -> None:
    await office.hear(*tiny_province())
    right = await office.dashboard()
    for damage, line in DAMAGE:
        assert await reconcile(office.database) == []
        await office.change(damage)
        assert line in await reconcile(office.database)
        assert await rebuild(office.database) == 0
        after = await office.dashboard()
        assert (after["province"], after["districts"]) == (right["province"], right["districts"])


async def test_a_class_that_is_not_that_of_its_reports_is_found_and_rebuilt(office: Office) -> None:
    await office.hear(*tiny_province())
    await office.change("UPDATE person SET growth_class = 'growing' WHERE district_ref = 'B-1'")
    found = await reconcile(office.database)
    assert any(line.endswith("growing, by its reports ordinary") for line in found)
    assert await rebuild(office.database) == 1
    assert await reconcile(office.database) == []
    assert (await office.dashboard())["province"] == PROVINCE_CELL


async def test_a_rebuild_swallows_no_change_of_class_that_is_still_to_be_told(office: Office) -> None:
    months = ("2026-08", "2026-09", "2026-10")
    async with office.database.transaction() as session:
        await office.node.inbox.apply(session, [person(), *(report(month=month, net=2_000_000) for month in months)])
    assert await rebuild(office.database) == 0
    await office.hear()
    assert [(fact["version"], fact["from"], fact["to"]) for fact in await office.told()] == [(1, None, "ordinary")]
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "ordinary": 1}


async def test_a_rebuild_has_the_next_snapshot_built_though_no_event_came(office: Office) -> None:
    await office.hear(person())
    assert await build_next(office.database) is not None
    await rebuild(office.database)
    rebuilt = await build_next(office.database)
    assert rebuilt is not None
    assert rebuilt.version == 2
