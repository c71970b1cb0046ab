"""nginx as the one door: it knows the services' ports and nothing else about them."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from deploy.stack import debian, ports, services
from deploy.stack.files import DEPLOY, render
from deploy.stack.process import Component

NAME = "gateway"


def prepare(state_dir: Path, *, port: int, upstreams: Mapping[str, int], port_variable: str | None = None) -> Component:
    """`upstreams` is the port of each service by its name."""
    nginx = debian.program(NAME, name="nginx", package="nginx-light")
    home = state_dir / NAME
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "nginx.conf"
    values = {
        "USER": "user www-data;" if os.geteuid() == 0 else "",
        "HOME": str(home),
        "LISTEN": f"{ports.LOOPBACK}:{port}",
        **{name.upper(): f"{ports.LOOPBACK}:{upstream}" for name, upstream in upstreams.items()},
    }
    configuration.write_text(render(DEPLOY / NAME / "nginx.conf", values))
    address = f"http://{ports.LOOPBACK}:{port}"
    return Component(
        name=NAME,
        command=(nginx, "-p", str(home), "-c", str(configuration), "-e", "stderr"),
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
