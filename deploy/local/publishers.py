"""The districts as Kafka's users: what goes to a district's topic is sent by that district, as the broker demands."""

from collections.abc import Mapping, Sequence

from shared.events.catalogue import topic_district
from shared.events.envelope import Outgoing
from shared.kafka import KafkaLog
from shared.settings import KafkaLogin


class Publishers:
    """One client per district, made when it first has something to say."""

    def __init__(self, servers: str, logins: Mapping[str, KafkaLogin]) -> None:
        self._servers = servers
        self._logins = logins
        self._logs: dict[str, KafkaLog] = {}

    async def append(self, records: Sequence[Outgoing]) -> None:
        """Records of one intake topic, or of several. Raises KeyError for a topic that is no district's."""
        parts: dict[str, list[Outgoing]] = {}
        for record in records:
            parts.setdefault(topic_district(record.topic) or "", []).append(record)
        for code, part in parts.items():
            await self._log(code).append(part)

    async def close(self) -> None:
        for log in self._logs.values():
            await log.close()

    def _log(self, code: str) -> KafkaLog:
        if code not in self._logs:
            self._logs[code] = KafkaLog(self._servers, login=self._logins[code])
        return self._logs[code]
