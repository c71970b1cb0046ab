"""One role and one database for each service: the role owns it, and no other may connect to it."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import asyncpg

_ROLE = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


def provision(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Roles by name, their databases of the same name, and their passwords; safe to run again while they are in use."""
    with ThreadPoolExecutor(1) as apart:  # whoever calls may have an event loop of its own
        apart.submit(asyncio.run, _provision(admin_url, passwords)).result()


async def _provision(admin_url: str, passwords: Mapping[str, str]) -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        for role, password in passwords.items():
            await _make(connection, role, password)
    finally:
        await connection.close()


async def _make(connection: asyncpg.Connection, role: str, password: str) -> None:
    # PostgreSQL quotes for itself: what makes roles and databases takes no parameters.
    quoted = await connection.fetchrow("SELECT quote_ident($1) AS role, quote_literal($2) AS password", role, password)
    assert quoted is not None
    name = quoted["role"]
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
        await connection.execute(f"CREATE ROLE {name} LOGIN")
    await connection.execute(f"ALTER ROLE {name} {_ROLE} PASSWORD {quoted['password']}")
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", role):
        await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
    await connection.execute(f"REVOKE ALL ON DATABASE {name}, postgres, template1 FROM PUBLIC")
