"""The businesses whose growth class or worklist is not what follows from their reports, found in parts and mended."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.growth import Judged, judge
from services.reporting.rules import month_name
from services.reporting.worklist import follow, read_confirmed, read_open
from shared.database import run, set_wise

_AT_ONCE = 1000


class Wrong(NamedTuple):
    """A business that is not as its reports say: the effective class, and the open items with their months."""

    no: int
    held: str
    right: str
    items: dict[str, int]
    right_items: dict[str, int]

    @property
    def wrong_class(self) -> bool:
        return self.held != self.right

    def lines(self) -> list[str]:
        """What differs, as a person reads it."""
        lines = []
        if self.wrong_class:
            lines.append(f"growth class of business {self.no}: {self.held}, by its reports {self.right}")
        if self.items != self.right_items:
            lines.append(
                f"worklist of business {self.no}: {_listed(self.items)}, by its reports {_listed(self.right_items)}"
            )
        return lines


async def wrong_businesses(session: AsyncSession, *, mend: bool = False) -> AsyncGenerator[list[Wrong], None]:
    """The businesses that differ from their reports though they are not due, in parts so that memory stays flat.

    `mend`: gives them the right class and the right items of the worklist; no view follows.
    """
    after = 0
    while True:
        found = await run(
            session,
            "SELECT no FROM person WHERE no > :after AND no NOT IN (SELECT person_no FROM growth_due) "
            "ORDER BY no LIMIT :most",
            after=after,
            most=_AT_ONCE,
        )
        numbers = [(row.no,) for row in found]
        if not numbers:
            return
        confirmed = await read_confirmed(session, numbers)
        judged = await judge(session, numbers, confirmed, None)
        items = await read_open(session, numbers)
        wrong = [
            difference
            for business in judged
            if (difference := _difference(business, items.get(business.held.no, {}))) is not None
        ]
        if mend:
            await _write_classes(session, wrong)
            await follow(session, [business.followed for business in judged], confirmed)
        if wrong:
            yield wrong
        after = numbers[-1][0]


async def _write_classes(session: AsyncSession, wrong: Sequence[Wrong]) -> None:
    rows = [(found.no, found.right) for found in wrong if found.wrong_class]
    if rows:
        await set_wise(
            session,
            "UPDATE person SET growth_class = r.class FROM {rows} WHERE person.no = r.no",
            {"no": "bigint", "class": "text"},
            rows,
        )


def _difference(business: Judged, items: Mapping[Any, Any]) -> Wrong | None:
    found = Wrong(
        business.held.no,
        business.held.growth_class,
        business.effective.value,
        {reason.value: item.since for reason, item in items.items()},
        {reason.value: finding.since for reason, finding in business.followed.findings.items()},
    )
    return found if found.wrong_class or found.items != found.right_items else None


def _listed(items: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} since {month_name(since)}" for reason, since in sorted(items.items())) or "nothing"
