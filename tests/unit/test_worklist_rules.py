"""What stands on the worklist by the reports of one business; every expected value is worked out by hand."""

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.rule_versions import RULES
from services.reporting.rules import GrowthClass, Override, classify, month_index
from services.reporting.worklist_rules import (
    Finding,
    Month,
    OpenItem,
    Reason,
    class_pairs,
    closed_by,
    compare,
    find,
    handover_before,
    jakarta_day,
    silent_before,
)
from services.reporting.worklist_words import NEXT_STEPS, sentence

MILLION = 1_000_000
RULE = RULES[1]
JAN = month_index("2026-01")
NOBODY: Collection[tuple[int, int]] = frozenset()


def months(*reports: dict[str, Any] | None) -> list[Month]:
    """Reports from January 2026 on; None is a month without one."""
    plain: dict[str, Any] = {
        "net_profit": MILLION,
        "turnover": 2 * MILLION,
        "wages": 0,
        "asset_use": "in_use",
        "time_us": 0,
    }
    return [Month(**(plain | {"month": JAN + n} | report)) for n, report in enumerate(reports) if report is not None]


def nets(*values: int) -> list[Month]:
    return months(*({"net_profit": value} for value in values))


def uses(*values: str) -> list[Month]:
    return months(*({"asset_use": value} for value in values))


def turnovers(*values: int) -> list[Month]:
    return months(*({"turnover": value} for value in values))


def found(
    reports: list[Month], override: Override | None = None, confirmed: Collection[tuple[int, int]] = NOBODY
) -> dict[Reason, Finding]:
    return find(reports, RULE, classify(class_pairs(reports, RULE), RULE), override, confirmed)


def since(reports: list[Month], reason: Reason, **more: Any) -> str | None:
    finding = found(reports, **more).get(reason)
    if finding is None:
        return None
    year, month = divmod(finding.since, 12)
    return f"{year}-{month + 1:02}"


def test_a_business_without_a_report_or_with_quiet_ones_is_on_no_list() -> None:
    assert found([]) == {}
    assert found(months({}, {}, {})) == {}


# declining


def test_a_business_is_declining_since_the_report_that_made_it_so() -> None:
    # By March three reports: level 1.0 million, falling by 0.5 on a scale of 1.0 million: declining. It stays so.
    assert since(nets(1_500_000, MILLION, 500_000, 400_000), Reason.declining) == "2026-03"


def test_a_business_that_recovered_in_between_is_declining_since_the_second_time() -> None:
    # March: level -1, declining. April: -1, -1, 9 and 9 million: level 9 million is not; rate (9+9)/.. rises: growing.
    # September to December fall: the class is declining again from the first month whose window says so.
    reports = nets(-1, -1, -1, 9 * MILLION, 9 * MILLION, 9 * MILLION, 9 * MILLION, 9 * MILLION, -1, -1)
    # October: the last three are 9 million, -1, -1: level -1. September: 9, 9, -1: level 9 million, slopes of
    # Apr-Sep: five pairs with September of -9 million / months and ten zeros: median 0: ordinary.
    assert since(reports, Reason.declining) == "2026-10"


def test_an_officer_can_declare_a_business_declining_and_not_declining() -> None:
    steady = nets(3 * MILLION, 3 * MILLION, 3 * MILLION)
    falling = nets(-1, -1, -1)
    declared = Override(GrowthClass.declining, until=JAN + 5, placed=JAN + 1)
    lifted = Override(GrowthClass.ordinary, until=JAN + 5, placed=JAN + 2)
    assert since(steady, Reason.declining, override=declared) == "2026-02"
    assert since(falling, Reason.declining, override=declared) == "2026-03"
    assert since(falling, Reason.declining, override=lifted) is None


# idle_asset


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("idle",), None),
        (("idle", "idle"), "2026-01"),
        (("in_use", "idle", "broken"), "2026-02"),
        (("idle", "in_use"), None),
        (("idle", "idle", "in_use"), None),
        (("idle", "idle", "in_use", "idle"), None),
        (("idle", "idle", "in_use", "idle", "broken"), "2026-04"),
        (("idle", "none", "idle"), None),  # never two in a row
        (("idle", "idle", "none"), "2026-01"),  # no report said that it is in use again
        (("idle", "idle", "none", "idle"), "2026-01"),
        (("none", "none"), None),
    ],
)
def test_an_asset_is_idle_from_two_reports_in_a_row_until_one_says_in_use(
    told: tuple[str, ...], expected: str | None
) -> None:
    assert since(uses(*told), Reason.idle_asset) == expected


def test_the_two_newest_reports_need_not_be_of_months_in_a_row() -> None:
    reports = months({"asset_use": "idle"}, None, None, {"asset_use": "broken"})
    assert since(reports, Reason.idle_asset) == "2026-01"
    assert found(reports)[Reason.idle_asset].evidence == {"reports": 2, "newest": "2026-04", "asset_use": "broken"}


# wages_exceed_turnover


