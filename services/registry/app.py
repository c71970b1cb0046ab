"""The registry service, put together."""

import asyncio
from functools import partial

from services.registry import api, pages, trail_api
from services.registry.handlers import handlers
from services.registry.keys import NikKeys
from services.registry.placing import place_some
from services.registry.proof import adopt
from services.registry.uploading import PEOPLE
from shared import web
from shared.database import Database
from shared.events.catalogue import facts_topic, intake_topic
from shared.events.districts import DISTRICTS
from shared.log import Log
from shared.runtime import Node
from shared.settings import Settings
from shared.uploads.mounting import take_uploads

EXPORT_SECONDS = 300.0
"""For a file of everybody, which nobody waits for as for a page."""
TOPICS = (*(intake_topic("registry", code) for code in DISTRICTS), facts_topic("grants"))


def build(settings: Settings, log: Log, database: Database | None = None) -> Node:
    """One process of the registry, not yet running."""
    keys = NikKeys.at(settings.keys)
    node = Node(settings, log, title="Berdaya registry", handlers=handlers(keys), topics=TOPICS, database=database)
    node.app.state.nik_keys = keys
    node.background["nik key"] = partial(_stay_with_key, node, keys)
    node.app.state.patient = node.database.within(EXPORT_SECONDS)
    node.app.state.lookups_an_hour = settings.lookups
    web.include(node.app, api.router, trail_api.router)
    pages.mount(node.app, take_uploads(node, PEOPLE))
    return node


async def _stay_with_key(node: Node, keys: NikKeys, stopping: asyncio.Event) -> None:
    """Raises WrongSecret at the start, as soon as the database answers, whoever asks for nothing meanwhile.

    Then those are placed among the others who were recorded before people were compared.
    """
    async with node.database.transaction() as session:
        await adopt(session, keys)
    left = True
    while left and not stopping.is_set():
        async with node.database.transaction() as session:
            left = await place_some(session, keys)
    await stopping.wait()
