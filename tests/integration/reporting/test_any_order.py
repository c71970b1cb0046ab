"""Any facts and reports in any batches end in the same numbers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting.dashboard import build as build_dashboard
from services.reporting.reconcile import reconcile
from services.reporting.tables import METADATA
from shared.events.district import AssetUse
from shared.events.envelope import Record
from tests.helpers import again
from tests.integration.reporting.office import (
    BOJONEGORO,
    GRANT_FACTS,
    HOUR,
    MILLION,
    NOVEMBER,
    Office,
    budget,
    grant,
    person,
    report,
)


class Telling(NamedTuple):
    """All that is said, the order in which it arrives, and where the batches end."""

    said: list[Record]
    order: list[Record]
    cuts: list[int]


_MONTHS = ("2026-03", "2026-04", "2026-05", "2026-09")
_NETS = st.sampled_from([-MILLION, 0, 900_000, MILLION, 2 * MILLION, 3 * MILLION])


@st.composite
def _tellings(draw: st.DrawFn) -> Telling:
    refs = ("B-1", "B-2", "B-3")
    said = []
    for ref in refs:
        statuses = draw(st.lists(st.sampled_from(["client", "ex_client", "graduated"]), max_size=3))
        said += [person(ref, status, version=version) for version, status in enumerate(statuses, start=1)]
    for ref in ("G-1", "G-2"):
        steps = draw(st.lists(st.sampled_from(sorted(GRANT_FACTS)), max_size=4))
        years = draw(st.lists(st.sampled_from([2026, 2027]), min_size=4, max_size=4))
        said += [
            grant(ref, status, version * MILLION, version=version, year=year)
            for version, (status, year) in enumerate(zip(steps, years, strict=False), start=1)
        ]
    amounts = draw(st.lists(st.integers(0, 9), max_size=3))
    said += [budget(amount, version=version) for version, amount in enumerate(amounts, start=1)]
    reports = draw(
        st.lists(
            st.tuples(
                st.sampled_from(refs),
                st.sampled_from(_MONTHS),
                _NETS,
                st.integers(1, 2),
                st.integers(0, 2),
                st.sampled_from(sorted(AssetUse)),
            ),
            max_size=12,
        )
    )
    said += [
        report(ref, month, net, revision=revision, time=NOVEMBER + hours * HOUR, event_id=f"r{place}", asset_use=use)
        for place, (ref, month, net, revision, hours, use) in enumerate(reports)
    ]
    repeated = draw(st.lists(st.sampled_from(said), max_size=3)) if said else []
    order = draw(st.permutations([*said, *map(again, repeated)]))
    cuts = draw(st.sets(st.integers(1, max(len(order), 2) - 1), max_size=5))
    return Telling(said, order, sorted(cuts))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(telling=_tellings())
async def test_any_facts_and_reports_in_any_batches_end_in_the_same_numbers_and_these_are_their_sums(
    office: Office, telling: Telling
) -> None:
    await office.forget_everything(METADATA, but="view_state")
    for start, end in pairwise([0, *telling.cuts, len(telling.order)]):
        await office.hear(*telling.order[start:end])
        assert await reconcile(office.database) == []
    shown = await _shown(office)
    await office.forget_everything(METADATA, but="view_state")
    await office.hear(*telling.said)
    assert await _shown(office) == shown


async def _shown(office: Office) -> Sequence[bytes]:
    """The cells of the months concerned, and what is kept of each report."""
    async with office.database.reading() as session:
        cells = [
            bytes((await build_dashboard(session, month)).districts[BOJONEGORO]) for month in (*_MONTHS, "2027-01")
        ]
    kept = await office.rows(
        "SELECT p.district_ref, t.month, t.revision, t.time_us, t.event_id, t.net_profit, t.asset_use "
        "FROM report t JOIN person p ON p.no = t.person_no"
    )
    return [*cells, *sorted(repr(tuple(row)).encode() for row in kept)]
