"""The worklist as it is read: the stored items, and the two reasons that depend on today, with who sees to them.

Every statement is one pass over what is stored; nothing is written when the list is read.
"""

import base64
import binascii
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.rules import month_name
from services.reporting.views import COUNTED
from services.reporting.worklist_rules import Reason, handover_before, silent_before
from services.reporting.worklist_words import NEXT_STEPS, sentence
from shared.database import run

Sort = Literal["since", "-since", "due", "-due", "district", "-district"]
SORTS: tuple[Sort, ...] = get_args(Sort)

_DAYS = 32
"""A day is month * 32 + day of the month, so that the database can compare and sort it as a number."""
_NEVER = "9999-12-31"
_PERSON = "p.no, p.beneficiary_id, p.district, p.district_ref"
_KEYS = {"since": "l.since", "due": f"coalesce(a.due, '{_NEVER}')", "district": "l.district"}


class BadCursor(ValueError):
    """The cursor is none that a page has given for this order."""


class Filters(NamedTuple):
    """None: not filtered. An `owner` of '' asks for what nobody sees to."""

    district: str | None = None
    reason: Reason | None = None
    owner: str | None = None
    beneficiary_id: UUID | None = None


class Line(NamedTuple):
    """One line. `about` names its occasion, to which owner, due date and note belong."""

    person_no: int
    beneficiary_id: UUID
    district: str
    district_ref: str
    reason: Reason
    since: date
    evidence: dict[str, Any]
    about: int
    owner: str | None
    due: str | None
    note: str
    set_by: str | None
    set_at: datetime | None

    @property
    def due_day(self) -> date | None:
        return date.fromisoformat(self.due) if self.due else None

    def shown(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "beneficiary_id": self.beneficiary_id,
            "district": self.district,
            "district_ref": self.district_ref,
            "reason": self.reason.value,
            "since": self.since,
            "evidence": {**self.evidence, "sentence": sentence(self.reason, self.evidence)},
            "next_step": NEXT_STEPS[self.reason],
            "owner": self.owner,
            "due": self.due,
            "note": self.note,
            "assigned": {"by": self.set_by, "at": self.set_at} if self.set_by else None,
        }


class Tally(NamedTuple):
    """Lines of one district, reason and owner ('' for nobody)."""

    district: str
    reason: Reason
    owner: str
    lines: int

    def passes(self, filters: Filters) -> bool:
        return (
            filters.district in (None, self.district)
            and filters.reason in (None, self.reason)
            and filters.owner in (None, self.owner)
        )


class Page(NamedTuple):
    lines: list[Line]
    next: str | None


async def read_page(
    session: AsyncSession, today: date, filters: Filters, *, sort: Sort = "since", cursor: str | None = None, limit: int
) -> Page:
    """Up to `limit` lines. Raises BadCursor."""
    falling = sort.startswith("-")
    key = _KEYS[sort.removeprefix("-")]
    order = "DESC" if falling else "ASC"
    statement, parameters = _lines(today, filters)
    beyond = ""
    if cursor is not None:
        beyond = f" AND ({key}, l.no, l.reason) {'<' if falling else '>'} (:key, :no, :after_reason)"
        parameters |= _decode(cursor, sort)
    found = await run(
        session,
        f"""{statement}{beyond} ORDER BY {key} {order}, l.no {order}, l.reason {order} LIMIT :most""",
        most=limit + 1,
        **parameters,
    )
    rows = found.all()
    lines = [_line(row, today) for row in rows[:limit]]
    return Page(lines, _encode(sort, lines[-1]) if len(rows) > limit else None)


async def read_all(
    session: AsyncSession, today: date, filters: Filters, *, sort: Sort = "since", at_once: int = 2000
) -> AsyncIterator[Line]:
    """Every line, read in parts so that memory stays flat."""
    cursor = None
    while True:
        page = await read_page(session, today, filters, sort=sort, cursor=cursor, limit=at_once)
        for line in page.lines:
            yield line
        cursor = page.next
        if cursor is None:
            return


