"""A month whose reports are still coming misleads nobody: pages open on the one before, and compare it with nothing."""

import asyncio
import re
from datetime import UTC, datetime

import pytest

from services.reporting import dashboard
from services.reporting.dashboard import build_next
from services.reporting.history import History
from services.reporting.public import freeze, read_release
from services.reporting.rules import month_index
from services.reporting.views import MONTHS
from shared.security import Role
from tests.integration.sites import BOJONEGORO, TAILOR, Site, as_read, put, report
from tests.integration.snapshots import until

MOMENT = datetime(2026, 11, 30, 20, 30, tzinfo=UTC)


@pytest.fixture
async def running(site_on_either: Site) -> Site:
    """Bojonegoro's 13 ex-clients reported 10 times of September and of October; of November the tailor has, 1 of 13."""
    database = site_on_either.node.database
    months = MONTHS.difference()
    for month, reports, net in (("2026-09", 9, 27_000_000), ("2026-10", 9, 27_000_000), ("2025-11", 8, 16_000_000)):
        put(MONTHS.columns, months[BOJONEGORO, month_index(month)], reports=reports, net_profit=net)
    put(MONTHS.columns, months[BOJONEGORO, month_index("2026-11")], reports=1, net_profit=1_000_000)
    async with database.transaction() as session:
        await MONTHS.add(session, months)
    await report(database, TAILOR, month="2026-11", turnover=7_000_000, wages=2_000_000)
    site_on_either.signs_in_as(Role.province_officer)
    return site_on_either


@pytest.mark.parametrize("address", ["/", f"/district/{BOJONEGORO}", "/aid"])
async def test_a_page_opens_on_the_newest_complete_month_and_offers_the_running_one(
    running: Site, address: str
) -> None:
    html = await running.page(address)
    people = {"/": "9.346", "/aid": "9.346"}.get(address, "13")
    assert re.search(r"<h1>[^<]*, Okt 2026</h1>", html)
    assert f"Nov 2026 sudah mulai tetapi belum lengkap: baru 1 dari {people} laporan. Lihat Nov 2026" in as_read(html)
    assert '<a href="?month=2026-11">' in html
    assert '<option value="2026-11">Nov 2026 (belum lengkap)</option>' in html
    assert '<option value="2026-10" selected>Okt 2026</option>' in html
    assert f"Nov 2026 has begun but is unfinished: 1 of {people.replace('.', ',')} reports so far." in as_read(
        await running.page(f"{address}?lang=en")
    )


async def test_an_unfinished_month_is_marked_and_compared_with_nothing(running: Site) -> None:
    html = await running.page(f"/district/{BOJONEGORO}?month=2026-11")
    text = as_read(html)
    assert "Nov 2026 belum lengkap: baru 1 dari 13 laporan." in text
    assert "Lihat Okt 2026, bulan lengkap terbaru" in text
    assert "1 dari 13 eks klien sejauh ini; bulan belum lengkap" in text
    assert "tingkat pelaporan" not in text
    assert "di bawah Okt" not in text and "di atas Okt" not in text
    assert "setahun sebelumnya 8" not in text and "-88%" not in text
    assert "Nov 2026: 1 (belum lengkap)" in text
    assert "Nov 2026 (belum lengkap) 1 8 Rp1 juta Rp2 juta" in text, "the table marks the row"


async def test_charts_draw_it_hollow_and_say_so(running: Site) -> None:
    unfinished = await running.page(f"/district/{BOJONEGORO}?month=2026-11")
    assert len(re.findall(r'<path class="running" d="M[^"]+L[^"]+"/>', unfinished)) == 2
    assert len(re.findall(r'<path class="hole"', unfinished)) == 2
    assert "Nov 2026 belum lengkap: titik berlubang" in unfinished
    complete = await running.page(f"/district/{BOJONEGORO}")
    assert 'class="running"' not in complete and 'class="hole"' not in complete


async def test_sparklines_are_of_complete_months_on_either_page(running: Site) -> None:
    spark = re.compile(r'<svg class="spark".*?</svg>', re.DOTALL)
    assert spark.findall(await running.page("/")) == spark.findall(await running.page("/?month=2026-11"))


async def test_a_complete_month_is_compared_as_before(running: Site) -> None:
    text = as_read(await running.page(f"/district/{BOJONEGORO}"))
    assert "sama dengan Sep 2026" in text
    assert "belum lengkap: titik" not in text


