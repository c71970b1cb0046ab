"""The reporting service, put together."""

from services.reporting import api, pages, views_api
from services.reporting.announcer import Announcer
from services.reporting.api import Dashboards
from services.reporting.growth import Classes
from services.reporting.handlers import handlers
from services.reporting.live import InProcess, Live, OverRedis
from services.reporting.nightly import Nightly
from shared.consumer import Together
from shared.database import Database
from shared.events.catalogue import facts_topic, intake_topic
from shared.events.districts import DISTRICTS
from shared.log import Log
from shared.runtime import Node
from shared.settings import Settings

TOPICS = (
    *(intake_topic("reporting", code) for code in DISTRICTS),
    facts_topic("registry"),
    facts_topic("grants"),
)


def build(settings: Settings, log: Log, database: Database | None = None) -> Node:
    """One process of reporting, not yet running."""
    database = database or Database(settings.database_url, pool=settings.pool)
    live: Live = OverRedis(settings.redis) if settings.redis else InProcess()

    def progress() -> Together:
        return node.progress

    announcer = Announcer(database, live, progress)
    node = Node(
        settings,
        log,
        title="Berdaya reporting",
        handlers=handlers(),
        topics=TOPICS,
        deferred=Classes(),
        announce=announcer.announce,
        database=database,
    )
    node.app.state.dashboards = Dashboards(database, live)
    node.app.include_router(api.router)
    node.app.include_router(views_api.router)
    node.app.include_router(pages.pages(settings, database))
    nightly = Nightly(database, node.metrics, node.logger, proves=settings.role != "web")
    node.background["nightly"] = nightly.run
    node.alarms.append(nightly.alarm)
    if settings.role != "worker":
        node.background["listener"] = live.listen
    if settings.role != "web":
        node.background["announcer"] = announcer.run
    return node
