"""The office at work: events and officers' calls in their order, each with its answer (rules.md, Grants)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.oracle.events import (
    HANDED_OVER,
    RECORDED,
    REPORTED,
    REQUESTED,
    Event,
    Place,
    event,
    fault,
    nik_warnings,
    unreadable,
    utc,
)
from tests.oracle.verdicts import Verdict, accepted, among, duplicate, rejected, superseded

TWO_APPROVERS_FROM = 50_000_000
HIGHEST_DESIL = 5
LEAST_AGE = 15
MONTHS_BEFORE_LEAVING = 3
GOODS = ("equipment", "cash")
RESERVES = ("approved", "disbursed", "handed_over")


class WrongStory(Exception):
    """The story counts on another answer than the rules give."""


@dataclass
class Grant:
    """Everything that was ever said about one grant."""

    requests: list[Event] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    """The officers' steps that succeeded: kind and sub."""
    handovers: list[Event] = field(default_factory=list)

    @property
    def request(self) -> dict[str, Any]:
        """Of the versions that came while it was `requested`, the latest."""
        return max(self.requests, key=lambda each: each.rank[1:]).data

    @property
    def requested_on(self) -> date:
        return utc(max(self.requests, key=lambda each: each.rank[1:]).time).date()

    @property
    def approvers(self) -> list[str]:
        return [sub for kind, sub in self.taken if kind == "approve"]

    @property
    def status(self) -> str:
        kinds = {kind for kind, _ in self.taken}
        enough = 2 if self.request["amount"] >= TWO_APPROVERS_FROM else 1
        if "reject" in kinds:
            return "rejected"
        if "cancel" in kinds:
            return "cancelled"
        if "disburse" in kinds:
            return "handed_over" if self.handovers else "disbursed"
        if len(self.approvers) >= enough:
            return "approved"
        return "verified" if "verify" in kinds else "requested"


