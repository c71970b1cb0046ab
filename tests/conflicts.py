"""What districts may say of one thing, and what must come of it in whatever order it arrives: by definition."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from hypothesis import strategies as st

CONFLICT = "revision_conflict"
SOURCES = ("/district/3522/office", "/district/3522/clinic")

T = TypeVar("T")


class Told(NamedTuple):
    """One event about the one thing. `content` stands for what it says."""

    revision: int
    minute: int
    event_id: str
    source: str
    content: int

    @property
    def key(self) -> tuple[str, str]:
        return self.event_id, self.source


Receipt = tuple[str, str, frozenset[str]]
"""(verdict, reason, warnings)"""

tellings = st.lists(
    st.builds(
        Told,
        st.integers(1, 2),
        st.integers(0, 2),
        st.sampled_from("abcd"),
        st.sampled_from(SOURCES),
        st.integers(1, 3),
    ),
    min_size=2,
    max_size=7,
    unique_by=lambda told: told.key,
)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Told], list[list[Told]]]:
    """Some events, and the same in an order and in batches; some come again later."""
    told = draw(tellings)
    repeated = draw(st.lists(st.sampled_from(told), max_size=2))
    return told, draw(batches([*told, *repeated]))


@st.composite
def batches(draw: st.DrawFn, events: Sequence[T]) -> list[list[T]]:
    """The events in any order, cut anywhere."""
    order = draw(st.permutations(events))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1))))
    return [list(order[start:end]) for start, end in pairwise([0, *cuts, len(order)])]


def in_force(told: Iterable[Told]) -> Told:
    """The highest revision, of that the latest, of those the greatest id, of those the greatest source."""
    return max(told, key=lambda each: (each.revision, each.minute, each.event_id, each.source))


def wrong_receipts(told: Sequence[Told], receipts: Mapping[tuple[str, str], Receipt]) -> list[str]:
    """Where the receipts in the end are not those that follow from the events alone. None may be wrong.

    Warned is whoever shares a revision with other content. Of the highest revision, what says other than what is in
    force has lost; of what says the same one event is accepted, the others are duplicates. Which one, and what was told
    below the highest revision, is a matter of who came first.
    """
    ruling = in_force(told)
    wrong = [f"{key}: not told of" for key in receipts.keys() - {each.key for each in told}]
    accepted = 0
    for each in told:
        verdict, reason, warnings = receipts[each.key]
        rivals = [other for other in told if other.revision == each.revision and other.content != each.content]
        if warnings != ({CONFLICT} if rivals else set()):
            wrong.append(f"{each}: warned of {set(warnings)}")
        if each.revision < ruling.revision:
            fine = verdict in ("accepted", "superseded", "duplicate")
        elif each.content != ruling.content:
            fine = (verdict, reason) == ("superseded", CONFLICT)
        else:
            fine = (verdict, reason) in (("accepted", "accepted"), ("duplicate", "duplicate"))
            accepted += verdict == "accepted"
        if not fine:
            wrong.append(f"{each}: {verdict} {reason}")
    return wrong if accepted == 1 else [*wrong, f"{accepted} accepted"]
