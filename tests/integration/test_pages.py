"""The pages over the real application and a real database: who sees what, in which language, and how one gets in."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.routing import Mount

from services.reporting.dashboard import Lag
from services.reporting.pages import sign_in_link
from services.reporting.pages.sign_in import TICKET_AUDIENCE
from shared.database import now, run
from shared.security import Role
from shared.settings import Settings
from tests.helpers import bearer
from tests.integration.sites import (
    BOJONEGORO,
    FOREIGN,
    HOSTILE,
    KEDIRI,
    PAGES,
    PROVINCE_ROLES,
    SURABAYA,
    TAILOR,
    Site,
    add_people,
    as_read,
    districts,
    hear,
    report,
    row,
)

# Pages


@pytest.mark.parametrize("role", PROVINCE_ROLES)
@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("address", PAGES)
async def test_every_role_of_the_province_reads_every_page_in_both_languages(
    site: Site, address: str, language: str, role: Role
) -> None:
    site.signs_in_as(role)
    html = await site.page(f"{address}?lang={language}")
    assert f'<html lang="{language}">' in html
    assert html.count("<h1") == 1
    assert html.count("<main") == 1


async def test_the_headline_shows_the_numbers_of_the_newest_month(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = as_read(await site.page("/"))
    assert "Provinsi Jawa Timur, Okt 2026" in html
    assert "Eks klien 9.346 di 3 dari 38 kabupaten/kota" in html
    assert "Laporan usaha 1 tingkat pelaporan 0,0% eks klien" in html
    assert "Laba bersih per usaha Rp3.000.000 nilai tengah sebulan; jumlah semua Rp3 juta" in html
    assert "Pekerja 4 dipekerjakan usaha yang melapor" in html
    assert "Pagu Rp1,37 miliar 100,0%" in html
    assert "Komitmen Rp687 juta 50,0%" in html
    assert "Realisasi Rp343 juta 25,0%" in html
    assert "Sisa pagu Rp687 juta 50,0%" in html
    assert "berkembang 1 0,0%" in html
    assert "diserahterimakan 3 33,3%" in html


async def test_english_is_beside_it_with_its_own_numbers(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = as_read(await site.page("/?lang=en"))
    assert "East Java Province, Oct 2026" in html
    assert "Net profit per business Rp3,000,000 monthly median; all together Rp3 million" in html
    assert "Budget Rp1.37 billion 100.0%" in html


async def test_the_language_once_chosen_stays(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    assert '<html lang="id">' in await site.page("/")
    await site.page("/?lang=en")
    assert '<html lang="en">' in await site.page("/")
    await site.page("/?lang=xx")
    assert '<html lang="en">' in await site.page("/")


async def test_an_earlier_month_is_chosen_without_a_script(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = await site.page("/?month=2026-09")
    assert "Provinsi Jawa Timur, Sep 2026" in html
    assert '<option value="2026-09" selected>Sep 2026</option>' in html
    assert "Rp2.500.000" in html


@pytest.mark.parametrize("month", ["2026-01", "2026-13", "x", "../etc"])
async def test_a_month_without_reports_is_not_found(site: Site, month: str) -> None:
    site.signs_in_as(Role.viewer)
    await site.page(f"/?month={month}", status=404)


async def test_before_the_first_report_nothing_is_called_zero_that_is_not_known(empty: Site) -> None:
    empty.signs_in_as(Role.viewer)
    html = as_read(await empty.page("/"))
    assert "Provinsi Jawa Timur, Belum ada laporan" in html
    assert "Laba bersih per usaha – tidak ada laporan" in html
    assert "Pagu belum ditetapkan." in html
    assert "Belum ada eks klien." in html
    assert "Rp0 nilai tengah" not in html


async def test_the_table_is_sorted_by_the_server(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    falling = await site.page("/?sort=-ex_client")
    assert districts(falling)[:3] == ["Kota Kediri", "Kota Surabaya", "Kab. Bojonegoro"]
    assert 'aria-sort="descending"' in falling
    assert 'href="?sort=ex_client#districts"' in falling
    assert districts(await site.page("/?sort=district"))[:2] == ["Kab. Bangkalan", "Kab. Banyuwangi"]
    assert districts(await site.page("/?sort=nonsense"))[:2] == ["Kab. Pacitan", "Kab. Ponorogo"]


async def test_an_unknown_median_is_last_in_either_direction(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    for sort in ("net_profit_median", "-net_profit_median"):
        assert districts(await site.page(f"/?sort={sort}"))[0] == "Kab. Bojonegoro"


async def test_a_district_is_shown_to_the_rupiah(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = as_read(await site.page(f"/district/{BOJONEGORO}"))
    assert "Kab. Bojonegoro, Okt 2026" in html
    assert "Pagu Rp151.000.000" in html
    assert "Omzet Rp9.000.000" in html


async def test_a_business_is_explained(site_on_either: Site) -> None:
    site = site_on_either
    site.signs_in_as(Role.province_officer)
    html = as_read(await site.page(f"/business/{TAILOR}"))
    assert "Usaha BJN-0001" in html
    assert "belum cukup data Belum cukup data: 2 laporan dalam 6 bulan (Mei-Okt 2026)" in html
    assert "kurang dari 3 laporan dalam 6 bulan (ambang yang menentukan)" in html
    assert "selain itu, laju 3,0% per bulan atau lebih" in html
    assert "selain itu, laba nilai tengah Rp1.500.000 atau lebih" in html
    assert "Okt 2026 9.000.000 3.000.000 1.000.000 2.000.000 3.000.000 4 12 dipakai 2" in html
    assert "Not enough data yet: 2 reports" in as_read(await site.page(f"/business/{TAILOR}?lang=en"))


async def test_a_loss_is_drawn_below_the_line_and_told_in_words(site: Site) -> None:
    await report(site.node.database, TAILOR, month="2026-11", turnover=1_000_000, wages=2_500_000)
    site.signs_in_as(Role.auditor)
    html = await site.page(f"/business/{TAILOR}")
    assert len(re.findall(r'<rect class="gain"', html)) == 2
    assert len(re.findall(r'<rect class="loss"', html)) == 1
    assert "tertinggi Rp3.000.000 (Okt 2026), terendah -Rp5.500.000 (Nov 2026)" in html


async def test_a_business_without_reports_says_so(site: Site) -> None:
    site.signs_in_as(Role.auditor)
    html = await site.page(f"/business/{HOSTILE}")
    assert "Belum ada laporan yang diterima." in html
    assert "<figure" not in html


async def test_the_page_says_when_it_is_behind(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    live = site.node.app.state.dashboards.live
    await live.report(Lag(now(), 1234, 0.4))
    fresh = as_read(await site.page("/"))
    assert "tertinggal 1.234 peristiwa, 0,4 detik · versi 0" in fresh.replace("detik versi", "detik · versi")
    assert "bukan keadaan sekarang" not in fresh
    await live.report(Lag(now() - timedelta(minutes=5), 1234, 0.4))
    assert "Data tertinggal 5 menit. Angka di bawah ini bukan keadaan sekarang." in as_read(await site.page("/"))


async def test_a_fragment_is_the_content_alone(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    html = await site.page("/?fragment=1")
    assert html.strip().startswith("<main")
    assert "<header" not in html


async def test_pages_work_below_a_prefix(site: Site) -> None:
    app = Starlette(routes=[Mount("/reporting", app=site.node.app)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        refused = await client.get(f"/reporting/district/{BOJONEGORO}")
        assert str(refused.next_request and refused.next_request.url) == (
            f"http://test/reporting/sign-in?next=%2Freporting%2Fdistrict%2F{BOJONEGORO}"
        )
        client.headers.update(bearer(site.settings, Role.viewer, "siti"))
        html = (await client.get(f"/reporting/district/{BOJONEGORO}")).text
        found = re.search(r'href="(\.\./static/style\.css\?v=[0-9a-f]+)"', html)
        assert found is not None
        sheet = httpx.URL(f"http://test/reporting/district/{BOJONEGORO}").join(found[1])
        assert (await client.get(sheet)).status_code == 200


async def test_the_page_tells_in_words_which_district_is_silent(site_on_either: Site) -> None:
    site = site_on_either
    for code, days in {BOJONEGORO: 12, KEDIRI: 0, SURABAYA: 1, "3523": -30}.items():
        await hear(site.node.database, code, now() - timedelta(days=days))
    site.signs_in_as(Role.viewer)
    html = await site.page("/")
    text = as_read(html)
    assert "35 dari 38 kabupaten/kota diam lebih dari 7 hari atau belum pernah mengirim." in text
    assert "diam 12 hari" in as_read(row(html, BOJONEGORO))
    assert as_read(row(html, KEDIRI)).endswith("hari ini")
    assert as_read(row(html, SURABAYA)).endswith("1 hari yang lalu")
    assert "jam sistemnya di depan: periksa" in as_read(row(html, "3523"))
    assert as_read(row(html, "3501")) == "Kab. Pacitan belum pernah diam"
    english = await site.page("/?lang=en")
    assert as_read(row(english, SURABAYA)).endswith("1 day ago")
    assert "silent for 12 days" in as_read(row(english, BOJONEGORO))


async def test_the_figures_are_shown_though_who_is_silent_cannot_be_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, ConnectionError("away"), connection_invalidated=True)

    monkeypatch.setattr("services.reporting.pages.reading.read_freshness", away)
    site.signs_in_as(Role.viewer)
    text = as_read(await site.page("/"))
    assert "Belum dapat dibaca; angka lain di halaman ini tetap berlaku." in text
    assert "Laba bersih per usaha Rp3.000.000" in text


async def test_a_district_officer_is_told_of_the_own_silence_only(site: Site) -> None:
    site.signs_in_as(Role.district_officer, BOJONEGORO)
    html = await site.page("/")
    assert re.findall(r'<tr id="heard-(\d+)">', html) == [BOJONEGORO]
    assert "1 dari 1 kabupaten/kota" in as_read(html)


# Who sees what


async def test_a_district_officer_sees_nothing_of_another_district(site: Site) -> None:
    site.signs_in_as(Role.district_officer, BOJONEGORO)
    for address in (*PAGES, "/?sort=-ex_client", "/?month=2026-09", "/?fragment=1", f"/district/{BOJONEGORO}?lang=en"):
        html = await site.page(address)
        for foreign in (
            "Surabaya",
            "Kediri",
            SURABAYA,
            KEDIRI,
            "4.111",
            "4,111",
            "5.222",
            "5,222",
            "611,1",
            "SBY-0001",
        ):
            assert foreign not in html, (address, foreign)
    html = await site.page("/?lang=id")
    assert districts(html) == ["Kab. Bojonegoro"]
    assert "Eks klien 9.346 dari 9.346 warga binaan tercatat" in as_read(html)


@pytest.mark.parametrize("language", ["id", "en"])
async def test_what_belongs_to_another_district_is_not_found_like_what_does_not_exist(
    site: Site, language: str
) -> None:
    site.signs_in_as(Role.district_officer, BOJONEGORO)
    unknown = await site.page(f"/business/{UUID(int=1)}?lang={language}", status=404)
    title = {"id": "Halaman tidak ditemukan", "en": "Page not found"}[language]
    assert f"<h1>{title}</h1>" in unknown
    for address in (f"/business/{FOREIGN}", "/business/nonsense", f"/district/{SURABAYA}", "/district/9999"):
        html = await site.page(f"{address}?lang={language}", status=404)
        assert f"<h1>{title}</h1>" in html


async def test_the_list_of_people_is_not_for_those_who_only_view(site: Site) -> None:
    site.signs_in_as(Role.viewer)
    assert "BJN-0001" not in await site.page(f"/district/{BOJONEGORO}")
    site.signs_in_as(Role.district_officer, BOJONEGORO)
    assert f'href="../business/{TAILOR}"' in await site.page(f"/district/{BOJONEGORO}")


async def test_a_long_list_of_people_goes_on(site_on_either: Site) -> None:
    site = site_on_either
    site.signs_in_as(Role.auditor)
    await add_people(site.node.database, KEDIRI, [f"KDR-{number:03}" for number in range(101)])
    first = await site.page(f"/district/{KEDIRI}")
    assert "KDR-099" in first and "KDR-100" not in first
    assert 'href="?after=KDR-099#businesses"' in first
    rest = await site.page(f"/district/{KEDIRI}?after=KDR-099")
    assert "KDR-100" in rest and "KDR-098" not in rest


@pytest.mark.parametrize("address", PAGES)
async def test_who_is_not_signed_in_is_sent_to_sign_in(site: Site, address: str) -> None:
    answer = await site.client.get(address)
    assert answer.status_code == 303
    back = f"?{urlencode({'next': address})}" if address != "/" else ""
    assert str(answer.next_request and answer.next_request.url) == f"http://test/sign-in{back}"
    assert "Rp" not in answer.text
    assert (await site.client.get(f"{address}?fragment=1")).status_code == 401


@pytest.mark.parametrize(
    ("language", "title"),
    [("id", "Peran Anda tidak dapat membaca halaman ini"), ("en", "Your role cannot read this page")],
)
@pytest.mark.parametrize("address", PAGES)
async def test_a_system_of_a_district_is_no_reader(site: Site, address: str, language: str, title: str) -> None:
    site.signs_in_as(Role.district_system, BOJONEGORO)
    html = await site.page(f"{address}?lang={language}", status=403)
    assert f"<h1>{title}</h1>" in html
    assert "Rp" not in html


# Signing in


async def test_a_ticket_signs_in_once(site_on_either: Site) -> None:
    site = site_on_either
    ticket = site.ticket(Role.district_officer, BOJONEGORO)
    entered = await site.client.post("/sign-in", data={"ticket": ticket})
    assert entered.status_code == 303
    assert str(entered.next_request and entered.next_request.url) == "http://test/"
    html = await site.page("/")
    assert "Masuk sebagai siti" in html
    assert "petugas kabupaten/kota" in html
    assert districts(html) == ["Kab. Bojonegoro"]
    again = await site.client.post("/sign-in", data={"ticket": ticket})
    assert again.status_code == 403
    assert "Tautan ini sudah dipakai atau lewat 15 menit." in again.text
    assert "berdaya_session" not in again.headers.get("set-cookie", "")


async def test_two_tickets_of_one_moment_sign_in_twice(site: Site) -> None:
    for ticket in (site.ticket(), site.ticket()):
        assert (await site.client.post("/sign-in", data={"ticket": ticket})).status_code == 303


async def test_looking_at_a_ticket_does_not_use_it_up(site: Site) -> None:
    ticket = site.ticket()
    for _ in range(2):
        html = await site.page(f"/sign-in?ticket={ticket}")
        assert f'<input type="hidden" name="ticket" value="{ticket}">' in html
        assert html.count("<button") == 1
    assert (await site.client.post("/sign-in", data={"ticket": ticket})).status_code == 303


async def test_a_used_ticket_does_not_work_in_another_spelling(site: Site) -> None:
    """The last letter of an Ed25519 signature in base64 carries bits that many decoders ignore; ours refuses them."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    ticket = site.ticket()
    spellings = [ticket[:-1] + alphabet[alphabet.index(ticket[-1]) ^ bits] for bits in range(1, 4)]
    assert (await site.client.post("/sign-in", data={"ticket": ticket})).status_code == 303
    for spelling in (*spellings, f" {ticket}", f"{ticket}="):
        assert (await site.client.post("/sign-in", data={"ticket": spelling})).status_code == 403


