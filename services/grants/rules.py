"""Which step may follow which, and who may take it. Money is whole rupiah; maker is never checker."""

from collections.abc import Collection, Sequence
from enum import StrEnum

from shared.events.district import GrantKind, Item
from shared.refusals import Refused

TWO_APPROVERS_FROM = 50_000_000
"""Rupiah."""


class AssetStatus(StrEnum):
    held = "held"
    contested = "contested"
    """An earlier handover gave this serial to somebody who still has it."""
    returned = "returned"
    withdrawn = "withdrawn"
    """The handover that named it turned out not to be the one that stands."""


class Fund(StrEnum):
    """Whose money it is. The first is meant where nobody names one."""

    apbd_provinsi = "apbd_provinsi"
    apbd_kabkota = "apbd_kabkota"
    apbn = "apbn"
    baznas = "baznas"
    csr = "csr"
    other = "other"


class Condition(StrEnum):
    good = "good"
    worn = "worn"
    broken = "broken"
    lost = "lost"


class Certificate(StrEnum):
    none = "none"
    attendance = "attendance"
    competence = "competence"


class Venue(StrEnum):
    """Where goods were shown or sold."""

    stand = "stand"
    online = "online"
    shop = "shop"
    order = "order"


class GrantStatus(StrEnum):
    """The order is that of the dashboard."""

    requested = "requested"
    verified = "verified"
    approved = "approved"
    rejected = "rejected"
    disbursed = "disbursed"
    handed_over = "handed_over"
    cancelled = "cancelled"


class DocumentKind(StrEnum):
    """The letters of a grant: request, approval, berita acara serah terima."""

    request = "request"
    approval = "approval"
    handover = "handover"


LETTERS: dict[DocumentKind, frozenset[GrantStatus]] = {
    DocumentKind.request: frozenset(GrantStatus),
    DocumentKind.approval: frozenset({GrantStatus.approved, GrantStatus.disbursed, GrantStatus.handed_over}),
    DocumentKind.handover: frozenset({GrantStatus.disbursed, GrantStatus.handed_over}),
}
"""The statuses in which a grant has each letter. The last may be printed before the handover, to be signed at it."""


def letter_due(kind: DocumentKind, status: GrantStatus) -> None:
    """Raises Refused `document_not_due` when a grant in this status does not have that letter, or no longer."""
    if status not in LETTERS[kind]:
        raise Refused("document_not_due", present=str(status), document=kind.value)


def outcome_due(status: GrantStatus, *, kind: GrantKind, said: GrantKind) -> None:
    """Raises Refused unless this outcome is of this kind of grant, and the grant was paid."""
    if kind != said:
        raise Refused("wrong_outcome", kind=kind.value, outcome=said.value)
    if status not in (GrantStatus.disbursed, GrantStatus.handed_over):
        raise Refused("illegal_transition", present=str(status), action="outcome")


def amount_matches(kind: GrantKind, items: Sequence[Item], amount: int) -> str | None:
    """Why a request is rejected on arrival: `no_items` or `amount_mismatch` (equipment only), or None."""
    if kind != GrantKind.equipment:
        return None
    if not items:
        return "no_items"
    return None if sum(item.quantity * item.unit_value for item in items) == amount else "amount_mismatch"


TRANSITIONS: dict[str, tuple[frozenset[GrantStatus], GrantStatus]] = {
    "verify": (frozenset({GrantStatus.requested}), GrantStatus.verified),
    "approve": (frozenset({GrantStatus.verified}), GrantStatus.approved),
    "reject": (frozenset({GrantStatus.requested, GrantStatus.verified}), GrantStatus.rejected),
    "disburse": (frozenset({GrantStatus.approved}), GrantStatus.disbursed),
    "hand_over": (frozenset({GrantStatus.disbursed}), GrantStatus.handed_over),
    "cancel": (
        frozenset({GrantStatus.requested, GrantStatus.verified, GrantStatus.approved}),
        GrantStatus.cancelled,
    ),
}
"""Per action: the statuses it may start from, and the one it leads to."""

ROLES: dict[str, frozenset[str]] = {
    "verify": frozenset({"district_officer"}),
    "approve": frozenset({"province_officer"}),
    "reject": frozenset({"district_officer", "province_officer"}),
    "disburse": frozenset({"treasurer"}),
    "hand_over": frozenset({"district_system"}),
    "cancel": frozenset({"district_officer", "province_officer"}),
}
"""Per action: the roles that may take it, a district's only for grants of the own district.

Both officers may cancel: the district learns first that a person moved or died, the province answers for the
budget. The handover arrives as an event, never over HTTP.
"""


def step(status: GrantStatus, action: str) -> GrantStatus:
    """The status after the action. Raises Refused `illegal_transition` with the `present` status.

    The first of two approvals is held against this too, although it leaves the grant `verified`.
    """
    starts, end = TRANSITIONS[action]
    if status not in starts:
        raise Refused("illegal_transition", present=str(status), action=action)
    return end


