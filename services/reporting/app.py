"""The reporting service, put together."""

from services.reporting import api, growth_api, measures, pages, views_api, worklist_api
from services.reporting.announcer import Announcer
from services.reporting.api import Dashboards
from services.reporting.front import Front
from services.reporting.growth import Classes
from services.reporting.handlers import handlers
from services.reporting.live import InProcess, Live, OverRedis
from services.reporting.nightly import Nightly
from services.reporting.pages.aid import Values
from services.reporting.pages.past import Pasts
from services.reporting.releasing import Releasing
from services.reporting.rule_versions import RULES
from services.reporting.sessions import Endings
from services.reporting.stream import Streams
from services.reporting.uploading import INCOME
from services.reporting.worklist_rules import jakarta_day
from shared import web
from shared.consumer import Together
from shared.database import Database, now
from shared.events.catalogue import facts_topic, intake_topic
from shared.events.districts import DISTRICTS
from shared.log import Log
from shared.runtime import Node
from shared.settings import Settings
from shared.uploads.mounting import take_uploads

TOPICS = (
    *(intake_topic("reporting", code) for code in DISTRICTS),
    facts_topic("registry"),
    facts_topic("grants"),
)


def build(settings: Settings, log: Log, database: Database | None = None, live: Live | None = None) -> Node:
    """One process of reporting, not yet running. KeyError when the settings name a growth rule that there is not."""
    rule = RULES[settings.growth_rule]
    database = database or Database(settings.database_url, pool=settings.pool)
    redis = settings.redis_url
    live = live or (OverRedis(redis) if redis else InProcess())

    def progress() -> Together:
        return node.progress

    def watched() -> bool:
        return redis is not None or streams.open > 0

    announcer = Announcer(database, live, progress, watched)
    node = Node(
        settings,
        log,
        title="Berdaya reporting",
        handlers=handlers(),
        topics=TOPICS,
        deferred=Classes(rule),
        announce=announcer.announce,
        database=database,
    )
    streams = Streams(live.versions, node.metrics, most=settings.streams, each=settings.streams_each)
    source = Dashboards(node.context.database, live, streams)
    node.app.state.dashboards = source
    node.app.state.growth_rule = rule
    node.app.state.today = lambda: jakarta_day(now())
    node.app.state.pasts = past = Pasts(node.context.database, source, node.metrics)
    node.app.state.values = Values(node.context.database)
    node.served = Front(node.app, node.context, source)
    web.include(node.app, *(part.router for part in (api, growth_api, worklist_api, views_api, measures)))
    came = take_uploads(node, INCOME)
    node.background["streams"] = streams.run
    nightly = Nightly(database, node.metrics, node.logger, proves=settings.role != "web")
    node.background["nightly"] = nightly.run
    node.alarms.append(nightly.alarm)
    node.background["listener"] = live.listen
    if settings.role != "worker":  # which has no page, hence no key to sign a reader in by
        endings = Endings(node.context.database, node.context.sessions, streams)
        pages.mount(node.app, settings, node.context.database, node.context.sessions, endings, came)
        node.background["past"] = past.run
        node.background["sessions"] = endings.run
    if settings.role != "web":
        node.background["announcer"] = announcer.run
        releasing = Releasing(database, live, node.metrics, node.logger)
        node.background["releasing"] = releasing.run
        node.alarms.append(releasing.alarm)
    return node
