"""Who may receive what, and who may say so."""

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.grants.criteria import CRITERIA, CRITERIA_VERSION, DEFAULT, Person, Programme, Request, assess
from services.grants.rules import (
    ROLES,
    TRANSITIONS,
    GrantStatus,
    amount_matches,
    approvers_needed,
    authorize,
    budget_change,
    budget_room,
    four_eyes,
    step,
)
from shared.events.district import GrantKind, Item, Status
from shared.events.receipts import Sentence
from shared.refusals import TITLES, Refused

# An ex-client of Bojonegoro, born in 1990, and her request of 10 November 2026 for a sewing machine.
SEAMSTRESS = Person("3522", Status.ex_client, 1990, None, False)
MACHINE = Request("3522", GrantKind.equipment, 1, 3, 2026, date(2026, 11, 10))

ACTIONS = ("verify", "approve", "reject", "disburse", "hand_over", "cancel")
CLOSED = (GrantStatus.rejected, GrantStatus.handed_over, GrantStatus.cancelled)


def failed(
    request: Request = MACHINE,
    person: Person | None = SEAMSTRESS,
    other: bool = False,
    *,
    programme: Programme = DEFAULT,
) -> tuple[str, ...]:
    return assess(programme, request, person, already_aided=other)


def changed(request: Request = MACHINE, **changes: object) -> Request:
    return msgspec.structs.replace(request, **changes)


def someone(**changes: object) -> Person:
    return msgspec.structs.replace(SEAMSTRESS, **changes)


# The criteria.


def test_an_ex_client_of_the_district_may_receive_a_machine() -> None:
    assert failed() == ()


def test_an_unknown_person_is_named_with_whatever_the_request_itself_fails() -> None:
    assert failed(person=None) == ("unknown_beneficiary",)
    assert failed(changed(desil=9, items_count=0), None, other=True) == (
        "unknown_beneficiary",
        "desil_above_5",
        "already_aided",
        "no_items",
    )


def test_who_withdrew_consent_receives_nothing() -> None:
    assert failed(person=someone(consent_withdrawn=True)) == ("consent_withdrawn",)


def test_a_district_cannot_request_for_the_people_of_another() -> None:
    assert failed(person=someone(district="3578")) == ("foreign_district",)


@pytest.mark.parametrize("status", [Status.graduated, Status.withdrawn, Status.moved, Status.deceased])
def test_whoever_has_left_the_programme_receives_nothing(status: Status) -> None:
    assert failed(person=someone(status=status)) == ("not_ex_client",)
    leaving = someone(status=status, leaves_unit_on=date(2026, 11, 20))
    assert failed(person=leaving) == ("not_ex_client",)


def test_an_ex_client_needs_no_leaving_date_and_an_old_one_does_no_harm() -> None:
    assert failed(person=someone(leaves_unit_on=date(2019, 1, 1))) == ()


@pytest.mark.parametrize(
    ("requested", "leaves", "near"),
    [
        ("2026-11-10", None, False),
        ("2026-11-10", "2026-11-09", False),  # passed: the record is old
        ("2026-11-10", "2026-11-10", True),
        ("2026-11-10", "2027-01-31", True),
        ("2026-11-10", "2027-02-10", True),
        ("2026-11-10", "2027-02-11", False),
        ("2026-11-10", "2027-11-10", False),
        # 30 November and three months is the end of February.
        ("2026-11-30", "2027-02-28", True),
        ("2026-11-30", "2027-03-01", False),
        ("2026-01-31", "2026-04-30", True),
        ("2026-01-31", "2026-05-01", False),
        # The calendar ends: there is no date three months on.
        ("9999-11-30", "9999-12-31", True),
    ],
)
def test_a_client_may_receive_within_three_months_of_leaving(requested: str, leaves: str | None, near: bool) -> None:
    client = someone(status=Status.client, leaves_unit_on=date.fromisoformat(leaves) if leaves else None)
    request = changed(MACHINE, requested_on=date.fromisoformat(requested))
    assert failed(request, client) == (() if near else ("not_ex_client",))


@pytest.mark.parametrize(("desil", "poor_enough"), [(None, True), (1, True), (5, True), (6, False), (10, False)])
def test_aid_is_for_the_poorer_half(desil: int | None, poor_enough: bool) -> None:
    assert failed(changed(desil=desil)) == (() if poor_enough else ("desil_above_5",))


