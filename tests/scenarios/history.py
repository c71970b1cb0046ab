"""What clients did and what they were told; afterwards it is checked against what came of it, after Jepsen's manner.

`ok` must be there exactly once, `unknown` at most once, `fail` not at all, and nothing that nobody asked for.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random

import httpx

Headers = Mapping[str, str]


class Outcome(Enum):
    ok = "ok"
    fail = "fail"
    unknown = "unknown"


@dataclass(frozen=True)
class Call:
    what: str
    outcome: Outcome
    status: int | None
    """None when no answer came."""


@dataclass
class History:
    calls: list[Call] = field(default_factory=list)

    def outcome(self, what: str) -> Outcome:
        """By the last word on it: a retry with the same key settles what was unknown."""
        return self.final()[what]

    def final(self) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        for call in self.calls:
            if found.get(call.what) is not Outcome.ok:
                found[call.what] = _worse(found.get(call.what), call.outcome)
        return found

    def count(self, outcome: Outcome) -> int:
        return sum(found is outcome for found in self.final().values())

    def check(self, came: Iterable[str]) -> None:
        """`came`: one word for each effect that is there."""
        effects = Counter(came)
        final = self.final()
        lost = [what for what, outcome in final.items() if outcome is Outcome.ok and not effects[what]]
        doubled = [what for what, times in effects.items() if times > 1]
        unasked = [what for what in effects if final.get(what, Outcome.fail) is Outcome.fail]
        assert (lost, doubled, unasked) == ([], [], []), f"{lost=} {doubled=} {unasked=}"


async def call(
    history: History, http: httpx.AsyncClient, method: str, path: str, what: str, *, headers: Headers, body: bytes
) -> Call:
    """One call and what its client knows afterwards.

    A refused connection never reached anybody; a broken or silent one, or a 5xx, may have had its effect.
    """
    try:
        answer = await http.request(method, path, headers=dict(headers), content=body)
    except httpx.ConnectError:
        made = Call(what, Outcome.fail, None)
    except httpx.HTTPError:
        made = Call(what, Outcome.unknown, None)
    else:
        outcome = Outcome.ok if answer.is_success else Outcome.unknown if answer.is_server_error else Outcome.fail
        made = Call(what, outcome, answer.status_code)
    history.calls.append(made)
    return made


async def set_budgets(
    history: History,
    http: httpx.AsyncClient,
    *,
    district: str,
    headers: Headers,
    random: Random,
    stopping: asyncio.Event,
    pause: float = 0.1,
) -> None:
    """Budgets of one district, each amount once, until told to stop. Half of what failed is tried again.

    The word for a call is `<district>/<amount>`.
    """
    amount = 0
    while not stopping.is_set():
        amount += 1_000_000
        what = f"{district}/{amount}"
        while True:
            made = await call(
                history,
                http,
                "PUT",
                f"/v1/budgets/2026/{district}",
                what,
                headers={**headers, "Idempotency-Key": what, "content-type": "application/json"},
                body=b'{"amount": %d}' % amount,
            )
            await asyncio.sleep(pause)
            if made.outcome is Outcome.ok or stopping.is_set() or random.random() < 0.5:
                break


def _worse(before: Outcome | None, after: Outcome) -> Outcome:
    """A refused retry says nothing about the call before it, which may have had its effect."""
    return before if before is Outcome.unknown and after is Outcome.fail else after