async def read_tally(session: AsyncSession, today: date, district: str | None = None) -> list[Tally]:
    """How many lines there are, by district, reason and owner; what has none is left out."""
    statement, parameters = _lines(today, Filters(district))
    found = await run(
        session,
        f"""SELECT c.district, c.reason, coalesce(c.owner, '') AS owner, count(*) AS lines FROM ({statement}) c
            GROUP BY c.district, c.reason, coalesce(c.owner, '')""",
        **parameters,
    )
    return [Tally(row.district, Reason(row.reason), row.owner, row.lines) for row in found]


def total(tally: Iterable[Tally], filters: Filters = Filters()) -> int:  # noqa: B008 - immutable
    """The lines that pass the filters."""
    return sum(part.lines for part in tally if part.passes(filters))


async def open_counts(session: AsyncSession, today: date) -> dict[str, dict[Reason, int]]:
    """Open lines of the whole province, by district and reason; what has none is left out."""
    counts: defaultdict[str, defaultdict[Reason, int]] = defaultdict(lambda: defaultdict(int))
    for part in await read_tally(session, today):
        counts[part.district][part.reason] += part.lines
    return {district: dict(reasons) for district, reasons in counts.items()}


def _lines(today: date, filters: Filters) -> tuple[str, dict[str, Any]]:
    """The statement of all lines that pass the filters; the caller adds to its WHERE."""
    reasons = tuple(Reason) if filters.reason is None else (filters.reason,)
    stored = [reason for reason in reasons if reason not in _COMPUTED]
    parts = [_COMPUTED[reason] for reason in reasons if reason in _COMPUTED]
    if stored:
        names = ", ".join(f"'{reason}'" for reason in stored)
        parts.append(_STORED.format(reasons=names))
    where, parameters = ["true"], _moments(today, reasons)
    for name, value in (("district", filters.district), ("beneficiary_id", filters.beneficiary_id)):
        if value is not None:
            where.append(f"l.{name} = :{name}")
            parameters[name] = value
    if filters.owner is not None:
        where.append("coalesce(a.owner, '') = :owner")
        parameters["owner"] = filters.owner
    return (
        f"""SELECT l.*, a.owner, a.due, a.note, a.set_by, a.set_at FROM ({" UNION ALL ".join(parts)}) l
            LEFT JOIN assignment a ON a.person_no = l.no AND a.reason = l.reason AND a.about = l.about
            WHERE {" AND ".join(where)}""",
        parameters,
    )


def _moments(today: date, reasons: Sequence[Reason]) -> dict[str, Any]:
    moments: dict[str, Any] = {}
    if Reason.silent in reasons:
        first = silent_before(today)
        moments |= {"first": first, "first_day": f"{month_name(first)}-01", "counted": COUNTED}
    if Reason.not_handed_over in reasons:
        moments["handover_before"] = handover_before(today).isoformat()
    return moments


def _month_of(day: str) -> str:
    """SQL: the month of a day written YYYY-MM-DD, as the months of reports."""
    return f"(CAST(substr({day}, 1, 4) AS INTEGER) * 12 + CAST(substr({day}, 6, 2) AS INTEGER) - 1)"


