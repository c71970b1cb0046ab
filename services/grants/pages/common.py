"""What the pages of grants have in common: who reads them, and what a refusal says to do."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends

from services.grants.news import local_day
from services.grants.rules import Fund
from shared.database import now
from shared.events.districts import DISTRICTS
from shared.pages.forms import Problem
from shared.pages.session import Officer
from shared.pages.wording import Words
from shared.security import Caller, Role
from shared.web import Context, context

READERS = (Role.district_officer, Role.province_officer, Role.treasurer, Role.auditor, Role.admin)
"""Not those who only view: what they may see is on the dashboard."""

Here = Annotated[Context, Depends(context)]
Reader = Annotated[Caller, Depends(Officer(*READERS))]
_RUPIAH = frozenset({"amount", "budget", "committed", "limit", "sum", "total"})
"""What of the detail of a refusal is money."""


def this_year() -> int:
    """The fiscal year of today in East Java."""
    return local_day(now()).year


def district_options(*, but: str = "") -> list[tuple[str, str]]:
    """To choose from, by their codes."""
    return [(code, district.title) for code, district in DISTRICTS.items() if code != but]


def fund_options(words: Words) -> list[tuple[str, str]]:
    return [(fund.value, words(f"fund.{fund}")) for fund in Fund]


def hint(words: Words, problem: Problem | None) -> str | None:
    """What to do about a refusal, with its figures."""
    key = f"refused.{problem.code}" if problem else ""
    return words(key, **_said(words, problem.detail)) if problem and key in words else None


def _said(words: Words, detail: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, value in detail.items():
        if name in _RUPIAH:
            said[name] = words.rupiah(value)
        elif name in ("present", "chosen", "decision"):
            section = {"present": "grants", "chosen": "fund"}.get(name, name)
            said[name] = words(f"{section}.{value}")
        else:
            said[name] = value
    return said
