"""Redis holds views that can be rebuilt: nothing is written to disk, and nothing is ever evicted unseen."""

from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from deploy.stack import debian, ports
from deploy.stack.process import Component

NAME = "redis"
_CONFIGURATION = """\
bind {host}
port {port}
daemonize no
dir {home}
# Empty after a restart, and known to be: the services rebuild it from their databases.
save ""
appendonly no
# Full is an error that a writer sees, never a view that silently went missing.
maxmemory 512mb
maxmemory-policy noeviction
"""


def prepare(state_dir: Path, *, port: int, port_variable: str | None = None) -> Component:
    server = debian.program(NAME, name="redis-server", package="redis-server")
    home = state_dir / NAME
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "redis.conf"
    configuration.write_text(_CONFIGURATION.format(host=ports.LOOPBACK, port=port, home=home))
    address = f"redis://{ports.LOOPBACK}:{port}/0"
    return Component(
        name=NAME,
        command=(server, str(configuration)),
        directory=home,
        configuration=(configuration,),
        log=state_dir / "log" / "redis.log",
        port=port,
        port_variable=port_variable,
        address=address,
        probe=lambda: probe(address),
        start_patience=20,
        stop_patience=10,
    )


def probe(url: str) -> str | None:
    """None when it answers PING."""
    once = Retry(NoBackoff(), 0)  # by default the client itself tries for half a minute
    with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=once) as client:
        try:
            client.ping()
        except (RedisError, OSError) as error:
            return str(error)
    return None