_STORED = f"""
SELECT {_PERSON}, w.reason, w.since * {_DAYS} + 1 AS since, w.id AS about, w.evidence,
       CAST(NULL AS BIGINT) AS newest, CAST(NULL AS TEXT) AS day, CAST(NULL AS BIGINT) AS many,
       CAST(NULL AS BIGINT) AS amount
FROM work_item w JOIN person p ON p.no = w.person_no
WHERE w.closed_us IS NULL AND p.withdrawn_us IS NULL AND w.reason IN ({{reasons}})
"""
_SILENT = f"""
SELECT s.no, s.beneficiary_id, s.district, s.district_ref, 'silent' AS reason,
       (CASE WHEN s.newest + 1 > s.full THEN s.newest + 1 ELSE s.full END) * {_DAYS} + 1 AS since,
       coalesce((SELECT min(b.about) FROM assignment b WHERE b.person_no = s.no AND b.reason = 'silent'
                  AND b.about > coalesce(s.newest, 0)), CAST(:first AS BIGINT)) AS about,
       CAST(NULL AS TEXT) AS evidence, s.newest, s.day, CAST(NULL AS BIGINT) AS many, CAST(NULL AS BIGINT) AS amount
FROM (
    SELECT {_PERSON}, h.day, {_month_of("h.day")} + CASE WHEN substr(h.day, 9, 2) = '01' THEN 0 ELSE 1 END AS full,
           (SELECT max(n.month) FROM report n WHERE n.person_no = p.no) AS newest
    FROM person p JOIN (
        SELECT beneficiary_id, min("on") AS day FROM grant_now WHERE status = 'handed_over' GROUP BY beneficiary_id
    ) h ON h.beneficiary_id = p.beneficiary_id
    WHERE p.status = :counted AND p.withdrawn_us IS NULL AND h.day <= :first_day
      AND NOT EXISTS (SELECT 1 FROM report t WHERE t.person_no = p.no AND t.month >= :first)
) s
"""
"""Silence begins with the first full month after the handover, or the month after the newest report.

An assignment holds until a report of its first month or a later one: what the silence that it was for ends with.
"""
_NOT_HANDED_OVER = f"""
SELECT {_PERSON}, 'not_handed_over' AS reason,
       {_month_of("g.day")} * {_DAYS} + CAST(substr(g.day, 9, 2) AS INTEGER) AS since,
       {_month_of("g.day")} * {_DAYS} + CAST(substr(g.day, 9, 2) AS INTEGER) AS about,
       CAST(NULL AS TEXT) AS evidence, CAST(NULL AS BIGINT) AS newest, g.day, g.many, g.amount
FROM (
    SELECT beneficiary_id, min("on") AS day, count(*) AS many, CAST(sum(amount) AS BIGINT) AS amount
    FROM grant_now WHERE status = 'disbursed' AND "on" < :handover_before GROUP BY beneficiary_id
) g JOIN person p ON p.beneficiary_id = g.beneficiary_id WHERE p.withdrawn_us IS NULL
"""
"""Whatever the person's status is by now: the money was paid."""
_COMPUTED: Mapping[Reason, str] = {Reason.silent: _SILENT, Reason.not_handed_over: _NOT_HANDED_OVER}


def _line(row: Any, today: date) -> Line:
    month, day = divmod(row.since, _DAYS)
    since = date(month // 12, month % 12 + 1, day)
    return Line(
        person_no=row.no,
        beneficiary_id=UUID(str(row.beneficiary_id)),
        district=row.district,
        district_ref=row.district_ref,
        reason=Reason(row.reason),
        since=since,
        evidence=_evidence(row, since, today),
        about=row.about,
        owner=row.owner,
        due=row.due,
        note=row.note or "",
        set_by=row.set_by,
        set_at=datetime.fromisoformat(row.set_at) if isinstance(row.set_at, str) else row.set_at,
    )


def _evidence(row: Any, since: date, today: date) -> dict[str, Any]:
    if row.evidence is not None:
        found: dict[str, Any] = msgspec.json.decode(row.evidence)
        return found
    if row.reason == Reason.silent:
        months = today.year * 12 + today.month - since.year * 12 - since.month
        newest = None if row.newest is None else month_name(row.newest)
        return {"newest": newest, "months": months, "handed_over_on": row.day}
    days = (today - since).days
    return {"disbursed_on": row.day, "days": days, "grants": row.many, "amount": row.amount}


def _encode(sort: Sort, last: Line) -> str:
    keys: dict[str, int | str] = {
        "since": (last.since.year * 12 + last.since.month - 1) * _DAYS + last.since.day,
        "due": last.due or _NEVER,
        "district": last.district,
    }
    told = [sort, keys[sort.removeprefix("-")], last.person_no, last.reason.value]
    return base64.urlsafe_b64encode(msgspec.json.encode(told)).decode().rstrip("=")


_BY_NUMBER = msgspec.json.Decoder(tuple[Sort, int, int, Reason])
_BY_TEXT = msgspec.json.Decoder(tuple[Sort, str, int, Reason])


def _decode(cursor: str, sort: Sort) -> dict[str, int | str]:
    """Raises BadCursor."""
    try:
        told = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        order, key, no, reason = (_BY_NUMBER if sort.removeprefix("-") == "since" else _BY_TEXT).decode(told)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise BadCursor from error
    if order != sort:
        raise BadCursor
    return {"key": key, "no": no, "after_reason": reason.value}
