"""The reporting service as a process of its own, over an invented province."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import httpx
import msgspec

from services.reporting.pages import sign_in_link
from services.reporting.public import freeze
from services.reporting.tables import METADATA
from shared.database import Database, now
from shared.events.district import AssetUse, IncomeReported
from shared.events.envelope import STRUCTURED
from shared.migrate import upgrade
from shared.security import LocalKey, Role
from shared.settings import Settings
from tests.browser import province

START_SECONDS = 90.0


class Server:
    """`with await Server.prepared(folder) as server:` answers at `server.url`; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(service="reporting", var=folder, port=free_port())
        self.url = f"http://127.0.0.1:{self.settings.port}"
        self.environment: dict[str, str] = {}
        """What else it is told at its start."""
        self._output = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._revision = 1

    @classmethod
    async def prepared(cls, folder: Path) -> "Server":
        server = cls(folder)
        database = Database(server.settings.database_url)
        await upgrade(database, "reporting", METADATA)
        await province.fill(database)
        await freeze(database, now())
        await database.close()
        return server

    def start(self) -> None:
        environment = {
            **os.environ,
            "BERDAYA_VAR": str(self.settings.var),
            "BERDAYA_PORT": str(self.settings.port),
            "BERDAYA_LOG_LEVEL": "WARNING",
            **self.environment,
        }
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.reporting", "serve"], env=environment, stdout=output, stderr=output
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the service did not start:\n{self._output.read_text()}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def link(self, role: Role = Role.province_officer, district: str | None = None) -> str:
        return sign_in_link(self.settings, self.url, sub="siti.aminah", role=role, district=district)

    def token(self, role: Role = Role.province_officer, district: str | None = None) -> str:
        return LocalKey.at(self.settings.keys).sign(
            sub="siti.aminah",
            role=role,
            district=district,
            issuer=self.settings.issuer,
            audience=self.settings.audience,
        )

    def report(self, *, employees: int = 4, turnover: int = 9_000_000) -> None:
        """The tailor in Bojonegoro corrects the newest month, through the districts' own door."""
        self._revision += 1
        data = IncomeReported(
            district_ref="BJN-0001",
            month=province.NEWEST,
            revision=self._revision,
            turnover=turnover,
            materials=3_000_000,
            production=1_000_000,
            wages=2_000_000,
            employees=employees,
            orders=20,
            asset_use=AssetUse.in_use,
        )
        token = self.token(Role.district_system, province.BOJONEGORO)
        answer = httpx.post(
            f"{self.url}/v1/events",
            content=_structured(data, event_id=f"correction-{self._revision}"),
            headers={"Authorization": f"Bearer {token}", "Content-Type": STRUCTURED},
        )
        assert answer.status_code == 202, answer.text

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live", timeout=1).is_success
        except httpx.TransportError:
            return False


def _structured(data: IncomeReported, *, event_id: str) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": f"/district/{province.BOJONEGORO}/test",
            "type": "berdaya.district.income-reported.v1",
            "time": datetime.now(UTC).isoformat(),
            "subject": data.district_ref,
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
