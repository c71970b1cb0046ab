"""More contradictions than the story has: the same again under a new id, and other content under the same revision."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

from msgspec.structs import replace as restruct

from deploy.story.generate import Publication
from tests.oracle.events import HANDED_OVER, RECORDED, REPORTED, event, fault
from tests.scenarios.plan import Step

_SHARE = 0.08
_MINUTES = (-90, -1, 0, 0, 1, 90)
"""Between the two. With none the greater id decides."""


def with_noise(random: Random, steps: Sequence[Step]) -> list[Step]:
    """The steps, and right after some events of the districts up to three of their like."""
    number = count(1)
    noisy: list[Step] = []
    for step in steps:
        noisy.append(step)
        if isinstance(step, Publication) and _may_be_contradicted(step) and random.random() < _SHARE:
            noisy += [_another(random, step, next(number)) for _ in range(random.randint(1, 3))]
    return noisy


def _may_be_contradicted(publication: Publication) -> bool:
    if publication.raw is not None or publication.envelope.type == HANDED_OVER:
        return False
    return fault(event(publication)) is None


def _another(random: Random, publication: Publication, number: int) -> Publication:
    envelope = publication.envelope
    data = json.loads(publication.data)
    if random.random() < 0.6:
        _change(random, envelope.type, data)
    source = envelope.source if random.random() < 0.7 else f"/district/{publication.district}/another-{number}"
    name = f"{random.choice('!z')}{envelope.id}-{number}"  # less or greater than the first one's
    if source != envelope.source and random.random() < 0.5:
        name = envelope.id  # unique per source only
    time = envelope.time + timedelta(minutes=random.choice(_MINUTES))
    return replace(
        publication,
        envelope=restruct(envelope, id=name, source=source, time=time),
        data=json.dumps(data).encode(),
        habit=None,
    )


def _change(random: Random, kind: str, data: dict[str, Any]) -> None:
    """Other content, with which nobody is decided about otherwise; of a grant a little less, never more."""
    if kind == REPORTED:
        data["turnover"] += 1_000 * random.randint(1, 3)
        data["employees"] += random.randint(0, 1)
        data["revision"] += random.choice((0, 0, 0, 1))
    elif kind == RECORDED:
        data["skills"] = [*data["skills"][:8], random.choice(("weaving", "baking"))]
        data["unit"] = random.choice((data["unit"], None))
    else:
        dear = [item for item in data["items"] if item["unit_value"] > 100_000]
        less = 1_000 * random.randint(1, 2)
        if dear:
            dear[0]["unit_value"] -= less
        if dear or data["kind"] == "cash":
            data["amount"] -= less * (dear[0]["quantity"] if dear else 1)