def test_wages_above_turnover_in_the_newest_report_only() -> None:
    high, equal = {"wages": 2 * MILLION + 1}, {"wages": 2 * MILLION}
    assert since(months({}, high), Reason.wages_exceed_turnover) == "2026-02"
    assert since(months({}, equal), Reason.wages_exceed_turnover) is None
    assert since(months(high, {}), Reason.wages_exceed_turnover) is None
    assert since(months(high, high), Reason.wages_exceed_turnover) == "2026-02"


# suspicious_report


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((50_000_000,), None),  # nothing to compare with
        ((5_000_000, 50_000_000), "2026-02"),
        ((5_000_000, 49_999_999), None),
        ((0, 0, 5_000_000), None),  # a median of zero is no measure
        ((1, 3, 20), "2026-03"),  # the median of 1 and 3 is 2
        ((1, 3, 19), None),
        ((2, 4, 3, 30), "2026-04"),  # 3 is the middle one
        ((5_000_000, 50_000_000, 5_000_000), "2026-02"),  # stays until it is corrected or confirmed
        ((50_000_000, 5_000_000), None),  # what is too much beside later ones was not beside earlier ones
        ((1, 10, 100), "2026-02"),  # the oldest first; 100 is compared with the median 5.5
    ],
)
def test_ten_times_the_median_of_the_earlier_reports_is_suspicious(
    values: tuple[int, ...], expected: str | None
) -> None:
    assert since(turnovers(*values), Reason.suspicious_report) == expected


def test_a_confirmed_amount_is_not_suspicious_and_another_amount_of_that_month_is() -> None:
    reports = turnovers(1, 10, 100)
    assert since(reports, Reason.suspicious_report, confirmed={(JAN + 1, 10)}) == "2026-03"
    assert since(reports, Reason.suspicious_report, confirmed={(JAN + 1, 11)}) == "2026-02"
    assert since(reports, Reason.suspicious_report, confirmed={(JAN + 1, 10), (JAN + 2, 100)}) is None


def test_a_suspicious_report_says_what_it_was_compared_with() -> None:
    evidence = found(turnovers(1_000_000, 1_500_001, 20_000_000))[Reason.suspicious_report].evidence
    # The median is 1,250,000.5; 20,000,000 / 1,250,000.5 = 15.99…
    assert evidence == {"month": "2026-03", "turnover": 20_000_000, "median": 1_250_000.5, "times": 15.9}
    assert sentence(Reason.suspicious_report, evidence).en == (
        "The turnover of Rp 20,000,000 in the report of Mar 2026 is 15.9 times the median of the earlier ones "
        "(Rp 1,250,000.5): perhaps a zero too many"
    )


# What changes


def item(number: int, month: int, **evidence: Any) -> OpenItem:
    return OpenItem(number, month, evidence)


def test_a_reason_found_opens_and_one_no_longer_found_closes() -> None:
    changes = compare({Reason.declining: item(7, 3)}, {Reason.idle_asset: Finding(4, {})})
    assert changes.opened == [(Reason.idle_asset, Finding(4, {}))]
    assert changes.closed == [(7, Reason.declining, 3)]
    assert changes.changed == []


def test_what_is_as_it_was_is_left_alone() -> None:
    assert compare({Reason.declining: item(7, 3, level=1)}, {Reason.declining: Finding(3, {"level": 1})}) == (
        [],
        [],
        [],
    )


def test_a_spell_goes_on_with_new_evidence_and_an_earlier_beginning() -> None:
    longer = Finding(2, {"level": -1})
    assert compare({Reason.declining: item(7, 3, level=1)}, {Reason.declining: longer}) == ([], [(7, longer)], [])


def test_a_line_about_one_report_ends_with_it_though_the_next_is_as_bad() -> None:
    nxt = Finding(4, {"wages": 2})
    changes = compare({Reason.wages_exceed_turnover: item(7, 3, wages=1)}, {Reason.wages_exceed_turnover: nxt})
    assert changes.closed == [(7, Reason.wages_exceed_turnover, 3)]
    assert changes.opened == [(Reason.wages_exceed_turnover, nxt)]


@pytest.mark.parametrize(
    ("reason", "counted", "override", "confirmed", "expected"),
    [
        (Reason.declining, True, None, NOBODY, "report"),
        (Reason.declining, False, None, NOBODY, "status"),
        (Reason.declining, True, Override(GrowthClass.ordinary, 9, 3), NOBODY, "override"),
        (Reason.idle_asset, True, Override(GrowthClass.ordinary, 9, 3), NOBODY, "report"),
        (Reason.suspicious_report, True, None, {(3, 10)}, "confirmed"),
        (Reason.suspicious_report, True, None, {(4, 10)}, "report"),
    ],
)
def test_a_closed_line_says_what_closed_it(
    reason: Reason,
    counted: bool,
    override: Override | None,
    confirmed: Collection[tuple[int, int]],
    expected: str,
) -> None:
    assert closed_by(reason, 3, counted=counted, override=override, confirmed=confirmed) == expected


# Days


