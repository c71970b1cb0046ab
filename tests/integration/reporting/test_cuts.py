"""The other views: every number of a small story by hand, as it changes by differences; and who may see them."""

import csv
import io
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from services.reporting import views_api
from services.reporting.views_api import MAX_MONTHS
from shared.events.district import AssetUse, Disability, GrantKind, PpksGroup, Sex
from shared.security import Caller, Role
from tests.integration.reporting.office import (
    BOJONEGORO,
    MILLION,
    OFFICER,
    TUBAN,
    VIEWER,
    Office,
    grant,
    person,
    report,
)

CLERK = Caller("budi", Role.province_officer, None)
TREASURER = Caller("sari", Role.treasurer, None)
CUTS = ("district", "trade", "kind", "unit", "sex", "ppks", "disability")


async def rows(office: Office, cut: str, query: str = "month=2026-10", who: Caller = CLERK) -> dict[str | None, Any]:
    """The cells of a cut by value, and its total under `total`."""
    body = (await office.call(f"/v1/views/{cut}?{query}", who)).json()
    return {row["value"]: row for row in body["rows"]} | {"total": body["total"]}


def seen(cells: Mapping[str | None, Any]) -> dict[str | None, tuple[int, int, int]]:
    """(ex-clients, reports, net profit) of each cell in which anybody is."""
    found = {
        value: (cell["beneficiaries"]["ex_client"], cell["income"]["reports"], cell["income"]["net_profit"])
        for value, cell in cells.items()
    }
    return {value: numbers for value, numbers in found.items() if any(numbers)}


async def test_who_changes_trade_takes_all_reports_along(office: Office) -> None:
    await office.hear(person(), report(month="2026-09", net=5), report(net=7))
    assert seen(await rows(office, "trade")) == {"sewing": (1, 1, 7), "total": (1, 1, 7)}
    await office.hear(person(version=2, skills=("cooking", "trade")))
    assert seen(await rows(office, "trade")) == {"cooking": (1, 1, 7), "trade": (1, 1, 7), "total": (1, 1, 7)}
    assert seen(await rows(office, "trade", "month=2026-09")) == {
        "cooking": (1, 1, 5),
        "trade": (1, 1, 5),
        "total": (1, 1, 5),
    }


async def test_a_trade_told_twice_is_one(office: Office) -> None:
    await office.hear(person(skills=("sewing", "sewing")), report(net=7))
    assert seen(await rows(office, "trade")) == {"sewing": (1, 1, 7), "total": (1, 1, 7)}


async def test_a_correction_and_a_late_month_change_their_cells_by_the_difference(office: Office) -> None:
    await office.hear(person(), person("B-2", skills=("cooking",)), report(net=7), report("B-2", net=100))
    await office.hear(report(net=9, revision=2), report("B-2", "2024-01", net=50))
    assert seen(await rows(office, "trade")) == {"cooking": (1, 1, 100), "sewing": (1, 1, 9), "total": (2, 2, 109)}
    late = seen(await rows(office, "trade", "month=2024-01"))
    assert late == {"cooking": (1, 1, 50), "sewing": (1, 0, 0), "total": (2, 1, 50)}


async def test_who_is_no_longer_an_ex_client_is_in_no_income_and_comes_back_with_all_of_it(office: Office) -> None:
    await office.hear(person(), report(net=7))
    await office.hear(person(version=2, status="graduated"), report(net=8, revision=2))
    assert seen(await rows(office, "sex")) == {}
    assert (await rows(office, "sex"))["female"]["beneficiaries"]["graduated"] == 1
    await office.hear(person(version=3))
    assert seen(await rows(office, "sex")) == {"female": (1, 1, 8), "total": (1, 1, 8)}


async def test_aid_counts_once_it_is_handed_over(office: Office) -> None:
    await office.hear(person(), report(net=7), grant("G-1", "disbursed", kind=GrantKind.equipment))
    assert seen(await rows(office, "kind")) == {None: (1, 1, 7), "total": (1, 1, 7)}
    await office.hear(grant("G-1", "handed_over", version=2, kind=GrantKind.equipment))
    assert seen(await rows(office, "kind")) == {"equipment": (1, 1, 7), "total": (1, 1, 7)}
    await office.hear(grant("G-2", "handed_over", kind=GrantKind.training))
    both = {"equipment": (1, 1, 7), "training": (1, 1, 7), "total": (1, 1, 7)}
    assert seen(await rows(office, "kind")) == both


async def test_aid_handed_over_before_the_person_is_known_is_theirs_all_the_same(office: Office) -> None:
    await office.hear(grant("G-1", "handed_over", kind=GrantKind.cash))
    await office.hear(person(), report(net=7))
    assert seen(await rows(office, "kind")) == {"cash": (1, 1, 7), "total": (1, 1, 7)}