async def test_a_ticket_is_no_session_and_a_session_no_ticket(site: Site) -> None:
    assert (await site.client.post("/sign-in", data={"token": site.ticket()})).status_code == 403
    assert (await site.client.post("/sign-in", data={"ticket": site.token()})).status_code == 403
    for token in (site.ticket(), site.token()):
        site.client.cookies.set("berdaya_session", token)
        assert (await site.client.get("/")).status_code == 303


async def test_an_old_ticket_does_not_work(site: Site) -> None:
    old = site.token(audience=TICKET_AUDIENCE, seconds=-60)
    assert (await site.client.post("/sign-in", data={"ticket": old})).status_code == 403


async def test_used_tickets_are_forgotten_when_they_could_not_work_any_more(site_on_either: Site) -> None:
    site = site_on_either
    async with site.node.database.transaction() as session:
        await run(session, "INSERT INTO used_ticket (ticket_sha256, expires) VALUES ('old', 1)")
    await site.client.post("/sign-in", data={"ticket": site.ticket()})
    async with site.node.database.reading() as session:
        kept = (await run(session, "SELECT ticket_sha256 FROM used_ticket")).scalars().all()
    assert len(kept) == 1 and "old" not in kept


async def test_a_token_signs_in_as_well(site: Site) -> None:
    answer = await site.client.post("/sign-in", data={"token": f"  {site.token()}\n"})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("berdaya_session=")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    await site.page("/")