class Office:
    """Hears everything in the order in which it comes, and forgets nothing."""

    def __init__(self) -> None:
        self.verdicts: dict[tuple[str, str, str], Verdict] = {}
        """By district, source and id; what waits has none yet."""
        self.deliveries: Counter[tuple[str, str, str]] = Counter()
        self.quarantined: list[tuple[str, str]] = []
        """Topic and reason of each record that cannot be read; its receipt names its place in the log."""
        self.records: dict[Place, list[Event]] = {}
        self.reports: dict[tuple[Place, str], list[Event]] = {}
        self.grants: dict[Place, Grant] = {}
        self.budgets: dict[tuple[str, int], int] = {}
        self._waiting: list[Event] = []

    def hear(self, step: Any) -> None:
        """A publication, or an officer's call. Raises WrongStory where the answer is not the one told."""
        if hasattr(step, "envelope"):
            self._take(step)
        else:
            refused = self._answer(step)
            if refused != step.expect_code or (refused is None) != (step.expect == 200):
                raise WrongStory(f"{step}: the rules say {refused}")
        self._settle()

    @property
    def waiting(self) -> list[Event]:
        return list(self._waiting)

    def person(self, place: Place) -> dict[str, Any]:
        """The record in force."""
        return max(self.records[place], key=lambda each: each.rank).data

    def report(self, person: Place, month: str) -> Event:
        """The report in force."""
        return max(self.reports[person, month], key=lambda each: each.rank)

    def committed(self, district: str, fiscal_year: int, statuses: tuple[str, ...] = RESERVES) -> int:
        return sum(
            grant.request["amount"]
            for place, grant in self.grants.items()
            if place[0] == district and grant.request["fiscal_year"] == fiscal_year and grant.status in statuses
        )

    # Events.

    def _take(self, publication: Any) -> None:
        reason = unreadable(publication)
        if reason is not None:
            self.quarantined.append((publication.raw.topic, reason))
            return
        found = event(publication)
        self.deliveries[found.key] += 1
        if self.deliveries[found.key] > 1:
            return
        wrong = fault(found)
        if wrong is not None:
            self.verdicts[found.key] = rejected(found, wrong)
        else:
            self._waiting.append(found)

    def _settle(self) -> None:
        """Decide whatever no longer waits, the first first, until all that is left waits for something not there."""
        while (ready := next((each for each in self._waiting if not self._waits(each)), None)) is not None:
            self._waiting.remove(ready)
            decide = {
                RECORDED: self._record,
                REQUESTED: self._request,
                HANDED_OVER: self._hand_over,
                REPORTED: self._report,
            }
            self.verdicts[ready.key] = decide[ready.type](ready)

    def _waits(self, found: Event) -> bool:
        if found.type == RECORDED:
            return False
        if found.type == HANDED_OVER:
            grant = self.grants.get(found.grant)
            return grant is None or grant.status in ("requested", "verified", "approved")
        return found.person not in self.records

    def _record(self, found: Event) -> Verdict:
        others = self.records.setdefault(found.person, [])
        verdict = among(found, others, self.verdicts, nik_warnings(found))
        others.append(found)
        return verdict

    def _report(self, found: Event) -> Verdict:
        others = self.reports.setdefault((found.person, found.data["month"]), [])
        verdict = among(found, others, self.verdicts, set())
        others.append(found)
        return verdict

    def _request(self, found: Event) -> Verdict:
        grant = self.grants.setdefault(found.grant, Grant())
        if not grant.requests:
            grant.requests.append(found)
            return accepted(found, set())
        alike = found.data == grant.request
        if grant.status != "requested":
            return duplicate(found) if alike else rejected(found, "already_in_progress")
        latest = max(each.rank[1:] for each in grant.requests)
        grant.requests.append(found)  # one alike, too: it says the same, but later
        if alike:
            return duplicate(found)
        return accepted(found, set()) if found.rank[1:] > latest else superseded(found)

    def _hand_over(self, found: Event) -> Verdict:
        grant = self.grants[found.grant]
        if grant.status in ("rejected", "cancelled"):
            return rejected(found, "grant_closed")
        if grant.handovers:
            if found.data == grant.handovers[0].data:
                return duplicate(found)
            return rejected(found, "already_handed_over")
        grant.handovers.append(found)
        return accepted(found, set())

    # Officers. Each answer is the code of the refusal, or None.

    def _answer(self, step: Any) -> str | None:
        if step.kind == "set_budget":
            self.budgets[step.district, step.fiscal_year] = step.body["amount"]
            return None
        place = step.district, step.grant_ref
        refused = self._refusal(step, place, self.grants[place])
        if refused is None:
            self.grants[place].taken.append((step.kind, step.sub))
        return refused

    def _refusal(self, step: Any, place: Place, grant: Grant) -> str | None:
        allowed = {
            "verify": ("requested",),
            "approve": ("verified",),
            "disburse": ("approved",),
            "reject": ("requested", "verified"),
            "cancel": ("requested", "verified", "approved"),
        }
        if grant.status not in allowed[step.kind]:
            return "illegal_transition"
        if step.kind in ("approve", "disburse") and step.sub in {sub for _, sub in grant.taken}:
            return "four_eyes"
        if step.kind != "approve":
            return None
        if refused := self._criteria(place[0], step.grant_ref, grant):
            return refused
        year = grant.request["fiscal_year"]
        last = len(grant.approvers) + 1 >= (2 if grant.request["amount"] >= TWO_APPROVERS_FROM else 1)
        beyond = self.committed(place[0], year) + grant.request["amount"] > self.budgets.get((place[0], year), 0)
        return "budget_exceeded" if last and beyond else None

    def _criteria(self, district: str, grant_ref: str, grant: Grant) -> str | None:
        request, person = grant.request, (district, grant.request["district_ref"])
        record = self.person(person)
        on = grant.requested_on
        age = on.year - date.fromisoformat(record["birth_date"]).year  # the year is all that other services know
        failed = [
            record["status"] != "ex_client" and not self._about_to_leave(record, on),
            request["desil"] is not None and request["desil"] > HIGHEST_DESIL,
            request["kind"] == "equipment" and not request["items"],
            age < LEAST_AGE,
            request["kind"] in GOODS and self._has_other_goods(person, grant_ref, request["fiscal_year"]),
        ]
        if any(failed):
            return "criteria_not_met"
        return "duplicate_suspected" if request["kind"] in GOODS and self._in_two_places(record) else None

    def _about_to_leave(self, record: dict[str, Any], on: date) -> bool:
        if record["status"] != "client" or not record.get("leaves_unit_on"):
            return False
        leaves = date.fromisoformat(record["leaves_unit_on"])
        months = (leaves.year - on.year) * 12 + leaves.month - on.month - (leaves.day < on.day)
        return months < MONTHS_BEFORE_LEAVING or (months == MONTHS_BEFORE_LEAVING and leaves.day == on.day)

    def _has_other_goods(self, person: Place, grant_ref: str, fiscal_year: int) -> bool:
        """A grant is one that binds money: two requests side by side do not shut each other out."""
        return any(
            place[0] == person[0]
            and place[1] != grant_ref
            and other.request["district_ref"] == person[1]
            and other.request["fiscal_year"] == fiscal_year
            and other.request["kind"] in GOODS
            and other.status in RESERVES
            for place, other in self.grants.items()
        )

    def _in_two_places(self, record: dict[str, Any]) -> bool:
        """Nobody decides a suspected duplicate in the story."""
        return record["nik"] is not None and sum(self.person(who)["nik"] == record["nik"] for who in self.records) > 1


def after(story: Any) -> Office:
    """The office at the end of the story."""
    office = Office()
    for step in _in_order(story):
        office.hear(step)
    return office


def _in_order(story: Any) -> Iterable[Any]:
    return (step for chapter in story.chapters for step in chapter.steps)
