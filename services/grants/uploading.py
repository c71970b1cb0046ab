"""Requests of grants, as a row of a file says them: up to MAX_ITEMS things in columns of their own."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from services.grants.rules import amount_matches
from shared.events.district import GrantRequested
from shared.events.receipts import SENTENCES, Sentence
from shared.uploads import cells
from shared.uploads.cells import Wrong
from shared.uploads.columns import Column, Fault, Kind

MAX_ITEMS = 20
_IN_TEMPLATE = 5
_RUPIAH = 1_000_000_000_000
_KINDS = {
    "peralatan": "equipment",
    "uang tunai": "cash",
    "pelatihan": "training",
    "pemasaran": "marketing",
}


def _items() -> Iterator[Column]:
    for number in range(1, MAX_ITEMS + 1):
        shown = number <= _IN_TEMPLATE
        yield Column(
            f"barang_{number}",
            f"item_{number}",
            cells.text,
            Sentence(f"Nama barang ke-{number}.", f"Name of thing {number}."),
            "Mesin jahit" if number == 1 else "",
            required=False,
            in_template=shown,
        )
        yield Column(
            f"jumlah_{number}",
            f"quantity_{number}",
            cells.whole(1, 10_000),
            Sentence("Banyaknya.", "How many."),
            "1" if number == 1 else "",
            required=False,
            in_template=shown,
        )
        yield Column(
            f"harga_satuan_{number}",
            f"unit_value_{number}",
            cells.whole(0, _RUPIAH),
            Sentence("Harga satu barang, rupiah.", "Value of one, rupiah."),
            "3.500.000" if number == 1 else "",
            required=False,
            in_template=shown,
        )


_COLUMNS = (
    Column(
        "nomor_bantuan",
        "grant_ref",
        cells.ref,
        Sentence("Nomor bantuan di kabupaten/kota.", "The district's number for the grant."),
        "B-2026-001",
    ),
    Column(
        "nomor",
        "district_ref",
        cells.ref,
        Sentence("Nomor orang di kabupaten/kota.", "The district's number for the person."),
        "W-0001",
    ),
    Column(
        "jenis_bantuan",
        "kind",
        cells.choice({**_KINDS, "tunai": "cash", **{meant: meant for meant in _KINDS.values()}}),
        Sentence("Jenis bantuan.", "Kind of grant."),
        "peralatan",
        words=tuple(_KINDS),
    ),
    Column(
        "nilai",
        "amount",
        cells.whole(1, _RUPIAH),
        Sentence("Nilai bantuan, rupiah; untuk peralatan sama dengan jumlah barangnya.", "Value of the grant, rupiah."),
        "3.500.000",
    ),
    Column(
        "tahun_anggaran",
        "fiscal_year",
        cells.whole(2000, 2100),
        Sentence("Tahun anggaran.", "Fiscal year."),
        "2026",
    ),
    Column(
        "tujuan",
        "purpose",
        cells.long_text,
        Sentence("Untuk apa; tanpa nama orang.", "What it is for; without names of people."),
        "Usaha menjahit di rumah",
    ),
    Column(
        "desil",
        "desil",
        cells.whole(1, 10),
        Sentence("Desil kesejahteraan, 1 sampai 10; kosong bila tidak diketahui.", "Welfare decile; blank if unknown."),
        "2",
        required=False,
    ),
    *_items(),
)


def _shape(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises Wrong for a thing that is only begun."""
    items = []
    for number in range(1, MAX_ITEMS + 1):
        parts = {name: fields.get(f"{given}_{number}") for name, given in _PARTS.items()}
        if all(value is None for value in parts.values()):
            continue
        if any(value is None for value in parts.values()):
            raise Wrong(
                "item_incomplete",
                f"Isi barang_{number}, jumlah_{number}, dan harga_satuan_{number} bersama-sama.",
                f"Fill in barang_{number}, jumlah_{number} and harga_satuan_{number} together.",
            )
        items.append(parts)
    return {**{column.field: fields.get(column.field) for column in _COLUMNS[:7]}, "items": items}


_PARTS = {"name": "item", "quantity": "quantity", "unit_value": "unit_value"}


def _judge(request: GrantRequested, _district: str, _moment: datetime) -> Fault | None:
    code = amount_matches(request.kind, request.items, request.amount)
    return Fault("barang_1" if code == "no_items" else "nilai", code, SENTENCES[code]) if code else None


REQUESTS = Kind(
    name="grants",
    title=Sentence("Permintaan bantuan", "Requests of grants"),
    data=GrantRequested,
    columns=_COLUMNS,
    shape=_shape,
    key=lambda request: request.grant_ref,
    key_column="nomor_bantuan",
    judge=_judge,
)
