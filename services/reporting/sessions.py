"""The sessions themselves: a row each, renewed by turns. An old turn that comes again is a copy, and ends the session.

A process learns within seconds which sessions have ended, by whichever process.
"""

import asyncio
import time
from contextlib import suppress
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.stream import Streams
from shared.database import Database, run
from shared.security import Caller
from shared.sessions import IDLE_SECONDS, LIFE_SECONDS, TOKEN_SECONDS, Session, Sessions, new_id

GRACE_SECONDS = 60
"""So long the turn before the present one is no copy: a browser asks for several things at once."""
KEPT_SECONDS = 30 * 86_400
_LOOK_SECONDS = 2.0


class Ending(StrEnum):
    signed_out = "signed_out"
    idle = "idle"
    old = "old"
    copied = "copied"
    ordered = "ordered"


def moment() -> int:
    """Whole seconds since 1970."""
    return int(time.time())


async def begin(
    session: AsyncSession, caller: Caller, *, ends: int | None = None, id_token: str | None = None
) -> Session:
    """A new session, for 12 hours at most or until `ends`. `id_token` is what the provider wants to hear at the end.

    What is over is forgotten after 30 days, and its ID token now. Never commits.
    """
    at = moment()
    await run(session, "DELETE FROM session WHERE ends < :old", old=at - KEPT_SECONDS)
    await run(
        session,
        "UPDATE session SET id_token = NULL WHERE id_token IS NOT NULL AND (ends < :at OR used < :idle)",
        at=at,
        idle=at - IDLE_SECONDS,
    )
    ends = min(ends or at + LIFE_SECONDS, at + LIFE_SECONDS)
    begun = _token(caller, new_id(), new_id(), at=at, used=at, ends=ends)
    await run(
        session,
        "INSERT INTO session (id, sub, role, district, began, used, ends, turn, renewed, id_token) "
        "VALUES (:id, :sub, :role, :district, :at, :at, :ends, :turn, :at, :id_token)",
        id=begun.id,
        sub=caller.sub,
        role=caller.role.value,
        district=caller.district,
        at=at,
        ends=ends,
        turn=begun.turn,
        id_token=id_token,
    )
    return begun


async def renew(session: AsyncSession, held: Session, *, is_use: bool) -> Session | Ending | None:
    """The session by its next turn; or how it ended; None of one that is long forgotten. Never commits.

    Of two calls with the same turn the second gets the turn that the first made.
    """
    at = moment()
    turned = await run(
        session,
        """UPDATE session SET previous = turn, turn = :turn, renewed = :at,
                  used = CASE WHEN :is_use THEN :at ELSE used END
           WHERE id = :id AND turn = :held AND ended IS NULL AND ends > :at AND used > :idle RETURNING turn, used""",
        id=held.id,
        held=held.turn,
        turn=new_id(),
        at=at,
        idle=at - IDLE_SECONDS,
        is_use=is_use,
    )
    if (made := turned.first()) is not None:
        return _token(held.caller, held.id, made.turn, at=at, used=made.used, ends=held.ends)
    row = (await run(session, "SELECT * FROM session WHERE id = :id", id=held.id)).one_or_none()
    if row is None or row.ended is not None:
        return None if row is None else Ending(row.ending)
    if row.ends <= at or row.used <= at - IDLE_SECONDS:
        how = Ending.old if row.ends <= at else Ending.idle
    elif row.previous == held.turn and row.renewed > at - GRACE_SECONDS:
        return _token(held.caller, held.id, row.turn, at=at, used=row.used, ends=row.ends)
    else:
        how = Ending.copied
    await end(session, held.id, how)
    return how


async def end(session: AsyncSession, number: str, how: Ending) -> str | None:
    """Ends one session. The ID token by which the provider ends its own; None without one. Never commits."""
    told = await run(session, "SELECT id_token FROM session WHERE id = :id AND ended IS NULL", id=number)
    await run(
        session,
        "UPDATE session SET ended = :at, ending = :how, id_token = NULL WHERE id = :id AND ended IS NULL",
        id=number,
        at=moment(),
        how=how.value,
    )
    return told.scalar_one_or_none()


async def end_all_of(session: AsyncSession, sub: str) -> int:
    """Ends every session of one person, by order of an operator: how many. Never commits."""
    at = moment()
    ended = await run(
        session,
        "UPDATE session SET ended = :at, ending = :how, id_token = NULL "
        "WHERE sub = :sub AND ended IS NULL AND ends > :at RETURNING id",
        sub=sub,
        at=at,
        how=Ending.ordered.value,
    )
    return len(ended.all())


class Endings:
    """What this process knows of sessions that ended while their tokens had not. `run` is a task of the process."""

    def __init__(self, database: Database, sessions: Sessions, streams: Streams) -> None:
        self._database = database
        self._sessions = sessions
        self._streams = streams
        self._known: dict[str, int] = {}

    def note(self, number: str) -> None:
        """One ended here: at once."""
        self._known[number] = moment()
        self._tell()

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self.look()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)

    async def look(self) -> None:
        """Those that ended anywhere while a token of theirs could still be good."""
        since = moment() - 2 * TOKEN_SECONDS
        async with self._database.reading() as session:
            found = await run(session, "SELECT id, ended FROM session WHERE ended >= :since", since=since)
        self._known = {number: at for number, at in self._known.items() if at >= since}
        self._known |= {row.id: row.ended for row in found}
        self._tell()

    def _tell(self) -> None:
        ended = frozenset(self._known)
        new, self._sessions.ended = ended - self._sessions.ended, ended
        if new:
            self._streams.end(new)


def _token(caller: Caller, number: str, turn: str, *, at: int, used: int, ends: int) -> Session:
    session = Session(caller, number, turn, at + TOKEN_SECONDS, used, ends)
    return session._replace(until=min(session.until, session.over))