@pytest.mark.parametrize("kind", [GrantKind.equipment, GrantKind.cash])
def test_a_second_machine_or_sum_in_the_same_year_is_refused(kind: GrantKind) -> None:
    assert failed(changed(kind=kind), other=True) == ("already_aided",)


@pytest.mark.parametrize("kind", [GrantKind.equipment, GrantKind.cash])
def test_nobody_suspected_to_be_on_record_twice_receives_equipment_or_cash(kind: GrantKind) -> None:
    assert failed(changed(kind=kind), someone(suspected=True)) == ("duplicate_suspected",)


@pytest.mark.parametrize("kind", [GrantKind.training, GrantKind.marketing])
def test_training_and_marketing_help_may_be_given_again_and_under_suspicion(kind: GrantKind) -> None:
    assert failed(changed(kind=kind, items_count=0), someone(suspected=True), other=True) == ()


def test_only_equipment_needs_items() -> None:
    assert failed(changed(items_count=0)) == ("no_items",)
    assert failed(changed(kind=GrantKind.cash, items_count=0)) == ()


@pytest.mark.parametrize(("birth_year", "old_enough"), [(2011, True), (2012, False), (1926, True)])
def test_a_person_is_fifteen_in_the_year_of_the_fifteenth_birthday(birth_year: int, old_enough: bool) -> None:
    assert failed(person=someone(birth_year=birth_year)) == (() if old_enough else ("under_15",))


def test_all_failed_criteria_are_named_in_the_documented_order() -> None:
    hopeless = Person("3578", Status.deceased, 2020, None, True)
    assert failed(changed(desil=10, items_count=0), hopeless, other=True) == (
        "foreign_district",
        "not_ex_client",
        "desil_above_5",
        "already_aided",
        "duplicate_suspected",
        "no_items",
        "under_15",
    )


def test_every_criterion_is_explained_in_both_languages() -> None:
    assert list(CRITERIA) == [
        "unknown_beneficiary",
        "consent_withdrawn",
        "foreign_district",
        "not_ex_client",
        "desil_above_5",
        "already_aided",
        "duplicate_suspected",
        "no_items",
        "under_15",
    ]
    assert all(sentence.id and sentence.en and sentence.id != sentence.en for sentence in CRITERIA.values())
    assert CRITERIA_VERSION == 1


def test_words_read_from_a_row_are_judged_like_the_types() -> None:
    assert failed(changed(kind="equipment", items_count=0), someone(status="ex_client")) == ("no_items",)
    assert failed(person=someone(status="client", leaves_unit_on=date(2026, 12, 1))) == ()


# Programmes.


@pytest.mark.parametrize(
    ("kind", "kinds", "codes"),
    [
        (GrantKind.equipment, frozenset({GrantKind.equipment}), ()),
        (GrantKind.cash, frozenset({GrantKind.equipment}), ("kind_not_offered",)),
    ],
)
def test_a_programme_names_the_kinds_it_offers(
    kind: GrantKind, kinds: frozenset[GrantKind], codes: tuple[str, ...]
) -> None:
    assert failed(changed(kind=kind), programme=Programme(kinds=kinds)) == codes


@pytest.mark.parametrize(("ceiling", "codes"), [(2, ("desil_above_2",)), (3, ()), (None, ())])
def test_the_code_of_a_limit_names_the_limit_of_the_programme(ceiling: int | None, codes: tuple[str, ...]) -> None:
    assert failed(changed(desil=3), programme=Programme(max_desil=ceiling)) == codes
    assert failed(changed(desil=None), programme=Programme(max_desil=ceiling)) == ()


@pytest.mark.parametrize(("birth_year", "codes"), [(2009, ()), (2010, ("under_17",))])
def test_a_programme_may_be_for_older_people(birth_year: int, codes: tuple[str, ...]) -> None:
    assert failed(person=someone(birth_year=birth_year), programme=Programme(min_age=17)) == codes