def authorize(action: str, *, role: str, status: GrantStatus) -> None:
    """Raises Refused `forbidden` unless the role may take the action on a grant in this status.

    A district officer may reject what is still requested; what was verified is the province's to reject.
    """
    beyond = action == "reject" and role == "district_officer" and status == GrantStatus.verified
    if beyond or role not in ROLES[action]:
        raise Refused("forbidden", action=action, role=role)


def approvers_needed(amount: int) -> int:
    """How many different people must approve an amount in rupiah."""
    return 2 if amount >= TWO_APPROVERS_FROM else 1


def four_eyes(action: str, caller: str, *, verifier: str | None, approvers: Collection[str]) -> None:
    """Raises Refused `four_eyes` when the caller (`sub`) already verified or approved this grant.

    Rejecting and cancelling give nobody anything: whoever has the role may do it, after any earlier step.
    """
    if action not in ("verify", "approve", "disburse"):
        return
    if caller == verifier:
        raise Refused("four_eyes", action=action, already="verify")
    if caller in approvers:
        raise Refused("four_eyes", action=action, already="approve")


def consent_given(action: str, *, withdrawn: bool) -> None:
    """Raises Refused `consent_withdrawn`: what gives aid stops with the consent (UU 27/2022 Art. 9), what ends it not.

    Of an approval it is one of the criteria.
    """
    if withdrawn and action in ("verify", "disburse"):
        raise Refused("consent_withdrawn", action=action)


def criteria_met(failed: Sequence[str]) -> None:
    """Raises Refused with the failed codes; a suspected duplicate alone has a code of its own."""
    if list(failed) == ["duplicate_suspected"]:
        raise Refused("duplicate_suspected", failed=list(failed))
    if failed:
        raise Refused("criteria_not_met", failed=list(failed))


def last_approver(*, amount: int, approvers: int) -> None:
    """Raises Refused `second_approver_needed` when so many have not approved enough: a batch approves for good."""
    if approvers < approvers_needed(amount):
        raise Refused("second_approver_needed", amount=amount, needed=approvers_needed(amount))


def batch_total(*, total: int, amounts: Collection[int]) -> None:
    """Raises Refused `total_mismatch` when a list does not add up to what it says."""
    if sum(amounts) != total:
        raise Refused("total_mismatch", total=total, sum=sum(amounts))


def budget_room(*, budget: int, committed: int, amount: int) -> None:
    """Raises Refused `budget_exceeded` unless the amount fits beside what is committed. No budget is 0."""
    if committed + amount > budget:
        raise Refused("budget_exceeded", budget=budget, committed=committed, amount=amount)


def budget_change(*, amount: int, committed: int) -> None:
    """Raises Refused `budget_below_committed` when the new budget would not cover what is committed."""
    if amount < committed:
        raise Refused("budget_below_committed", amount=amount, committed=committed)


MAX_BUDGET = 1_000_000_000_000
"""Rupiah, as the contract has it."""


def budget_total(*, amounts: Collection[int]) -> None:
    """Raises Refused `budget_too_large` when the funds of a district add up to more than a budget may be."""
    if sum(amounts) > MAX_BUDGET:
        raise Refused("budget_too_large", amount=sum(amounts), limit=MAX_BUDGET)


def fund_of(*, wanted: Fund | None, chosen: Fund, approvals: int) -> Fund:
    """Which fund an approval commits. Raises Refused `fund_mismatch` when an earlier approver has chosen another."""
    if approvals and wanted not in (None, chosen):
        raise Refused("fund_mismatch", fund=wanted, chosen=chosen.value)
    return wanted or (chosen if approvals else Fund.apbd_provinsi)


def budget_move(*, source: str, target: str) -> None:
    """Raises Refused when a move leads nowhere. Both ends are judged as any change."""
    if source == target:
        raise Refused("same_district")


# Assets

_NO_SERIAL = frozenset({"0", "NA", "NONE", "NIHIL", "TANPA", "TIDAKADA", "TANPANOMOR"})
"""What is written where a thing has no serial number."""

ASSET_STEPS: dict[str, frozenset[AssetStatus]] = {
    "condition": frozenset({AssetStatus.held, AssetStatus.contested, AssetStatus.returned}),
    "repair": frozenset({AssetStatus.held, AssetStatus.contested, AssetStatus.returned}),
    "relocate": frozenset({AssetStatus.held, AssetStatus.returned}),
    "return": frozenset({AssetStatus.held, AssetStatus.contested}),
}
"""Per action on an asset: the statuses it may start from."""


def serial_key(serial: str) -> str:
    """The letters and digits of a serial number, in capitals; empty when it says that there is none."""
    key = "".join(sign for sign in serial if sign.isalnum()).upper()
    return "" if key in _NO_SERIAL else key


def asset_step(action: str, status: AssetStatus) -> None:
    """Raises Refused `illegal_transition` with the `present` status."""
    if status not in ASSET_STEPS[action]:
        raise Refused("illegal_transition", present=str(status), action=action)
