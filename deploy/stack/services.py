"""The three services as programs of this virtual environment; each is told only its own database."""

import http.client
import os
import sys
from urllib.parse import urlsplit

from deploy.stack import passwords, ports
from deploy.stack.commands import run
from deploy.stack.files import ROOT
from deploy.stack.process import Component
from deploy.stack.settings import Settings, port_variable, service_environment

NAMES = ("registry", "grants", "reporting")


def describe(name: str, settings: Settings, *, kafka: Component, postgres: Component, redis: Component) -> Component:
    port = settings.port(name)
    address = f"http://{ports.LOOPBACK}:{port}"
    return Component(
        name=name,
        command=(*_module(name), "serve"),
        directory=ROOT,
        log=settings.var / "log" / f"{name}.log",
        port=port,
        port_variable=port_variable(name),
        address=address,
        probe=lambda: probe(address),
        environment=service_environment(
            port=port,
            kafka=kafka.address,
            login=passwords.login(settings.var, name),
            database=sqlalchemy_url(postgres.addresses[name]),
            redis=redis.address,
            state_dir=settings.var,
        ),
        start_patience=60,
        stop_patience=20,
    )


def migrate(service: Component) -> None:
    """Brings the service's own database to the version its code expects."""
    environment = os.environ | dict(service.environment)
    run(
        service.name,
        (*_module(service.name), "migrate"),
        patience=300,
        environment=environment,
        directory=ROOT,
    )


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


def probe(url: str) -> str | None:
    return get(f"{url}/health/ready")


def get(url: str) -> str | None:
    """None when the answer is 200."""
    it = urlsplit(url)
    connection = http.client.HTTPConnection(str(it.hostname), it.port, timeout=5)
    try:
        connection.request("GET", it.path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__} at {url}"
    finally:
        connection.close()
    return None if status == http.client.OK else f"{status} from {url}"


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"services.{name}")
