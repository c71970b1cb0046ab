"""Logs and metrics. A log line or a metric never carries a name, a NIK or the data of an event."""

import logging
import sys
import traceback
from typing import Literal

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from shared.settings import Settings

CounterName = Literal[
    "events_applied_total",
    "events_dropped_total",
    "quarantined_total",
    "outbox_published_total",
    "faults_total",
    "refused_tokens_total",
    "sessions_replayed_total",
    "streams_refused_total",
    "streams_cut_total",
    "releases_refused_total",
]
GaugeName = Literal[
    "events_behind",
    "seconds_behind",
    "gaps",
    "outbox_waiting",
    "events_waiting",
    "quarantine_held",
    "streams_open",
    "reconcile_differences",
]

_HELP: dict[str, str] = {
    "events_applied_total": "Events that reached a verdict.",
    "events_dropped_total": "Records already applied before, dropped by their offset.",
    "quarantined_total": "Records put into quarantine.",
    "outbox_published_total": "Records the relay brought to the log.",
    "faults_total": "Transient faults waited out.",
    "refused_tokens_total": "Calls refused for their token.",
    "sessions_replayed_total": "Sessions ended because an old cookie came again: somebody may have copied it.",
    "streams_refused_total": "Pages that were not let follow changes: too many in all, or by one caller.",
    "streams_cut_total": "Pages cut because they took nothing of what was sent.",
    "releases_refused_total": "Public releases held back because a hidden number could be worked out: needs a human.",
    "events_behind": "Events in the log that this worker has not applied yet.",
    "seconds_behind": "Age of the oldest event not applied yet, in seconds.",
    "gaps": "Partitions stopped because the log lost records: needs a human.",
    "outbox_waiting": "Rows the relay has still to send.",
    "events_waiting": "Events waiting for something they refer to.",
    "quarantine_held": "Records in quarantine.",
    "reconcile_differences": "Differences between views and facts, by the newest nightly proof: needs a human.",
    "streams_open": "Pages that follow changes now.",
}


class Metrics:
    """The metrics of one service, in a registry of its own so that three services can share a process."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(f"berdaya_{name}", _HELP[name], ["service"], registry=self.registry).labels(service)
            for name in CounterName.__args__  # type: ignore[attr-defined]
        }
        self._gauges = {
            name: Gauge(f"berdaya_{name}", _HELP[name], ["service"], registry=self.registry).labels(service)
            for name in GaugeName.__args__  # type: ignore[attr-defined]
        }
        self.batch_seconds = Histogram(
            "berdaya_batch_seconds", "Time from reading a batch to its commit.", ["service"], registry=self.registry
        ).labels(service)

    def count(self, name: CounterName, by: int = 1) -> None:
        self._counters[name].inc(by)

    def gauge(self, name: GaugeName, value: float) -> None:
        self._gauges[name].set(value)

    def expose(self) -> bytes:
        return generate_latest(self.registry)


def configure_logs(settings: Settings) -> None:
    """Log lines to standard error; to be called once per process."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.json_logs
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )


def logger(service: str) -> structlog.typing.FilteringBoundLogger:
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind(service=service)
    return bound


def kinds(error: BaseException) -> list[str]:
    """The kinds of a fault and of all that caused it or are grouped in it."""
    inner = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    causes = [cause for cause in (*inner, error.__cause__) if cause is not None]
    return [type(error).__name__, *(kind for cause in causes for kind in kinds(cause))]


def places(error: BaseException) -> list[str]:
    """Where it was raised, innermost last, without any value: our own steps, and the last one whosever it is."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    steps = traceback.extract_tb(error.__traceback__)
    ours = [step for step in steps if "site-packages" not in step.filename]
    return [f"{step.filename}:{step.lineno} {step.name}" for step in (*ours[-7:], *steps[-1:])]
