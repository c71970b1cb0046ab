"""People from a file: judged whole, sent by the door of the district's own events, once."""

import asyncio
import re
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from shared.database import now, run
from shared.events.envelope import Outgoing, beneficiary_id
from shared.log import Log, LogUnavailable
from shared.security import Role
from shared.uploads import store
from shared.uploads.worker import Worker
from tests.integration.registry.office import BOJONEGORO, NIK, SURABAYA, Office
from tests.integration.uploading import Counter, csv_file, renamed, repacked, xlsx_file

HEAD = ["nomor", "nama", "jenis_kelamin", "tanggal_lahir", "nik", "ppks", "disabilitas", "status", "keterampilan"]
HEAD += ["persetujuan", "persetujuan_oleh", "bentuk_persetujuan", "tanggal_persetujuan"]
SITI = ["W-1", "Siti Contoh", "P", "01/05/1990", NIK, "penyandang disabilitas", "fisik, rungu", "eks klien", "menjahit"]
SITI += ["ya", "sendiri", "tertulis", "2026-01-15"]
BUDI = ["W-2", "Budi Prasetyo", "L", "1985-07-03", "", "fakir miskin", "", "klien", "", "ya", "wali", "rekaman"]
BUDI += ["15/01/2026"]
LONG = b"<worksheet>" + b"<row/>" * 200_000 + b"</worksheet>"
"""Of more than a megabyte."""


def but(row: Sequence[Any], **cells: Any) -> list[Any]:
    return [cells.get(name, value) for name, value in zip(HEAD, row, strict=True)]


@pytest.fixture
def counter(office: Office) -> Counter:
    return Counter(office.node, office.client, "people")


@pytest.mark.parametrize(
    "content",
    [
        csv_file([HEAD, SITI, BUDI]),
        csv_file([HEAD, SITI, BUDI], separator=",", encoding="utf-8"),
        csv_file([HEAD, SITI, BUDI], separator="\t", encoding="utf-16"),
        b"sep=;\r\n" + csv_file([HEAD, SITI, BUDI], encoding="utf-8"),
        xlsx_file([HEAD, SITI, BUDI]),
    ],
    ids=["excel-csv", "csv", "unicode-text", "sep", "xlsx"],
)
async def test_rows_become_people_by_the_events_of_the_contract(
    office: Office, counter: Counter, content: bytes
) -> None:
    seen = await counter.sent(content)
    assert (seen["state"], seen["rows"]) == ("sent", {"read": 2, "refused": 0, "sent": 2})
    assert seen["answers"] == {"pending": 2}
    records = await counter.apply()
    assert [record.key for record in records] == [b"W-1", b"W-2"]
    siti = await office.person(beneficiary_id(BOJONEGORO, "W-1"))
    assert (siti.record.name, siti.record.birth_date, siti.record.revision) == ("Siti Contoh", date(1990, 5, 1), 1)
    assert siti.record.disabilities == ("physical", "hearing")
    assert siti.source == "/district/3522/upload"
    assert (await office.receipt(f"{seen['sha256'][:32]}.{3 if content[:3] == b'sep' else 2}"))["verdict"] == "accepted"
    after = (await counter.see(seen["upload_id"])).json()
    assert (after["answers"], after["told"]) == ({"accepted": 2, "pending": 0}, [])
    assert await counter.parts_left() == 0


async def test_an_accent_of_windows_is_read_as_it_was_meant(office: Office, counter: Counter) -> None:
    await counter.sent(csv_file([HEAD, but(SITI, nama="José Béla")], encoding="cp1252"))
    await counter.apply()
    assert (await office.person(beneficiary_id(BOJONEGORO, "W-1"))).record.name == "José Béla"


async def test_one_wrong_row_keeps_all_from_being_sent_and_is_named_with_its_cure(counter: Counter) -> None:
    rows = [HEAD, SITI, but(BUDI, tanggal_lahir="3 Juli", status="baru"), but(BUDI, nomor="W-1")]
    seen = await counter.sent(csv_file(rows))
    assert (seen["state"], seen["rows"]) == ("refused", {"read": 3, "refused": 2, "sent": 0})
    assert [(error["row"], error["column"], error["code"]) for error in seen["errors"]] == [
        (3, "tanggal_lahir", "not_a_date"),
        (3, "status", "not_in_list"),
        (4, "nomor", "twice_in_file"),
    ]
    assert "2026-04-07" in seen["errors"][0]["message"]["id"]
    assert all(error["message"]["id"] and error["message"]["en"] for error in seen["errors"])
    assert await counter.records() == []


