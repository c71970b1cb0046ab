"""The three services taken apart on a bench: what arrives, when, in which order and how often, the test decides.

Each inbox applies records to a SQLite file of its own, each relay empties its outbox into a log in memory; between the
two nothing moves by itself.
"""

import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import event as engine_event

import services.grants.handlers
import services.registry.handlers
import services.reporting.handlers
from deploy.local.province import METADATA
from deploy.story.generate import OfficerStep
from services.grants import budgets, commands
from services.grants.reconcile import differences
from services.registry.keys import NikKeys
from services.reporting.api import read_business
from services.reporting.dashboard import Lag, build
from services.reporting.growth import Classes
from services.reporting.reconcile import reconcile
from shared.database import Database, now, run
from shared.events.districts import DISTRICTS
from shared.events.envelope import Outgoing, Record, grant_id
from shared.inbox import Handler, Inbox
from shared.migrate import upgrade
from shared.outbox import Relay
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.settings import ServiceName
from shared.telemetry import Metrics

NAMES: tuple[ServiceName, ...] = ("registry", "grants", "reporting")
FACTS: dict[str, tuple[ServiceName, ...]] = {
    "facts.registry": ("grants", "reporting"),
    "facts.grants": ("reporting",),
}
"""Who follows whose facts."""


class Templates:
    """A migrated file per service, copied for each example."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = NikKeys.at(folder / "keys")
        self.metrics = {name: Metrics(name) for name in NAMES}

    async def make(self) -> None:
        for name in NAMES:
            database = Database(f"sqlite+aiosqlite:///{self.folder / name}.db")
            await upgrade(database, name, METADATA[name])
            await database.close()


class _Memory:
    """A log of which only the end is known."""

    def __init__(self) -> None:
        self.ends: dict[str, int] = defaultdict(int)
        self.new: list[Record] = []

    async def append(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            self.new.append(Record(record.topic, 0, self.ends[record.topic], record.key, record.value, record.headers))
            self.ends[record.topic] += 1


class Bench:
    def __init__(self, databases: Mapping[ServiceName, Database], templates: Templates) -> None:
        self.databases = databases
        self._log = _Memory()
        log: Any = self._log
        handlers: dict[ServiceName, Mapping[str, Handler]] = {
            "registry": services.registry.handlers.handlers(templates.keys),
            "grants": services.grants.handlers.handlers(),
            "reporting": services.reporting.handlers.handlers(),
        }
        metrics = templates.metrics
        self._inboxes = {name: Inbox(handlers[name], metrics[name]) for name in NAMES}
        self._relays = {name: Relay(name, databases[name], log, metrics[name]) for name in NAMES}
        self._classes = Classes()
        self.untold: dict[ServiceName, list[Record]] = {name: [] for name in NAMES}
        """Facts that a service has not been told yet."""

    async def arrive(self, service: ServiceName, records: Sequence[Outgoing | Record], *, settle: bool) -> None:
        """One batch, in one transaction. An `Outgoing` comes to the log now; a Record lies there already."""
        await self._log.append([record for record in records if isinstance(record, Outgoing)])
        fresh, self._log.new = iter(self._log.new), []
        placed = [record if isinstance(record, Record) else next(fresh) for record in records]
        async with self.databases[service].transaction() as session:
            await self._inboxes[service].apply(session, placed)
            if settle and service == "reporting":
                await self._classes.settle(session, DISTRICTS)

    async def idle(self, service: ServiceName) -> None:
        """What a worker does when nothing new comes."""
        async with self.databases[service].transaction() as session:
            await self._inboxes[service].drain(session)
            while service == "reporting" and await self._classes.settle(session, DISTRICTS):
                pass

    async def relay(self, service: ServiceName, *, twice: bool = False) -> bool:
        """Bring facts to those who follow them; `twice` as after a crash before they were marked. False: none new."""
        sent = False
        while await self._relays[service].round():
            sent = True
        facts = [record for record in self._log.new if record.topic in FACTS]
        self._log.new = []
        for record in facts + (facts if twice else []):
            for reader in FACTS[record.topic]:
                self.untold[reader].append(record._replace(offset=self._log.ends[record.topic]))
            self._log.ends[record.topic] += 1
        return sent

    async def call(self, step: OfficerStep) -> str | None:
        """What the officer is answered: the code of the refusal, or None. Where there is no such grant: not_found."""
        who = Caller(step.sub, Role(step.role), step.district if step.role.startswith("district") else None)
        try:
            async with self.databases["grants"].transaction() as session:
                await _take(session, who, step)
        except Refused as refused:
            return refused.code
        return None

    async def dashboard(self, month: str | None) -> bytes:
        async with self.databases["reporting"].reading() as session:
            return (await build(session, month)).body(Lag(now(), 0, 0.0), None)

    async def business(self, person: UUID) -> dict[str, Any]:
        """As its answer is read."""
        async with self.databases["reporting"].reading() as session:
            shown = await read_business(session, Caller("agus", Role.province_officer, None), person)
            found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(shown))
        return found

    async def differences(self) -> list[str]:
        async with self.databases["grants"].reading() as session:
            found = await differences(session)
        return [*await reconcile(self.databases["reporting"]), *map(str, found)]

    async def verdicts(self) -> dict[tuple[str, str, str], tuple[str, str, set[str]]]:
        """By district, source and id: verdict, reason and warnings as GET shows them. Facts are left out."""
        found: dict[tuple[str, str, str], tuple[str, str, set[str]]] = {}
        for database in self.databases.values():
            async with database.reading() as session:
                rows = await run(
                    session,
                    "SELECT district, source, event_id, verdict, reason, warnings FROM inbox WHERE district <> ''",
                )
                found |= {
                    (row.district, row.source, row.event_id): (row.verdict, row.reason, set(row.warnings.split()))
                    for row in rows
                }
        return found


@asynccontextmanager
async def bench(templates: Templates, folder: Path) -> AsyncIterator[Bench]:
    databases: dict[ServiceName, Database] = {}
    async with AsyncExitStack() as stack:
        for name in NAMES:
            shutil.copyfile(templates.folder / f"{name}.db", folder / f"{name}.db")
            databases[name] = Database(f"sqlite+aiosqlite:///{folder / name}.db")
            engine_event.listen(databases[name].engine.sync_engine, "connect", _need_not_last)
            stack.push_async_callback(databases[name].close)
        yield Bench(databases, templates)


def _need_not_last(connection: Any, _record: Any) -> None:
    """Nobody crashes here: no waiting for the disk."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()


async def _take(session: Any, who: Caller, step: OfficerStep) -> None:
    if step.kind == "set_budget":
        amount = int(step.body["amount"])
        await budgets.set_budget(session, who, fiscal_year=step.fiscal_year, district=step.district, amount=amount)
        return
    number = grant_id(step.district, step.grant_ref or "")
    match step.kind:
        case "verify":
            await commands.verify(session, who, number, str(step.body["note"]))
        case "approve":
            await commands.approve(session, who, number, str(step.body["note"]))
        case "reject":
            await commands.reject(session, who, number, str(step.body["reason"]))
        case "cancel":
            await commands.cancel(session, who, number, str(step.body["reason"]))
        case "disburse":
            on, reference = date.fromisoformat(str(step.body["on"])), str(step.body["reference"])
            await commands.disburse(session, who, number, reference=reference, on=on)
