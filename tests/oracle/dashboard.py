"""`GET /v1/dashboard` and `GET /v1/businesses/{id}` by counting the office's papers (contract.md)."""

from collections.abc import Iterable
from fractions import Fraction
from statistics import median
from typing import Any

from tests.oracle.events import Event, Place
from tests.oracle.growth import classify
from tests.oracle.office import RESERVES, Office

DISTRICTS = [f"35{number:02}" for number in (*range(1, 30), *range(71, 80))]
"""29 kabupaten and 9 kota."""
STATUSES = ("client", "ex_client", "graduated", "withdrawn", "moved", "deceased")
STEPS = ("requested", "verified", "approved", "rejected", "disbursed", "handed_over", "cancelled")
CLASSES = ("growing", "ordinary", "stagnant", "declining", "insufficient")


def dashboard(office: Office, month: str | None = None) -> dict[str, Any]:
    """All but `version`, `as_of` and `lag`; rates and medians as exact fractions. `month`: the newest with a report."""
    chosen = month or max(each for _, each in office.reports)
    return {
        "month": chosen,
        "province": _cell(office, DISTRICTS, chosen),
        "districts": {code: _cell(office, [code], chosen) for code in DISTRICTS},
    }


def business(office: Office, person: Place) -> dict[str, Any]:
    """The growth evidence of one business and its reports in force, by month."""
    reports = [office.report(person, month) for month in _months(office, person)]
    return {
        "growth": classify({report.data["month"]: net_profit(report) for report in reports}),
        "reports": [
            {**{name: report.data[name] for name in _REPORTED}, "net_profit": net_profit(report)} for report in reports
        ],
    }


def net_profit(report: Event) -> int:
    data = report.data
    profit: int = data["turnover"] - data["materials"] - data["production"] - data["wages"]
    return profit


def _cell(office: Office, districts: Iterable[str], month: str) -> dict[str, Any]:
    codes, year = list(districts), int(month[:4])
    people = [person for person in office.records if person[0] in codes]
    ex_clients = [person for person in people if office.person(person)["status"] == "ex_client"]
    grants = [
        grant for place, grant in office.grants.items() if place[0] in codes and grant.request["fiscal_year"] == year
    ]
    reports = [office.report(person, month) for person in ex_clients if (person, month) in office.reports]
    nets = [net_profit(report) for report in reports]
    classes = [business(office, person)["growth"]["class"] for person in ex_clients]
    budget = sum(office.budgets.get((code, year), 0) for code in codes)
    committed = sum(office.committed(code, year, RESERVES) for code in codes)
    return {
        "beneficiaries": {
            name: [office.person(person)["status"] for person in people].count(name) for name in STATUSES
        },
        "grants": {name: [grant.status for grant in grants].count(name) for name in STEPS},
        "rupiah": {
            "budget": budget,
            "committed": committed,
            "disbursed": sum(office.committed(code, year, ("disbursed", "handed_over")) for code in codes),
            "remaining": budget - committed,
        },
        "income": {
            "reports": len(reports),
            "reporting_rate": Fraction(len(reports), len(ex_clients)) if ex_clients else Fraction(0),
            "turnover": sum(report.data["turnover"] for report in reports),
            "net_profit": sum(nets),
            "net_profit_median": Fraction(median(map(Fraction, nets))) if nets else Fraction(0),
            "employees": sum(report.data["employees"] for report in reports),
            "idle_assets": sum(report.data["asset_use"] in ("idle", "broken") for report in reports),
        },
        "growth": {name: classes.count(name) for name in CLASSES},
    }


def _months(office: Office, person: Place) -> list[str]:
    return sorted(month for who, month in office.reports if who == person)


_REPORTED = ("month", "revision", "turnover", "materials", "production", "wages", "employees", "orders", "asset_use")