async def test_the_valid_rows_alone_are_sent_when_that_was_asked_for(counter: Counter) -> None:
    content = csv_file([HEAD, SITI, but(BUDI, status="baru")])
    assert (await counter.sent(content))["rows"]["sent"] == 0
    seen = await counter.sent(content, partial="true")
    assert (seen["state"], seen["rows"], len(seen["errors"])) == ("sent", {"read": 2, "refused": 1, "sent": 1}, 1)
    assert [record.key for record in await counter.records()] == [b"W-1"]


async def test_a_dry_run_says_what_would_be_and_sends_nothing(counter: Counter) -> None:
    seen = await counter.sent(csv_file([HEAD, SITI]), dry_run="true", partial="true")
    assert (seen["state"], seen["mode"], seen["rows"]) == ("checked", "check", {"read": 1, "refused": 0, "sent": 0})
    assert await counter.records() == []


async def test_a_checked_file_is_kept_for_some_hours_to_be_sent(office: Office, counter: Counter) -> None:
    content = csv_file([HEAD, SITI])
    checked = await counter.sent(content, dry_run="true")
    await store.forget_checked(office.node.database)
    assert await counter.parts_left() == 1
    await counter.sent(content, dry_run="true")
    assert await counter.parts_left() == 1, "checked again it is kept once"
    async with office.node.database.transaction() as session:
        await run(session, "UPDATE upload SET at = :at", at=now() - timedelta(hours=5))
    await store.forget_checked(office.node.database)
    assert await counter.parts_left() == 0
    assert (await counter.see(checked["upload_id"])).json()["state"] == "checked"


async def test_of_files_that_were_only_checked_a_district_keeps_the_newest_twenty(counter: Counter) -> None:
    elsewhere = await counter.send(csv_file([HEAD, SITI]), Role.district_officer, SURABAYA, dry_run="true")
    assert elsewhere.status_code == 202
    for place in range(21):
        await counter.sent(csv_file([HEAD, but(SITI, nomor=f"W-{place}")]), dry_run="true")
        assert await counter.parts_left() == 1 + min(place + 1, 20)


async def test_the_same_file_sent_twice_is_one_truth(office: Office, counter: Counter) -> None:
    content = csv_file([HEAD, SITI])
    first = await counter.sent(content)
    assert len(await counter.apply()) == 1
    again = await counter.sent(content)
    assert (again["upload_id"], again["at"]) == (first["upload_id"], first["at"])
    assert await counter.records() == []
    # Asked for in another way its events are sent again, under the ids they had: they change nothing.
    await counter.sent(content, partial="true")
    assert len(await counter.apply()) == 1
    assert (await office.receipt(f"{first['sha256'][:32]}.2"))["deliveries"] == 2
    assert len(await office.people()) == 1


async def test_a_file_refused_once_is_judged_anew_when_it_is_sent_again(counter: Counter) -> None:
    content = csv_file([HEAD, but(SITI, status="baru")])
    first = await counter.sent(content)
    again = await counter.sent(content)
    assert (again["state"], again["errors_total"]) == ("refused", 1)
    assert again["at"] > first["at"]
    assert await counter.parts_left() == 0


