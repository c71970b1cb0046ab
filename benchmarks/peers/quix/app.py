"""The same fold on Quix Streams: newest revision per business and month, totals per district and month by difference.

A topic holds one district in one partition, so grouping by district only changes the key of a record, and one stateful
step holds reports and totals side by side: Quix needs no repartition topic, and is spared one hop through Kafka.
"""

import json
import resource
import sys
import time
from collections.abc import Iterable
from typing import Any

from quixstreams import Application, State
from quixstreams.processing import ProcessingContext

TOTALS = "peer.totals"


def main(kafka: str, topics: list[str], events: int, state_dir: str) -> None:
    """Fold until `events` are processed and committed, then print the seconds between, of clock and CPU, and MiB."""
    watch = Watch(events)
    app = Application(
        kafka,
        consumer_group="peer",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        use_changelog_topics=True,
        state_dir=state_dir,
        on_message_processed=watch.processed,
        loglevel="WARNING",
    )
    watch.app = app
    totals = app.topic(TOTALS, key_serializer="str", value_serializer="json")
    for topic in topics:
        frame = app.dataframe(app.topic(topic, key_deserializer="str"))
        frame = frame.group_by(lambda report: report["district_ref"][:4], name="district")
        frame = frame.apply(fold, stateful=True, metadata=True).filter(lambda total: total is not None)
        frame.to_topic(totals, key=lambda total: f"{total['district']}/{total['month']}")
    watch.commits()
    app.run()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": watch.seconds, "cpu": watch.cpu, "memory": memory}))


def fold(
    report: dict[str, Any], district: str, _time: int, headers: Iterable[tuple[str, bytes]], state: State
) -> dict[str, Any] | None:
    """The new total of the district and month, or None when the report is older than the one in force."""
    named = dict(headers)
    mark = [report["revision"], named["ce_time"].decode(), named["ce_id"].decode()]
    key = f"{report['district_ref']}/{report['month']}"
    prior = state.get(key)
    if prior is not None and prior["mark"] >= mark:
        return None
    net = report["turnover"] - report["materials"] - report["production"] - report["wages"]
    counted = [1, report["turnover"], net, report["employees"], int(report["asset_use"] in ("idle", "broken"))]
    state.set(key, {"mark": mark, "counted": counted})
    total = state.get(report["month"], [0] * 5)
    total = [old + new for old, new in zip(total, counted, strict=True)]
    if prior is not None:
        total = [now - before for now, before in zip(total, prior["counted"], strict=True)]
    state.set(report["month"], total)
    return {"district": district, "month": report["month"], "total": total}


class Watch:
    """Stops the application after so many events; it then commits what it holds."""

    def __init__(self, events: int) -> None:
        self.app: Application
        self.seconds = 0.0
        self.cpu = 0.0
        self._first: tuple[float, float] | None = None
        self._left = events

    def commits(self) -> None:
        """Note when Quix commits: what it does after its last commit, closing, is not counted."""
        commit = ProcessingContext.commit_checkpoint

        def noted(context: ProcessingContext, *args: Any, **named: Any) -> None:
            commit(context, *args, **named)
            if self._first is not None and self._left == 0:
                self.seconds = time.monotonic() - self._first[0]
                self.cpu = time.process_time() - self._first[1]

        ProcessingContext.commit_checkpoint = noted

    def processed(self, topic: str, _partition: int, _offset: int) -> None:
        if self._first is None:
            self._first = time.monotonic(), time.process_time()
        self._left -= 1
        if self._left == 0:
            self.app.stop()


if __name__ == "__main__":
    settings = json.loads(sys.stdin.read())
    main(settings["kafka"], settings["topics"], settings["events"], settings["state_dir"])
