"""Who may do what on the broker: one user per service, one per district. What is not here is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.events.catalogue import facts_topic, intake_topic, receipts_topic

FACTS_READ: Mapping[str, tuple[str, ...]] = {
    "registry": ("grants",),
    "grants": ("registry",),
    "reporting": ("registry", "grants"),
}
"""Of which services each service reads the facts."""
SERVICES = tuple(FACTS_READ)


@dataclass(frozen=True)
class Rule:
    """Leave to do one thing; reading and writing include to describe. Without a rule everything is refused."""

    kind: Literal["topic", "group"]
    name: str
    does: Literal["read", "write"]
    prefixed: bool = False
    """For everything whose name begins so."""


def service(name: str) -> frozenset[Rule]:
    """Its own intake, which its HTTP door writes, the facts it makes and those it uses, and all receipts."""
    return frozenset(
        {
            Rule("topic", f"intake.{name}.", "read", prefixed=True),
            Rule("topic", f"intake.{name}.", "write", prefixed=True),
            Rule("topic", facts_topic(name), "write"),
            Rule("topic", "receipts.", "write", prefixed=True),
            Rule("group", name, "read"),
            *(Rule("topic", facts_topic(other), "read") for other in FACTS_READ[name]),
        }
    )


def district(code: str) -> frozenset[Rule]:
    """By whole names, so that no district is the beginning of another. No transactions: their markers would leave
    gaps in the offsets, which the services take for lost records."""
    return frozenset(
        {
            *(Rule("topic", intake_topic(name, code), "write") for name in SERVICES),
            Rule("topic", receipts_topic(code), "read"),
            Rule("group", district_user(code), "read", prefixed=True),
        }
    )


def district_user(code: str) -> str:
    return f"district-{code}"
