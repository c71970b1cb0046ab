"""The list of people as a file for a spreadsheet."""

import csv
import io
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from openpyxl import load_workbook
from sqlalchemy.event import listen

from shared.events.district import Status
from shared.security import Role
from tests.integration.registry.office import BOJONEGORO, NIK, SITI, SURABAYA, Office, another, event

DANGEROUS = replace(
    another("W-2", nik=None), name='=HYPERLINK("http://x";"Siti")', unit="+62 8", status=Status.ex_client
)


async def told(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(DANGEROUS, "e2"), event(another("S-1"), "e3", district=SURABAYA))


async def export(
    office: Office, form: str, role: Role = Role.province_officer, district: str | None = None, **query: str
) -> list[Mapping[str, Any]]:
    """Its rows, by heading."""
    answer = await office.get(f"/v1/beneficiaries.{form}", role, district, **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    if form == "csv":
        return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    head, *rows = load_workbook(io.BytesIO(answer.content)).worksheets[0].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


async def test_a_file_of_many_pages_counts_its_people_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.registry.people_export._PAGE", 1)
    await told(office)
    statements: list[str] = []
    engine = office.node.app.state.patient.engine.sync_engine
    listen(engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    assert len(await export(office, "csv")) == 3
    assert sum("count(" in statement and "FROM person" in statement for statement in statements) == 1


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_a_file_has_whom_the_list_has_in_the_words_of_an_upload(office: Office, form: str) -> None:
    await told(office)
    rows = await export(office, form, district=None, sort="name", skill="sewing")
    assert len(rows) == 3
    (siti,) = [row for row in rows if row["nomor"] == "W-0001"]
    shown = {name: siti[name] for name in ("kode", "nama", "jenis_kelamin", "tanggal_lahir", "nik_empat_akhir", "ppks")}
    assert shown == {
        "kode": "3522",
        "nama": "Siti Contoh",
        "jenis_kelamin": "P",
        "tanggal_lahir": "1990-05-01",
        "nik_empat_akhir": "0001",
        "ppks": "penyandang disabilitas",
    }
    assert (siti["disabilitas"], siti["keterampilan"]) == ("fisik, rungu", "menjahit, kerajinan")
    assert NIK not in str(rows)
    assert [row["kode"] for row in await export(office, form, district=SURABAYA, role=Role.district_officer)] == [
        "3578"
    ]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_what_somebody_typed_is_text_in_a_file_and_never_a_formula(office: Office, form: str) -> None:
    await told(office)
    answer = await office.get(f"/v1/beneficiaries.{form}", Role.province_officer, None, status="ex_client")
    if form == "csv":
        (row,) = await export(office, form, status="ex_client")
        assert (row["nama"], row["upt"]) == (f"'{DANGEROUS.name}", "'+62 8")
    else:
        sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
        cells = {sheet.cell(1, place).value: sheet.cell(2, place) for place in range(1, 20)}
        assert (cells["nama"].data_type, cells["nama"].value) == ("s", DANGEROUS.name)


async def test_the_english_file_speaks_as_the_published_language(office: Office) -> None:
    await told(office)
    (row,) = await export(office, "csv", status="ex_client", lang="en")
    assert (row["code"], row["ppks"], row["status"]) == ("3522", "person_with_disability", "ex_client")


async def test_more_people_than_a_page_has_are_all_in_the_file(office: Office) -> None:
    people = [
        replace(SITI, district_ref=f"W-{n}", name=f"Orang {n:04}", nik=None, birth_date=SITI.birth_date)
        for n in range(1001)
    ]
    await office.receive(*(event(person, person.district_ref) for person in people))
    rows = await export(office, "csv", sort="name")
    assert [row["nama"] for row in rows] == [person.name for person in people]


async def test_an_export_is_for_officers_of_that_district_and_on_the_trail(office: Office) -> None:
    await told(office)
    await export(office, "xlsx", Role.district_officer, BOJONEGORO, status="client")
    for role, district, query, status in (
        (Role.district_officer, BOJONEGORO, {"district": SURABAYA}, 404),
        (Role.auditor, None, {}, 403),
        (Role.admin, None, {}, 403),
        (Role.district_system, BOJONEGORO, {}, 403),
    ):
        assert (await office.get("/v1/beneficiaries.csv", role, district, **query)).status_code == status
    assert (await office.get("/v1/beneficiaries.pdf", Role.province_officer)).status_code == 422
    (row,) = (await office.get("/v1/access-trail", Role.auditor, None, what="export")).json()["items"]
    assert (row["district"], row["result"]) == (BOJONEGORO, "xlsx 1")
    assert row["about"] == '{"district":"3522","status":"client"}'
