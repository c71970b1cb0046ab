"""What the other views should say, counted person by person from all that was told."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.oracle.growth import classify

STATUSES = ("client", "ex_client", "graduated", "withdrawn", "moved", "deceased")
CLASSES = ("growing", "ordinary", "stagnant", "declining", "insufficient")
CUTS = ("district", "trade", "kind", "unit", "sex", "ppks", "disability")
Told = Mapping[str, Any]


class Person:
    """One person at the end: the newest record, the kinds of aid handed over, and the report in force of each month."""

    def __init__(self, record: Told, grants: Iterable[Told], reports: Sequence[Told]) -> None:
        self.record = record
        self.kinds = {grant["kind"] for grant in grants if grant["status"] == "handed_over"}
        self.reports: dict[str, Told] = {}
        for report in sorted(reports, key=lambda each: (each["revision"], each["hours"], each["id"])):
            self.reports[report["month"]] = report
        nets = {month: report["net"] for month, report in self.reports.items()}
        self.growth = classify(nets)["class"]

    @property
    def counts(self) -> bool:
        return bool(self.record["status"] == "ex_client")

    def values(self, cut: str) -> set[str]:
        several = {"trade": self.record["skills"], "disability": self.record["disabilities"], "kind": self.kinds}
        if cut in several:
            return set(several[cut]) or {""}
        return {self.record[cut] or ""}


def people(told: Sequence[Told], grants: Sequence[Told], reports: Sequence[Told]) -> list[Person]:
    """Everybody told of. A grant or report of somebody never told of is of nobody."""
    newest: dict[tuple[str, str], Told] = {}
    for record in sorted(told, key=lambda each: each["version"]):
        newest[record["district"], record["ref"]] = record
    last: dict[tuple[str, str], Told] = {}
    for grant in sorted(grants, key=lambda each: each["version"]):
        last[grant["district"], grant["grant"]] = grant
    return [
        Person(
            record,
            [grant for grant in last.values() if (grant["district"], grant["ref"]) == who],
            [report for report in reports if (report["district"], report["ref"]) == who],
        )
        for who, record in newest.items()
    ]


def cell(some: Sequence[Person], month: str) -> dict[str, dict[str, float]]:
    counted = [person for person in some if person.counts]
    reports = [person.reports[month] for person in counted if month in person.reports]
    return {
        "beneficiaries": {status: sum(person.record["status"] == status for person in some) for status in STATUSES},
        "income": {
            "reports": len(reports),
            "reporting_rate": round(len(reports) / len(counted), 3) if counted else 0,
            "turnover": sum(max(report["net"], 0) for report in reports),
            "net_profit": sum(report["net"] for report in reports),
            "employees": sum(report["employees"] for report in reports),
            "idle_assets": sum(report["use"] in ("idle", "broken") for report in reports),
        },
        "growth": {name: sum(person.growth == name for person in counted) for name in CLASSES},
    }


def table(everybody: Sequence[Person], cut: str, month: str, district: str | None) -> dict[str, Any]:
    """The total, and each value's cell; for the cut by district only those where somebody is."""
    here = [person for person in everybody if district in (None, person.record["district"])]
    rows = defaultdict(list)
    for person in here:
        for value in person.values(cut):
            rows[value].append(person)
    return {"total": cell(here, month), "rows": {value: cell(some, month) for value, some in rows.items()}}
