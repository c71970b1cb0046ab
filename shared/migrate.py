"""Schema changes, by Alembic: the chassis' own branch and the service's, on PostgreSQL and SQLite alike."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text

from shared.database import Database
from shared.settings import ServiceName
from shared.tables import Chassis

_SHARED = Path(__file__).parent / "migrations"
_SERVICES = Path(__file__).parent.parent / "services"
_LOCK = 0x6265726461796102


def config(service: ServiceName, connection: Connection, metadata: MetaData) -> Config:
    """Alembic's configuration over an open connection."""
    found = Config()
    found.set_main_option("script_location", str(_SHARED))
    found.set_main_option("path_separator", "newline")
    found.set_main_option("version_locations", f"{_SHARED / 'versions'}\n{_SERVICES / service / 'migrations'}")
    found.set_main_option("file_template", "%%(rev)s")
    found.attributes.update(connection=connection, metadata=[Chassis.metadata, metadata])
    return found


async def upgrade(database: Database, service: ServiceName, metadata: MetaData) -> None:
    """Bring the schema to the newest version. Processes that start at once take turns."""
    await _run(database, lambda connection: command.upgrade(config(service, connection, metadata), "heads"))


async def revise(database: Database, service: ServiceName, metadata: MetaData, message: str, *, chassis: bool) -> None:
    """Write a new migration from the difference between tables and database; to be read and mended by its author.

    `database` is a scratch one. The first migration of a branch starts it.
    """
    branch = "chassis" if chassis else service
    folder = _SHARED / "versions" if chassis else _SERVICES / service / "migrations"
    number = 1 + len(list(folder.glob("*.py")))

    def work(connection: Connection) -> None:
        found = config(service, connection, metadata)
        command.upgrade(found, "heads")
        command.revision(
            found,
            message,
            autogenerate=True,
            rev_id=f"{branch}_{number:04}",
            version_path=str(folder),
            **({"head": "base", "splice": True, "branch_label": branch} if number == 1 else {"head": f"{branch}@head"}),
        )

    await _run(database, work)


async def _run(database: Database, work: Callable[[Connection], None]) -> None:
    async with database.transaction() as session:
        if not database.is_sqlite:
            await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection = await session.connection()
        await connection.run_sync(work)
