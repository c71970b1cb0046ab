"""The public page: frozen, without anything it hides, and open to everybody."""

import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from services.reporting.dashboard import Lag
from services.reporting.live import InProcess
from services.reporting.nightly import keep
from services.reporting.public import freeze, read_release
from services.reporting.releasing import Releasing
from shared.database import Database, now, run
from shared.security import Role
from tests.browser import province
from tests.integration.sites import Site, as_read

MORNING = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
"""03:30 of the 25th in East Java."""


@pytest.fixture
async def told(site_on_either: Site) -> Site:
    """A believable province in place of the small one, released."""
    database = site_on_either.node.database
    async with database.transaction() as session:
        for table in ("report", "person", "district_people", "district_year", "district_month"):
            await run(session, f"DELETE FROM {table}")
    await province.fill(database)
    assert await freeze(database, MORNING)
    return site_on_either


async def test_everybody_reads_it_in_both_languages_without_signing_in(told: Site) -> None:
    html = as_read(await told.page("/public"))
    assert "Usaha eks klien di Jawa Timur" in html
    assert "Eks klien 362" in html
    assert "Businesses of ex-clients" in await told.page("/public/2026-11-25?lang=en")
    for address in ("/public/2026-11-26", "/public/2026-11-26.json", "/public/2026-11-25/nothing.csv"):
        assert (await told.client.get(address)).status_code == 404


async def test_programs_of_everybody_read_the_newest_release_also_of_an_older_month(told: Site) -> None:
    newest = await told.client.get("/v1/public/dashboard")
    assert newest.content == (await told.client.get("/public/2026-11-25.json")).content
    assert (newest.status_code, newest.headers["cache-control"]) == (200, "public, max-age=60")
    month = newest.json()["month"]
    async with told.node.database.transaction() as session:
        await run(session, "UPDATE public_release SET day = '2026-12-25', month = '2026-12'")
    assert await freeze(told.node.database, MORNING)
    for asked, day in ((month, "2026-11-25"), ("2026-12", "2026-12-25")):
        assert (await told.client.get("/v1/public/dashboard", params={"month": asked})).json()["day"] == day
    assert (await told.client.get("/v1/public/dashboard")).json()["day"] == "2026-12-25"
    assert (await told.client.get("/v1/public/dashboard?month=2020-01")).json()["code"] == "not_found"
    assert (await told.client.get("/v1/public/dashboard?month=November")).json()["code"] == "invalid_request"


async def test_before_the_first_release_it_says_so(empty: Site) -> None:
    assert not await freeze(empty.node.database, MORNING)
    assert "Belum ada rilis." in as_read(await empty.page("/public"))


async def test_a_release_never_changes_and_comes_once_a_day(told: Site) -> None:
    database = told.node.database
    before = (await told.client.get("/public/2026-11-25.json")).content
    async with database.transaction() as session:
        await run(session, "UPDATE cohort_people SET people = people + 100")
    assert not await freeze(database, MORNING + timedelta(hours=5))
    assert (await told.client.get("/public/2026-11-25.json")).content == before
    assert await freeze(database, MORNING + timedelta(days=1))
    assert (await told.client.get("/public/2026-11-25.json")).content == before
    assert json.loads((await told.client.get("/public/2026-11-26.json")).content)["people"] != 362
    assert "25 Nov 2026" in as_read(await told.page("/public"))


async def test_no_public_address_header_or_file_carries_a_hidden_number(told: Site) -> None:
    """Every cell that is hidden in the release is the same text in HTML, CSV, XLSX and JSON."""
    body = json.loads((await told.client.get("/public/2026-11-25.json")).content)
    hidden = [code for code, cell in body["districts"].items() if isinstance(cell["people"], str)]
    assert len(hidden) >= 9
    html = await told.page("/public/2026-11-25")
    lines = (await told.client.get("/public/2026-11-25/districts.csv")).text.splitlines()
    book = (await told.client.get("/public/2026-11-25/districts.xlsx")).content
    sheet = zipfile.ZipFile(io.BytesIO(book))
    texts = "".join(sheet.read(name).decode() for name in sheet.namelist() if name.endswith(".xml"))
    assert "&lt;10</t>" in texts
    for code in hidden:
        cell = body["districts"][code]
        row = re.search(rf'<tr id="d{code}">.*?</tr>', html, re.DOTALL)
        assert row is not None
        numbers = [str(value).replace("<", "&lt;") for name, value in cell.items() if name != "net_profit_median"]
        assert re.findall(r"<td>([^<]*)", row[0])[: len(numbers)] == numbers
        tile = re.search(rf'<a id="tile-{code}".*?</a>', html, re.DOTALL)
        assert tile is not None and "<b>&lt;5" in tile[0] and 'class="s0' in tile[0]
        assert any(line.startswith(f"{code},") and ",<5," in line for line in lines)


