"""Requests of grants from a file."""

from shared.database import run
from tests.integration.grants.office import Office, person
from tests.integration.uploading import Counter, csv_file

HEAD = ["nomor_bantuan", "nomor", "jenis_bantuan", "nilai", "tahun_anggaran", "tujuan", "desil"]
HEAD += ["barang_1", "jumlah_1", "harga_satuan_1", "barang_2", "jumlah_2", "harga_satuan_2"]
MACHINE = ["B-1", "BJN-1", "peralatan", "Rp 5.000.000", "2026", "Usaha menjahit", "2"]
MACHINE += ["Mesin jahit", "1", "3.000.000", "Mesin obras", "2", "1.000.000"]
CASH = ["B-2", "BJN-2", "uang tunai", "1500000", "2026", "Modal", "", *[""] * 6]


async def test_rows_become_requests_and_one_of_somebody_unknown_waits(office: Office) -> None:
    counter = Counter(office.node, office.client, "grants")
    await office.hear(person("BJN-1"))
    seen = await counter.sent(csv_file([HEAD, MACHINE, CASH]))
    assert (seen["state"], seen["errors"]) == ("sent", [])
    assert [record.key for record in await counter.apply()] == [b"BJN-1", b"BJN-2"]
    seen = (await counter.see(seen["upload_id"])).json()
    assert seen["answers"] == {"accepted": 1, "waiting": 1, "pending": 0}
    assert [(told["row"], told["verdict"], told["reason"]) for told in seen["told"]] == [
        (3, "waiting", "unknown_beneficiary")
    ]
    async with office.database.reading() as session:
        found = await run(session, "SELECT grant_ref, kind, amount FROM grants ORDER BY grant_ref")
        assert [tuple(row) for row in found] == [("B-1", "equipment", 5_000_000)]


async def test_an_amount_that_is_not_that_of_the_things_is_told_with_its_row(office: Office) -> None:
    counter = Counter(office.node, office.client, "grants")
    other = [*MACHINE[:3], "5.000.001", *MACHINE[4:]]
    bare = ["B-3", *MACHINE[1:7], *[""] * 6]
    begun = ["B-4", *MACHINE[1:8], "", *MACHINE[9:]]
    seen = await counter.sent(csv_file([HEAD, other, bare, begun]))
    assert [(error["row"], error["column"], error["code"]) for error in seen["errors"]] == [
        (2, "nilai", "amount_mismatch"),
        (3, "barang_1", "no_items"),
        (4, None, "item_incomplete"),
    ]
    assert await counter.records() == []