async def test_of_two_records_of_one_person_the_one_withdrawn_after_the_decision_leaves_every_cut(
    office: Office,
) -> None:
    """The decision merges nothing: the district withdraws the record that is not to count."""
    await office.hear(person(), person("T-1", district=TUBAN), report(net=7), report("T-1", net=5, district=TUBAN))
    for cut in CUTS:
        assert seen(await rows(office, cut))["total"] == (2, 2, 12)
    await office.hear(person("T-1", "withdrawn", version=2, district=TUBAN))
    for cut in CUTS:
        assert seen(await rows(office, cut))["total"] == (1, 1, 7)


async def test_every_attribute_has_its_cut(office: Office) -> None:
    await office.hear(
        person(
            sex=Sex.male,
            ppks_group=PpksGroup.poverty,
            unit="UPT Bojonegoro",
            skills=(),
            disabilities=(Disability.visual, Disability.speech),
        ),
        report(net=7, asset_use=AssetUse.broken, employees=3),
    )
    named = {
        "district": [BOJONEGORO],
        "trade": [None],
        "kind": [None],
        "unit": ["UPT Bojonegoro"],
        "sex": ["male"],
        "ppks": ["poverty"],
        "disability": ["speech", "visual"],
    }
    for cut, values in named.items():
        cells = await rows(office, cut)
        assert [value for value in seen(cells) if value != "total"] == values
        for value in (*values, "total"):
            assert cells[value]["income"] == {
                "reports": 1,
                "reporting_rate": 1,
                "turnover": 7,
                "net_profit": 7,
                "employees": 3,
                "idle_assets": 1,
            }


async def test_a_class_that_changes_moves_in_the_cuts_too(office: Office) -> None:
    await office.hear(person(), *(report(month=month, net=2 * MILLION) for month in ("2026-08", "2026-09", "2026-10")))
    assert (await rows(office, "trade"))["sewing"]["growth"]["ordinary"] == 1
    await office.hear(report(net=-1, revision=2), report(month="2026-09", net=-1, revision=2))
    growth = (await rows(office, "trade"))["sewing"]["growth"]
    assert (growth["ordinary"], growth["declining"]) == (0, 1)


async def test_a_cut_of_one_district_leaves_the_others_out(office: Office) -> None:
    await office.hear(person(), person("T-1", district=TUBAN), report(net=7), report("T-1", net=5, district=TUBAN))
    assert seen(await rows(office, "sex", f"district={TUBAN}")) == {"female": (1, 1, 5), "total": (1, 1, 5)}


async def test_the_cut_by_district_is_the_dashboard(office: Office) -> None:
    await office.hear(person(), person("T-1", district=TUBAN), report(net=7), report("T-1", net=5, district=TUBAN))
    shown = (await office.call("/v1/dashboard", CLERK)).json()
    cells = await rows(office, "district", "")
    assert list(cells) == [*shown["districts"], "total"]
    for code, cell in {**shown["districts"], "total": shown["province"]}.items():
        income = {name: value for name, value in cell["income"].items() if name != "net_profit_median"}
        assert cells[code]["income"] == income
        assert cells[code]["beneficiaries"] == cell["beneficiaries"]
        assert cells[code]["growth"] == cell["growth"]


# Who sees what


@pytest.mark.parametrize("cut", [cut for cut in CUTS if cut != "district"])
async def test_a_viewer_sees_no_cut_in_which_a_cell_may_be_one_person(office: Office, cut: str) -> None:
    found = await office.call(f"/v1/views/{cut}", VIEWER)
    assert (found.status_code, found.json()["code"]) == (403, "forbidden")


async def test_a_viewer_sees_totals_and_no_list(office: Office) -> None:
    for path in ("/v1/views/district", "/v1/series", "/v1/years"):
        assert (await office.call(path, VIEWER)).status_code == 200
    for path in ("/v1/businesses", "/v1/grants"):
        assert (await office.call(path, VIEWER)).status_code == 403
        assert (await office.call(path, TREASURER)).status_code == 200
        assert (await office.call(path, None)).status_code == 401