async def test_the_session_stays_on_https(site: Site) -> None:
    for client, headers in (
        (
            httpx.AsyncClient(transport=httpx.ASGITransport(site.node.app), base_url="https://test"),
            {"Origin": "https://test"},
        ),
        (site.client, {"X-Forwarded-Proto": "https"}),
    ):
        answer = await client.post("/sign-in", data={"token": site.token()}, headers=headers)
        assert "Secure" in answer.headers["set-cookie"].split("; ")


@pytest.mark.parametrize("form", [{"token": "nonsense"}, {"token": ""}, {}, {"token": "x" * 20_000}])
@pytest.mark.parametrize("language", ["id", "en"])
async def test_a_bad_token_is_refused_in_words(site: Site, form: dict[str, str], language: str) -> None:
    answer = await site.client.post(f"/sign-in?lang={language}", data=form)
    assert answer.status_code == 403
    assert {"id": "Token ini kosong, salah, atau kedaluwarsa.", "en": "This token is empty, wrong or expired."}[
        language
    ] in answer.text
    assert 'aria-invalid="true"' in answer.text


async def test_a_token_of_a_system_is_refused_in_words(site: Site) -> None:
    answer = await site.client.post("/sign-in", data={"token": site.token(Role.district_system, BOJONEGORO)})
    assert answer.status_code == 403
    assert "Token ini milik sistem pengirim" in answer.text