async def test_a_file_that_nobody_foresaw_is_refused_and_the_next_one_is_taken(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unforeseen(*_: object) -> Iterator[Any]:
        raise KeyError("Siti Contoh")

    with monkeypatch.context() as broken:
        broken.setattr("shared.uploads.worker.check", unforeseen)
        seen = await counter.sent(csv_file([HEAD, SITI]))
    assert (seen["state"], [error["code"] for error in seen["errors"]]) == ("refused", ["unreadable"])
    assert "Siti" not in str(seen["errors"])
    assert (await counter.sent(csv_file([HEAD, BUDI])))["state"] == "sent"


class Failing:
    """A log that is gone after so many batches."""

    def __init__(self, log: Log, batches: int) -> None:
        self._log = log
        self._left = batches

    async def append(self, records: Sequence[Outgoing]) -> None:
        if not self._left:
            raise LogUnavailable("gone")
        self._left -= 1
        await self._log.append(records)


async def test_a_worker_that_dies_while_sending_is_followed_by_one_that_sends_the_rest(
    office: Office, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.uploads.worker._EVENTS_AT_ONCE", 2)
    rows = [but(BUDI, nomor=f"W-{number}", nama=f"Orang {chr(65 + number)}") for number in range(5)]
    answer = await counter.send(csv_file([HEAD, *rows]))
    upload = answer.json()["upload_id"]
    node, worker = office.node, office.node.app.state.uploads
    dying = Worker("registry", node.database, Failing(node.log, 1), worker._kinds, node.logger)  # type: ignore[arg-type]
    with pytest.raises(LogUnavailable):
        await dying.work_at_one()
    assert (await counter.see(upload)).json()["rows"]["sent"] == 2
    assert not await worker.work_at_one()  # the other may come back yet
    async with node.database.transaction() as session:
        await run(session, "UPDATE upload SET lease_until = :past", past=datetime.fromisoformat("2026-01-01T00:00:00Z"))
    await counter.work()
    assert (await counter.see(upload)).json()["state"] == "sent"
    assert len(await counter.apply()) == 7
    assert len(await office.people()) == 5


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\x03garbage", "not_text"),
        (b"nama;nomor\x81\n", "not_text"),
        (csv_file([HEAD]), "no_rows"),
        (csv_file([["W-1", "Siti Contoh"], SITI]), "unknown_column"),
        (csv_file([HEAD[1:], SITI[1:]]), "missing_column"),
        (csv_file([[*HEAD, "name"], [*SITI, "Siti"]]), "column_twice"),
        (csv_file([HEAD, SITI]) + b'"W-2;Budi\n', "not_csv"),
        (b'nomor;"' + b"x" * 200_000, "not_csv"),
        (b"nomor;" + b"x" * 1_100_000, "row_too_long"),
        (b'"\n";' * 2_000_000, "row_too_long"),
        (b"PK\x03\x04 and no more", "not_xlsx"),
        (renamed(xlsx_file([HEAD, SITI]), "sheet.bin", content=b"<row>" + b"<c/>" * 400_000), "row_too_long"),
        (renamed(xlsx_file([HEAD, SITI]), "sheet.bin", content=LONG, as_picture=True), "unpacks_too_large"),
        (renamed(xlsx_file([HEAD, SITI]), "media/1.png", content=LONG, as_picture=True), "unpacks_too_large"),
        (repacked(xlsx_file([HEAD, SITI]), "xl/worksheets/sheet1.xml", b"<worksheet>"), "not_xlsx"),
        (repacked(xlsx_file([HEAD, SITI]), "xl/worksheets/sheet1.xml", b"<row>" + b"<c/>" * 400_000), "row_too_long"),
        (repacked(xlsx_file([HEAD, SITI]), "xl/sharedStrings.xml", b"<si/>" * 1_600_000), "unpacks_too_large"),
        (repacked(xlsx_file([HEAD, SITI]), "xl/styles.xml", b"<xf/>" * 300_000), "unpacks_too_large"),
        (repacked(xlsx_file([HEAD, SITI]), "docProps/app.xml", b" " * 300_000_000), "unpacks_too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_file_that_cannot_be_taken_says_why_and_harms_nobody(
    counter: Counter, content: bytes, code: str
) -> None:
    seen = await counter.sent(content)
    assert seen["state"] == "refused"
    assert code in {error["code"] for error in seen["errors"]}
    assert "Siti" not in str(seen) and "W-1" not in str(seen)
    assert await counter.records() == []


async def test_a_sheet_of_another_name_and_a_large_picture_beside_it_are_nothing_unusual(counter: Counter) -> None:
    content = renamed(xlsx_file([HEAD, SITI]), "sheet.bin")
    with zipfile.ZipFile(out := BytesIO(content), "a") as book:
        book.writestr("xl/media/1.png", b"\x89PNG\r\n\x1a\n" + bytes(2 * 1024 * 1024))
    seen = await counter.sent(out.getvalue())
    assert (seen["state"], seen["rows"]["sent"]) == ("sent", 1)


async def test_a_form_of_another_kind_is_refused_before_it_is_read(counter: Counter) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"file=" + b"x" * 100_000 + b"&"

    headers = counter.credentials(Role.district_officer, BOJONEGORO)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    answer = await counter.client.post("/v1/uploads/people", headers=headers, content=body())
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"at": "file", "why": "missing"}])
    assert read <= 1