@pytest.mark.parametrize(
    ("left", "codes"),
    [
        ("2026-05-10", ()),  # six months to the day
        ("2026-05-11", ("left_too_recently",)),
        ("2026-05-31", ("left_too_recently",)),
        ("2024-11-10", ()),  # two years to the day
        ("2024-11-09", ("left_too_long_ago",)),
        ("2019-01-01", ("left_too_long_ago",)),
        (None, ("leaving_date_unknown",)),
    ],
)
def test_a_programme_may_ask_how_long_ago_the_person_left_the_unit(left: str | None, codes: tuple[str, ...]) -> None:
    programme = Programme(min_months_since_leaving=6, max_months_since_leaving=24)
    person = someone(leaves_unit_on=date.fromisoformat(left) if left else None)
    assert failed(person=person, programme=programme) == codes


def test_a_client_who_is_about_to_leave_has_not_left_six_months_ago() -> None:
    client = someone(status=Status.client, leaves_unit_on=date(2026, 12, 1))
    assert failed(person=client, programme=Programme(max_months_since_leaving=24)) == ()
    assert failed(person=client, programme=Programme(min_months_since_leaving=6)) == ("left_too_recently",)


def test_a_programme_may_count_a_training_as_the_grant_of_the_year_or_nothing_at_all() -> None:
    training = changed(kind=GrantKind.training, items_count=0)
    everything = Programme(one_per_year=frozenset(GrantKind))
    assert failed(training, other=True, programme=everything) == ("already_aided",)
    assert failed(other=True, programme=Programme(one_per_year=frozenset())) == ()


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (("mesin  JAHIT",), ()),
        (("Mesin jahit", "Obras"), ()),
        (("Mesin jahit", "Sepeda motor"), ("item_not_allowed",)),
    ],
)
def test_a_programme_may_list_the_items_that_equipment_is(names: tuple[str, ...], codes: tuple[str, ...]) -> None:
    programme = Programme(items=frozenset({"Mesin jahit", "obras"}))
    assert failed(changed(item_names=names, items_count=len(names)), programme=programme) == codes
    assert failed(changed(kind=GrantKind.cash, item_names=names), programme=programme) == ()


def test_a_programme_gives_a_client_more_time_to_leave() -> None:
    client = someone(status=Status.client, leaves_unit_on=date(2027, 5, 10))
    assert failed(person=client) == ("not_ex_client",)
    assert failed(person=client, programme=Programme(leaving_within_months=6)) == ()


# What arrives.


def test_the_amount_of_equipment_is_the_sum_of_its_items() -> None:
    items = (
        Item(name="sewing machine", quantity=1, unit_value=3_500_000),
        Item(name="scissors", quantity=4, unit_value=50_000),
    )
    assert amount_matches(GrantKind.equipment, items, 3_700_000) is None
    assert amount_matches(GrantKind.equipment, items, 3_700_001) == "amount_mismatch"
    assert amount_matches(GrantKind.equipment, items, 3_550_000) == "amount_mismatch"


def test_equipment_without_items_is_rejected() -> None:
    assert amount_matches(GrantKind.equipment, (), 3_700_000) == "no_items"


@pytest.mark.parametrize("kind", [GrantKind.cash, GrantKind.training, GrantKind.marketing])
def test_other_aid_has_an_amount_of_its_own(kind: GrantKind) -> None:
    assert amount_matches(kind, (), 2_000_000) is None
    assert amount_matches(kind, (Item(name="course", quantity=1, unit_value=500_000),), 2_000_000) is None


# The life of a grant.


def test_a_grant_goes_from_request_to_handover() -> None:
    assert step(GrantStatus.requested, "verify") is GrantStatus.verified
    assert step(GrantStatus.verified, "approve") is GrantStatus.approved
    assert step(GrantStatus.approved, "disburse") is GrantStatus.disbursed
    assert step(GrantStatus.disbursed, "hand_over") is GrantStatus.handed_over


