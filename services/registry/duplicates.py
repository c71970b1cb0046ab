"""What officers do with suspected pairs, in the caller's transaction: decide, and undo what was decided."""

from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.pairs import Suspicion
from services.registry.suspicions import lock_pairs, read_grounds, read_traits, tell
from services.registry.tables import DUPLICATE, suspicion_of
from shared.database import now, run
from shared.refusals import Refused


class DecideDuplicate(NamedTuple):
    """Decide whether two people are one. `by` is the officer's `sub`."""

    duplicate_id: UUID
    decision: Literal["same", "different"]
    reason: str
    by: str


class UndoDecision(NamedTuple):
    """Take a decision back; it stays on record. `by` is the officer's `sub`."""

    duplicate_id: UUID
    reason: str
    by: str


async def decide_duplicate(session: AsyncSession, command: DecideDuplicate) -> None:
    """Close an open suspicion. Raises Refused `not_found`, or `already_decided` with the decision that stands."""
    suspicion = await _locked(session, command.duplicate_id)
    if suspicion.state != "open":
        raise Refused("already_decided", decision=suspicion.state)
    await _step(session, suspicion.moved(command.decision), command.decision, command.by, command.reason)


async def undo_decision(session: AsyncSession, command: UndoDecision) -> None:
    """The pair is again what its records make of it now: open, or withdrawn. Refused `not_found`, `not_decided`."""
    await lock_pairs(session)  # before the pair itself, as all who weigh it do
    suspicion = await _locked(session, command.duplicate_id)
    if suspicion.state not in ("same", "different"):
        raise Refused("not_decided", state=suspicion.state)
    people = await read_traits(session, suspicion.people)
    ground = (await read_grounds(session, people)).get(suspicion.people)
    undone = suspicion.moved("open", ground) if ground else suspicion.moved("withdrawn")
    await _step(session, undone, "undone", command.by, command.reason)


async def _locked(session: AsyncSession, duplicate_id: UUID) -> Suspicion:
    found = await session.execute(select(DUPLICATE).where(DUPLICATE.c.duplicate_id == duplicate_id).with_for_update())
    if (row := found.first()) is None:
        raise Refused("not_found")
    return suspicion_of(row)


async def _step(session: AsyncSession, pair: Suspicion, step: str, by: str, reason: str) -> None:
    """Save what the pair has come to by this step of an officer, and tell it."""
    moment, decided = now(), pair.state in ("same", "different")
    await run(
        session,
        """UPDATE duplicate SET state = :state, version = :version, because = :because, score = :score,
           reasons = :reasons, decided_by = :by, decided_at = :at, reason = :reason WHERE duplicate_id = :id""",
        id=pair.duplicate_id,
        state=pair.state,
        version=pair.version,
        because=pair.because,
        score=pair.score,
        reasons=" ".join(pair.reasons),
        by=by if decided else None,
        at=moment if decided else None,
        reason=reason if decided else None,
    )
    await run(
        session,
        """INSERT INTO duplicate_step (duplicate_id, version, step, "by", at, reason)
           VALUES (:id, :version, :step, :by, :at, :reason)""",
        id=pair.duplicate_id,
        version=pair.version,
        step=step,
        by=by,
        at=moment,
        reason=reason,
    )
    await tell(session, [(pair, moment)])
