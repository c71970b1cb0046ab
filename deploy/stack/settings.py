"""Every variable that steers the stack, and every variable that it hands to a service, by name."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.stack.files import ROOT
from shared.settings import KafkaLogin

_PREFIX = "BERDAYA_"


class Settings(BaseSettings):
    """Read from the environment: `kafka_port` is BERDAYA_KAFKA_PORT. Ports are loopback ports."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    var: Path = Field(default=ROOT / "var", description="all state, logs, passwords and generated configuration")
    districts: Path = Field(
        default=ROOT / "shared" / "data" / "districts.csv", description="district codes, for the topics"
    )
    kafka_libs: Path = Field(
        default=ROOT / "var" / "kafka" / "libs", description="Kafka's jars, shared by all state folders"
    )
    # Away from the usual ports, where the distribution's own servers may already listen.
    kafka_port: int = 19092
    kafka_controller_port: int = 19093
    postgres_port: int = 15432
    redis_port: int = 16379
    gateway_port: int = 8000
    public: str = Field(
        default="",
        description="the gateway's address as districts know it, e.g. https://berdaya.example, for their folders",
    )
    registry_port: int = 8001
    grants_port: int = 8002
    reporting_port: int = 8003

    @field_validator("var", "districts", "kafka_libs")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.resolve()

    def port(self, name: str) -> int:
        found: int = getattr(self, f"{name}_port")
        return found


def port_variable(name: str) -> str:
    return f"{_PREFIX}{name.upper()}_PORT"


def service_environment(
    *, port: int, kafka: str, login: KafkaLogin, database: str, redis: str, state_dir: Path
) -> Mapping[str, str]:
    """What one service process is told. `database` is that service's own, under its own role."""
    return {
        "BERDAYA_LOG": "kafka",
        "BERDAYA_KAFKA": kafka,
        **kafka_environment(login),
        "BERDAYA_DATABASE": database,
        "BERDAYA_REDIS": redis,
        "BERDAYA_PORT": str(port),
        "BERDAYA_VAR": str(state_dir),
        "PYTHONUNBUFFERED": "1",
    }


def kafka_environment(login: KafkaLogin) -> Mapping[str, str]:
    return {"BERDAYA_KAFKA_USER": login.user, "BERDAYA_KAFKA_PASSWORD_FILE": str(login.password_file.resolve())}
