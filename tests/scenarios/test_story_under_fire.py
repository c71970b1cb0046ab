"""The story through real processes that are killed as it is told: what comes out is what the oracle says."""

import asyncio
import json
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from deploy.story.driver import steps
from deploy.story.generate import generate
from shared.events.envelope import Record
from tests import oracle
from tests.scenarios.books import seed
from tests.scenarios.comparison import differing, wrong_answer, wrong_receipts
from tests.scenarios.fire import TIMES, Fire
from tests.scenarios.full_run import full_run
from tests.scenarios.telling import in_turns, publications, read_all
from tests.scenarios.world import Ground

SCALE = float(os.environ.get("BERDAYA_STORY_SCALE", "0.2"))
"""Of the story: 0.3 burns for longer."""
MONTHS = (None, "2026-09", "2026-03", "2025-11", "2025-07", "2024-11")


@pytest.mark.timeout(600)
async def test_the_story_told_under_fire_ends_as_the_oracle_says(ground: Ground, tmp_path: Path) -> None:
    random, story = Random(seed()), generate(scale=SCALE)
    office = oracle.after(story)
    ground.heal()
    async with full_run(ground, tmp_path) as (told, services):
        fire = Fire(random, ground, services, steps(story))
        async with fire.burning():
            await told.tell(story, fire.progress)
        assert Counter(fire.struck) == {"kafka": 1, "postgres": 1, **dict.fromkeys(services, TIMES)}
        await asyncio.gather(*(service.is_("ready") for service in services.values()))

        for month in MONTHS:
            shown = json.loads(await told.dashboard(month))
            del shown["version"], shown["as_of"], shown["lag"]
            assert differing(oracle.dashboard(office, month), shown) == []
        assert await told.reconcile() == []
        assert wrong_receipts(told, office, await told.receipts(), at_least=True) == []
        facts = [f"facts.{name}" for name in services]
        assert wrong_versions(await read_all(told.log, facts, told.start)) == []

        where = {(each.district, each.envelope.id): each.service for each in publications(story)}
        keys = list(office.verdicts)
        answers = await in_turns([told.receipt(key[0], where[key[0], key[2]], key[2]) for key in keys])
        wrong = [
            wrong_answer(office.verdicts[key], told.deliveries(office, key), answer, at_least=True)
            for key, answer in zip(keys, answers, strict=True)
        ]
        assert [line for line in wrong if line] == []


def wrong_versions(facts: Sequence[Record]) -> list[str]:
    """Aggregates whose facts are not 1, 2, 3, … in this order, each once when what a relay sent twice is left out.

    The things of a grant are counted apart from its steps.
    """
    versions: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    sent: set[tuple[bytes, bytes]] = set()
    for record in facts:
        headers = dict(record.headers)
        name = headers["ce_source"], headers["ce_id"]
        if name not in sent:
            sent.add(name)
            of_things = headers["ce_type"] == b"berdaya.grants.assets-kept.v1"
            aggregate = record.topic, headers["ce_subject"].decode(), of_things
            versions[aggregate].append(json.loads(record.value or b"")["version"])
    return [f"{name}: {found}" for name, found in versions.items() if found != list(range(1, len(found) + 1))]
