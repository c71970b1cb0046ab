"""A growth rule is a value: version 1 is that of the office, and a candidate that contradicts itself is refused."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from services.reporting.rule_versions import RULES, GrowthRule, decode_candidate, read_candidate
from services.reporting.rules import classify, growth, month_index

CANDIDATE = """
version = 2
window_months = 6
reports_needed = 3
level_reports = 3
scale_floor = 100_000
declining_rate = -0.05
growing_rate = 0.0333
ordinary_level = 2_000_000
"""


def changed(**constants: object) -> GrowthRule:
    return msgspec.structs.replace(RULES[1], **constants)


def months(*reports: tuple[str, int]) -> list[tuple[int, int]]:
    return [(month_index(month), net) for month, net in reports]


def test_version_1_has_the_constants_of_the_office() -> None:
    assert msgspec.structs.asdict(RULES[1]) == {
        "version": 1,
        "window_months": 6,
        "reports_needed": 3,
        "level_reports": 3,
        "scale_floor": 100_000,
        "declining_rate": Decimal("-0.05"),
        "growing_rate": Decimal("0.03"),
        "ordinary_level": 1_500_000,
    }


def test_every_version_is_filed_under_its_own_number() -> None:
    assert [rule.version for rule in RULES.values()] == list(RULES)


def test_a_candidate_is_read_from_toml_and_json_with_exact_rates(tmp_path: Path) -> None:
    toml, other = tmp_path / "rule.toml", tmp_path / "rule.json"
    toml.write_text(CANDIDATE)
    other.write_text(
        '{"version": 2, "window_months": 6, "reports_needed": 3, "level_reports": 3, "scale_floor": 100000, '
        '"declining_rate": -0.05, "growing_rate": 0.0333, "ordinary_level": 2000000}'
    )
    assert read_candidate(toml) == read_candidate(other)
    assert read_candidate(toml).growing_rate == Decimal("0.0333")


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("version = 2", "version = 1"),
        ("version = 2", "version = 0"),
        ("window_months = 6", "window_months = 2"),
        ("reports_needed = 3", "reports_needed = 7"),
        ("level_reports = 3", "level_reports = 2"),
        ("level_reports = 3", "level_reports = 5"),
        ("scale_floor = 100_000", "scale_floor = 0"),
        ("declining_rate = -0.05", "declining_rate = 0.05"),
        ("declining_rate = -0.05", "declining_rate = nan"),
        ("growing_rate = 0.0333", "growing_rate = 0"),
        ("growing_rate = 0.0333", "growing_rate = inf"),
        ("growing_rate = 0.0333", "growing_rate = 0.03333"),
        ("growing_rate = 0.0333", "growing_rat = 0.0333"),
        ("ordinary_level = 2_000_000", ""),
        ("ordinary_level = 2_000_000", "ordinary_level = 2.5"),
    ],
)
def test_a_candidate_that_cannot_be_a_rule_is_refused(tmp_path: Path, line: str, instead: str) -> None:
    file = tmp_path / "rule.toml"
    file.write_text(CANDIDATE.replace(line, instead))
    with pytest.raises(ValueError, match=r"\w"):
        read_candidate(file)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match=r"malformed|truncated"):
        decode_candidate(b"{")


def test_a_higher_ordinary_level_makes_a_business_stagnant() -> None:
    reports = months(("2026-01", 1_800_000), ("2026-02", 1_800_000), ("2026-03", 1_800_000))
    assert classify(reports, RULES[1]) == "ordinary"
    assert classify(reports, changed(version=2, ordinary_level=2_000_000)) == "stagnant"


def test_a_longer_window_sees_what_is_older() -> None:
    # The seventh month back is out of a window of six, and the third report of one of twelve.
    reports = months(("2026-01", 1_000_000), ("2026-06", 1_500_000), ("2026-07", 1_600_000))
    assert classify(reports, RULES[1]) == "insufficient"
    wider = growth(reports, changed(version=2, window_months=12))
    # Slopes 500,000 / 5, 600,000 / 6 and 100,000 / 1: all 100,000; scale 1,500,000.
    assert (wider.growth_class, wider.trend, wider.rate) == ("growing", 100_000, 0.0667)
    assert wider.window == ("2025-08", "2026-07")
    assert wider.rule_version == 2


def test_a_rate_short_of_an_odd_threshold_is_shown_as_near_as_it_is_and_never_on_it() -> None:
    # Pairs 33,250, 33,250, 66,500 / 2; scale 1,000,000: 0.03325, which is not 0.0333.
    reports = months(("2026-01", 966_750), ("2026-02", 1_000_000), ("2026-03", 1_033_250))
    found = growth(reports, changed(version=2, growing_rate=Decimal("0.0333")))
    assert (found.growth_class, found.rate) == ("stagnant", 0.0332)
    assert "naik 3,3 %" in found.sentence.id


def test_a_rule_travels_as_json() -> None:
    told = json.loads(msgspec.json.encode(changed(version=2)))
    assert decode_candidate(json.dumps(told)) == changed(version=2)
