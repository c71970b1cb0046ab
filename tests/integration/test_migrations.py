"""The schema that the migrations make is the one the tables declare, on either database, by any number of hands."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, MetaData, inspect

from deploy.stack.files import ROOT
from services.grants import reconcile as grants_reconcile
from services.grants.tables import METADATA as GRANTS
from services.registry.tables import METADATA as REGISTRY
from services.reporting.reconcile import reconcile
from services.reporting.tables import METADATA as REPORTING
from shared import last_heard
from shared.database import Database, run
from shared.migrate import config, upgrade
from shared.settings import ServiceName
from shared.tables import Chassis
from tests.integration.conftest import Templates

SERVICES: dict[ServiceName, MetaData] = {"registry": REGISTRY, "grants": GRANTS, "reporting": REPORTING}


@pytest.fixture(params=["sqlite", "postgres"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> AsyncIterator[str]:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        return
    name = f"empty_{secrets.token_hex(4)}"
    await templates.administer(f'CREATE DATABASE "{name}"')
    yield templates._url(name)
    await templates.administer(f'DROP DATABASE "{name}" WITH (FORCE)')


async def look(database: Database, what: Callable[[Connection], Any]) -> Any:
    async with database.transaction() as session:
        return await (await session.connection()).run_sync(what)


async def move(database: Database, service: ServiceName, work: Callable[[Config], None]) -> None:
    await look(database, lambda connection: work(config(service, connection, SERVICES[service])))


async def differences(database: Database, service: ServiceName) -> list[Any]:
    """Between the tables as declared and as they are, types included."""

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        both = [Chassis.metadata, SERVICES[service]]
        return list(compare_metadata(context, both))  # type: ignore[arg-type]  # it takes several, as env.py's does

    found: list[Any] = await look(database, compare)
    return found


def _constraints(connection: Connection) -> dict[str, set[str]]:
    """What `compare_metadata` does not look at: CHECKs, and primary keys."""
    there = inspect(connection)
    return {
        name: {str(check["name"]) for check in there.get_check_constraints(name)}
        | {f"primary key {column}" for column in there.get_pk_constraint(name)["constrained_columns"]}
        for name in there.get_table_names()
        if name != "alembic_version"
    }


def _declared(service: ServiceName) -> dict[str, set[str]]:
    tables = [*Chassis.metadata.sorted_tables, *SERVICES[service].sorted_tables]
    return {
        table.name: {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
        | {f"primary key {column.name}" for column in table.primary_key}
        for table in tables
    }


@pytest.mark.parametrize("service", SERVICES)
async def test_a_new_database_is_as_the_tables_declare_it(empty: str, service: ServiceName) -> None:
    database = Database(empty)
    await upgrade(database, service, SERVICES[service])
    assert await differences(database, service) == []
    assert await look(database, _constraints) == _declared(service)
    await database.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_an_upgrade_of_what_is_new_already_changes_nothing(empty: str, service: ServiceName) -> None:
    database = Database(empty)
    await upgrade(database, service, SERVICES[service])
    async with database.transaction() as session:
        await run(session, "INSERT INTO log_offset (topic, partition, next_offset) VALUES ('t', 0, 7)")
    await upgrade(database, service, SERVICES[service])
    async with database.reading() as session:
        assert (await run(session, "SELECT next_offset FROM log_offset")).scalar_one() == 7
    await database.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_all_the_way_down_and_up_again(empty: str, service: ServiceName) -> None:
    database = Database(empty)
    await upgrade(database, service, SERVICES[service])
    await move(database, service, lambda there: command.downgrade(there, "base"))
    left = await look(database, lambda connection: inspect(connection).get_table_names())
    assert left == ["alembic_version"]
    if not database.is_sqlite:
        async with database.reading() as session:
            types = await run(
                session,
                "SELECT typname FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace "
                "WHERE nspname = 'public' AND typname NOT IN ('alembic_version', '_alembic_version')",
            )
            assert [row.typname for row in types] == [], "a type of its own was left"
    await upgrade(database, service, SERVICES[service])
    assert await differences(database, service) == []
    await database.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_those_who_upgrade_at_once_take_turns(empty: str, service: ServiceName) -> None:
    databases = [Database(empty) for _ in range(4)]
    await asyncio.gather(*(upgrade(database, service, SERVICES[service]) for database in databases))
    assert await differences(databases[0], service) == []
    for database in databases:
        await database.close()


async def test_processes_that_start_at_once_take_turns(empty: str, tmp_path: Path) -> None:
    environment = os.environ | {"BERDAYA_DATABASE": empty, "BERDAYA_VAR": str(tmp_path)}
    starting = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.grants", "migrate"), cwd=ROOT, env=environment
        )
        for _ in range(2)
    ]
    assert [await process.wait() for process in starting] == [0, 0]
    database = Database(empty)
    assert await differences(database, "grants") == []
    await database.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: str, service: ServiceName) -> None:
    database = Database(empty)
    async with database.transaction() as session:
        await run(session, "CREATE TABLE quarantine (in_the_way INTEGER)")
    with pytest.raises(Exception, match="quarantine"):
        await upgrade(database, service, SERVICES[service])
    assert await look(database, lambda connection: inspect(connection).get_table_names()) == ["quarantine"]
    await database.close()


_MOMENT = "2026-04-07T12:00:00.000000Z"
_RECEIPTS = f"""INSERT INTO inbox VALUES
    ('3522', '7', '/district/3522/a', 'berdaya.district.beneficiary-recorded.v1', '', '', '', '', '{_MOMENT}', 1),
    ('3522', '7', '/district/3522/b', 'berdaya.district.income-reported.v1', '', '', '', '', '{_MOMENT}', 1),
    ('3523', '7', '/district/3523/c', 'berdaya.district.beneficiary-recorded.v1', '', '', '', '', '{_MOMENT}', 1),
    ('3523', '7', '/district/3523/d', 'berdaya.district.income-reported.v1', '', '', '', '', '{_MOMENT}', 1)"""
_BEFORE: dict[ServiceName, tuple[str, ...]] = {
    "registry": (
        f"""INSERT INTO person (beneficiary_id, district, district_ref, revision, event_time, event_id, accepted_id,
                version, name, sex, birth_date, ppks, disabilities, status, skills, consent_by, consent_form,
                consent_on)
            VALUES ('{0:032}', '3522', 'B-1', 1, '{_MOMENT}', '7', '6', 1, 'Siti', 'female', '1990-05-01', 'poor', '',
                    'client', '', 'self', 'written', '2026-01-15')""",
    ),
    "reporting": (
        f"""INSERT INTO person (beneficiary_id, district, district_ref, version, status, ppks_group, sex, birth_year,
                disabilities, skills, growth_class, growth_version)
            VALUES ('{0:032}', '3522', 'B-1', 1, 'client', 'poverty', 'female', 1990, '', '', 'insufficient', 0)""",
        "INSERT INTO report SELECT no, 24321, 1, 0, '7', 9, 0, 0, 0, 9, 1, 1, 'in_use' FROM person",
    ),
}
"""Rows as the first migrations have them."""


@pytest.mark.parametrize(
    ("service", "table", "source"),
    [("registry", "person", "/district/3522/a"), ("reporting", "report", "/district/3522/b")],
)
async def test_what_was_kept_before_sources_were_learns_its_own_from_the_receipt(
    empty: str, service: ServiceName, table: str, source: str
) -> None:
    database = Database(empty)
    await move(database, service, lambda there: command.upgrade(there, "chassis_0001"))
    await move(database, service, lambda there: command.upgrade(there, f"{service}_0001"))
    async with database.transaction() as session:
        for statement in (_RECEIPTS, *_BEFORE[service]):
            await run(session, statement)
    await upgrade(database, service, SERVICES[service])
    async with database.reading() as session:
        assert (await run(session, f"SELECT event_id, source FROM {table}")).all() == [("7", source)]
    await move(database, service, lambda there: command.downgrade(there, f"{service}_0001"))
    async with database.reading() as session:
        assert (await run(session, f"SELECT event_id FROM {table}")).all() == [("7",)]
    await database.close()


async def test_no_district_is_called_silent_because_of_an_upgrade(empty: str) -> None:
    """Of the reports in force the time and the rupiah are known, of what else came before they are not."""
    database = Database(empty)
    await move(database, "reporting", lambda there: command.upgrade(there, "chassis_0001"))
    await move(database, "reporting", lambda there: command.upgrade(there, "reporting_0001"))
    async with database.transaction() as session:
        for statement in (_RECEIPTS, *_BEFORE["reporting"], "UPDATE report SET time_us = 1775563200000000"):
            await run(session, statement)
    for _ in range(2):
        await upgrade(database, "reporting", SERVICES["reporting"])
        async with database.reading() as session:
            known = await run(session, "SELECT source, time_us, rupiah FROM inbox WHERE time_us IS NOT NULL")
            assert known.all() == [("/district/3522/b", 1775563200000000, 9)]
            heard = await run(session, "SELECT district, type, time_us FROM district_heard")
            assert heard.all() == [("3522", "berdaya.district.income-reported.v1", 1775563200000000)]
            assert await last_heard.differences(session) == []
        await move(database, "reporting", lambda there: command.downgrade(there, "reporting_0003"))
    await database.close()


_COUNTED_BEFORE = (
    *(
        f"""INSERT INTO person (beneficiary_id, district, district_ref, version, status, ppks_group, sex, birth_year,
                disabilities, skills, unit, growth_class, growth_version)
            VALUES ('{number:032}', '3522', 'B-{number}', 1, '{status}', 'poverty', 'female', 1990, '', '{skills}',
                    {unit}, '{growth_class}', 0)"""
        for number, status, skills, unit, growth_class in (
            (1, "ex_client", "sewing cooking", "'UPT A'", "insufficient"),
            (2, "ex_client", "sewing cooking", "'UPT A'", "insufficient"),
            (3, "client", "", "NULL", "insufficient"),
        )
    ),
    *(
        f"""INSERT INTO grant_now (grant_id, beneficiary_id, district, kind, amount, fiscal_year, status, version, "on")
            VALUES ('{number:032}', '{person:032}', '3522', '{kind}', 5, 2026, '{status}', 1, '2026-04-07')"""
        for number, person, kind, status in (
            (1, 1, "training", "handed_over"),
            (2, 1, "cash", "handed_over"),
            (3, 2, "training", "disbursed"),
        )
    ),
    """INSERT INTO report (person_no, month, revision, time_us, event_id, source, turnover, materials, production,
            wages, net_profit, employees, orders, asset_use)
       SELECT no, 24321, 1, 0, '7', '', 9, 0, 0, 0, 9, 1, 1, 'broken' FROM person""",
    "INSERT INTO district_people VALUES ('3522', 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2)",
    "INSERT INTO district_year VALUES ('3522', 2026, 0, 0, 0, 0, 1, 2, 0, 0, 15, 15)",
    "INSERT INTO district_month VALUES ('3522', 24321, 2, 18, 18, 2, 2)",
)
"""Three people with a report each, and views that agree, before there were cohorts."""


async def test_what_was_there_before_cohorts_is_counted_in_them(empty: str) -> None:
    database = Database(empty)
    await move(database, "reporting", lambda there: command.upgrade(there, "reporting_0003"))
    async with database.transaction() as session:
        for statement in _COUNTED_BEFORE:
            await run(session, statement)
    await upgrade(database, "reporting", REPORTING)
    assert await reconcile(database) == []
    async with database.reading() as session:
        found = await run(
            session,
            """SELECT c.status, c.unit, c.skills, c.kinds, v.people, m.reports, m.turnover, m.idle_assets
               FROM cohort c JOIN cohort_people v ON v.cohort = c.no JOIN cohort_month m ON m.cohort = c.no
               ORDER BY c.status, c.kinds""",
        )
        assert [tuple(row) for row in found] == [
            ("client", "", "", "", 1, 1, 9, 1),
            ("ex_client", "UPT A", "sewing cooking", "", 1, 1, 9, 1),
            ("ex_client", "UPT A", "sewing cooking", "cash training", 1, 1, 9, 1),
        ]
    await move(database, "reporting", lambda there: command.downgrade(there, "reporting_0003"))
    await upgrade(database, "reporting", REPORTING)
    assert await reconcile(database) == []
    await database.close()


_GRANT = (
    "(district, grant_ref, district_ref, items, fiscal_year, purpose, source, failed, criteria_version, version, kind"
)
_WORKED_WITH = (
    f"""INSERT INTO beneficiaries (id, version, district, status, birth_year)
        VALUES ('{1:032}', 1, '3522', 'client', 1990)""",
    "INSERT INTO budgets VALUES (2026, '3522', 200000000, 54000000, 1000000, 3), (2027, '3522', 0, 0, 0, 1)",
    *(
        f"""INSERT INTO grants {_GRANT}, id, beneficiary_id, amount, requested_at, event_id, status)
            VALUES ('3522', 'B-{number}', 'P', '[{{"name":"Obras","quantity":1,"unit_value":5}}]', 2026, 'to sew', '/s',
                    '', 1, 3, 'equipment', '{number:032}', '{1:032}', {amount}, '{_MOMENT}', 'r{number}', '{status}')"""
        for number, amount, status in (
            (1, 3_000_000, "approved"),
            (2, 1_000_000, "handed_over"),
            (3, 2_000_000, "cancelled"),
            (4, 50_000_000, "approved"),
            (5, 50_000_000, "cancelled"),
            (6, 7_000_000, "cancelled"),
        )
    ),
    *(
        f"""INSERT INTO steps (grant_id, step, sub, at, day, note)
            VALUES ('{number:032}', '{step}', '{sub}', '{_MOMENT}', '2026-04-07', '')"""
        for number, step, sub in (
            *((number, "verify", "ratna") for number in range(1, 7)),
            *((number, "approve", "budi") for number in range(1, 6)),
            (2, "disburse", "tono"),
            (3, "cancel", "budi"),
            (4, "approve", "dewi"),
            (5, "cancel", "budi"),
            (6, "cancel", "budi"),
        )
    ),
    f"""INSERT INTO handovers (grant_id, day, received_by, evidence_sha256, assets, at, event_id, source)
        VALUES ('{2:032}', '2026-04-07', 'beneficiary', 'ab', '[{{"name":"obras","serial":"SN-1"}},
                {{"name":"meja","serial":"-"}}]', '{_MOMENT}', 'h1', '/s'),
               ('{1:032}', '2026-04-07', 'beneficiary', 'ab', '[{{"name":"obras","serial":"sn 1"}}]', '{_MOMENT}', 'h2',
                '/s')""",
    f"""INSERT INTO inbox (district, event_id, source, type, verdict, reason, detail, warnings, at, deliveries)
        VALUES ('3522', 'h1', '/s', 't', 'accepted', 'accepted', '', '', '{_MOMENT}', 1),
               ('3522', 'h2', '/s', 't', 'accepted', 'accepted', '', 'clock_ahead', '{_MOMENT}', 1)""",
)


async def test_budgets_and_handovers_of_before_find_themselves_in_the_ledger_and_among_the_assets(empty: str) -> None:
    database = Database(empty)
    await move(database, "grants", lambda there: command.upgrade(there, "chassis@head"))
    await move(database, "grants", lambda there: command.upgrade(there, "grants_0001"))
    async with database.transaction() as session:
        for statement in _WORKED_WITH:
            await run(session, statement.replace(":", "\\:"))
    await upgrade(database, "grants", GRANTS)
    async with database.reading(still=True) as session:
        assert await grants_reconcile.differences(session) == []
        entries = await run(session, "SELECT kind, amount, sub FROM ledger ORDER BY kind, amount, sub")
        assert entries.all() == [
            ("disbursed", 1_000_000, "tono"),
            ("freed", -2_000_000, "budi"),
            ("reserved", 1_000_000, "budi"),
            ("reserved", 2_000_000, "budi"),
            ("reserved", 3_000_000, "budi"),
            ("reserved", 50_000_000, "dewi"),
            ("set", 0, ""),
            ("set", 200_000_000, ""),
        ]
        assets = await run(session, "SELECT name, serial_key, value, status FROM assets ORDER BY name, status DESC")
        assert assets.all() == [
            ("meja", "", None, "held"),
            ("obras", "SN1", 5, "held"),
            ("obras", "SN1", 5, "contested"),
        ]
        receipts = await run(session, "SELECT event_id, warnings FROM inbox ORDER BY event_id")
        assert receipts.all() == [("h1", ""), ("h2", "clock_ahead serial_elsewhere")]
    await move(database, "grants", lambda there: command.downgrade(there, "grants_0001"))
    async with database.reading() as session:
        assert (await run(session, "SELECT count(*) FROM grants")).scalar_one() == 6
    await database.close()
