"""The growth rule as a value: one frozen set of constants per version, never changed once it has given a class."""

import math
import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

_DECIMALS = 4
"""As many as a rate is shown with: a threshold with more could not be told from its neighbour."""


class Arithmetic(NamedTuple):
    """A rule's constants as the computation wants them: whole numbers only, so that no rounding decides a threshold.

    Months of a window lie 1 to window - 1 apart: every slope is whole in 1/`parts` of a rupiah.
    """

    parts: int
    parts_over: tuple[int, ...]
    """`parts` divided by the months apart."""
    declining_top: int
    declining_bottom: int
    growing_top: int
    growing_bottom: int


class Thresholds(NamedTuple):
    """What decides for a class, as its evidence says it."""

    declining: str
    growing: str
    ordinary: str
    stagnant: str


class GrowthRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """The constants of "Growth class" in the rules of the office. Rates are per month, money is rupiah a month.

    Raises ValueError (decoded: msgspec.ValidationError) when the constants contradict each other.
    """

    version: Annotated[int, Meta(ge=1)]
    window_months: Annotated[int, Meta(ge=3, le=24)]
    reports_needed: Annotated[int, Meta(ge=3, le=24)]
    level_reports: Annotated[int, Meta(ge=1, le=23)]
    """Odd, so that their median is one of them: whole rupiah."""
    scale_floor: Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
    """A business near zero would otherwise grow by thousands of percent."""
    declining_rate: Decimal
    growing_rate: Decimal
    ordinary_level: Annotated[int, Meta(ge=1, le=1_000_000_000_000)]

    def __post_init__(self) -> None:
        if not self.level_reports <= self.reports_needed <= self.window_months:
            raise ValueError("level_reports <= reports_needed <= window_months must hold")
        if self.level_reports % 2 == 0:
            raise ValueError("level_reports must be odd")
        rates = (self.declining_rate, self.growing_rate)
        if any(rate.is_nan() for rate in rates) or not -1 <= rates[0] < 0 < rates[1] <= 1:
            raise ValueError("-1 <= declining_rate < 0 < growing_rate <= 1 must hold")
        if any(rate != round(rate, _DECIMALS) for rate in rates):
            raise ValueError(f"a rate has at most {_DECIMALS} decimals")

    @cached_property
    def arithmetic(self) -> Arithmetic:
        parts = math.lcm(*range(1, self.window_months))
        return Arithmetic(
            parts,
            (0, *(parts // apart for apart in range(1, self.window_months))),
            *self.declining_rate.as_integer_ratio(),
            *self.growing_rate.as_integer_ratio(),
        )

    @cached_property
    def thresholds(self) -> Thresholds:
        return Thresholds(
            f"rate <= {float(self.declining_rate)}",
            f"rate >= {float(self.growing_rate)}",
            f"level >= {self.ordinary_level}",
            f"level < {self.ordinary_level}",
        )


_OFFICE = GrowthRule(
    version=1,
    window_months=6,
    reports_needed=3,
    level_reports=3,
    scale_floor=100_000,
    declining_rate=Decimal("-0.05"),
    growing_rate=Decimal("0.03"),
    ordinary_level=1_500_000,
)
_RULES = {rule.version: rule for rule in (_OFFICE,)}
RULES: Mapping[int, GrowthRule] = MappingProxyType(_RULES)
"""Every version that has ever given a class. `BERDAYA_GROWTH_RULE` says which is in force."""

FIRST = RULES[1]


def read_candidate(path: Path) -> GrowthRule:
    """A rule not yet in force, from a TOML or JSON file of its constants. Raises ValueError saying what is wrong."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return decode_candidate(text)
    return _candidate(lambda: msgspec.convert(tomllib.loads(text, parse_float=Decimal), GrowthRule))


def decode_candidate(text: str | bytes) -> GrowthRule:
    """The same from JSON."""
    return _candidate(lambda: msgspec.json.decode(text, type=GrowthRule))


def _candidate(decode: Callable[[], GrowthRule]) -> GrowthRule:
    try:
        rule = decode()
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    if rule.version in RULES:
        raise ValueError(f"version {rule.version} is taken: a version that has given classes never changes")
    return rule
