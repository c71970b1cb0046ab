"""Charts, map, trades, quality, definitions and files, over the real application: who sees what of them."""

import io
import re
import zipfile

import pytest
from sqlalchemy.exc import OperationalError

from services.reporting.history import read_history
from services.reporting.rules import month_index
from services.reporting.views import MONTHS
from shared.database import run
from shared.security import Role
from tests.integration.sites import BOJONEGORO, KEDIRI, PROVINCE_ROLES, SURABAYA, TAILOR, Site, as_read

NEW_PAGES = ("/aid", "/aid?by=unit", "/quality", "/about")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("address", NEW_PAGES)
async def test_officials_read_every_page_in_both_languages(site: Site, address: str, language: str) -> None:
    for role in PROVINCE_ROLES:
        if role is not Role.viewer:
            site.signs_in_as(role)
            html = await site.page(f"{address}{'&' if '?' in address else '?'}lang={language}")
            assert html.count("<h1") == 1


async def test_what_changed_since_the_month_before_is_said(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = as_read(await site.page("/"))
    assert "▲ Rp500.000 di atas Sep 2026" in html
    assert "Laporan usaha 1 tingkat pelaporan 0,0% eks klien sama dengan Sep 2026" in html
    assert "▲ 4 di atas Sep 2026" in html
    assert "di atas" not in as_read(await site.page("/?month=2026-09"))


async def test_charts_have_their_numbers_in_words_and_in_a_table(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = await site.page(f"/district/{BOJONEGORO}")
    assert len(re.findall(r'<svg class="trend" role="img" aria-label="Grafik garis [^"]+tabel di bawah\."', html)) == 2
    assert "Okt 2026 1 – tidak ada laporan Rp3 juta – tidak ada laporan" in as_read(html)
    assert "Grafik muncul sesudah laporan pertama." in as_read(await site.page(f"/district/{KEDIRI}"))


async def test_a_year_before_is_set_beside_a_month(site: Site) -> None:
    months = MONTHS.difference()
    months[BOJONEGORO, month_index("2025-10")] = [4, 20_000_000, 8_000_000, 0, 0]
    async with site.node.database.transaction() as session:
        await MONTHS.add(session, months)
    site.signs_in_as(Role.viewer)
    html = as_read(await site.page(f"/district/{BOJONEGORO}"))
    assert "Okt 2026: 1; setahun sebelumnya 4 (-75%)" in html
    assert "Okt 2026: Rp3 juta; setahun sebelumnya Rp2 juta (+50%)" in html


async def test_history_is_the_same_on_either_database(site_on_either: Site) -> None:
    async with site_on_either.node.database.reading() as session:
        history = await read_history(session, "2026-10")
    assert len(history.months) == 48
    assert history.months[-1] == "2026-10"
    for code in ("", BOJONEGORO):
        assert history.track(code).net_profit[-3:] == [0, 2_500_000, 3_000_000]
        assert history.track(code).mean_profit[-3:] == [None, 2_500_000, 3_000_000]
    assert set(history.track(SURABAYA).reports) == {0}


async def test_the_map_has_every_district_as_a_link_with_its_number(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = await site.page("/?map=people")
    assert len(re.findall(r'<a id="tile-\d{4}"', html)) == 38
    tile = re.search(rf'<a id="tile-{SURABAYA}".*?</a>', html, re.DOTALL)
    assert tile is not None
    assert f'href="./district/{SURABAYA}"' in tile[0]
    assert as_read(tile[0]) == "SBY 4.111 , Kota Surabaya"
    assert re.search(r'<a id="tile-3501" class="s1"', html)
    assert "Peta: eks klien" in as_read(html)
    assert "Peta: tingkat pelaporan" in as_read(await site.page("/?map=nonsense"))


async def test_links_keep_month_and_language(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = await site.page("/?month=2026-09&lang=en&map=people")
    assert 'href="./district/3522?month=2026-09&amp;lang=en"' in html
    assert 'href="./quality?month=2026-09&amp;lang=en"' in html
    assert 'href="?month=2026-09&amp;sort=-reports&amp;map=people&amp;lang=en#districts"' in html


async def test_the_figures_are_shown_though_the_past_cannot_be_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, ConnectionError("away"), connection_invalidated=True)

    monkeypatch.setattr("services.reporting.pages.past.read_history", away)
    site.signs_in_as(Role.viewer)
    text = as_read(await site.page("/"))
    assert "Grafik muncul sesudah laporan pertama." not in text
    assert "Grafik belum dapat dibaca" in text
    assert "Laba bersih per usaha Rp3.000.000" in text


async def test_trades_are_counted_beside_each_other(site: Site) -> None:
    site.signs_in_as(Role.auditor)
    await _cohort(site)
    html = as_read(await site.page("/aid"))
    assert "Usaha menurut keterampilan" in html
    assert "menjahit 7" in html
    assert "Jumlah 7" in html
    english = as_read(await site.page("/aid?lang=en&by=ppks"))
    assert "disability 7" in english
    assert "sewing" not in english


async def test_who_only_views_reads_no_cut_in_which_a_cell_may_be_one_person(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    await site.page("/aid", status=403)
    html = await site.page("/")
    assert 'href="./aid"' not in html and 'href="./worklist"' not in html
    assert (await site.client.get("/table/by-trade.csv")).status_code == 403


async def test_a_district_officer_reads_nothing_of_another_district_on_any_page(site: Site) -> None:
    await _cohort(site)
    site.signs_in_as(Role.district_officer, BOJONEGORO)
    for address in ("/", *NEW_PAGES, "/table/districts.csv", "/table/heard.csv", "/table/by-trade.csv"):
        html = (await site.client.get(address)).text
        for foreign in ("Surabaya", "Kediri", SURABAYA, "4.111", "4111", "611100000", "menjahit"):
            assert foreign not in html, (address, foreign)
    for address in (f"/aid?district={SURABAYA}", f"/table/months.csv?district={SURABAYA}", "/table/nothing.csv"):
        await site.page(address, status=404)


async def test_quality_tells_of_silence_quarantine_and_the_proof(site_on_either: Site) -> None:
    site = site_on_either
    async with site.node.database.transaction() as session:
        await run(
            session,
            """INSERT INTO quarantine (state, topic, partition, "offset", headers, event_id, source, reason, detail, at)
               VALUES ('held', 'intake.reporting.3522', 0, 1, :none, 'e', 's', 'undecodable', '', :at)""",
            none=b"[]",
            at=(await site.node.app.state.dashboards.lag()).as_of,
        )
    site.signs_in_as(Role.viewer)
    html = as_read(await site.page("/quality"))
    assert "Kabupaten/kota diam 38 dari 38" in html
    assert "Karantina 1 rekaman yang tidak dapat dibaca" in html
    assert "Kab. Bojonegoro 1 0" in html
    assert "belum ada pembuktian yang selesai" in html
    await site.page("/quality?day=1999-01-01", status=404)


async def test_every_figure_is_defined(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = as_read(await site.page("/about"))
    assert "Laba bersih, nilai tengah (rupiah)" in html
    assert "Ambang aturan versi 1" in html


@pytest.mark.parametrize("name", ["districts", "months", "heard", "by-trade", "by-kind", "by-unit"])
async def test_every_table_is_a_file_of_either_kind(site: Site, name: str) -> None:
    site.signs_in_as(Role.auditor)
    sheet = await site.client.get(f"/table/{name}.csv?lang=en")
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(sheet.text.splitlines()) > 1
    book = await site.client.get(f"/table/{name}.xlsx")
    assert "xl/worksheets/sheet1.xml" in zipfile.ZipFile(io.BytesIO(book.content)).namelist()


async def test_a_file_has_the_rows_of_its_page_in_plain_numbers(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    lines = (await site.client.get("/table/districts.csv?sort=-ex_client&month=2026-09")).text.splitlines()
    assert lines[0].startswith("Kode,Kabupaten/kota,Eks klien,Laporan,Tingkat pelaporan")
    assert lines[1].startswith("3571,Kota Kediri,5222,0,0.0")
    assert any(line.startswith("3522,Kab. Bojonegoro,13,1,0.077") for line in lines)
    months = (await site.client.get(f"/table/months.csv?district={BOJONEGORO}")).text.splitlines()
    assert months[1] == "2026-10,1,9000000,3000000,3000000,4,0,"
    assert len(months) == 49


async def test_officers_see_the_grants_and_visits_of_a_business_and_viewers_do_not(site_on_either: Site) -> None:
    site = site_on_either
    async with site.node.database.transaction() as session:
        await run(
            session,
            """INSERT INTO grant_now (grant_id, beneficiary_id, district, kind, amount, fiscal_year, status, version,
                                      "on")
               VALUES (:id, :id, '3522', 'equipment', 6480000, 2026, 'disbursed', 1, '2026-01-05')""",
            id=TAILOR,
        )
    site.signs_in_as(Role.province_officer)
    html = as_read(await site.page(f"/business/{TAILOR}"))
    assert "alat Rp6.480.000 dicairkan 5 Jan 2026 2026" in html
    assert f'href="../worklist/{TAILOR}/not_handed_over"' in await site.page(f"/business/{TAILOR}")
    site.signs_in_as(Role.viewer)
    assert "Rp6.480.000" not in await site.page(f"/business/{TAILOR}")


async def _cohort(site: Site) -> None:
    """Seven sewing ex-clients with a disability, in Surabaya."""
    async with site.node.database.transaction() as session:
        await run(
            session,
            """INSERT INTO cohort (no, district, status, sex, ppks_group, unit, skills, disabilities, kinds)
               VALUES (77, '3578', 'ex_client', 'female', 'disability', '', 'sewing', 'visual', 'equipment')""",
        )
        await run(session, "INSERT INTO cohort_people (cohort, growth_class, people) VALUES (77, 'growing', 7)")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "/?sort=%00",
            "/?month=%00",
            f"/district/{BOJONEGORO}?after=%00",
            "/worklist?owner=a%00",
            "/worklist?after=%00",
        ),
        *("/aid?by=%00", "/quality?day=%00", "/table/districts.csv?month=%00", f"/business/{TAILOR}?x=%00"),
        *("/public?lang=%00", "/district/35%0022"),
    ],
)
async def test_a_character_that_no_database_takes_is_a_bad_parameter(site_on_either: Site, address: str) -> None:
    site_on_either.signs_in_as(Role.province_officer)
    await site_on_either.page(address, status=404)
