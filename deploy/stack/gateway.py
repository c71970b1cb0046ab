"""nginx as the one door: it knows the services' ports and nothing else about them."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from deploy.stack import debian, ports, services
from deploy.stack.files import DEPLOY, render
from deploy.stack.process import Component

NAME = "gateway"
# Workers outlive a killed master and would keep its port, its configuration and its connections. They are
# known by the master's process group and by name: the number in an old pid file may be anybody's by now.
_START = 'if test -s "$0"; then "$1" -KILL -x -g "$(cat "$0")" nginx; fi; shift; exec "$@"'


def prepare(state_dir: Path, *, port: int, upstreams: Mapping[str, int], port_variable: str | None = None) -> Component:
    """`upstreams` is the port of each service by its name."""
    nginx = debian.program(NAME, name="nginx", package="nginx-light")
    pkill = debian.program(NAME, name="pkill", package="procps")
    home = state_dir / NAME
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "nginx.conf"
    values = {
        "USER": "user www-data;" if os.geteuid() == 0 else "",
        "HOME": str(home),
        "LISTEN": f"{ports.LOOPBACK}:{port}",
        "WHEREABOUTS": "\n    ".join(
            f"upstream {name} {{ server {ports.LOOPBACK}:{upstream}; keepalive 16; }}"
            for name, upstream in upstreams.items()
        ),
        **{name.upper(): name for name in upstreams},
    }
    configuration.write_text(render(DEPLOY / NAME / "nginx.conf", values))
    clean = ("/bin/sh", "-c", _START, str(home / "nginx.pid"), pkill)
    serve = (nginx, "-p", str(home), "-c", str(configuration), "-e", "stderr")
    address = f"http://{ports.LOOPBACK}:{port}"
    return Component(
        name=NAME,
        command=(*clean, *serve),
        directory=home,
        configuration=(configuration,),
        log=state_dir / "log" / "gateway.log",
        port=port,
        port_variable=port_variable,
        address=address,
        probe=lambda: probe(address),
        stop_signal=signal.SIGTERM,  # SIGQUIT would wait for every open event stream
        start_patience=20,
        stop_patience=10,
    )


def probe(url: str) -> str | None:
    return services.get(f"{url}/gateway/health")
