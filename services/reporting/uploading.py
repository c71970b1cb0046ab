"""Income reports, as a row of a file says them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.reporting.rules import later_month
from shared.events.district import IncomeReported
from shared.events.envelope import microseconds
from shared.events.receipts import SENTENCES, Sentence
from shared.uploads import cells
from shared.uploads.columns import Column, Fault, Kind

_RUPIAH = 1_000_000_000_000
_USES = {"dipakai": "in_use", "menganggur": "idle", "rusak": "broken", "tidak ada": "none"}


def _money(name: str, field: str, indonesian: str, english: str, example: str) -> Column:
    about = Sentence(f"{indonesian}, rupiah.", f"{english}, rupiah.")
    return Column(name, field, cells.whole(0, _RUPIAH), about, example)


_COLUMNS = (
    Column(
        "nomor",
        "district_ref",
        cells.ref,
        Sentence("Nomor orang di kabupaten/kota.", "The district's number for the person."),
        "W-0001",
    ),
    Column(
        "bulan",
        "month",
        cells.month,
        Sentence("Bulan laporan: 2026-04 atau 04/2026.", "Month of the report: 2026-04 or 04/2026."),
        "2026-04",
    ),
    Column(
        "revisi",
        "revision",
        cells.whole(1, 1_000_000_000),
        Sentence(
            "Versi laporan; kosong berarti 1. Naikkan bila memperbaiki.", "Version; blank is 1. Raise to correct."
        ),
        "1",
        required=False,
    ),
    _money("omzet", "turnover", "Omzet", "Turnover", "4.500.000"),
    _money("biaya_bahan", "materials", "Biaya bahan", "Cost of materials", "1.500.000"),
    _money("biaya_produksi", "production", "Biaya produksi", "Cost of production", "400.000"),
    _money("upah", "wages", "Upah", "Wages", "600.000"),
    Column(
        "pekerja",
        "employees",
        cells.whole(0, 1_000_000),
        Sentence("Banyaknya pekerja.", "Number of employees."),
        "1",
    ),
    Column("pesanan", "orders", cells.whole(0, 1_000_000), Sentence("Banyaknya pesanan.", "Number of orders."), "24"),
    Column(
        "pemakaian_aset",
        "asset_use",
        cells.choice({**_USES, **{meant: meant for meant in _USES.values()}}),
        Sentence("Pemakaian aset bantuan.", "Use of the assets."),
        "dipakai",
        words=tuple(_USES),
    ),
)


def _shape(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"revision": 1} | dict(fields)


def _judge(report: IncomeReported, _district: str, moment: datetime) -> Fault | None:
    late = later_month(report.month, microseconds(moment))
    return Fault("bulan", "future_month", SENTENCES["future_month"]) if late else None


INCOME = Kind(
    name="income",
    title=Sentence("Laporan pendapatan", "Income reports"),
    data=IncomeReported,
    columns=_COLUMNS,
    shape=_shape,
    key=lambda report: (report.district_ref, report.month),
    key_column="nomor",
    judge=_judge,
)
