"""The growth class of one business, rule version 1 (rules.md), in exact fractions."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations
from statistics import median
from typing import Any

WINDOW = 6
FEWEST = 3
LAST = 3
LEAST_SCALE = 100_000
FALLING = Fraction(-5, 100)
RISING = Fraction(3, 100)
ENOUGH = 1_500_000


def classify(nets: Mapping[str, int]) -> dict[str, Any]:
    """`nets`: net profit by month, the newest revision of each. `because` names what decided: one of the thresholds."""
    if not nets:
        return {"class": "insufficient", "window": None, "months": [], "nets": [], **_NOTHING}
    newest = max(map(_number, nets))
    months = sorted(month for month in nets if newest - WINDOW < _number(month))
    found = {
        "window": [_name(newest - WINDOW + 1), _name(newest)],
        "months": months,
        "nets": [nets[month] for month in months],
    }
    if len(months) < FEWEST:
        return {"class": "insufficient", **found, **_NOTHING}
    level = Fraction(median(Fraction(nets[month]) for month in months[-LAST:]))
    trend = Fraction(
        median(
            Fraction(nets[later] - nets[earlier], _number(later) - _number(earlier))
            for earlier, later in combinations(months, 2)
        )
    )
    scale = max(abs(Fraction(median(Fraction(nets[month]) for month in months))), Fraction(LEAST_SCALE))
    rate = trend / scale
    name, because = _decide(level, rate)
    return {"class": name, **found, "level": level, "trend": trend, "scale": scale, "rate": rate, "because": because}


def _decide(level: Fraction, rate: Fraction) -> tuple[str, str]:
    if level <= 0:
        return "declining", "level <= 0"
    if rate <= FALLING:
        return "declining", "rate <= -0.05"
    if rate >= RISING:
        return "growing", "rate >= 0.03"
    if level >= ENOUGH:
        return "ordinary", f"level >= {ENOUGH}"
    return "stagnant", f"level < {ENOUGH}"


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _name(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


_NOTHING = {"level": None, "trend": None, "scale": None, "rate": None, "because": None}
