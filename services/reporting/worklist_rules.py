"""What stands on the worklist, and what closes it: pure functions of stored facts, so that no order of arrival matters.

Months are those of `rules.month_index`; amounts are rupiah.
"""

from bisect import insort
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

from services.reporting.rule_versions import GrowthRule
from services.reporting.rules import Growth, GrowthClass, Override, classify, growth, month_name

SUSPICIOUS_TIMES = 10
"""An extra zero."""
SILENT_MONTHS = 2
"""Full calendar months; the running one is not over and says nothing."""
HANDOVER_DAYS = 30
IDLE = frozenset({"idle", "broken"})

_JAKARTA = timezone(timedelta(hours=7))


class Reason(StrEnum):
    """The order is that of the list of reasons on the page."""

    silent = "silent"
    declining = "declining"
    idle_asset = "idle_asset"
    not_handed_over = "not_handed_over"
    wages_exceed_turnover = "wages_exceed_turnover"
    suspicious_report = "suspicious_report"


SPELLS = frozenset({Reason.declining, Reason.idle_asset})
"""These last over reports; the other two stored ones are about one report, and end with it."""


class Month(NamedTuple):
    """One report in force, as far as the worklist reads it."""

    month: int
    net_profit: int
    turnover: int
    wages: int
    asset_use: str
    time_us: int


class Finding(NamedTuple):
    """A reason that holds now: since which month, and the numbers it rests on."""

    since: int
    evidence: dict[str, Any]


class OpenItem(NamedTuple):
    id: int
    since: int
    evidence: dict[str, Any]


class Changes(NamedTuple):
    opened: list[tuple[Reason, Finding]]
    changed: list[tuple[int, Finding]]
    """(id, as it is now)"""
    closed: list[tuple[int, Reason, int]]
    """(id, reason, since)"""


def jakarta_day(moment: datetime) -> date:
    """The day it is in all East Java."""
    return moment.astimezone(_JAKARTA).date()


def class_pairs(reports: Sequence[Month], rule: GrowthRule) -> list[tuple[int, int]]:
    """What the class of the newest month is computed from. `reports`: oldest first."""
    return [report[:2] for report in reports[-rule.window_months :]]


def find(
    reports: Sequence[Month],
    rule: GrowthRule,
    computed: GrowthClass,
    override: Override | None,
    confirmed: Collection[tuple[int, int]],
) -> dict[Reason, Finding]:
    """The reasons that follow from the reports of one ex-client, oldest first.

    `override`: only one that counts. `confirmed`: (month, turnover) that an officer found right.
    """
    if not reports:
        return {}
    found = {
        Reason.declining: _declining(reports, rule, computed, override),
        Reason.idle_asset: _idle(reports),
        Reason.wages_exceed_turnover: _wages(reports[-1]),
        Reason.suspicious_report: _suspicious(reports, confirmed),
    }
    return {reason: finding for reason, finding in found.items() if finding is not None}


def compare(items: Mapping[Reason, OpenItem], found: Mapping[Reason, Finding]) -> Changes:
    """What is to be opened, changed and closed so that the open items are those found."""
    changes = Changes([], [], [])
    for reason, item in items.items():
        finding = found.get(reason)
        if finding is None or (reason not in SPELLS and finding.since != item.since):
            changes.closed.append((item.id, reason, item.since))
        elif (finding.since, finding.evidence) != (item.since, item.evidence):
            changes.changed.append((item.id, finding))
    closed = {reason for _, reason, _ in changes.closed}
    changes.opened.extend((reason, found[reason]) for reason in found if reason not in items or reason in closed)
    return changes


def closed_by(
    reason: Reason, since: int, *, counted: bool, override: Override | None, confirmed: Collection[tuple[int, int]]
) -> str:
    """What took an item off the list: `status`, `confirmed`, `override`, else a `report`."""
    if not counted:
        return "status"
    if reason is Reason.suspicious_report and any(month == since for month, _ in confirmed):
        return "confirmed"
    return "override" if reason is Reason.declining and override is not None else "report"


def silent_before(today: date) -> int:
    """The first of the two newest full months: who has reported neither it nor a later one is silent."""
    return today.year * 12 + today.month - 1 - SILENT_MONTHS


def handover_before(today: date) -> date:
    """What was disbursed before this day should have been handed over."""
    return today - timedelta(days=HANDOVER_DAYS)


def _declining(
    reports: Sequence[Month], rule: GrowthRule, computed: GrowthClass, override: Override | None
) -> Finding | None:
    effective = computed if override is None else override.growth_class
    if effective is not GrowthClass.declining:
        return None
    since = override.placed if override else reports[-1].month
    if computed is GrowthClass.declining:
        kept = len(reports)
        while kept > 1 and classify(class_pairs(reports[: kept - 1], rule), rule) is GrowthClass.declining:
            kept -= 1
        since = reports[kept - 1].month
    shown = growth(class_pairs(reports, rule), rule)
    return Finding(since, _numbers(shown) | ({"override_until": month_name(override.until)} if override else {}))


def _numbers(shown: Growth) -> dict[str, Any]:
    return {
        "class": shown.growth_class.value,
        "months": list(shown.months),
        "nets": list(shown.nets),
        "level": shown.level,
        "rate": shown.rate,
        "because": shown.because,
        "rule_version": shown.rule_version,
        "growth": {"id": shown.sentence.id, "en": shown.sentence.en},
    }


def _idle(reports: Sequence[Month]) -> Finding | None:
    """Since the first of two reports in a row that say so, with none after them that says `in_use`."""
    first = next((place + 1 for place in reversed(range(len(reports))) if reports[place].asset_use == "in_use"), 0)
    after = reports[first:]
    since = next((one.month for one, two in pairwise(after) if one.asset_use in IDLE and two.asset_use in IDLE), None)
    if since is None:
        return None
    idle = [report for report in after if report.month >= since and report.asset_use in IDLE]
    return Finding(since, {"reports": len(idle), "newest": month_name(idle[-1].month), "asset_use": idle[-1].asset_use})


def _wages(newest: Month) -> Finding | None:
    if newest.wages <= newest.turnover:
        return None
    return Finding(
        newest.month, {"month": month_name(newest.month), "wages": newest.wages, "turnover": newest.turnover}
    )


def _suspicious(reports: Sequence[Month], confirmed: Collection[tuple[int, int]]) -> Finding | None:
    """The oldest report of at least ten times the median of the earlier ones that nobody has confirmed.

    Against a median of zero any turnover would be too much: such a beginning is no measure.
    """
    turnovers = [report.turnover for report in reports]
    if max(turnovers) < SUSPICIOUS_TIMES * min(turnovers):
        return None  # most businesses, decided without sorting
    earlier: list[int] = []
    for report in reports:
        if earlier:
            twice = earlier[(len(earlier) - 1) // 2] + earlier[len(earlier) // 2]
            high = 2 * report.turnover >= SUSPICIOUS_TIMES * twice
            if twice and high and (report.month, report.turnover) not in confirmed:
                return Finding(
                    report.month,
                    {
                        "month": month_name(report.month),
                        "turnover": report.turnover,
                        "median": twice / 2 if twice % 2 else twice // 2,
                        "times": 2 * report.turnover * 10 // twice / 10,
                    },
                )
        insort(earlier, report.turnover)
    return None
