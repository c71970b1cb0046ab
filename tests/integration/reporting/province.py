"""A tiny province, and every number of it worked out by hand."""

from shared.events.district import AssetUse
from shared.events.envelope import Record
from tests.integration.reporting.office import (
    BOJONEGORO,
    EMPTY_CELL,
    MILLION,
    SURABAYA,
    TUBAN,
    budget,
    grant,
    like,
    person,
    report,
)


def tiny_province() -> list[Record]:
    """Ten people in three districts, eight grants, three budgets; the figures below are worked out from it by hand."""
    steady, rising = [2 * MILLION] * 2, [500_000, MILLION]
    loss, small = [-1, -1], [900_000] * 2
    earlier = {"B-1": steady, "B-2": small, "T-1": rising, "T-2": loss, "T-3": small}
    return [
        *(person(ref) for ref in ("B-1", "B-2", "B-3")),
        person("B-4", "client"),
        person("B-5", "graduated"),
        *(person(ref, district=TUBAN) for ref in ("T-1", "T-2", "T-3")),
        person("S-1", "moved", district=SURABAYA),
        person("S-2", "deceased", district=SURABAYA),
        person("S-3", "withdrawn", district=SURABAYA),
        *(
            report(ref, month, net, district=BOJONEGORO if ref.startswith("B") else TUBAN)
            for ref, nets in earlier.items()
            for month, net in zip(("2026-08", "2026-09"), nets, strict=True)
        ),
        report("B-1", turnover=5 * MILLION, materials=2 * MILLION, production=500_000, wages=500_000, employees=2),
        report(
            "B-2",
            turnover=MILLION,
            materials=600_000,
            production=300_001,
            wages=400_000,
            employees=1,
            asset_use=AssetUse.idle,
        ),
        report("B-4", turnover=9 * MILLION, employees=9, asset_use=AssetUse.broken),
        report(
            "T-1",
            turnover=3 * MILLION,
            materials=MILLION,
            production=500_000,
            employees=3,
            asset_use=AssetUse.broken,
            district=TUBAN,
        ),
        report("T-2", turnover=700_000, employees=0, asset_use=AssetUse.none, district=TUBAN),
        report("T-3", turnover=900_000, employees=1, district=TUBAN),
        grant("G-1", "requested", 1 * MILLION),
        grant("G-2", "approved", 2 * MILLION),
        grant("G-3", "disbursed", 4 * MILLION),
        grant("G-4", "cancelled", 8 * MILLION),
        grant("G-5", "handed_over", 16 * MILLION, district=TUBAN),
        grant("G-6", "verified", 32 * MILLION, district=TUBAN),
        grant("G-7", "rejected", 64 * MILLION, district=TUBAN),
        grant("G-8", "approved", 128 * MILLION, year=2027),
        budget(10 * MILLION),
        budget(20 * MILLION, district=TUBAN),
        budget(500 * MILLION, year=2027),
    ]


BOJONEGORO_CELL = {
    "beneficiaries": {"client": 1, "ex_client": 3, "graduated": 1, "withdrawn": 0, "moved": 0, "deceased": 0},
    "grants": {
        "requested": 1,
        "verified": 0,
        "approved": 1,
        "rejected": 0,
        "disbursed": 1,
        "handed_over": 0,
        "cancelled": 1,
    },
    "rupiah": {"budget": 10_000_000, "committed": 6_000_000, "disbursed": 4_000_000, "remaining": 4_000_000},
    "income": {
        "reports": 2,
        "reporting_rate": 0.667,
        "turnover": 6_000_000,
        "net_profit": 1_699_999,
        "net_profit_median": 849_999.5,
        "employees": 3,
        "idle_assets": 1,
    },
    "growth": {"growing": 0, "ordinary": 1, "stagnant": 0, "declining": 1, "insufficient": 1},
}
TUBAN_CELL = {
    "beneficiaries": {"client": 0, "ex_client": 3, "graduated": 0, "withdrawn": 0, "moved": 0, "deceased": 0},
    "grants": {
        "requested": 0,
        "verified": 1,
        "approved": 0,
        "rejected": 1,
        "disbursed": 0,
        "handed_over": 1,
        "cancelled": 0,
    },
    "rupiah": {"budget": 20_000_000, "committed": 16_000_000, "disbursed": 16_000_000, "remaining": 4_000_000},
    "income": {
        "reports": 3,
        "reporting_rate": 1.0,
        "turnover": 4_600_000,
        "net_profit": 3_100_000,
        "net_profit_median": 900_000,
        "employees": 4,
        "idle_assets": 1,
    },
    "growth": {"growing": 1, "ordinary": 0, "stagnant": 1, "declining": 1, "insufficient": 0},
}
SURABAYA_CELL = like(EMPTY_CELL, beneficiaries={"withdrawn": 1, "moved": 1, "deceased": 1})
PROVINCE_CELL = {
    "beneficiaries": {"client": 1, "ex_client": 6, "graduated": 1, "withdrawn": 1, "moved": 1, "deceased": 1},
    "grants": {
        "requested": 1,
        "verified": 1,
        "approved": 1,
        "rejected": 1,
        "disbursed": 1,
        "handed_over": 1,
        "cancelled": 1,
    },
    "rupiah": {"budget": 30_000_000, "committed": 22_000_000, "disbursed": 20_000_000, "remaining": 8_000_000},
    "income": {
        "reports": 5,
        "reporting_rate": 0.833,
        "turnover": 10_600_000,
        "net_profit": 4_799_999,
        "net_profit_median": 900_000,
        "employees": 7,
        "idle_assets": 2,
    },
    "growth": {"growing": 1, "ordinary": 1, "stagnant": 1, "declining": 2, "insufficient": 1},
}