def test_no_link_is_made_for_who_may_not_read(tmp_path: Path) -> None:
    settings = Settings(service="reporting", var=tmp_path)
    with pytest.raises(ValueError, match="does not read"):
        sign_in_link(settings, "http://test", sub="x", role=Role.district_system, district=BOJONEGORO)
    with pytest.raises(ValueError, match="district"):
        sign_in_link(settings, "http://test", sub="x", role=Role.district_officer, district=None)


async def test_signing_out_ends_the_session(site: Site) -> None:
    await site.client.post("/sign-in", data={"token": site.token()})
    await site.page("/")
    answer = await site.client.post("/sign-out")
    assert str(answer.next_request and answer.next_request.url) == "http://test/sign-in"
    assert (await site.client.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://test"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://test:8001"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ],
)
async def test_another_site_cannot_sign_anybody_in_or_out(site: Site, headers: dict[str, str], status: int) -> None:
    entered = await site.client.post("/sign-in", data={"token": site.token()}, headers=headers)
    assert entered.status_code == status
    site.client.cookies.clear()
    assert (await site.client.post("/sign-out", headers=headers)).status_code == status


# Safety of what is sent


@pytest.mark.parametrize("address", [*PAGES, "/sign-in", f"/business/{HOSTILE}", "/district/9999"])
async def test_every_page_forbids_what_it_does_not_need(site: Site, address: str) -> None:
    site.signs_in_as(Role.admin)
    answer = await site.client.get(address)
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "private, no-cache"
    for tag in re.findall(r"<[^>]*>", answer.text):
        assert not re.search(r"<script(?!.* src=)|<style|\sstyle=|\son[a-z]+\s*=|javascript:", tag), tag
        assert not re.search(r'(?:src|href|action)="(?:[a-z]+:)?//', tag), tag


