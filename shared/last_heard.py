"""When each district was last heard of: the newest event of each type, by its own time, kept with every batch.

An event of the far future says nothing of when it was sent: rejected as `time_in_future`, it is left out.
A view like others: it can be recomputed from the inbox, and `differences` proves that it equals it.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import run, set_wise
from shared.events.catalogue import CATALOGUE
from shared.events.clock import TIME_IN_FUTURE

Heard = Mapping[tuple[str, str], int]
"""By (district, type): the time of the newest event in microseconds since 1970."""

_NAMES = ", ".join(f"'{name}'" for name in CATALOGUE)
_RECOMPUTED = f"""SELECT district, type, max(time_us) FROM inbox
    WHERE district <> '' AND time_us IS NOT NULL AND reason <> '{TIME_IN_FUTURE}' AND type IN ({_NAMES})
    GROUP BY district, type"""


async def note(session: AsyncSession, arrived: Iterable[tuple[str, str, int | None]]) -> None:
    """(district, type, time) of events on their way into the inbox, whatever they are answered: at most a row per
    district and type is written. The caller holds the districts."""
    newest: dict[tuple[str, str], int] = {}
    for district, type_name, time_us in arrived:
        if district and time_us is not None and time_us > newest.get((district, type_name), time_us - 1):
            newest[district, type_name] = time_us
    rows = [(*key, time_us) for key, time_us in sorted(newest.items()) if key[1] in CATALOGUE]
    if rows:
        await set_wise(
            session,
            """INSERT INTO district_heard (district, type, time_us) SELECT r.district, r.type, r.time_us
               FROM {rows} WHERE true ON CONFLICT (district, type)
               DO UPDATE SET time_us = excluded.time_us
               WHERE excluded.time_us > district_heard.time_us""",
            {"district": "text", "type": "text", "time_us": "bigint"},
            rows,
        )


async def heard(session: AsyncSession) -> Heard:
    return _by_key(await run(session, "SELECT district, type, time_us FROM district_heard"))


async def differences(session: AsyncSession) -> list[str]:
    """Where the view is not what the inbox says, one line each."""
    held, right = await heard(session), _by_key(await run(session, _RECOMPUTED))
    return [
        f"district_heard {district} {type_name}: {held.get((district, type_name))}, by the inbox "
        f"{right.get((district, type_name))}"
        for district, type_name in sorted(held.keys() | right.keys())
        if held.get((district, type_name)) != right.get((district, type_name))
    ]


async def rebuild(session: AsyncSession) -> None:
    """Put what the inbox says in place of the view. The caller holds all districts."""
    await run(session, "DELETE FROM district_heard")
    found = await run(session, _RECOMPUTED)
    await note(session, [(row[0], row[1], row[2]) for row in found])


def _by_key(rows: Iterable[tuple[str, str, int]]) -> Heard:
    return {(row[0], row[1]): int(row[2]) for row in rows}