@pytest.mark.parametrize(
    ("today", "first"), [("2026-11-01", "2026-09"), ("2026-11-30", "2026-09"), ("2026-01-15", "2025-11")]
)
def test_the_running_month_is_not_over_and_says_nothing_about_silence(today: str, first: str) -> None:
    assert silent_before(date.fromisoformat(today)) == month_index(first)


def test_a_grant_should_be_handed_over_within_30_days() -> None:
    assert handover_before(date(2026, 11, 24)) == date(2026, 10, 25)


def test_it_is_tomorrow_in_surabaya_before_it_is_in_greenwich() -> None:
    assert jakarta_day(datetime(2026, 11, 23, 17, 0, tzinfo=UTC)) == date(2026, 11, 24)


# Words


@pytest.mark.parametrize(
    ("reason", "evidence", "bahasa", "english"),
    [
        (
            Reason.silent,
            {"newest": "2026-08", "months": 2, "handed_over_on": "2026-03-05"},
            "Tidak ada laporan selama 2 bulan penuh; laporan terakhir Agu 2026",
            "No report for 2 full months; the last one was Aug 2026",
        ),
        (
            Reason.silent,
            {"newest": None, "months": 7, "handed_over_on": "2026-03-05"},
            "Belum pernah melapor: 7 bulan penuh sejak serah terima 5 Mar 2026",
            "Has never reported: 7 full months since the handover on 5 Mar 2026",
        ),
        (
            Reason.not_handed_over,
            {"disbursed_on": "2026-09-02", "days": 83, "grants": 1, "amount": 7_500_000},
            "Bantuan Rp 7.500.000 cair pada 2 Sep 2026, 83 hari yang lalu, dan belum diserahterimakan",
            "A grant of Rp 7,500,000 was disbursed on 2 Sep 2026, 83 days ago, and is not handed over",
        ),
        (
            Reason.not_handed_over,
            {"disbursed_on": "2026-09-02", "days": 83, "grants": 2, "amount": 9_000_000},
            "2 bantuan, Rp 9.000.000, belum diserahterimakan; yang pertama cair pada 2 Sep 2026, 83 hari yang lalu",
            "2 grants, Rp 9,000,000, are not handed over; the first was disbursed on 2 Sep 2026, 83 days ago",
        ),
        (
            Reason.idle_asset,
            {"reports": 3, "newest": "2026-10", "asset_use": "broken"},
            "Alat tidak dipakai dalam 3 laporan; menurut laporan Okt 2026: rusak",
            "The asset was not used in 3 reports; by that of Oct 2026 it is broken",
        ),
        (
            Reason.wages_exceed_turnover,
            {"month": "2026-05", "wages": 3_000_000, "turnover": 2_000_000},
            "Upah Rp 3.000.000 lebih besar dari omzet Rp 2.000.000 pada laporan Mei 2026",
            "Wages of Rp 3,000,000 are more than the turnover of Rp 2,000,000 in the report of May 2026",
        ),
        (
            Reason.declining,
            {"growth": {"id": "Laba turun", "en": "Profit falls"}},
            "Laba turun",
            "Profit falls",
        ),
        (
            Reason.declining,
            {"growth": {"id": "Laba tetap", "en": "Profit steady"}, "override_until": "2026-12"},
            "Dinyatakan tidak berkembang oleh petugas provinsi sampai Des 2026. Laba tetap",
            "Declared declining by a province officer until Dec 2026. Profit steady",
        ),
    ],
)
def test_a_line_says_its_evidence_in_both_languages(
    reason: Reason, evidence: dict[str, Any], bahasa: str, english: str
) -> None:
    told = sentence(reason, evidence)
    assert (told.id, told.en) == (bahasa, english)


def test_every_reason_has_a_next_step() -> None:
    assert set(NEXT_STEPS) == set(Reason)


# Laws


_REPORTS = st.lists(
    st.builds(
        Month,
        month=st.integers(JAN, JAN + 12),
        net_profit=st.integers(-2 * MILLION, 4 * MILLION),
        turnover=st.sampled_from([0, 100_000, MILLION, 10 * MILLION]),
        wages=st.sampled_from([0, 500_000, 20 * MILLION]),
        asset_use=st.sampled_from(["in_use", "idle", "broken", "none"]),
        time_us=st.just(0),
    ),
    min_size=1,
    unique_by=lambda report: report.month,
).map(sorted)


@given(_REPORTS)
def test_what_is_found_once_is_found_again_and_changes_nothing(reports: list[Month]) -> None:
    now = found(reports)
    items = {reason: OpenItem(n, finding.since, finding.evidence) for n, (reason, finding) in enumerate(now.items())}
    assert compare(items, now) == ([], [], [])
    assert all(sentence(reason, finding.evidence).id for reason, finding in now.items())


@given(_REPORTS)
def test_a_line_begins_with_a_month_that_was_reported(reports: list[Month]) -> None:
    reported = {report.month for report in reports}
    assert all(finding.since in reported for finding in found(reports).values())