async def test_what_a_district_writes_is_text(site: Site) -> None:
    site.signs_in_as(Role.admin)
    for address in (f"/business/{HOSTILE}", f"/district/{BOJONEGORO}"):
        html = await site.page(address)
        assert "<img" not in html
        assert "<script>" not in html
        assert "&#34;&gt;&lt;img src=x onerror=alert(2)&gt;" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in await site.page(f"/business/{HOSTILE}")


async def test_what_a_reader_asks_is_text(site: Site) -> None:
    site.signs_in_as(Role.admin)
    for address in ('/?sort="><img src=x>', f'/district/{BOJONEGORO}?after="><img src=x>', '/sign-in?ticket="><img>'):
        assert "<img" not in await site.page(address)


async def test_files_are_kept_under_their_version_only(site: Site) -> None:
    html = await site.page("/sign-in")
    for address in re.findall(r'(?:href|src)="\./(static/[^"]+)"', html):
        answer = await site.client.get(f"/{address}")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "set-cookie" not in answer.headers
    assert (await site.client.get("/static/style.css?v=old")).headers["cache-control"] == "no-cache"
    assert (await site.client.get("/static/..%2fpages.py")).status_code == 404
    assert (await site.client.get("/static/nothing.css")).status_code == 404


async def test_a_first_view_is_light(site: Site) -> None:
    """Over the wire: the page of all 38 districts with its map and charts, its style, its scripts and its icon."""
    site.signs_in_as(Role.viewer)
    html = await site.page("/")
    addresses = re.findall(r'(?:href|src)="\./(static/[^"]+)"', html)
    assert len(addresses) == 4
    site.client.headers["accept-encoding"] = "gzip"
    answers = [await site.client.get(address) for address in ("/", *(f"/{address}" for address in addresses))]
    assert sum(int(answer.headers["content-length"]) for answer in answers) <= 30_000


@pytest.mark.parametrize(("language", "title"), [("id", "Layanan belum dapat menjawab"), ("en", "cannot answer yet")])
async def test_a_database_that_is_away_is_said_plainly(
    site: Site, monkeypatch: pytest.MonkeyPatch, language: str, title: str
) -> None:
    async def away(month: str | None) -> None:
        raise OperationalError("SELECT secret", {}, ConnectionError("away"), connection_invalidated=True)

    monkeypatch.setattr(site.node.app.state.dashboards, "snapshot", away)
    site.signs_in_as(Role.viewer)
    answer = await site.client.get(f"/?lang={language}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert title in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize(("language", "title"), [("id", "Ada kesalahan pada layanan"), ("en", "made a mistake")])
async def test_a_mistake_of_ours_shows_no_stack_trace(
    site: Site, monkeypatch: pytest.MonkeyPatch, language: str, title: str
) -> None:
    async def broken(month: str | None) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(site.node.app.state.dashboards, "snapshot", broken)
    site.signs_in_as(Role.viewer)
    html = await site.page(f"/?lang={language}", status=500)
    assert title in html
    assert "secret" not in html and "Traceback" not in html