async def test_a_district_officer_sees_the_totals_of_the_province_and_the_own_district(office: Office) -> None:
    await office.hear(person(), person("T-1", district=TUBAN), report(net=7), report("T-1", net=5, district=TUBAN))
    assert seen(await rows(office, "sex", "", OFFICER))["total"] == (1, 1, 7), "a cell may be one person elsewhere"
    assert seen(await rows(office, "district", "", OFFICER)) == {BOJONEGORO: (1, 1, 7), "total": (2, 2, 12)}
    assert seen(await rows(office, "sex", f"district={BOJONEGORO}", OFFICER))["total"] == (1, 1, 7)
    for path in ("views/sex", "series", "years", "businesses", "grants"):
        assert (await office.call(f"/v1/{path}?district={TUBAN}", OFFICER)).status_code == 404
        assert (await office.call(f"/v1/{path}?district=9999", CLERK)).status_code == 404
    own = (await office.call("/v1/businesses", OFFICER)).json()
    assert [item["district"] for item in own["items"]] == [BOJONEGORO]


async def test_a_cut_that_is_none_and_a_month_that_is_none_are_422(office: Office) -> None:
    for path in ("views/shoe_size", "views/sex?month=2026-13", "series?months=0", f"series?months={MAX_MONTHS + 1}"):
        assert (await office.call(f"/v1/{path}", CLERK)).status_code == 422, path


# Months and years


async def test_a_series_ends_with_the_newest_month_and_has_the_year_before_beside_it(office: Office) -> None:
    await office.hear(
        person(),
        person("T-1", district=TUBAN),
        report(month="2025-10", net=3, employees=2, asset_use=AssetUse.idle),
        report(month="2026-09", net=-4),
        report(net=7, employees=3),
        report("T-1", net=5, district=TUBAN),
    )
    body = (await office.call("/v1/series?months=3", CLERK)).json()
    assert [item["month"] for item in body["items"]] == ["2026-08", "2026-09", "2026-10"]
    nothing = {
        "reports": 0,
        "reporting_rate": 0,
        "turnover": 0,
        "net_profit": 0,
        "employees": 0,
        "idle_assets": 0,
    }
    august, september, october = body["items"]
    assert august == {"month": "2026-08", **nothing, "year_before": nothing}
    assert (september["reporting_rate"], september["turnover"], september["net_profit"]) == (0.5, 0, -4)
    assert october == {
        "month": "2026-10",
        "reports": 2,
        "reporting_rate": 1,
        "turnover": 12,
        "net_profit": 12,
        "employees": 4,
        "idle_assets": 0,
        "year_before": {
            "reports": 1,
            "reporting_rate": 0.5,
            "turnover": 3,
            "net_profit": 3,
            "employees": 2,
            "idle_assets": 1,
        },
    }
    own = (await office.call(f"/v1/series?months=1&district={TUBAN}", CLERK)).json()
    assert [(item["reports"], item["net_profit"], item["reporting_rate"]) for item in own["items"]] == [(1, 5, 1)]
    assert len((await office.call("/v1/series", CLERK)).json()["items"]) == 36


async def test_a_series_without_any_report_is_empty(office: Office) -> None:
    assert (await office.call("/v1/series", CLERK)).json() == {"district": None, "items": []}


async def test_a_fiscal_year_has_its_grants_its_money_and_the_income_of_its_months(office: Office) -> None:
    await office.hear(
        person(),
        report(month="2025-12", net=3),
        report(month="2026-01", net=5),
        report(month="2026-10", net=7),
        grant("G-1", "handed_over", 10),
        grant("G-2", "approved", 20),
        grant("G-3", "requested", 40, district=TUBAN),
        grant("G-4", "disbursed", 80, year=2027),
    )
    items = (await office.call("/v1/years", CLERK)).json()["items"]
    assert [(item["fiscal_year"], item["rupiah"], item["income"]) for item in items] == [
        (
            2025,
            {"budget": 0, "committed": 0, "disbursed": 0, "remaining": 0},
            {"reports": 1, "turnover": 3, "net_profit": 3},
        ),
        (
            2026,
            {"budget": 0, "committed": 30, "disbursed": 10, "remaining": -30},
            {"reports": 2, "turnover": 12, "net_profit": 12},
        ),
        (
            2027,
            {"budget": 0, "committed": 80, "disbursed": 80, "remaining": -80},
            {"reports": 0, "turnover": 0, "net_profit": 0},
        ),
    ]
    assert items[1]["grants"]["requested"] == 1
    tuban = (await office.call(f"/v1/years?district={TUBAN}", CLERK)).json()["items"]
    assert [(item["fiscal_year"], item["grants"]["requested"]) for item in tuban] == [(2026, 1)]


# Lists


