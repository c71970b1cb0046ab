"""The pages of the worklist over the real application: who sees what, the filters, and the forms of an officer."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.reporting.tables import METADATA
from shared.security import Caller, Role
from tests.helpers import bearer, session_cookie
from tests.integration.conftest import DatabaseFor
from tests.integration.reporting.office import BOJONEGORO, MILLION, SURABAYA, TUBAN, Office, person, report
from tests.integration.reporting.test_worklist import SUSPICIOUS, TODAY, grant, lines, where

LINE = f"/worklist/{where()}/suspicious_report"
OFFICER = Caller("ratna", Role.district_officer, BOJONEGORO)
PROVINCE = Caller("agus", Role.province_officer, None)
FOREIGN = Caller("bambang", Role.district_officer, TUBAN)


class Site:
    def __init__(self, office: Office) -> None:
        self.office = office

    async def get(self, address: str, who: Caller = PROVINCE, status: int = 200) -> str:
        answer = await self.office.call(address, who)
        assert answer.status_code == status, answer.text
        return answer.text

    async def post(self, address: str, who: Caller = OFFICER, /, **fields: str) -> httpx.Response:
        headers = bearer(self.office.node.settings, who.role, who.sub, who.district)
        return await self.office.client.post(address, data=fields, headers=headers)

    async def stored(self) -> list[tuple[str | None, str | None, str]]:
        found = await self.office.rows("SELECT owner, due, note FROM assignment")
        return [(row.owner, row.due, row.note) for row in found]


@pytest.fixture
async def site(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Site]:
    """Three lines: B-1 with an extra zero and a missing handover, S-1 silent."""
    async with AsyncExitStack() as stack:
        office = Office.over(await database_for("reporting", METADATA), tmp_path)
        office.node.app.state.today = lambda: TODAY
        stack.push_async_callback(office.node.log.close)
        stack.push_async_callback(office.client.aclose)
        await office.hear(
            person(),
            person("S-1", district=SURABAYA),
            *SUSPICIOUS,
            grant("disbursed", "2026-08-15"),
            grant("handed_over", "2026-03-05", ref="G-2", to="S-1", district=SURABAYA),
        )
        yield Site(office)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^<>]*>", " ", html.partition("<main")[2]))


def refs(html: str) -> list[str]:
    return re.findall(r'<th scope="row" class="name"><a [^>]*>([^<]*)</a>', html)


async def test_the_list_says_who_why_since_when_and_what_to_do(site: Site) -> None:
    html = await site.get("/worklist")
    assert refs(html) == ["S-1", "B-1", "B-1"]
    shown = text(html)
    assert "3 baris terbuka per 24 Nov 2026" in shown
    assert "S-1 Kota Surabaya tidak melapor 1 Apr 2026 Belum pernah melapor: 7 bulan penuh" in shown
    assert "Omzet Rp 10.000.000 pada laporan Sep 2026 adalah 10,0 kali nilai tengah laporan sebelumnya" in shown
    english = text(await site.get("/worklist?lang=en"))
    assert "3 open lines as of 24 Nov 2026" in english
    assert "Set a day for the handover" in english


async def test_the_list_is_filtered_and_sorted_by_its_address(site: Site) -> None:
    assert refs(await site.get(f"/worklist?district={BOJONEGORO}&reason=&owner=")) == ["B-1", "B-1"]
    assert refs(await site.get("/worklist?reason=silent")) == ["S-1"]
    assert refs(await site.get("/worklist?owner=-")) == ["S-1", "B-1", "B-1"]
    assert refs(await site.get("/worklist?owner=ratna")) == []
    falling = await site.get("/worklist?sort=-district")
    assert refs(falling)[0] == "S-1"
    assert falling.count('aria-sort="descending"') == 1
    assert "Tidak ada baris untuk saringan ini" in await site.get("/worklist?reason=declining")
    assert refs(await site.get("/worklist?sort=nonsense")) == ["S-1", "B-1", "B-1"]
    for wrong in ("district=9999", "reason=hungry", "after=x"):
        await site.get(f"/worklist?{wrong}", status=404)


async def test_a_filter_says_how_many_lines_each_choice_has(site: Site) -> None:
    html = await site.get(f"/worklist?district={BOJONEGORO}")
    assert f'<option value="{BOJONEGORO}" selected>Kab. Bojonegoro (2)</option>' in html
    assert '<option value="silent">tidak melapor (0)</option>' in html
    assert '<option value="-">belum ada (2)</option>' in html


async def test_the_links_to_the_files_carry_the_filters(site: Site) -> None:
    html = await site.get(f"/worklist?district={BOJONEGORO}&lang=en")
    (address,) = re.findall(r'href="\./(v1/worklist\?format=csv[^"]*)"', html)
    answer = await site.office.call("/" + address.replace("&amp;", "&"), PROVINCE)
    assert len(answer.text.splitlines()) == 3
    assert answer.text.startswith("Code,")


async def test_a_list_longer_than_a_page_has_a_next_one(site: Site) -> None:
    people = [person(f"M-{n:02}", district=TUBAN) for n in range(60)]
    zeros = [
        report(f"M-{n:02}", month, net, district=TUBAN)
        for n in range(60)
        for month, net in (("2026-05", MILLION), ("2026-06", 10 * MILLION))
    ]
    await site.office.hear(*people, *zeros)
    seen: list[str] = []
    address = f"/worklist?district={TUBAN}"
    while address:
        html = await site.get(address)
        seen += refs(html)
        more = re.search(r'id="lines-more" href="([^"#]*)', html)
        address = "/worklist" + more.group(1).replace("&amp;", "&") if more else ""
    assert seen == [f"M-{n:02}" for n in range(60)]


async def test_an_officer_sees_to_a_line_by_its_form(site: Site) -> None:
    assert 'name="owner"' in await site.get(LINE, OFFICER)
    answer = await site.post(LINE, owner=" ratna ", due="2026-12-01", note="Telepon dulu", save="1")
    assert (answer.status_code, answer.headers["location"]) == (303, "suspicious_report?saved=true")
    assert await site.stored() == [("ratna", "2026-12-01", "Telepon dulu")]
    html = await site.get(f"{LINE}?saved=true", OFFICER)
    assert "Tersimpan." in html
    assert 'value="ratna"' in html
    assert "Diatur oleh ratna" in html
    assert "ratna 1 Des 2026 Telepon dulu" in text(await site.get("/worklist", OFFICER))
    await site.post(LINE, owner="", due="", note="", save="1")
    assert await site.stored() == [(None, None, "")]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"due": "besok"}, "Tenggat bukan tanggal"),
        ({"owner": "x" * 129}, "Penanggung jawab paling panjang"),
        ({"note": "x" * 501}, "Catatan paling panjang"),
    ],
)
async def test_what_cannot_be_saved_is_said_and_kept_in_the_form(
    site: Site, fields: dict[str, str], problem: str
) -> None:
    answer = await site.post(LINE, **{"owner": "ratna", "save": "1"} | fields)
    assert answer.status_code == 422
    assert problem in answer.text
    assert 'aria-invalid="true" aria-describedby="problem' in answer.text
    assert next(iter(fields.values())) in answer.text
    assert await site.stored() == []


async def test_what_is_no_form_of_ours_takes_nothing_away(site: Site) -> None:
    await site.post(LINE, owner="ratna", save="1")
    for fields in ({}, {"owner": "x"}, {"save": "1", "note": "y" * 20_000}, {"save": "1", "note": "a\x00"}):
        assert (await site.post(LINE, **fields)).status_code == 403
    assert await site.stored() == [("ratna", None, "")]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://service"}, 303),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
@pytest.mark.parametrize("address", [LINE, f"{LINE}/confirm"])
async def test_another_site_changes_nothing(site: Site, address: str, headers: dict[str, str], status: int) -> None:
    shown = session_cookie(site.office.node.settings, OFFICER.role, OFFICER.sub, OFFICER.district)
    fields = {"owner": "x", "month": "2026-09", "checked": "ya", "save": "1"}
    answer = await site.office.client.post(address, data=fields, headers={**shown, **headers})
    assert answer.status_code == status
    changed = await site.office.rows("SELECT 1 FROM assignment UNION ALL SELECT 1 FROM confirmed_report")
    assert bool(changed) is (status == 303)


async def test_an_officer_confirms_the_month_that_was_shown_and_no_other(site: Site) -> None:
    assert 'name="month" value="2026-09"' in await site.get(LINE, OFFICER)
    other = await site.post(f"{LINE}/confirm", month="2026-08", checked="Cocok", save="1")
    assert other.status_code == 422
    assert "sekarang tentang bulan lain" in other.text
    assert "Cocok" in other.text
    answer = await site.post(f"{LINE}/confirm", month="2026-09", checked="Cocok", save="1")
    assert (answer.status_code, answer.headers["location"]) == (303, "../../../worklist")
    assert [line.reason for line in await lines(site.office)] == ["silent", "not_handed_over"]
    await site.get(LINE, OFFICER, status=404)


async def test_a_line_closed_meanwhile_is_said_and_not_saved(site: Site) -> None:
    await site.office.hear(report(month="2026-09", revision=2))
    answer = await site.post(LINE, owner="ratna", save="1")
    assert answer.status_code == 404
    assert "tidak lagi di daftar kerja" in answer.text
    assert await site.stored() == []


async def test_a_line_of_a_foreign_district_is_not_found(site: Site) -> None:
    assert refs(await site.get("/worklist", FOREIGN)) == []
    await site.get(f"/worklist?district={BOJONEGORO}", FOREIGN, status=404)
    await site.get(LINE, FOREIGN, status=404)
    assert (await site.post(LINE, FOREIGN, owner="x", save="1")).status_code == 404
    assert (await site.post(f"{LINE}/confirm", FOREIGN, month="2026-09", save="1")).status_code == 404
    assert "Kab. Bojonegoro" not in await site.get("/worklist", FOREIGN)
    await site.get(f"/worklist/{uuid4()}/silent", status=404)


@pytest.mark.parametrize("role", [Role.auditor, Role.treasurer, Role.admin])
async def test_others_of_the_province_read_and_change_nothing(site: Site, role: Role) -> None:
    who = Caller("x", role, None)
    assert len(refs(await site.get("/worklist", who))) == 3
    assert "<form" not in (await site.get(LINE, who)).partition("<main")[2]
    assert (await site.post(LINE, who, owner="x", save="1")).status_code == 403
    assert (await site.post(f"{LINE}/confirm", who, month="2026-09", save="1")).status_code == 403


async def test_the_list_is_not_for_those_who_only_view(site: Site) -> None:
    viewer = Caller("x", Role.viewer, None)
    await site.get("/worklist", viewer, status=403)
    await site.get(LINE, viewer, status=403)
    assert "worklist" not in await site.get("/", viewer)
    assert 'href="./worklist"' in await site.get("/", PROVINCE)


async def test_what_somebody_typed_is_text(site: Site) -> None:
    await site.post(LINE, owner='"><img src=x>', note="</textarea><img src=x>", save="1")
    for address in ("/worklist", LINE):
        html = await site.get(address, OFFICER)
        assert "<img" not in html
        assert "&lt;/textarea&gt;&lt;img" in html
