"""Who may receive what, and who may say so. Money is whole rupiah; maker is never checker."""

from collections.abc import Collection, Sequence
from datetime import date
from enum import StrEnum

import msgspec

from shared.events.district import GrantKind, Item, Status
from shared.events.receipts import Sentence
from shared.refusals import Refused

CRITERIA_VERSION = 1
"""Rises with any change to the criteria or their limits: an assessment names the version that made it."""
MAX_DESIL = 5
MIN_AGE = 15
LEAVING_WITHIN_MONTHS = 3
MATERIAL_KINDS = frozenset({GrantKind.equipment, GrantKind.cash})
"""Of these a person gets one in a fiscal year, and none while a duplicate is suspected."""
TWO_APPROVERS_FROM = 50_000_000
"""Rupiah."""


class GrantStatus(StrEnum):
    """The order is that of the dashboard."""

    requested = "requested"
    verified = "verified"
    approved = "approved"
    rejected = "rejected"
    disbursed = "disbursed"
    handed_over = "handed_over"
    cancelled = "cancelled"


class Person(msgspec.Struct, frozen=True):
    """What grants knows of a beneficiary. `suspected`: may be on record twice, and nobody has decided yet."""

    district: str
    status: Status
    birth_year: int
    leaves_unit_on: date | None
    suspected: bool


class Request(msgspec.Struct, frozen=True):
    """What the criteria look at in a request."""

    district: str
    kind: GrantKind
    items_count: int
    desil: int | None
    fiscal_year: int
    requested_on: date


CRITERIA: dict[str, Sentence] = {
    "unknown_beneficiary": Sentence(
        "Warga binaan belum dikenal di registri provinsi.",
        "The person is not known to the province's registry.",
    ),
    "foreign_district": Sentence(
        "Warga binaan tercatat di kabupaten/kota lain.", "The person is on record in another district."
    ),
    "not_ex_client": Sentence(
        "Bukan eks klien, dan bukan klien yang keluar dari UPT dalam "
        f"{LEAVING_WITHIN_MONTHS} bulan setelah permohonan. "
        "Perbarui status atau tanggal keluarnya bila sudah berubah.",
        "Neither an ex-client nor a client who leaves the UPT within "
        f"{LEAVING_WITHIN_MONTHS} months after the request. "
        "Update the status or the leaving date if it has changed.",
    ),
    "desil_above_5": Sentence(f"Desil kesejahteraan di atas {MAX_DESIL}.", f"The welfare decile is above {MAX_DESIL}."),
    "already_aided": Sentence(
        "Sudah ada bantuan peralatan atau uang lain pada tahun anggaran yang sama.",
        "There is another equipment or cash grant in the same fiscal year.",
    ),
    "duplicate_suspected": Sentence(
        "Orang ini diduga tercatat dua kali dan dugaan itu belum diputuskan.",
        "This person may be on record twice and that is not yet decided.",
    ),
    "no_items": Sentence("Bantuan peralatan perlu daftar barang.", "Equipment needs at least one item."),
    "under_15": Sentence(
        f"Berumur di bawah {MIN_AGE} tahun pada tahun permohonan.",
        f"Younger than {MIN_AGE} in the year of the request.",
    ),
}
"""The criteria by their codes, in the order in which `assess` names those that fail."""


def assess(request: Request, person: Person | None, *, other_equipment_or_cash: bool) -> tuple[str, ...]:
    """The codes of all criteria that fail, in the order of CRITERIA; none: the grant may go on.

    Judged at the request and again at approval, both times by the day of the request, so that the same facts
    give the same answer on a replay. An unknown person fails that criterion and whatever the request fails by
    itself. `other_equipment_or_cash`: there is another such grant to this person in this fiscal year, approved,
    disbursed or handed over; one merely asked for does not count, or two would block each other.
    """
    material = request.kind in MATERIAL_KINDS
    failed: set[str] = set()
    if person is None:
        failed.add("unknown_beneficiary")
    else:
        if person.district != request.district:
            failed.add("foreign_district")
        if not _out_of_the_unit(person, request.requested_on):
            failed.add("not_ex_client")
        if material and person.suspected:
            failed.add("duplicate_suspected")
        # Only the year of birth leaves the registry: whoever turns 15 in the year of the request is 15 here.
        if request.requested_on.year - person.birth_year < MIN_AGE:
            failed.add("under_15")
    if request.desil is not None and request.desil > MAX_DESIL:
        failed.add("desil_above_5")
    if material and other_equipment_or_cash:
        failed.add("already_aided")
    if request.kind == GrantKind.equipment and request.items_count == 0:
        failed.add("no_items")
    return tuple(code for code in CRITERIA if code in failed)


def _out_of_the_unit(person: Person, requested_on: date) -> bool:
    """An ex_client, or a client who leaves from the day of the request up to the same day 3 months on.

    Where that month is shorter, up to its end. A leaving date that has passed says that the record is old.
    """
    if person.status == Status.ex_client:
        return True
    leaves = person.leaves_unit_on
    if person.status != Status.client or leaves is None or leaves < requested_on:
        return False
    months = (leaves.year - requested_on.year) * 12 + leaves.month - requested_on.month
    return (months, leaves.day) <= (LEAVING_WITHIN_MONTHS, requested_on.day)


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


def budget_room(*, budget: int, committed: int, amount: int) -> None:
    """Raises Refused `budget_exceeded` unless the amount fits beside what is committed. No budget is 0."""
    if committed + amount > budget:
        raise Refused("budget_exceeded", budget=budget, committed=committed, amount=amount)


def budget_change(*, amount: int, committed: int) -> None:
    """Raises Refused `budget_below_committed` when the new budget would not cover what is committed."""
    if amount < committed:
        raise Refused("budget_below_committed", amount=amount, committed=committed)
