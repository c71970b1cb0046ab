"""Profit and jobs per rupiah granted: every expected value is worked out by hand."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from services.reporting.value_rules import By, Handover, Month, measure, median, rows_by, shown

MILLION = 1_000_000


def handover(**more: Any) -> Handover:
    """Rp 8 million for a sewing machine in Bojonegoro; six months later it earns Rp 2 million a month and feeds two."""
    values: dict[str, Any] = {
        "kind": "equipment",
        "trades": ("sewing",),
        "district": "3522",
        "amount": 8 * MILLION,
        "granted": more.get("amount", 8 * MILLION),
        "due": True,
        "after": Month(2 * MILLION, 2),
        "before": (),
        **more,
    }
    return Handover(**values)


def test_profit_and_jobs_are_put_beside_the_rupiah_granted() -> None:
    found = measure([handover(), handover(amount=2 * MILLION, after=Month(500_000, 1))])
    assert [found.grants, found.granted] == [2, 10 * MILLION]
    assert [found.net_profit, found.jobs] == [2_500_000, 3]
    assert found.profit_per_rupiah == Fraction(1, 4)
    assert found.jobs_per_rupiah == Fraction(3, 10_000_000)


def test_a_grant_without_a_report_in_its_month_counts_neither_its_money_nor_a_zero() -> None:
    found = measure([handover(), handover(after=None), handover(after=None, due=False), handover(after=None)])
    assert [found.grants, found.unmeasured, found.too_early] == [1, 2, 1]
    assert found.granted == 8 * MILLION
    assert found.profit_per_rupiah == Fraction(1, 4)


def test_a_loss_counts_as_a_loss() -> None:
    found = measure([handover(), handover(after=Month(-3 * MILLION, 0))])
    assert found.net_profit == -MILLION
    assert found.profit_per_rupiah == Fraction(-1, 16)


def test_nothing_measured_has_no_ratio() -> None:
    for none in ([], [handover(after=None)]):
        found = measure(none)
        assert [found.grants, found.granted, found.net_profit, found.jobs] == [0, 0, 0, 0]
        assert found.profit_per_rupiah is found.jobs_per_rupiah is None


def test_before_is_the_median_of_up_to_three_months_and_after_is_that_of_the_same_grants() -> None:
    found = measure(
        [
            handover(before=(Month(900_000, 1), Month(100_000, 0), Month(300_000, 1))),  # median 300,000 and 1
            handover(before=(Month(100_001, 0), Month(200_000, 1)), after=Month(MILLION, 1)),  # 150,000.5 and a half
            handover(before=()),  # nothing from before: not compared
        ]
    )
    assert [found.grants, found.compared] == [3, 2]
    assert found.profit_before == Fraction("450000.5")
    assert found.profit_after == 3 * MILLION
    assert [found.jobs_before, found.jobs_after] == [Fraction("1.5"), 3]


def test_a_grant_unmeasured_after_is_not_compared_though_there_were_reports_before() -> None:
    found = measure([handover(after=None, before=(Month(900_000, 1),))])
    assert [found.compared, found.profit_before, found.profit_after] == [0, 0, 0]


def test_two_grants_to_one_business_share_its_profit_by_their_amounts() -> None:
    """8 million of machines and 2 million of training, in hand in the same month: together they earned 2 million."""
    machine = handover(granted=10 * MILLION)
    training = handover(kind="training", amount=2 * MILLION, granted=10 * MILLION)
    found = measure([machine, training])
    assert [found.granted, found.net_profit, found.jobs] == [10 * MILLION, 2 * MILLION, 2]
    assert found.profit_per_rupiah == Fraction(1, 5)
    assert measure([machine]).net_profit == 1_600_000
    assert measure([training]).net_profit == 400_000
    assert measure([training]).jobs == Fraction(2, 5)


def test_thirds_are_added_exactly() -> None:
    thirds = [handover(amount=1, granted=3, after=Month(1, 1)) for _ in range(3)]
    assert measure(thirds).net_profit == 1


def test_a_person_of_two_trades_is_in_both_rows_and_one_of_none_in_a_row_of_their_own() -> None:
    both, none = handover(trades=("sewing", "cooking")), handover(trades=())
    assert rows_by(By.trade, [both, none]) == {"": [none], "cooking": [both], "sewing": [both]}
    assert rows_by(By.kind, [both, handover(kind="cash")]).keys() == {"cash", "equipment"}
    assert rows_by(By.district, [both, handover(district="3578")]).keys() == {"3522", "3578"}


def test_the_median_of_an_even_count_is_the_mean_of_the_middle_two() -> None:
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 2, 3]) == Fraction(5, 2)
    with pytest.raises(ValueError, match="nothing"):
        median([])


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (Fraction(1, 3), 4, "0.3333"),
        (Fraction(-2, 3), 4, "-0.6667"),
        (Fraction(3, 10_000_000), 12, "3.00000E-7"),
        (Fraction(5, 2), 0, "2"),
        (Fraction(7, 2), 0, "4"),
        (Fraction(0), 1, "0.0"),
    ],
)
def test_only_what_is_shown_is_rounded_half_to_even(value: Fraction, places: int, text: str) -> None:
    assert shown(value, places) == Decimal(text)


def test_what_is_not_known_is_shown_as_nothing() -> None:
    assert shown(None, 4) is None
