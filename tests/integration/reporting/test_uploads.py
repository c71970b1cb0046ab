"""Income reports from a file."""

from datetime import datetime
from typing import Any

from shared.security import Caller, Role
from tests.integration.forms import Reader
from tests.integration.reporting.office import BOJONEGORO, Office, person
from tests.integration.uploading import Counter, csv_file, xlsx_file

HEAD = ["nomor", "bulan", "omzet", "biaya_bahan", "biaya_produksi", "upah", "pekerja", "pesanan", "pemakaian_aset"]


def report(month: Any, **cells: Any) -> list[Any]:
    row = ["B-1", month, "4.500.000", "1.500.000", "400.000", "600.000", "1", "24", "dipakai"]
    return [cells.get(name, value) for name, value in zip(HEAD, row, strict=True)]


async def test_reports_of_several_months_stand_in_one_file(office: Office) -> None:
    counter = Counter(office.node, office.client, "income")
    await office.hear(person())
    rows = [HEAD, report("2026-04"), report(datetime(2026, 5, 1), omzet=5_000_000), report("06/2026")]
    seen = await counter.sent(xlsx_file(rows))
    assert (seen["state"], seen["errors"]) == ("sent", [])
    await office.hear(*await counter.records())
    reports = (await office.business())["reports"]
    assert [(each["month"], each["net_profit"]) for each in reports] == [
        ("2026-04", 2_000_000),
        ("2026-05", 2_500_000),
        ("2026-06", 2_000_000),
    ]


async def test_a_month_that_has_not_begun_and_one_told_twice_are_refused(office: Office) -> None:
    counter = Counter(office.node, office.client, "income")
    seen = await counter.sent(csv_file([HEAD, report("2099-01"), report("2026-04"), report("04/2026"), report("")]))
    assert [(error["row"], error["column"], error["code"]) for error in seen["errors"]] == [
        (2, "bulan", "future_month"),
        (4, "nomor", "twice_in_file"),
        (5, "bulan", "missing"),
    ]


async def test_an_officer_has_a_checked_file_sent_by_the_page(office: Office) -> None:
    counter = Counter(office.node, office.client, "income")
    await office.hear(person())
    reader = Reader(office.node, Caller("ratna", Role.district_officer, BOJONEGORO))
    file = {"file": ("laporan.csv", csv_file([HEAD, report("2026-04")]))}
    one = "/" + (await reader.sends("/uploads", "uploads", {}, file)).headers["location"]
    await counter.work()
    assert await counter.records() == []
    assert "Laporan usaha</a>" in await reader.page("/uploads")
    await reader.done(one, f"{one}/confirm", {"mode": "all"})
    await counter.work()
    assert len(await counter.records()) == 1
    for role in (Role.viewer, Role.treasurer):
        await Reader(office.node, Caller("vina", role, None)).page("/uploads", status=403)
