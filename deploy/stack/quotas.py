"""How fast a user may send and read: slowed down beyond it, never refused. By Kafka's own request for it, because
confluent-kafka has no quotas and Kafka's command for them would bring a JVM into the image of the services."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int16, Int32, Schema, String

from deploy.stack import kafka, passwords
from deploy.stack.errors import Unavailable
from deploy.stack.principals import SERVICES
from shared.settings import KafkaLogin

Rates = Mapping[str, float]
"""Bytes per second and broker, by Kafka's name of the quota."""

EACH_DISTRICT: Rates = {"producer_byte_rate": 2 * 1024 * 1024, "consumer_byte_rate": 4 * 1024 * 1024}
"""Of every user without rates of its own: some two thousand events a second."""
UNLIMITED: Rates = dict.fromkeys(EACH_DISTRICT, 1e12)
_DEFAULT = None


def provision(bootstrap: str, state_dir: Path) -> None:
    """The default for districts, and none for the services and the administrator. Safe to run again.

    Raises Unavailable when the broker refuses.
    """
    wanted: dict[str | None, Rates] = {_DEFAULT: EACH_DISTRICT} | dict.fromkeys((*SERVICES, passwords.ADMIN), UNLIMITED)
    login = passwords.login(state_dir, passwords.ADMIN)
    with ThreadPoolExecutor(1) as apart:  # whoever calls may have an event loop of its own
        apart.submit(asyncio.run, _alter(bootstrap, login, wanted)).result()


async def _alter(bootstrap: str, login: KafkaLogin, wanted: Mapping[str | None, Rates]) -> None:
    client = AIOKafkaClient(
        bootstrap_servers=bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=login.user,
        sasl_plain_password=login.password(),
    )
    try:
        await client.bootstrap()
        answer = await client.send(client.get_random_node(), _AlterClientQuotas(wanted))
    finally:
        await client.close()
    for code, why, entity in answer.entries:
        if code:
            raise Unavailable(kafka.NAME, f"no rates for {entity[0][1] or 'districts'}: {why or f'error {code}'}")


_ENTITY = ("entity", Array(("entity_type", String("utf-8")), ("entity_name", String("utf-8"))))


class _AlterClientQuotasResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 49
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("entries", Array(("error_code", Int16), ("error_message", String("utf-8")), _ENTITY)),
    )


class _AlterClientQuotasRequest(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 49
    API_VERSION = 0
    RESPONSE_TYPE = _AlterClientQuotasResponse
    SCHEMA = Schema(
        (
            "entries",
            Array(_ENTITY, ("ops", Array(("key", String("utf-8")), ("value", Float64), ("remove", Boolean)))),
        ),
        ("validate_only", Boolean),
    )


class _AlterClientQuotas(Request[_AlterClientQuotasRequest]):  # type: ignore[misc]  # aiokafka ships no types
    """Each user's rates, in one request; None is the default of all others."""

    API_KEY = 49

    def __init__(self, wanted: Mapping[str | None, Rates]) -> None:
        self._entries = [
            ([("user", user)], [(name, rate, False) for name, rate in rates.items()]) for user, rates in wanted.items()
        ]

    def build(self, request: type[_AlterClientQuotasRequest]) -> _AlterClientQuotasRequest:
        return request(self._entries, False)
