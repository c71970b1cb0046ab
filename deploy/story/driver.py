"""Tells the story to a running system through the doors that districts and officers use, and through no other."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any, Protocol
from uuid import uuid5

import httpx

from deploy.story.model import Habit, OfficerStep, Publication, Story
from shared.events.catalogue import intake_topic
from shared.events.envelope import BATCH, NAMESPACE, Outgoing, grant_id, to_headers, write_structured
from shared.security import LocalKey, Role
from shared.settings import Settings

BATCH_EVENTS = 500
KEPT_CONNECTIONS = 10

Quiet = Callable[[], Awaitable[None]]


class WrongAnswer(Exception):
    """An officer or a district got another answer than the story counts on."""


class Appender(Protocol):
    """What a district with a Kafka client can do with the log."""

    async def append(self, records: Sequence[Outgoing]) -> None: ...


@dataclass
class Doors:
    """How the districts publish: over HTTP, or straight to the log as those with a Kafka client do.

    A district in `by_log` uses the log for all it says; what the HTTP door would not even take goes there anyway.
    """

    client: httpx.AsyncClient
    log: Appender
    key: LocalKey
    settings: Settings
    by_log: frozenset[str] = frozenset()
    retelling: bool = False
    """Told before, at least in part: a refusal may then have another reason, since its grant has moved on."""
    _tokens: dict[tuple[str, str, str | None], str] = field(default_factory=dict)

    def token(self, sub: str, role: str, district: str | None) -> dict[str, str]:
        known = self._tokens.get((sub, role, district))
        if known is None:
            known = self.key.sign(
                sub=sub,
                role=Role(role),
                district=district,
                issuer=self.settings.issuer,
                audience=self.settings.audience,
            )
            self._tokens[sub, role, district] = known
        return {"Authorization": f"Bearer {known}"}

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Publications of one district and service, in their order."""
        for straight, some in groupby(publications, key=self._goes_straight):
            if straight:
                await self.log.append([_record(publication) for publication in some])
            else:
                await self._post(list(some))

    def _goes_straight(self, publication: Publication) -> bool:
        odd = publication.raw is not None or publication.habit is Habit.district_mismatch
        return odd or publication.district in self.by_log

    async def _post(self, publications: Sequence[Publication]) -> None:
        first = publications[0]
        for start in range(0, len(publications), BATCH_EVENTS):
            part = publications[start : start + BATCH_EVENTS]
            body = b",".join(write_structured(publication.envelope, publication.data) for publication in part)
            answer = await self.client.post(
                f"/{first.service}/v1/events",
                content=b"[" + body + b"]",
                headers={
                    "Content-Type": BATCH,
                    **self.token(f"sistem.{first.district}", "district_system", first.district),
                },
            )
            if answer.status_code != httpx.codes.ACCEPTED:
                raise WrongAnswer(f"POST /{first.service}/v1/events: {answer.status_code} {answer.text[:300]}")

    async def call(self, step: OfficerStep) -> None:
        """One officer's call. The Idempotency-Key is derived, so that a story told twice does nothing twice."""
        district = step.district if step.role.startswith("district") else None
        method, path, body = _request(step)
        key = uuid5(NAMESPACE, f"story/{step.sub}/{step.role}/{method}/{path}/{sorted(body.items())}")
        answer = await self.client.request(
            method,
            f"/grants{path}",
            json=body,
            headers={"Idempotency-Key": str(key), **self.token(step.sub, step.role, district)},
        )
        code = answer.json().get("code")
        other_reason = step.expect_code not in (None, code) and not self.retelling
        if answer.status_code != step.expect or other_reason:
            raise WrongAnswer(
                f"{step.kind} {step.grant_ref or step.district} by {step.sub}: {answer.status_code} {code}, "
                f"the story counts on {step.expect} {step.expect_code or ''}"
            )


async def tell(story: Story, doors: Doors, quiet: Quiet, progress: Callable[[str, int], None]) -> None:
    """The whole story, chapter by chapter: publications, then, when all have their receipts, the officers' calls.

    `progress` is told the title of the chapter and how many steps were just done.
    """
    for chapter in story.chapters:
        done = partial(progress, chapter.title_id)
        publications = [step for step in chapter.steps if isinstance(step, Publication)]
        calls = [step for step in chapter.steps if isinstance(step, OfficerStep)]
        await _together(
            (doors.publish(some), len(some)) for some in _by(publications, lambda step: (step.district, step.service))
        )(done)
        await quiet()
        await _together((_in_turn(doors, some), len(some)) for some in _by(calls, lambda step: step.district))(done)
        await quiet()


def steps(story: Story) -> int:
    return sum(len(chapter.steps) for chapter in story.chapters)


async def _in_turn(doors: Doors, calls: Sequence[OfficerStep]) -> None:
    for call in calls:
        await doors.call(call)


def _by(steps: Iterable[Any], key: Callable[[Any], Any]) -> list[list[Any]]:
    """The steps in groups that do not depend on each other, each in its order."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for step in steps:
        groups[key(step)].append(step)
    return list(groups.values())


def _together(
    works: Iterable[tuple[Awaitable[None], int]],
) -> Callable[[Callable[[int], None]], Awaitable[None]]:
    """Run works side by side, a few at a time; each tells its size when it is done."""
    chosen = list(works)

    async def running(done: Callable[[int], None]) -> None:
        turn = asyncio.Semaphore(KEPT_CONNECTIONS)

        async def one(work: Awaitable[None], size: int) -> None:
            async with turn:
                await work
            done(size)

        async with asyncio.TaskGroup() as tasks:
            for work, size in chosen:
                tasks.create_task(one(work, size))

    return running


def _record(publication: Publication) -> Outgoing:
    if publication.raw is not None:
        return publication.raw
    envelope = publication.envelope
    topic = intake_topic(publication.service, publication.district)
    return Outgoing(topic, envelope.subject.encode(), publication.data, to_headers(envelope))


def _request(step: OfficerStep) -> tuple[str, str, dict[str, Any]]:
    if step.kind == "set_budget":
        return "PUT", f"/v1/budgets/{step.fiscal_year}/{step.district}", step.body
    return "POST", f"/v1/grants/{grant_id(step.district, step.grant_ref or '')}/{step.kind}", step.body