async def test_the_release_holds_nothing_but_what_it_shows(told: Site) -> None:
    """The live numbers of small districts are nowhere in what is stored for the public."""
    async with told.node.database.reading() as session:
        release = await read_release(session, None)
    assert release is not None
    cells = release.body["districts"].values()
    values = [value for cell in cells for name, value in cell.items() if name != "net_profit_median"]
    assert all(value >= 5 if isinstance(value, int) else value in ("<5", "<10") for value in values)
    for cell in release.body["districts"].values():
        assert isinstance(cell["net_profit_median"], int) == isinstance(cell["reported_yes"], int)


async def test_signing_in_shows_nothing_more_on_the_public_page(told: Site) -> None:
    stranger = await told.page("/public")
    told.signs_in_as(Role.province_officer)
    assert await told.page("/public") == stranger


@pytest.mark.parametrize(
    "address",
    [
        *("/", "/aid", "/quality", "/about", "/district/3522", "/table/districts.csv"),
        *("/v1/dashboard", "/v1/series", "/v1/freshness"),
    ],
)
async def test_nothing_else_answers_a_stranger_with_numbers(told: Site, address: str) -> None:
    answer = await told.client.get(address)
    assert answer.status_code in (303, 401), address
    assert not re.search(r"[1-9]\d\d", re.sub(r"v=[0-9a-f]+", "", answer.text.replace("401", "")))


async def test_a_day_is_released_after_its_proof_and_while_nothing_is_on_its_way(told: Site) -> None:
    node, live = told.node, InProcess()
    one, three = (datetime(2026, 11, 24, hour, 30, tzinfo=UTC) for hour in (17, 20))  # 00:30 and 03:30 of the 25th
    async with node.database.transaction() as session:
        await run(session, "DELETE FROM public_release")
        await run(session, "DELETE FROM inbox")
    releasing = Releasing(node.database, live, node.metrics, node.logger)

    async def after_a_proof(day: str, found: list[str], *, at: datetime, behind: int = 0) -> int:
        async with node.database.transaction() as session:
            await keep(session, day, found)
        for _ in range(2):
            await live.report(Lag(now(), behind, 0.0))
            await releasing.look(at)
        return await _released(node.database)

    await releasing.look(three)
    await releasing.look(three)
    assert await _released(node.database) == 0, "nobody says how far the workers are"
    assert await after_a_proof("2026-11-24", [], at=one) == 0, "at half past midnight the newest proof is yesterday's"
    assert await after_a_proof("2026-11-25", ["a difference"], at=three) == 0, "the proof found a difference"
    assert await after_a_proof("2026-11-25", [], at=three, behind=1) == 0, "some worker is behind"
    await live.report(Lag(now(), 0, 0.0))
    await releasing.look(three)
    assert await _released(node.database) == 0, "drained at one look only"
    assert await after_a_proof("2026-11-25", [], at=three) == 0, "it was of an empty province"
    async with node.database.transaction() as session:
        await run(
            session,
            """INSERT INTO inbox (district, event_id, source, type, verdict, reason, detail, warnings, at, deliveries)
               VALUES ('3522', 'e', '/district/3522/e', 't', 'accepted', '', '', '', :at, 1)""",
            at=now() - timedelta(hours=1),
        )
    assert await after_a_proof("2026-11-25", [], at=three) == 1
    assert releasing.alarm() is None


async def _released(database: Database) -> int:
    async with database.reading() as session:
        return len((await run(session, "SELECT day FROM public_release")).all())
