"""What a page shows beside the present: the month before and three years of history, drawn once per version."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from fastapi import Request
from markupsafe import Markup

from services.reporting.api import Dashboards
from services.reporting.dashboard import Snapshot
from services.reporting.history import SHOWN, YEAR, History, Number, read_history
from services.reporting.kept import Kept
from services.reporting.pages.charts import january, sparkline, trend
from services.reporting.rules import month_index, month_name
from services.reporting.wording import WORDS
from shared.database import FAULTS, Database, is_transient
from shared.events.districts import DISTRICTS
from shared.pages.wording import Language, Words
from shared.telemetry import Metrics

SPARK_MONTHS = 24
_KEPT = 24
_OLD_SECONDS = 30.0
"""A correction of an old month raises no version: its line is at most so old."""
_OUTDATED_SECONDS = 5.0
"""Versions may follow each other every second; lines of three years need not."""
_LOOK_SECONDS = 1.0


class Line(NamedTuple):
    """One chart with what is said of it. `write`: numbers of its table and text. `unfinished`: of the last months."""

    key: str
    svg: Markup
    months: list[str]
    values: list[Number]
    before: list[Number]
    write: Callable[[float], str]
    unfinished: int


class Past:
    """Of one month, as read at one version. What is drawn of it is drawn at most once in each language."""

    def __init__(self, newest: Snapshot, history: History, before: Snapshot | None) -> None:
        self.version = newest.version
        self.history = history
        self.before = before
        self._unfinished = sum(1 for month in history.months if newest.complete is None or month > newest.complete)
        self._lines: dict[tuple[Language, str], list[Line]] = {}
        self._sparks: dict[Language, dict[str, Markup]] = {}

    def lines(self, words: Words, code: str) -> list[Line]:
        """Reports by month and net profit per report, of a district or of the province (""); none without a report."""
        key = words.language, code
        if key not in self._lines:
            self._lines[key] = self._draw(words, code)
        return self._lines[key]

    def sparks(self, words: Words) -> dict[str, Markup]:
        """Net profit per report over the last complete months, by district."""
        if words.language not in self._sparks:
            self._sparks[words.language] = {code: self._spark(words, code) for code in ("", *DISTRICTS)}
        return self._sparks[words.language]

    def _draw(self, words: Words, code: str) -> list[Line]:
        track = self.history.track(code)
        if not any(track.reports):
            return []
        months, found = list(self.history.months), []
        kinds: tuple[tuple[str, Sequence[Number], Callable[[float], str]], ...] = (
            ("reports", track.reports, words.number),
            ("mean_profit", track.mean_profit, words.about),
        )
        for key, values, write in kinds:
            now, earlier = _beside(values)
            if key == "reports":  # before its first report a district is no district without reports
                now, earlier = _known(now), _known(earlier)
            shown = months[-len(now) :]
            text = words(
                "trend.text", name=words(f"trend.{key}"), first=words.month(shown[0]), last=words.month(shown[-1])
            )
            unfinished = min(self._unfinished, len(shown))
            if unfinished:
                text = words("trend.text_unfinished", text=text, month=words.month(shown[-1]))
            svg = trend(now, earlier, january(shown), write, text, unfinished)
            found.append(Line(key, svg, shown, now, earlier, write, unfinished))
        return found

    def _spark(self, words: Words, code: str) -> Markup:
        complete = len(self.history.months) - self._unfinished
        values = self.history.track(code).mean_profit[:complete][-SPARK_MONTHS:]
        known = [value for value in values if value is not None]
        if not known:
            return Markup("")
        first, last = words.about(known[0]), words.about(known[-1])
        return sparkline(values, words("trend.spark", first=first, last=last))


class Pasts:
    """The past of each month that is read; while the database is away, none rather than an error."""

    def __init__(self, database: Database, source: Dashboards, metrics: Metrics) -> None:
        self._database = database
        self._source = source
        self._metrics = metrics
        self._kept: Kept[str, Past] = Kept(self._read, most=_KEPT)

    async def of(self, snapshot: Snapshot) -> Past | None:
        """None before the first report, and while it cannot be read: the figures can do without it."""
        if snapshot.month is None:
            return None
        try:
            found = await self._kept.get(snapshot.month, seconds=_OLD_SECONDS)
            if found.version == snapshot.version:
                return found
            return await self._kept.get(snapshot.month, seconds=_OUTDATED_SECONDS)
        except FAULTS as error:
            if not is_transient(error):
                raise
            self._metrics.count("faults_total")
            return None

    async def run(self, stopping: asyncio.Event) -> None:
        """A background task of every web process: while somebody watches, each new version of what pages open on is
        drawn before anybody asks for it. Where nobody does, a page has it drawn.
        """
        while not stopping.is_set():
            newest = self._source.live.current() if self._source.streams.open else None
            past = await self.of(newest.opens) if newest is not None else None
            if past is not None:
                for words in WORDS.values():
                    past.lines(words, "")
                    past.sparks(words)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)

    async def _read(self, month: str) -> Past:
        newest = await self._source.snapshot(None)
        earlier = month_name(month_index(month) - 1)
        before = await self._source.snapshot(earlier) if earlier in newest.months else None
        async with self._database.reading(still=True) as session:
            return Past(newest, await read_history(session, month), before)


def pasts(request: Request) -> Pasts:
    found: Pasts = request.app.state.pasts
    return found


def _beside(values: Sequence[Number]) -> tuple[list[Number], list[Number]]:
    """The last SHOWN months, and for each the month a year before."""
    now = list(values[-SHOWN:])
    earlier: list[Number] = [*[None for _ in values], *values]
    return now, earlier[len(earlier) - YEAR - len(now) : len(earlier) - YEAR]


def _known(values: list[Number]) -> list[Number]:
    first = next((place for place, value in enumerate(values) if value), len(values))
    return [*[None for _ in values[:first]], *values[first:]]
