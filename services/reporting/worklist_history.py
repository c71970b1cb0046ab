"""What was ever on the worklist about one business by its reports: when, what closed it, who saw to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.rules import month_name
from services.reporting.worklist_rules import Reason
from services.reporting.worklist_words import sentence
from shared.database import run

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def read_items(session: AsyncSession, person_no: int) -> list[dict[str, Any]]:
    """Newest first, open ones too. `opened` and `closed` are times of the events that did it."""
    found = await run(
        session,
        """SELECT w.reason, w.since, w.evidence, w.opened_us, w.closed_us, w.closed_by, a.owner, a.due, a.note
           FROM work_item w LEFT JOIN assignment a
             ON a.person_no = w.person_no AND a.reason = w.reason AND a.about = w.id
           WHERE w.person_no = :no ORDER BY w.id DESC""",
        no=person_no,
    )
    items = []
    for row in found:
        evidence = msgspec.json.decode(row.evidence)
        items.append(
            {
                "reason": row.reason,
                "since": month_name(row.since),
                "evidence": {**evidence, "sentence": sentence(Reason(row.reason), evidence)},
                "opened": _moment(row.opened_us),
                "closed": {"at": _moment(row.closed_us), "by": row.closed_by} if row.closed_by else None,
                "owner": row.owner,
                "due": row.due,
                "note": row.note or "",
            }
        )
    return items


async def read_confirmations(session: AsyncSession, person_no: int) -> list[dict[str, Any]]:
    """Turnovers that an officer found right, by month."""
    found = await run(
        session,
        """SELECT month, turnover, note, confirmed_by, confirmed_at FROM confirmed_report
           WHERE person_no = :no ORDER BY month, confirmed_at""",
        no=person_no,
    )
    return [
        {
            "month": month_name(row.month),
            "turnover": row.turnover,
            "note": row.note,
            "by": row.confirmed_by,
            "at": datetime.fromisoformat(str(row.confirmed_at)),
        }
        for row in found
    ]


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