async def test_a_district_with_too_many_files_in_hand_waits_with_the_next(counter: Counter) -> None:
    files = [csv_file([HEAD, but(SITI, nomor=f"W-{place}")]) for place in range(21)]
    for content in files[:20]:
        assert (await counter.send(content)).status_code == 202
    refused = await counter.send(files[20])
    assert (refused.status_code, refused.json()["code"], refused.json()["most"]) == (409, "too_many_uploads", 20)
    assert (await counter.send(files[0])).status_code == 202  # in hand already: nothing is added
    elsewhere = await counter.send(files[20], Role.district_officer, SURABAYA)
    assert elsewhere.status_code == 202
    await counter.work()
    assert (await counter.send(files[20])).status_code == 202


async def test_files_that_come_at_once_are_counted_one_after_another(counter: Counter) -> None:
    files = [csv_file([HEAD, but(SITI, nomor=f"W-{place}")]) for place in range(26)]
    answers = await asyncio.gather(*(counter.send(content) for content in files))
    assert sorted(answer.status_code for answer in answers) == [202] * 20 + [409] * 6


async def test_a_bomb_of_entities_is_not_unpacked(counter: Counter) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><sst><si><t>&e9;</t></si></sst>'
    content = repacked(xlsx_file([HEAD, SITI]), "xl/sharedStrings.xml", bomb.encode())
    assert (await counter.sent(content))["errors"][0]["code"] == "not_xlsx"


async def test_no_cell_computes_and_a_nik_is_not_guessed_from_a_number(counter: Counter) -> None:
    rows = [HEAD, but(SITI, nama="=A1&B1"), but(BUDI, nik=3522014105900001.0), but(BUDI, nomor="W-3", nik="12")]
    seen = await counter.sent(xlsx_file(rows))
    assert [(error["row"], error["column"], error["code"]) for error in seen["errors"]] == [
        (2, "nama", "formula"),
        (3, "nik", "number_lost"),
        (4, "nik", "invalid_nik"),
    ]


async def test_a_row_without_consent_is_refused_before_anything_of_it_is_kept(counter: Counter) -> None:
    seen = await counter.sent(csv_file([HEAD, but(SITI, persetujuan="tidak")]))
    assert [(error["column"], error["code"]) for error in seen["errors"]] == [("persetujuan", "no_consent")]
    async with counter.node.database.reading() as session:
        kept = str((await run(session, "SELECT * FROM upload")).all())
    assert "Siti" not in kept and NIK not in kept and await counter.parts_left() == 0


async def test_something_beyond_the_columns_is_not_dropped_in_silence(counter: Counter) -> None:
    seen = await counter.sent(csv_file([HEAD, [*SITI, "Jl. Contoh 1"]]))
    assert [error["code"] for error in seen["errors"]] == ["beyond_columns"]
    seen = await counter.sent(csv_file([[*HEAD, ""], [*SITI, "Jl. Contoh 1"]]))
    assert [error["code"] for error in seen["errors"]] == ["beyond_columns"]


