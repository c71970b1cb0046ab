"""What somebody was handed over is on the page of the business, as the grants service last said, in any order."""

from datetime import date
from itertools import permutations
from uuid import UUID

from shared.events import facts
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.security import Caller, Role
from tests.helpers import from_service
from tests.integration.reporting.office import BOJONEGORO, NOVEMBER, OFFICER, VIEWER, Office, grant, person, report
from tests.integration.sites import as_read

SEAMSTRESS, BARBER = (beneficiary_id(BOJONEGORO, ref) for ref in ("B-1", "B-2"))
GRANT = grant_id(BOJONEGORO, "G-1")
MACHINE, IRON = UUID(int=1), UUID(int=2)


def thing(number: UUID, name: str, **said: object) -> facts.KeptAsset:
    usual = facts.KeptAsset(
        asset_id=number,
        name=name,
        serial="SN-1" if number == MACHINE else "-",
        value=3_000_000 if number == MACHINE else None,
        status="held",
        condition="good",
        holder_id=SEAMSTRESS,
        on=date(2026, 8, 19),
    )
    return facts.KeptAsset(**{name: getattr(usual, name) for name in usual.__struct_fields__} | said)


def kept(version: int, *assets: facts.KeptAsset) -> Record:
    fact = facts.AssetsKept(
        version=version, grant_id=GRANT, beneficiary_id=SEAMSTRESS, district=BOJONEGORO, assets=assets
    )
    return from_service("grants", fact, event_id=f"assets/{version}", time=NOVEMBER, key=str(SEAMSTRESS))


async def page(office: Office, who: UUID = SEAMSTRESS, reader: Caller = OFFICER) -> str:
    return as_read((await office.call(f"/business/{who}", reader)).text)


async def test_a_business_shows_what_it_was_handed_over(office: Office) -> None:
    await office.hear(person(), report(), grant("G-1", "handed_over", to="B-1"))
    assert "Belum ada alat yang diserahkan." in await page(office)
    await office.hear(kept(1, thing(MACHINE, "Mesin jahit"), thing(IRON, "Setrika", condition="worn")))
    text = await page(office)
    assert "Mesin jahit SN-1 Rp3.000.000 baik pada usaha ini 19 Agu 2026" in text
    assert "Setrika - – tidak diketahui aus pada usaha ini 19 Agu 2026" in text
    for hidden in ("Mesin jahit", "SN-1"):
        assert hidden not in await page(office, reader=VIEWER), "grants of one person are for officers"
    tuban = Caller("tuti", Role.district_officer, "3523")
    assert (await office.call(f"/business/{SEAMSTRESS}", tuban)).status_code == 404


async def test_what_has_moved_on_is_told_of_under_both(office: Office) -> None:
    await office.hear(person("B-1"), person("B-2"), grant("G-1", "handed_over", to="B-1"))
    moved = thing(MACHINE, "Mesin jahit", holder_id=BARBER, on=date(2026, 12, 1))
    back = thing(IRON, "Setrika", holder_id=None, status="returned", condition="broken", on=date(2026, 11, 30))
    await office.hear(kept(2, moved, back))
    first, second = await page(office), await page(office, BARBER)
    assert "Mesin jahit SN-1 Rp3.000.000 – tidak diketahui dipindahkan ke orang lain – tidak diketahui" in first
    assert "rusak dikembalikan 30 Nov 2026" in first
    assert "Mesin jahit SN-1 Rp3.000.000 baik pada usaha ini 1 Des 2026" in second
    assert "Setrika" not in second


async def test_the_newest_list_holds_in_whatever_order_lists_come(office: Office) -> None:
    lists = (
        kept(1, thing(MACHINE, "Mesin jahit"), thing(IRON, "Setrika")),
        kept(2, thing(MACHINE, "Mesin jahit", condition="broken")),
        kept(3),
    )
    for place, order in enumerate(permutations(lists[:2])):
        for record in order:
            await office.hear(record)
        assert await office.rows("SELECT name, condition FROM asset") == [("Mesin jahit", "broken")], place
    await office.hear(lists[2], lists[0])
    assert await office.rows("SELECT name FROM asset") == []
    assert await office.rows("SELECT version FROM asset_list") == [(3,)]
