"""All services behind one address, as the embedded run has them, and what districts tell them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
from msgspec.structs import replace

from services.reporting.pages import sign_in_link
from shared.events.catalogue import NAMES
from shared.events.district import BeneficiaryRecorded, Consent, GrantKind, GrantRequested, Item, Ppks, Sex, Status
from shared.events.envelope import BATCH, grant_id
from shared.security import Caller, LocalKey, Role
from shared.settings import Settings
from tests.browser.server import START_SECONDS, free_port

BOJONEGORO, TUBAN = "3522", "3523"
OFFICER = Caller("ratna.dewi", Role.district_officer, BOJONEGORO)
PROVINCE = Caller("budi.santoso", Role.province_officer, None)
TREASURER = Caller("tono.wijaya", Role.treasurer, None)
ADMIN = Caller("admin", Role.admin, None)
AUDITOR = Caller("agus.salim", Role.auditor, None)
MACHINE = Item(name="Mesin jahit", quantity=1, unit_value=3_500_000)
OBRAS = Item(name="Mesin obras", quantity=1, unit_value=2_500_000)
NAMES_OF = ("Siti Aminah", "Endang Palupi", "Katinem", "Rukmi Larasati", "Yuni Pratiwi", "Suharti")
ANSWER_SECONDS = 90.0


class Office:
    """`with Office(folder) as office:` answers at `office.url`."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(service="reporting", var=folder)
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._output = folder / "office.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "deploy.local", "run", "--port", str(self._port)]
        environment = {**os.environ, "VAR": str(self.settings.var), "PORT": str(self._port)}
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--var", str(self.settings.var)], env=environment, stdout=output, stderr=output
            )
        try:
            wait_until(self._answers)
        except BaseException:
            self._end(signal.SIGTERM)
            raise

    def kill(self) -> None:
        """As if the machine had lost its power: nothing is finished or put away."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> "Office":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self._output.read_text()
        try:
            return httpx.get(f"{self.url}/reporting/health/live", timeout=1).is_success
        except httpx.TransportError:
            return False

    def link(self, who: Caller) -> str:
        return sign_in_link(self.settings, self.url, sub=who.sub, role=who.role, district=who.district)

    def call(self, method: str, path: str, who: Caller, **more: Any) -> httpx.Response:
        token = LocalKey.at(self.settings.keys).sign(
            sub=who.sub,
            role=who.role,
            district=who.district,
            issuer=self.settings.issuer,
            audience=self.settings.audience,
        )
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4()), **more.pop("headers", {})}
        return httpx.request(method, self.url + path, headers=headers, timeout=30, **more)

    def tell(self, service: str, said: Sequence[BeneficiaryRecorded | GrantRequested], district: str) -> None:
        """As the district's system does it, through its door."""
        moment = datetime.now(UTC).isoformat()
        events = [
            {
                "specversion": "1.0",
                "id": str(uuid4()),
                "source": f"/district/{district}/test",
                "type": NAMES[type(data)],
                "time": moment,
                "subject": data.district_ref,
                "datacontenttype": "application/json",
                "data": data,
            }
            for data in said
        ]
        system = Caller("simdu", Role.district_system, district)
        answer = self.call(
            "POST",
            f"/{service}/v1/events",
            system,
            content=msgspec.json.encode(events),
            headers={"Content-Type": BATCH},
        )
        assert answer.status_code == 202, answer.text

    def grant(self, number: UUID) -> dict[str, Any] | None:
        answer = self.call("GET", f"/grants/v1/grants/{number}", AUDITOR)
        return answer.json() if answer.is_success else None

    def fill(self) -> None:
        """People in two districts, two of whom may be one; requests in several states; budgets."""
        people = [person(f"BJN-{n:04}", name) for n, name in enumerate(NAMES_OF, 1)]
        twins = [person(f"W-{n}", name, nik="3522014105900001") for n, name in ((1, "Wulan Sari"), (2, "Woelan Sarie"))]
        more = [person("W-3", "Mohamad Slamet"), person("W-4", "Muhammad Slamet")]
        self.tell("registry", [*people, *twins, *more], BOJONEGORO)
        self.tell("registry", [person("TBN-0001", "Dewi Mulyani")], TUBAN)
        self.tell("grants", [request(f"B-{n}", f"BJN-{n:04}") for n in range(1, 6)], BOJONEGORO)
        self.tell("grants", [request("B-9", "W-1")], BOJONEGORO)
        self.tell("grants", [request("T-1", "TBN-0001")], TUBAN)
        for district, amount in ((BOJONEGORO, 150_000_000), (TUBAN, 40_000_000)):
            answer = self.call("PUT", f"/grants/v1/budgets/2026/{district}", ADMIN, json={"amount": amount})
            assert answer.is_success, answer.text
        numbers = {ref: grant_id(BOJONEGORO, ref) for ref in ("B-1", "B-2", "B-3", "B-4", "B-9")}
        wait_until(lambda: all(self.grant(number) for number in numbers.values()))
        wait_until(lambda: (self.grant(numbers["B-9"]) or {})["assessment"]["failed"] == ["duplicate_suspected"])
        for ref in ("B-2", "B-3", "B-4", "B-9"):
            self.call("POST", f"/grants/v1/grants/{numbers[ref]}/verify", OFFICER, json={"note": "sudah dikunjungi"})
        self.call("POST", f"/grants/v1/grants/{numbers['B-4']}/approve", PROVINCE, json={"note": "", "fund": None})


def person(ref: str, name: str, *, nik: str | None = None) -> BeneficiaryRecorded:
    return replace(
        BeneficiaryRecorded(
            district_ref=ref,
            revision=1,
            name=name,
            sex=Sex.female,
            birth_date=date(1990, 5, 1),
            nik=nik,
            ppks=Ppks.person_with_disability,
            disabilities=(),
            status=Status.ex_client,
            unit="UPT Rehabilitasi Sosial Bina Daksa Pasuruan",
            skills=("sewing",),
            consent=Consent(given=True, by="self", form="written", on=date(2026, 1, 15)),
        )
    )


def request(ref: str, to: str) -> GrantRequested:
    return GrantRequested(
        grant_ref=ref,
        district_ref=to,
        kind=GrantKind.equipment,
        items=(MACHINE, OBRAS),
        amount=6_000_000,
        fiscal_year=2026,
        purpose="Usaha menjahit di rumah",
        desil=2,
    )


def wait_until(true: Callable[[], bool], *, seconds: float = ANSWER_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