async def test_a_file_is_of_the_month_of_its_page_and_marks_the_unfinished_row(running: Site) -> None:
    districts = await running.client.get("/table/districts.csv")
    assert "2026-10" in districts.headers["content-disposition"]
    lines = (await running.client.get("/table/months.csv?month=2026-11")).text.splitlines()
    assert lines[1].startswith("2026-11,1,") and lines[1].endswith(",belum lengkap")
    assert lines[2].startswith("2026-10,10,") and lines[2].endswith(",")


async def test_programs_read_the_newest_month_with_a_report_by_default(running: Site) -> None:
    """As the contract has it, to the letter."""
    body = (await running.client.get("/v1/dashboard")).json()
    assert (body["month"], body["province"]["income"]["reports"]) == ("2026-11", 1)
    assert set(body) == {"version", "as_of", "month", "lag", "province", "districts"}
    assert (await running.client.get("/v1/dashboard?month=2026-10")).json()["province"]["income"]["reports"] == 10


async def test_the_same_numbers_are_another_snapshot_when_their_month_is_no_longer_complete(running: Site) -> None:
    async with running.node.database.reading() as session:
        one, other = [
            await dashboard._build(session, "2026-11", ["2026-10", "2026-11"], complete)
            for complete in ("2026-11", None)
        ]
    assert one.province == other.province
    assert one.content_sha256 != other.content_sha256


async def test_a_change_of_the_month_that_pages_open_on_raises_the_version(running: Site) -> None:
    database, node = running.node.database, running.node
    source = node.app.state.dashboards
    first = await build_next(database)
    assert first is not None and first.opens.month == "2026-10"
    assert (first.version, first.month) == (first.opens.version, "2026-11")
    assert await build_next(database) is None
    months = MONTHS.difference()
    put(MONTHS.columns, months[BOJONEGORO, month_index("2026-10")], reports=1)
    async with database.transaction() as session:
        await MONTHS.add(session, months)
    second = await build_next(database)
    assert second is not None and second.version == first.version + 1
    await source.live.publish(second)
    assert source.at_hand("2026-10") is second.opening, "both are found without the database"
    assert source.at_hand("2026-11") is second
    assert source.at_hand("2026-09") is None


async def test_with_enough_reports_the_month_is_the_one_that_pages_open_on(running: Site) -> None:
    months = MONTHS.difference()
    put(MONTHS.columns, months[BOJONEGORO, month_index("2026-11")], reports=7)  # 8 of the 10 of October
    async with running.node.database.transaction() as session:
        await MONTHS.add(session, months)
    text = as_read(await running.page(f"/district/{BOJONEGORO}"))
    assert "Kab. Bojonegoro, Nov 2026" in text
    assert "2 di bawah Okt 2026" in text
    assert "belum lengkap" not in text


async def test_the_public_is_told_of_the_newest_complete_month(running: Site) -> None:
    cohorts = running.node.database
    assert await freeze(cohorts, MOMENT)
    async with cohorts.reading() as session:
        release = await read_release(session, None)
    assert release is not None and release.month == "2026-10"


async def test_charts_are_drawn_ahead_of_the_month_that_pages_open_on_and_only_while_somebody_watches(
    running: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, looked = [], 0

    async def history(_: object, month: str) -> History:
        read.append(month)
        return History([month], {})

    class Watched:
        by = 0

        @property
        def open(self) -> int:
            nonlocal looked
            looked += 1
            return self.by

    source, pasts, watched = running.node.app.state.dashboards, running.node.app.state.pasts, Watched()
    monkeypatch.setattr("services.reporting.pages.past.read_history", history)
    monkeypatch.setattr(source, "streams", watched)
    snapshot = await build_next(running.node.database)
    assert snapshot is not None
    await source.live.publish(snapshot)
    stopping = asyncio.Event()
    task = asyncio.create_task(pasts.run(stopping))
    await until(lambda: looked >= 2, 10, "two looks")
    assert read == []
    watched.by = 1
    await until(lambda: read, 10, "a drawing")
    stopping.set()
    await task
    assert set(read) == {"2026-10"}


async def test_the_definition_is_on_the_page_about_the_numbers(running: Site) -> None:
    text = as_read(await running.page("/about"))
    assert "mencapai 80% dari bulan teramai di antara 3 bulan sebelumnya" in text