async def test_more_rows_than_a_file_may_have_are_refused(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.uploads.checking.MAX_ROWS", 1)
    seen = await counter.sent(csv_file([HEAD, SITI, BUDI]), partial="true")
    assert (seen["state"], [error["code"] for error in seen["errors"]]) == ("refused", ["too_many_rows"])


async def test_a_body_larger_than_an_upload_may_be_is_refused_while_it_comes(counter: Counter) -> None:
    answer = await counter.send(b"x" * (32 * 1024 * 1024))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert (await counter.send(b"x" * (5 * 1024 * 1024))).status_code == 202


async def test_a_district_officer_brings_the_own_district_and_the_province_any(counter: Counter) -> None:
    content = csv_file([HEAD, SITI])
    assert (await counter.send(content, district=SURABAYA)).status_code == 404
    answer = await counter.send(content, Role.province_officer, None)
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"at": "district", "why": "missing"}])
    answer = await counter.send(content, Role.province_officer, None, district=SURABAYA)
    assert answer.json()["district"] == SURABAYA
    assert str(answer.request.url.join(answer.headers["location"])).endswith(
        f"/v1/uploads/{answer.json()['upload_id']}"
    )
    await counter.work()
    assert len(await counter.records(SURABAYA)) == 1
    for role, district in ((Role.viewer, None), (Role.district_system, BOJONEGORO), (Role.treasurer, None)):
        assert (await counter.send(content, role, district)).status_code == 403
    upload = answer.json()["upload_id"]
    assert (await counter.see(upload)).status_code == 404
    assert (await counter.see(upload, Role.district_officer, SURABAYA)).status_code == 200


async def test_who_uploaded_what_is_listed_for_those_of_the_district(counter: Counter) -> None:
    await counter.sent(csv_file([HEAD, SITI]))

    async def listed(role: Role, district: str | None, /, **query: str) -> Any:
        headers = counter.credentials(role, district)
        answer = await counter.client.get("/v1/uploads", headers=headers, params=query)
        return [(item["by"], item["state"]) for item in answer.json()["items"]] if answer.is_success else answer

    assert await listed(Role.district_officer, BOJONEGORO) == [("ratna", "sent")]
    assert await listed(Role.district_officer, SURABAYA) == []
    assert await listed(Role.auditor, None) == [("ratna", "sent")]
    assert (await listed(Role.district_officer, SURABAYA, district=BOJONEGORO)).status_code == 404


async def test_the_list_is_read_in_pages_that_say_nothing_of_another_district(counter: Counter) -> None:
    sent = [(await counter.send(csv_file([HEAD, but(SITI, nomor=f"W-{n}")]))).json()["upload_id"] for n in range(3)]
    foreign = (await counter.send(csv_file([HEAD, SITI]), Role.district_officer, SURABAYA)).json()["upload_id"]

    async def page(after: str | None) -> tuple[list[str], str | None]:
        headers = counter.credentials(Role.district_officer, BOJONEGORO)
        query = {"limit": "2", **({"after": after} if after else {})}
        body = (await counter.client.get("/v1/uploads", headers=headers, params=query)).json()
        return [item["upload_id"] for item in body["items"]], body["next"]

    assert await page(None) == ([sent[2], sent[1]], sent[1])
    assert await page(sent[1]) == ([sent[0]], None)
    assert await page(foreign) == ([], None)


async def test_a_form_without_a_file_or_for_another_service_is_told_so(counter: Counter) -> None:
    headers = counter.credentials(Role.district_officer, BOJONEGORO)
    answer = await counter.client.post("/v1/uploads/people", headers=headers, data={"dry_run": "true"})
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"at": "file", "why": "missing"}])
    answer = await counter.client.post("/v1/uploads/income", headers=headers, files={"file": b"x"})
    assert answer.status_code == 404


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_a_template_filled_in_is_taken(counter: Counter, form: str) -> None:
    headers = counter.credentials(Role.district_officer, BOJONEGORO)
    answer = await counter.client.get(f"/v1/uploads/templates/people.{form}", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="templat-people.{form}"'
    if form == "csv":
        names = answer.content.decode("utf-8-sig").strip().split(";")
    else:
        with zipfile.ZipFile(BytesIO(answer.content)) as packed:
            strings = re.findall(r"<t[^>]*>([^<]*)</t>", packed.read("xl/sharedStrings.xml").decode())
        names = strings[: strings.index("tanggal_persetujuan") + 1]
    filled = dict(zip(HEAD, SITI, strict=True))
    rows = [names, [filled.get(name, "") for name in names]]
    seen = await counter.sent(csv_file(rows) if form == "csv" else xlsx_file(rows))
    assert (seen["state"], seen["errors"]) == ("sent", [])
