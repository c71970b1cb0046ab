"""How long a file of rows takes from the form to its last receipt, and how much memory the service needs for it.

`python -m benchmarks.uploads [people|grants|income] [csv|xlsx] [rows]`: one embedded service, nothing else beside it.
"""

import asyncio
import csv
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from rich import print as say
from xlsxwriter import Workbook

from services.grants.app import build as grants
from services.grants.tables import METADATA as GRANTS
from services.registry.app import build as registry
from services.registry.tables import METADATA as REGISTRY
from services.reporting.app import build as reporting
from services.reporting.tables import METADATA as REPORTING
from shared.embedded import EmbeddedLog
from shared.migrate import upgrade
from shared.runtime import Node
from shared.security import LocalKey, Role
from shared.settings import Settings

SERVICES = {
    "people": ("registry", registry, REGISTRY),
    "grants": ("grants", grants, GRANTS),
    "income": ("reporting", reporting, REPORTING),
}
_GIVEN = ("Siti", "Budi", "Endang", "Katinem", "Wulan", "Suharti", "Rukmi", "Yuni", "Dewi", "Agus", "Slamet", "Joko")
_FAMILY = ("Palupi", "Ningtyas", "Larasati", "Pratiwi", "Mulyani", "Santoso", "Wibowo", "Hidayat", "Rahayu", "Utomo")


_HEADINGS = {
    "people": "nomor nama jenis_kelamin tanggal_lahir ppks disabilitas status upt keterampilan persetujuan "
    "persetujuan_oleh bentuk_persetujuan tanggal_persetujuan",
    "grants": "nomor_bantuan nomor jenis_bantuan nilai tahun_anggaran tujuan barang_1 jumlah_1 harga_satuan_1",
    "income": "nomor bulan omzet biaya_bahan biaya_produksi upah pekerja pesanan pemakaian_aset",
}


def rows(kind: str, many: int) -> Iterator[list[str]]:
    """Headings, then so many rows, each of somebody else."""
    yield _HEADINGS[kind].split()
    for n in range(many):
        if kind == "people":
            name = f"{_GIVEN[n % 12]} {_FAMILY[n // 12 % 10]} {_GIVEN[n // 120 % 12]} {_FAMILY[n // 1440 % 10]}"
            born = f"{1 + n % 28:02}/{1 + n // 28 % 12:02}/{1950 + n // 336 % 55}"
            alike = "penyandang disabilitas|fisik, rungu|eks klien|UPT Contoh|menjahit|ya|sendiri|tertulis|15/01/2026"
            yield [f"W-{n}", name, "LP"[n % 2], born, *alike.split("|")]
        elif kind == "grants":
            alike = "peralatan|3.500.000|2026|Usaha|Mesin jahit|1|3.500.000"
            yield [f"B-{n}", f"W-{n}", *alike.split("|")]
        else:
            yield [
                f"W-{n}",
                "2026-04",
                str(4_500_000 + n),
                *("1.500.000", "400.000", "600.000"),
                *("1", "24", "dipakai"),
            ]


def write(kind: str, form: str, many: int, path: Path) -> None:
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8-sig") as out:
            csv.writer(out, delimiter=";").writerows(rows(kind, many))
        return
    with Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows(kind, many)):
            sheet.write_row(number, 0, row)


def _memory() -> int:
    """Resident at most until now, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


async def _until(client: httpx.AsyncClient, path: str, *, answered: bool) -> tuple[float, dict[str, Any]]:
    while True:
        seen = (await client.get(path)).json()
        if seen["state"] in ("refused", "sent") and not (answered and seen["answers"]["pending"]):
            return time.perf_counter(), seen
        await asyncio.sleep(0.1)


async def measure(kind: str, form: str, many: int, folder: Path) -> None:
    file = folder / f"rows.{form}"
    # By a process of its own: the memory of making it is not that of taking it.
    made = [
        sys.executable,
        "-c",
        f"from benchmarks.uploads import *; write({kind!r}, {form!r}, {many}, Path({str(file)!r}))",
    ]
    subprocess.run(made, check=True, env=dict(os.environ))  # noqa: ASYNC221, S603 - nothing else runs yet
    service, build, metadata = SERVICES[kind]
    settings = Settings(service=service, var=folder)  # type: ignore[arg-type]
    log = EmbeddedLog(folder / "log.db")
    node: Node = build(settings, log)
    await upgrade(node.database, settings.service, metadata)
    token = LocalKey.at(settings.keys).sign(
        sub="ratna", role=Role.district_officer, district="3522", issuer=settings.issuer, audience=settings.audience
    )
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(node.app)
    async with (
        node.running(),
        httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers, timeout=60) as client,
    ):
        before, start = _memory(), time.perf_counter()
        with file.open("rb") as content:
            answer = await client.post(f"/v1/uploads/{kind}", files={"file": content})
        kept, path = time.perf_counter(), f"/v1/uploads/{answer.json()['upload_id']}"
        sent, _ = await _until(client, path, answered=False)
        at_most = _memory()
        done, seen = await _until(client, path, answered=True)
    await log.close()
    say(f"{many} rows of {kind}, {form}, {file.stat().st_size / 2**20:.1f} MiB: {seen['state']} {seen['rows']}")
    say(f"kept {kept - start:.1f} s, sent {sent - start:.1f} s, answered {done - start:.1f} s; {seen['answers']}")
    say(f"memory: {before} MiB before, {at_most} MiB at most when sent, {_memory()} MiB when answered")


if __name__ == "__main__":
    asked = [*sys.argv[1:], *("people", "xlsx", "50000")[len(sys.argv) - 1 :]]
    with TemporaryDirectory() as place:
        asyncio.run(measure(asked[0], asked[1], int(asked[2]), Path(place)))
