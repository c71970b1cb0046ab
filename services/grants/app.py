"""The grants service, put together: what it reads, what it does with it, what it answers."""

from services.grants import api, pages
from services.grants.handlers import handlers
from services.grants.uploading import REQUESTS
from shared import web
from shared.database import Database
from shared.events.catalogue import facts_topic, intake_topic
from shared.events.districts import DISTRICTS
from shared.log import Log
from shared.runtime import Node
from shared.settings import Settings
from shared.uploads.mounting import take_uploads

TOPICS = (*(intake_topic("grants", code) for code in sorted(DISTRICTS)), facts_topic("registry"))


def build(settings: Settings, log: Log, database: Database | None = None) -> Node:
    """`settings.service` is `grants`. The database is that of the settings unless one is given."""
    node = Node(settings, log, title="Berdaya grants", handlers=handlers(), topics=TOPICS, database=database)
    web.include(node.app, *api.ROUTERS)
    pages.mount(node.app, take_uploads(node, REQUESTS))
    return node