LEGAL = {
    ("requested", "verify"): "verified",
    ("requested", "reject"): "rejected",
    ("requested", "cancel"): "cancelled",
    ("verified", "approve"): "approved",
    ("verified", "reject"): "rejected",
    ("verified", "cancel"): "cancelled",
    ("approved", "disburse"): "disbursed",
    ("approved", "cancel"): "cancelled",
    ("disbursed", "hand_over"): "handed_over",
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", GrantStatus)
def test_every_other_step_is_refused_and_names_the_present_status(status: GrantStatus, action: str) -> None:
    if (status, action) in LEGAL:
        assert step(status, action) == LEGAL[status, action]
        return
    with pytest.raises(Refused) as refusal:
        step(status, action)
    assert refusal.value.code == "illegal_transition"
    assert refusal.value.detail == {"present": status.value, "action": action}


@given(st.lists(st.sampled_from(ACTIONS), max_size=30))
def test_a_closed_grant_stays_closed_whatever_is_tried(actions: list[str]) -> None:
    status, closed, moves = GrantStatus.requested, None, 0
    for action in actions:
        try:
            status = step(status, action)
        except Refused:
            continue
        moves += 1
        assert closed is None
        closed = status if status in CLOSED else None
    assert moves <= 4


@given(st.lists(st.sampled_from(ACTIONS), max_size=30))
def test_no_step_is_ever_taken_twice(actions: list[str]) -> None:
    status, taken = GrantStatus.requested, []
    for action in actions:
        try:
            status = step(status, action)
        except Refused:
            continue
        taken.append(action)
    assert len(taken) == len(set(taken))


def test_the_statuses_stand_in_the_order_of_the_dashboard() -> None:
    assert list(GrantStatus) == [
        "requested",
        "verified",
        "approved",
        "rejected",
        "disbursed",
        "handed_over",
        "cancelled",
    ]


def test_an_action_that_does_not_exist_is_a_fault_and_not_a_refusal() -> None:
    with pytest.raises(KeyError):
        step(GrantStatus.requested, "forget")


# Who may do it.

MAY = {
    ("verify", "district_officer"): GrantStatus.requested,
    ("approve", "province_officer"): GrantStatus.verified,
    ("reject", "district_officer"): GrantStatus.requested,
    ("reject", "province_officer"): GrantStatus.verified,
    ("disburse", "treasurer"): GrantStatus.approved,
    ("hand_over", "district_system"): GrantStatus.disbursed,
    ("cancel", "district_officer"): GrantStatus.approved,
    ("cancel", "province_officer"): GrantStatus.approved,
}
EVERY_ROLE = (
    "district_system",
    "district_officer",
    "province_officer",
    "treasurer",
    "viewer",
    "auditor",
    "admin",
    "",
)


@pytest.mark.parametrize("role", EVERY_ROLE)
@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_belongs_to_its_roles(action: str, role: str) -> None:
    if (action, role) in MAY:
        authorize(action, role=role, status=MAY[action, role])
        return
    for status in GrantStatus:
        with pytest.raises(Refused) as refusal:
            authorize(action, role=role, status=status)
        assert refusal.value.code == "forbidden"


def test_a_district_officer_rejects_what_is_requested_and_not_what_is_verified() -> None:
    authorize("reject", role="district_officer", status=GrantStatus.requested)
    authorize("reject", role="province_officer", status=GrantStatus.requested)
    with pytest.raises(Refused, match="forbidden"):
        authorize("reject", role="district_officer", status=GrantStatus.verified)


def test_every_action_has_its_transition_and_its_roles() -> None:
    assert set(TRANSITIONS) == set(ROLES) == set(ACTIONS)


def eyes(action: str, caller: str, verifier: str | None, *approvers: str) -> Refused | None:
    """The refusal, or None."""
    try:
        four_eyes(action, caller, verifier=verifier, approvers=approvers)
    except Refused as refusal:
        return refusal
    return None


def test_verifier_approver_and_treasurer_are_three_people() -> None:
    assert eyes("verify", "sari", None) is None
    assert eyes("approve", "budi", "sari") is None
    assert eyes("disburse", "tono", "sari", "budi") is None


def test_the_verifier_cannot_approve_or_disburse() -> None:
    for refusal in (eyes("approve", "sari", "sari"), eyes("disburse", "sari", "sari", "budi")):
        assert refusal is not None
        assert (refusal.code, refusal.detail["already"]) == ("four_eyes", "verify")


def test_an_approver_cannot_disburse_or_approve_a_second_time() -> None:
    refusals = (
        eyes("approve", "budi", "sari", "budi"),
        eyes("disburse", "budi", "sari", "budi"),
        eyes("disburse", "wati", "sari", "budi", "wati"),
    )
    for refusal in refusals:
        assert refusal is not None
        assert (refusal.code, refusal.detail["already"]) == ("four_eyes", "approve")
    assert eyes("approve", "wati", "sari", "budi") is None


def test_a_refusal_names_nobody() -> None:
    refusal = eyes("approve", "sari", "sari")
    assert refusal is not None
    assert "sari" not in str(refusal.detail)


@pytest.mark.parametrize("action", ["reject", "cancel", "hand_over"])
def test_whoever_took_an_earlier_step_may_still_stop_the_grant(action: str) -> None:
    assert eyes(action, "sari", "sari", "budi") is None
    assert eyes(action, "budi", "sari", "budi") is None


@given(st.lists(st.tuples(st.sampled_from(["verify", "approve", "disburse"]), st.sampled_from("abcd")), max_size=20))
def test_no_order_of_attempts_lets_one_person_take_two_steps(attempts: list[tuple[str, str]]) -> None:
    status, who = GrantStatus.requested, dict[str, str]()
    for action, caller in attempts:
        approvers = [who["approve"]] if "approve" in who else []
        try:
            after = step(status, action)
            four_eyes(action, caller, verifier=who.get("verify"), approvers=approvers)
        except Refused:
            continue
        status, who[action] = after, caller
    assert len(set(who.values())) == len(who)


@pytest.mark.parametrize(
    ("amount", "needed"), [(1, 1), (49_999_999, 1), (50_000_000, 2), (50_000_001, 2), (1_000_000_000_000, 2)]
)
def test_from_fifty_million_two_people_must_approve(amount: int, needed: int) -> None:
    assert approvers_needed(amount) == needed


# The budget.


def test_a_grant_may_take_the_last_rupiah_of_a_budget_and_not_one_more() -> None:
    budget_room(budget=10_000_000, committed=7_000_000, amount=3_000_000)
    with pytest.raises(Refused) as refusal:
        budget_room(budget=10_000_000, committed=7_000_000, amount=3_000_001)
    assert refusal.value.code == "budget_exceeded"
    assert refusal.value.detail == {"budget": 10_000_000, "committed": 7_000_000, "amount": 3_000_001}


def test_a_district_without_a_budget_can_commit_nothing() -> None:
    with pytest.raises(Refused, match="budget_exceeded"):
        budget_room(budget=0, committed=0, amount=1)


def test_a_budget_can_be_lowered_to_what_is_committed_and_not_below() -> None:
    budget_change(amount=7_000_000, committed=7_000_000)
    budget_change(amount=0, committed=0)
    with pytest.raises(Refused) as refusal:
        budget_change(amount=6_999_999, committed=7_000_000)
    assert refusal.value.code == "budget_below_committed"
    assert refusal.value.detail == {"amount": 6_999_999, "committed": 7_000_000}


@given(budget=st.integers(0, 100), requests=st.lists(st.integers(1, 60)), lower=st.lists(st.integers(0, 100)))
def test_committed_never_exceeds_the_budget(budget: int, requests: list[int], lower: list[int]) -> None:
    committed = 0
    for amount, wanted in zip(requests, [*lower, *requests], strict=False):
        try:
            budget_room(budget=budget, committed=committed, amount=amount)
            committed += amount
        except Refused:
            pass
        try:
            budget_change(amount=wanted, committed=committed)
            budget = wanted
        except Refused:
            pass
        assert committed <= budget


# Refusals.


def test_every_refusal_of_these_rules_has_a_title_in_both_languages() -> None:
    codes = {
        "illegal_transition",
        "budget_exceeded",
        "budget_below_committed",
        "four_eyes",
        "criteria_not_met",
        "duplicate_suspected",
        "not_found",
        "forbidden",
    }
    assert codes <= set(TITLES)
    assert all(title.id and title.en and title.id != title.en for title in TITLES.values())


def test_a_refusal_carries_its_code_its_sentence_and_its_detail() -> None:
    refusal = Refused("not_found", looked_for="grant")
    assert (refusal.code, refusal.detail, str(refusal)) == ("not_found", {"looked_for": "grant"}, "not_found")
    assert refusal.message == Sentence("Tidak ditemukan.", "Not found.")