async def test_a_list_of_a_month_shows_the_report_and_turns_its_pages(office: Office) -> None:
    await office.hear(
        *(person(f"B-{number}") for number in range(3)),
        *(report(f"B-{number}", net=number + 1) for number in range(3)),
        person("B-9"),
    )
    first = (await office.call("/v1/businesses?month=2026-10&limit=2", CLERK)).json()
    assert (first["total"], first["sums"]["net_profit"], first["next"]) == (3, 6, f"{BOJONEGORO}/B-1")
    assert first["items"][1]["report"] == {
        "month": "2026-10",
        "turnover": 2,
        "materials": 0,
        "production": 0,
        "wages": 0,
        "net_profit": 2,
        "employees": 1,
        "orders": 5,
        "asset_use": "in_use",
    }
    last = (await office.call(f"/v1/businesses?month=2026-10&limit=2&cursor={first['next']}", CLERK)).json()
    assert ([item["district_ref"] for item in last["items"]], last["next"], last["total"]) == (["B-2"], None, 3)


async def test_a_list_is_of_those_who_have_a_value_or_of_those_who_have_none(office: Office) -> None:
    await office.hear(
        person("B-1", unit="UPT A", skills=("sewing", "cooking")),
        person("B-2", skills=(), disabilities=(Disability.visual,)),
        grant("G-1", "handed_over", to="B-2", kind=GrantKind.cash),
    )
    for query, refs in {
        "trade=cooking": ["B-1"],
        "trade=": ["B-2"],
        "unit=UPT A": ["B-1"],
        "unit=": ["B-2"],
        "kind=cash": ["B-2"],
        "kind=": ["B-1"],
        "disability=visual": ["B-2"],
        "disability=": ["B-1"],
        "trade=cooking&kind=cash": [],
        "sex=female": ["B-1", "B-2"],
        "ppks=poverty": [],
    }.items():
        found = await office.call(f"/v1/businesses?{query}", CLERK)
        assert [item["district_ref"] for item in found.json()["items"]] == refs, query


async def test_a_list_is_also_a_file_of_all_its_pages_in_either_language(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_api, "_FILE_PAGE", 2)
    await office.hear(
        *(person(f"B-{number}", unit="=UPT(1)") for number in range(3)),
        *(report(f"B-{number}", net=-number) for number in range(3)),
        grant("G-1", "handed_over", 10, to="B-1", kind=GrantKind.cash),
    )
    found = await office.call("/v1/businesses?month=2026-10&format=csv", CLERK)
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    assert found.headers["content-disposition"].startswith('attachment; filename="berdaya-usaha-20')
    heads, *lines = list(csv.reader(io.StringIO(found.text)))
    assert heads[:4] == ["Kode", "Kabupaten/kota", "Usaha", "Status"]
    assert [line[2] for line in lines] == ["B-0", "B-1", "B-2"]
    assert lines[1][:11] == [
        *("3522", "Kab. Bojonegoro", "B-1", "eks klien", "belum cukup data", "perempuan", "disabilitas"),
        *("", "sewing", "'=UPT(1)", "uang"),
    ]
    assert lines[1][12:] == ["2026-10", "0", "1", "0", "0", "-1", "1", "5", "dipakai"]
    english = await office.call("/v1/grants?format=csv&lang=en", CLERK)
    assert list(csv.reader(io.StringIO(english.text)))[1][:7] == [
        *("3522", "Kab. Bojonegoro", "2026", "cash", "10", "handed over", "2026-11-04"),
    ]
    book = await office.call("/v1/businesses?month=2026-10&format=xlsx", CLERK)
    with zipfile.ZipFile(io.BytesIO(book.content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 4
    assert '<c r="R4"><v>-2</v></c>' in sheet
    assert "<f>" not in sheet
    for path in ("businesses", "grants"):
        assert (await office.call(f"/v1/{path}?format=csv", VIEWER)).status_code == 403


async def test_what_a_list_cannot_be_asked_for_is_422(office: Office) -> None:
    for query in ("asset_use=idle", "status=retired", "cursor=B-1", "month=2026-1", "limit=0", "kind=loan", "trade=%"):
        assert (await office.call(f"/v1/businesses?{query}", CLERK)).status_code == 422, query
    for query in ("status=lost", "cursor=B-1", "fiscal_year=1"):
        assert (await office.call(f"/v1/grants?{query}", CLERK)).status_code == 422, query


async def test_the_grants_behind_a_number_turn_their_pages(office: Office) -> None:
    await office.hear(*(grant(f"G-{number}", "approved", 10) for number in range(3)), grant("G-9", "rejected", 5))
    first = (await office.call("/v1/grants?status=approved&status=disbursed&limit=2", CLERK)).json()
    assert (first["total"], first["sums"]) == (3, {"amount": 30, "committed": 30, "disbursed": 0})
    last = (
        await office.call(f"/v1/grants?status=approved&status=disbursed&limit=2&cursor={first['next']}", CLERK)
    ).json()
    assert (len(last["items"]), last["next"]) == (1, None)
    assert len({item["grant_id"] for item in (*first["items"], *last["items"])}) == 3
