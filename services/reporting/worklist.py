"""The lines of the worklist that follow from reports, as rows: opened and closed set-wise, never deleted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.rules import Override
from services.reporting.worklist_rules import Finding, OpenItem, Reason, closed_by, compare
from shared.database import insert, set_wise

Confirmed = Mapping[int, frozenset[tuple[int, int]]]
"""(month, turnover) found right by an officer, by business."""


class Followed(NamedTuple):
    """What follows from the reports of one business, and the time of the event that had it looked at."""

    no: int
    time_us: int
    counted: bool
    override: Override | None
    findings: Mapping[Reason, Finding]


async def read_confirmed(session: AsyncSession, numbers: Sequence[tuple[int]]) -> Confirmed:
    found = await set_wise(
        session,
        "SELECT c.person_no, c.month, c.turnover FROM {rows} JOIN confirmed_report c ON c.person_no = r.no",
        {"no": "bigint"},
        numbers,
    )
    confirmed: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for no, month, turnover in found:
        confirmed[no].add((month, turnover))
    return {no: frozenset(reports) for no, reports in confirmed.items()}


async def read_open(session: AsyncSession, numbers: Sequence[tuple[int]]) -> Mapping[int, dict[Reason, OpenItem]]:
    """The open items of these businesses; businesses without any have no entry."""
    found = await set_wise(
        session,
        "SELECT w.person_no, w.reason, w.id, w.since, w.evidence FROM {rows} "
        "JOIN work_item w ON w.person_no = r.no AND w.closed_us IS NULL",
        {"no": "bigint"},
        numbers,
    )
    items: defaultdict[int, dict[Reason, OpenItem]] = defaultdict(dict)
    for no, reason, number, since, evidence in found:
        items[no][Reason(reason)] = OpenItem(number, since, msgspec.json.decode(evidence))
    return items


async def follow(session: AsyncSession, followed: Sequence[Followed], confirmed: Confirmed) -> None:
    """Open, change and close items until the open ones are those found. The caller holds the businesses' districts."""
    open_items = await read_open(session, [(business.no,) for business in followed])
    closed, changed, opened = [], [], []
    for business in followed:
        changes = compare(open_items.get(business.no, {}), business.findings)
        right = confirmed.get(business.no, frozenset())
        for number, reason, since in changes.closed:
            why = closed_by(reason, since, counted=business.counted, override=business.override, confirmed=right)
            closed.append((number, business.time_us, why))
        changed += [(number, finding.since, _json(finding)) for number, finding in changes.changed]
        opened += [
            (business.no, reason.value, finding.since, _json(finding), business.time_us)
            for reason, finding in changes.opened
        ]
    if closed:
        await set_wise(
            session,
            # Districts' clocks differ: whatever they say, no item is closed before it was opened.
            """UPDATE work_item SET closed_by = r.why,
                 closed_us = CASE WHEN r.time_us > opened_us THEN r.time_us ELSE opened_us END
               FROM {rows} WHERE work_item.id = r.id""",
            {"id": "bigint", "time_us": "bigint", "why": "text"},
            closed,
        )
    if changed:
        await set_wise(
            session,
            "UPDATE work_item SET since = r.since, evidence = r.evidence FROM {rows} WHERE work_item.id = r.id",
            {"id": "bigint", "since": "int", "evidence": "text"},
            changed,
        )
    await insert(
        session,
        "work_item",
        {"person_no": "bigint", "reason": "text", "since": "int", "evidence": "text", "opened_us": "bigint"},
        opened,
    )


def _json(finding: Finding) -> str:
    return msgspec.json.encode(finding.evidence).decode()
