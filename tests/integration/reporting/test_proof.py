"""The proof of every night, what it finds, and that a rebuild puts right without a hole for those who read."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from services.reporting.__main__ import app as command_line
from services.reporting.nightly import Nightly, night_of
from services.reporting.reconcile import rebuild, reconcile
from shared.database import run
from shared.security import Caller, Role
from tests.integration.logs import until
from tests.integration.reporting.office import BOJONEGORO, TUBAN, Office, grant, person, report
from tests.integration.reporting.province import tiny_province

CLERK = Caller("budi", Role.province_officer, None)
NIGHT = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
"""02:00 of the 25th in East Java."""
DAMAGE = "UPDATE cohort_month SET turnover = turnover + 5"


def nightly(office: Office, *, proves: bool = True) -> Nightly:
    return Nightly(office.database, office.node.metrics, office.node.logger, proves=proves)


def gauge(office: Office) -> str:
    lines = office.node.metrics.expose().decode().splitlines()
    return next(line.split()[-1] for line in lines if line.startswith("berdaya_reconcile_differences{"))


# What the proof finds

PLANTED = [
    (
        "UPDATE cohort_month SET net_profit = net_profit + 1 WHERE month = 24321 AND cohort = "
        "(SELECT cohort FROM person WHERE district_ref = 'T-1')",
        "cohort_month 2026-10 {cohort} net_profit: 1500001, by the facts 1500000 (of businesses {no})",
    ),
    (
        "DELETE FROM cohort_month WHERE month = 24321 AND cohort = "
        "(SELECT cohort FROM person WHERE district_ref = 'T-1')",
        "cohort_month 2026-10 {cohort} reports: 0, by the facts 1 (of businesses {no})",
    ),
    (
        "UPDATE cohort_people SET people = 4 WHERE growth_class = 'growing' AND cohort = "
        "(SELECT cohort FROM person WHERE district_ref = 'T-1')",
        "cohort_people {cohort} growing people: 4, by the facts 1 (of businesses {no})",
    ),
    (
        "INSERT INTO cohort_people (cohort, growth_class, people) VALUES (999, 'growing', 2)",
        "cohort_people 999 growing people: 2, by the facts 0",
    ),
    (
        "UPDATE person SET skills = 'cooking' WHERE district_ref = 'T-1'",
        "cohort of business {no}: {cohort}, by its facts a new one",
    ),
    (
        "UPDATE person SET cohort = (SELECT cohort FROM person WHERE district_ref = 'S-1') WHERE district_ref = 'T-1'",
        "cohort of business {no}: ",
    ),
    (
        "UPDATE grant_now SET beneficiary_id = (SELECT beneficiary_id FROM person WHERE district_ref = 'T-1') "
        "WHERE status = 'handed_over'",
        "cohort of business {no}: {cohort}, by its facts a new one",
    ),
]
"""What is done to the views or the facts, and the line that names it; T-1 is alone in her cohort."""


@pytest.mark.parametrize(("damage", "line"), PLANTED)
async def test_every_planted_error_is_found_and_rebuilt(office: Office, damage: str, line: str) -> None:
    await office.hear(*tiny_province(), person("T-1", version=2, district=TUBAN, unit="UPT Tuban"))
    assert await reconcile(office.database) == []
    (about,) = await office.rows("SELECT no, cohort FROM person WHERE district_ref = 'T-1'")
    await office.change(damage)
    found = await reconcile(office.database)
    expected = line.format(no=about.no, cohort=about.cohort)
    assert [each for each in found if each.startswith(expected)], found
    assert await rebuild(office.database) == 0
    assert await reconcile(office.database) == []


async def test_a_rebuild_from_nothing_gives_every_cut_again(office: Office) -> None:
    await office.hear(*tiny_province())
    paths = [f"/v1/views/{cut}" for cut in ("district", "trade", "kind", "sex")]
    before = [(await office.call(path, CLERK)).json() for path in paths]
    for table in ("cohort", "cohort_people", "cohort_month", "district_people", "district_year", "district_month"):
        await office.change(f"DELETE FROM {table}")
    await office.change("UPDATE person SET cohort = 0")
    await rebuild(office.database)
    assert [(await office.call(path, CLERK)).json() for path in paths] == before


async def test_readers_see_no_hole_while_the_views_are_rebuilt_and_a_worker_goes_on(office: Office) -> None:
    """Reads, batches and rebuilds side by side: every reader sees all people, and no batch is lost."""
    await office.hear(*(person(f"B-{number}") for number in range(5)), *(report(f"B-{n}", net=1) for n in range(5)))
    done = asyncio.Event()

    async def read() -> int:
        looked = 0
        while not done.is_set() or not looked:
            cells = (await office.call("/v1/views/sex?month=2026-10", CLERK)).json()
            assert cells["total"]["beneficiaries"]["ex_client"] == 5
            assert cells["total"]["income"]["reports"] == 5
            assert [row["value"] for row in cells["rows"]] == ["female"]
            looked += 1
        return looked

    async def work() -> None:
        for revision in range(2, 6):
            await office.hear(*(report(f"B-{number}", net=revision, revision=revision) for number in range(5)))

    async def repair() -> None:
        for _ in range(4):
            await office.change("DELETE FROM cohort_people WHERE people = -1")
            await rebuild(office.database)

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read())
        await asyncio.gather(work(), repair())
        done.set()
    assert reading.result()
    assert (await office.call("/v1/views/sex", CLERK)).json()["total"]["income"]["net_profit"] == 25


# Every night


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 24, 18, 59, 59, tzinfo=UTC), "2026-11-24"),
        (datetime(2026, 11, 24, 19, 0, tzinfo=UTC), "2026-11-25"),
        (datetime(2026, 12, 31, 18, 0, tzinfo=UTC), "2026-12-31"),
        (datetime(2026, 12, 31, 19, 0, tzinfo=UTC), "2027-01-01"),
        (datetime(2026, 11, 25, 3, 0, tzinfo=UTC), "2026-11-25"),
    ],
)
def test_the_night_begins_at_two_in_east_java(moment: datetime, day: str) -> None:
    assert night_of(moment) == day


async def test_a_night_in_which_all_agrees_is_kept_and_is_no_alarm(office: Office) -> None:
    await office.hear(*tiny_province())
    task = nightly(office)
    assert task.alarm() is None
    await task.look(NIGHT)
    assert task.newest is not None
    assert (task.newest.day, task.newest.differences, task.newest.lines) == ("2026-11-25", 0, ())
    assert task.alarm() is None
    assert gauge(office) == "0.0"


async def test_a_difference_is_an_alarm_until_a_proof_finds_none(office: Office) -> None:
    await office.hear(person(), report(net=7))
    await office.change(DAMAGE)
    task, elsewhere = nightly(office), nightly(office, proves=False)
    with capture_logs() as lines:
        await task.look(NIGHT)
    (said,) = [line for line in lines if line["log_level"] == "error"]
    assert (said["differences"], len(said["lines"])) == (1, 1)
    assert "turnover: 12, by the facts 7" in said["lines"][0]
    assert gauge(office) == "1.0"
    await elsewhere.look(NIGHT)  # a web process that proves nothing tells of it too
    for each in (task, elsewhere):
        assert each.alarm() == "1 differences between views and facts, by the proof of 2026-11-25"
    office.node.alarms = [task.alarm]
    ready = await office.node.readiness()
    assert (ready["status"], ready["alarms"]) == ("degraded", [task.alarm()])
    await rebuild(office.database)
    await task.look(NIGHT + timedelta(hours=23))
    assert task.alarm() is not None
    await task.look(NIGHT + timedelta(hours=24))
    assert task.alarm() is None
    assert gauge(office) == "0.0"
    assert (await office.node.readiness())["alarms"] == []


async def test_of_several_workers_one_proves_a_night(office: Office) -> None:
    workers = [nightly(office) for _ in range(4)]
    moments = await asyncio.gather(*(worker._is_ours("2026-11-25", NIGHT) for worker in workers))
    assert sorted(moments) == [False, False, False, True]
    assert not await workers[0]._is_ours("2026-11-25", NIGHT + timedelta(hours=1))


async def test_a_proof_lost_with_its_process_is_done_by_another_later(office: Office) -> None:
    task = nightly(office)
    assert await task._is_ours("2026-11-25", NIGHT)
    await task.look(NIGHT + timedelta(hours=1))
    assert task.newest is None
    await task.look(NIGHT + timedelta(hours=2, seconds=1))
    assert task.newest is not None


async def test_a_process_that_only_answers_proves_nothing(office: Office) -> None:
    task = nightly(office, proves=False)
    await task.look(NIGHT)
    assert task.newest is None
    assert await office.value("SELECT count(*) FROM proof") == 0


async def test_the_running_service_proves_by_itself(office: Office) -> None:
    stopping = asyncio.Event()
    work = asyncio.ensure_future(office.node.background["nightly"](stopping))
    await until(lambda: office.value("SELECT count(*) FROM proof WHERE ended_at IS NOT NULL"))
    stopping.set()
    await asyncio.wait_for(work, 20)


async def test_an_operator_s_proof_counts_as_that_of_the_night(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.hear(person(), report(net=7))
    await office.change(DAMAGE)
    monkeypatch.setenv("BERDAYA_DATABASE", office.database.url)
    proof = await asyncio.to_thread(CliRunner().invoke, command_line, ["reconcile"])
    assert proof.exit_code == 1
    assert "1 differences between views and facts" in proof.output
    task = nightly(office, proves=False)
    await task.look(NIGHT)
    assert task.alarm() is not None
    await asyncio.to_thread(CliRunner().invoke, command_line, ["rebuild"])
    proof = await asyncio.to_thread(CliRunner().invoke, command_line, ["reconcile"])
    assert (proof.exit_code, proof.output) == (0, "0 differences between views and facts\n")
    await task.look(NIGHT)
    assert task.alarm() is None


async def test_a_great_many_differences_are_counted_in_bounds(office: Office) -> None:
    await office.hear(person(), grant())
    async with office.database.transaction() as session:
        for month in range(1200):
            await run(
                session,
                "INSERT INTO district_month (district, month, reports, turnover, net_profit, employees, idle_assets) "
                "VALUES (:district, :month, 1, 0, 0, 0, 0)",
                district=BOJONEGORO,
                month=month,
            )
    assert len(await reconcile(office.database)) == 1000
    await rebuild(office.database)
