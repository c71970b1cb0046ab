"""The lists behind the numbers as rows of a spreadsheet, in the words of one language; numbers stay numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.reporting.lists import REPORTED
from shared.events.districts import DISTRICTS
from shared.pages.wording import Words
from shared.sheets import Value

PERSON_COLUMNS = (
    *("code", "district", "business", "status", "growth", "sex", "ppks", "disability", "trade", "unit", "kind", "id"),
)
REPORT_COLUMNS = ("month", *REPORTED)
GRANT_COLUMNS = ("code", "district", "fiscal_year", "kind", "amount", "status", "on", "grant", "id")
_WIDTH, _WIDE = 16, 38


def business_columns(month: int | None) -> Sequence[str]:
    return PERSON_COLUMNS if month is None else (*PERSON_COLUMNS, *REPORT_COLUMNS)


def headings(columns: Sequence[str], words: Words) -> list[str]:
    return [words(f"column.{name}") for name in columns]


def widths(columns: Sequence[str]) -> list[int]:
    return [_WIDE if name in ("id", "grant") else _WIDTH for name in columns]


def business_row(item: Mapping[str, Any], words: Words) -> list[Value]:
    """In the order of `business_columns`."""
    row: list[Value] = [
        item["district"],
        DISTRICTS[item["district"]].title,
        item["district_ref"],
        words(f"beneficiaries.{item['status']}"),
        words(f"growth.{item['growth']}"),
        words(f"sex.{item['sex']}"),
        words(f"ppks.{item['ppks']}"),
        ", ".join(words(f"disability.{each}") for each in item["disabilities"]),
        ", ".join(item["trades"]),
        item["unit"],
        ", ".join(words(f"kind.{each}") for each in item["kinds"]),
        item["beneficiary_id"],
    ]
    if (report := item.get("report")) is not None:
        row += [report["month"], *(report[name] for name in REPORTED[:-1]), words(f"asset_use.{report['asset_use']}")]
    return row


def grant_row(item: Mapping[str, Any], words: Words) -> list[Value]:
    """In the order of GRANT_COLUMNS."""
    return [
        item["district"],
        DISTRICTS[item["district"]].title,
        item["fiscal_year"],
        words(f"kind.{item['kind']}"),
        item["amount"],
        words(f"grants.{item['status']}"),
        item["on"],
        item["grant_id"],
        item["beneficiary_id"],
    ]
