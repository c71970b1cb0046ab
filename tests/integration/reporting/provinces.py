"""Provinces made by hypothesis: what is told of people, aid and reports, in any order and in any batches."""

from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import strategies as st

from services.reporting.tables import METADATA
from shared.events.district import AssetUse, Disability, GrantKind, PpksGroup, Sex, Status
from shared.events.envelope import Record
from tests.helpers import again
from tests.integration.reporting.office import (
    BOJONEGORO,
    GRANT_FACTS,
    HOUR,
    MILLION,
    NOVEMBER,
    TUBAN,
    Office,
    grant,
    person,
    report,
)

MONTHS = ("2025-10", "2026-08", "2026-09", "2026-10")
WHO = ((BOJONEGORO, "B-1"), (BOJONEGORO, "B-2"), (TUBAN, "B-1"), (TUBAN, "T-2"))
TRADES = ("sewing", "cooking", "s_wing")
UNITS = (None, "UPT Bojonegoro", "UPT 100%_b")
Told = dict[str, Any]


class Province(NamedTuple):
    people: list[Told]
    grants: list[Told]
    reports: list[Told]
    order: list[Record]
    """All of it as records, some of them twice."""
    cuts: list[int]
    """Where batches end."""

    async def tell(self, office: Office) -> None:
        await office.forget_everything(METADATA, but="view_state")
        for start, end in pairwise([0, *self.cuts, len(self.order)]):
            await office.hear(*self.order[start:end])
        await office.drain()
        await office.hear()


@st.composite
def provinces(draw: st.DrawFn) -> Province:
    people: list[Told] = []
    grants: list[Told] = []
    reports: list[Told] = []
    for district, ref in WHO:
        versions = draw(st.lists(_ATTRIBUTES, max_size=3))
        people += [
            {"district": district, "ref": ref, "version": version, **attributes}
            for version, attributes in enumerate(versions, start=1)
        ]
        for name in ("1", "2"):
            steps = draw(st.lists(st.sampled_from(sorted(GRANT_FACTS)), max_size=3))
            asked = {"kind": draw(st.sampled_from(sorted(GrantKind))), "year": draw(st.sampled_from([2026, 2027]))}
            about = {"district": district, "ref": ref, "grant": f"G-{ref}-{name}", **asked}
            grants += [
                {**about, "version": version, "status": status, "amount": version * MILLION}
                for version, status in enumerate(steps, start=1)
            ]
        reports += [
            {"district": district, "ref": ref, "id": f"{district}-{ref}-{place}", **said}
            for place, said in enumerate(draw(st.lists(_REPORTS, max_size=5)))
        ]
    records = [
        *(_person(told) for told in people),
        *(_grant(told) for told in grants),
        *(_report(told) for told in reports),
    ]
    repeated = draw(st.lists(st.sampled_from(records), max_size=3)) if records else []
    order = draw(st.permutations([*records, *map(again, repeated)]))
    ends = draw(st.sets(st.integers(1, max(len(order), 2) - 1), max_size=5))
    return Province(people, grants, reports, order, sorted(ends))


_ATTRIBUTES = st.fixed_dictionaries(
    {
        "status": st.sampled_from([Status.ex_client] * 4 + sorted(Status)),
        "sex": st.sampled_from(sorted(Sex)),
        "ppks": st.sampled_from([PpksGroup.disability, PpksGroup.poverty]),
        "unit": st.sampled_from(UNITS),
        "skills": st.lists(st.sampled_from(TRADES), max_size=2).map(tuple),
        "disabilities": st.lists(st.sampled_from(sorted(Disability)), max_size=2, unique=True).map(tuple),
    }
)
_REPORTS = st.fixed_dictionaries(
    {
        "month": st.sampled_from(MONTHS),
        "revision": st.integers(1, 2),
        "hours": st.integers(0, 2),
        "net": st.sampled_from([-MILLION, 0, 900_000, MILLION, 2 * MILLION, 3 * MILLION]),
        "employees": st.integers(0, 3),
        "use": st.sampled_from(sorted(AssetUse)),
    }
)


def _person(told: Told) -> Record:
    more = {name: told[name] for name in ("sex", "unit", "skills", "disabilities")}
    return person(
        told["ref"],
        told["status"],
        version=told["version"],
        district=told["district"],
        ppks_group=told["ppks"],
        **more,
    )


def _grant(told: Told) -> Record:
    return grant(
        told["grant"],
        told["status"],
        told["amount"],
        version=told["version"],
        year=told["year"],
        district=told["district"],
        to=told["ref"],
        kind=told["kind"],
    )


def _report(told: Told) -> Record:
    return report(
        told["ref"],
        told["month"],
        told["net"],
        revision=told["revision"],
        district=told["district"],
        event_id=told["id"],
        time=NOVEMBER + told["hours"] * HOUR,
        employees=told["employees"],
        asset_use=told["use"],
    )
