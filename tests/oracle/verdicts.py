"""The one final verdict on each event, and how its receipt reads later (contract.md: revisions, receipts)."""

from dataclasses import dataclass, field

from tests.oracle.events import Event

CONFLICT = "revision_conflict"


@dataclass
class Verdict:
    """`verdict`, `reason` and `warnings` are of the final receipt on the topic; `shown` is what GET says in the end.

    They differ where an event that was accepted lost later against other content of the same revision.
    """

    type: str
    verdict: str
    reason: str
    warnings: set[str] = field(default_factory=set)
    shown: str = ""
    shown_reason: str = ""
    shown_warnings: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.shown, self.shown_reason, self.shown_warnings = self.verdict, self.reason, set(self.warnings)


def accepted(found: Event, warnings: set[str]) -> Verdict:
    return Verdict(found.type, "accepted", "accepted", warnings)


def rejected(found: Event, reason: str) -> Verdict:
    return Verdict(found.type, "rejected", reason)


def duplicate(found: Event) -> Verdict:
    """It says what is in force already."""
    return Verdict(found.type, "duplicate", "duplicate")


def superseded(found: Event) -> Verdict:
    return Verdict(found.type, "superseded", "older_revision")


def among(found: Event, others: list[Event], verdicts: dict[tuple[str, str, str], Verdict], warns: set[str]) -> Verdict:
    """The verdict on one more event about the same thing, `others` having come to theirs before.

    Higher replaces, lower is superseded, equal and alike is a duplicate, equal and different: the later wins. All of a
    revision that says more than one thing are warned, the earlier ones on their receipts.
    """
    if not others:
        return accepted(found, warns)
    peers = [other for other in others if other.rank[0] == found.rank[0]]
    if any(peer.data != found.data for peer in peers):
        warns = warns | {CONFLICT}
        for peer in peers:
            verdicts[peer.key].shown_warnings.add(CONFLICT)
    ruling = max(others, key=lambda other: other.rank)
    if found.rank[0] > ruling.rank[0]:
        return accepted(found, warns)
    if found.rank[0] < ruling.rank[0]:
        return Verdict(found.type, "superseded", "older_revision", warns)
    if found.data == ruling.data:
        return Verdict(found.type, "duplicate", "duplicate", warns)
    if found.rank < ruling.rank:
        return Verdict(found.type, "superseded", CONFLICT, warns)
    for peer in peers:
        seen = verdicts[peer.key]
        alike = peer.data == found.data
        seen.shown, seen.shown_reason = ("duplicate", "duplicate") if alike else ("superseded", CONFLICT)
    return accepted(found, warns)
