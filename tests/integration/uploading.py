"""Files as districts make them, handed to a service without its background tasks."""

import csv
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import httpx
from xlsxwriter import Workbook

from shared.database import run
from shared.events.envelope import Record
from shared.log import Partition
from shared.runtime import Node
from shared.security import Role
from tests.helpers import bearer

Rows = Sequence[Sequence[Any]]


def csv_file(rows: Rows, *, separator: str = ";", encoding: str = "utf-8-sig") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue().encode(encoding)


def xlsx_file(rows: Rows) -> bytes:
    out = io.BytesIO()
    with Workbook(out, {"in_memory": True, "default_date_format": "dd/mm/yyyy", "strings_to_formulas": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return out.getvalue()


def repacked(workbook: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one member replaced."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for member in before.namelist():
            after.writestr(member, content if member == name else before.read(member))
    return out.getvalue()


def renamed(workbook: bytes, name: str, *, content: bytes | None = None, as_picture: bool = False) -> bytes:
    """The workbook with its first sheet, or other content in its place, under another name, and said to be a sheet or a
    picture."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for member in before.namelist():
            part = before.read(member)
            written = member
            if member == "xl/worksheets/sheet1.xml":
                written, part = f"xl/{name}", part if content is None else content
            elif member.endswith(("[Content_Types].xml", "workbook.xml.rels")):
                part = part.replace(b"/xl/worksheets/sheet1.xml", f"/xl/{name}".encode())
                part = part.replace(b"worksheets/sheet1.xml", name.encode())
            if as_picture and member == "[Content_Types].xml":
                kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
                part = part.replace(kind, b"image/png")
            after.writestr(written, part)
    return out.getvalue()


class Counter:
    """Where files of one kind are handed in."""

    def __init__(self, node: Node, client: httpx.AsyncClient, kind: str) -> None:
        self.node = node
        self.client = client
        self.kind = kind
        self._read: dict[Partition, int] = {}

    def credentials(self, role: Role, district: str | None) -> dict[str, str]:
        return bearer(self.node.settings, role, "ratna", district)

    async def send(
        self,
        content: bytes,
        role: Role = Role.district_officer,
        district: str | None = "3522",
        /,
        **form: str,
    ) -> httpx.Response:
        headers = self.credentials(role, district)
        files = {"file": ("rows", content)}
        return await self.client.post(f"/v1/uploads/{self.kind}", headers=headers, files=files, data=form)

    async def work(self) -> None:
        """What the worker does in the background."""
        while await self.node.app.state.uploads.work_at_one():
            pass

    async def see(
        self, upload_id: str, role: Role = Role.district_officer, district: str | None = "3522"
    ) -> httpx.Response:
        return await self.client.get(f"/v1/uploads/{upload_id}", headers=self.credentials(role, district))

    async def sent(self, content: bytes, **form: str) -> Any:
        """Hand it in and have it worked at: what became of it."""
        answer = await self.send(content, **form)
        assert answer.status_code == 202, answer.text
        await self.work()
        return (await self.see(answer.json()["upload_id"])).json()

    async def records(self, district: str = "3522") -> list[Record]:
        """What has come to the district's log since it was last looked at."""
        topic = f"intake.{self.node.settings.service}.{district}"

        async def positions(wanted: Any) -> dict[Partition, int]:
            return {partition: self._read.get(partition, 0) for partition in wanted}

        found: list[Record] = []
        async with self.node.log.subscribe("test", [topic], positions) as subscription:
            while records := await subscription.read(limit=1000, timeout=0.3):
                found += records
        for record in found:
            self._read[Partition(record.topic, record.partition)] = record.offset + 1
        return found

    async def apply(self, district: str = "3522") -> list[Record]:
        """What has come to the log is applied, as the consumer does it."""
        found = await self.records(district)
        async with self.node.database.transaction() as session:
            await self.node.inbox.apply(session, found)
        return found

    async def parts_left(self) -> int:
        async with self.node.database.reading() as session:
            return int((await run(session, "SELECT count(*) FROM upload_part")).scalar_one())
