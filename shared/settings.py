"""Every environment variable, typed, explained once. Beside it, services read only the failpoint of tests."""

from pathlib import Path
from typing import Literal, NamedTuple, Self
from urllib.parse import quote

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ServiceName = Literal["registry", "grants", "reporting"]


class KafkaLogin(NamedTuple):
    """A user of the broker. The file is read whenever a client signs in, so a new password needs no restart."""

    user: str
    password_file: Path

    def password(self) -> str:
        """Raises OSError when the file cannot be read."""
        return self.password_file.read_text().strip()


def with_password(url: str, password: str) -> str:
    """The address of a database, or of Redis, with the password of the role that it names."""
    return url.replace("@", f":{quote(password, safe='')}@", 1)


class Settings(BaseSettings):
    """One service process. Each field is `BERDAYA_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="BERDAYA_", extra="ignore", frozen=True)

    service: ServiceName = Field(description="Which service this process is; set by its entry point.")
    var: Path = Field(default=Path("var"), description="The folder that holds all state and local keys.")
    log: Literal["embedded", "kafka"] = Field(default="embedded", description="Which log carries the events.")
    kafka: str = Field(default="127.0.0.1:9092", description="Kafka's bootstrap addresses, host:port,…")
    kafka_user: str | None = Field(
        default=None, description="Who signs in to Kafka, by SCRAM-SHA-512; without it nobody signs in."
    )
    kafka_password_file: Path | None = Field(default=None, description="The file with that user's password alone.")
    database: str | None = Field(
        default=None,
        description="postgresql+asyncpg://… or sqlite+aiosqlite:///…; by default one SQLite file per service.",
    )
    database_password_file: Path | None = Field(
        default=None, description="The file with the password of the role in `database`, which then has none itself."
    )
    redis: str | None = Field(
        default=None, description="redis://… for dashboard snapshots; by default they stay in the process."
    )
    redis_password_file: Path | None = Field(
        default=None, description="The file with the password of the user in `redis`, which then has none itself."
    )
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="The port to listen on.")
    role: Literal["all", "web", "worker"] = Field(
        default="all", description="web answers HTTP, worker reads the log and empties the outbox, all does both."
    )
    lanes: int = Field(
        default=3,
        ge=1,
        le=8,
        description="Consumers in one worker process: while one waits for PostgreSQL, another decodes. SQLite has one.",
    )
    batch: int = Field(default=2000, ge=1, le=5_000, description="The most events in one transaction.")
    pool: int = Field(default=8, ge=2, le=64, description="The most database connections of this process.")
    streams: int = Field(default=2500, ge=1, description="The most pages that follow changes by one process at once.")
    streams_each: int = Field(default=50, ge=1, description="The most of these by one caller, the `sub` of the token.")
    lookups: int = Field(default=120, ge=1, description="The most lookups of a NIK by one caller within an hour.")
    public: str = Field(
        default="",
        pattern=r"^(https?://[A-Za-z0-9.\[\]:-]+)?$",
        description="The address people open, without a path, e.g. https://berdaya.example.",
    )
    oidc_issuer: str = Field(default="", description="The office's identity provider, an OpenID Connect issuer.")
    oidc_client: str = Field(default="", description="As what the provider knows Berdaya: the client's id.")
    oidc_secret_file: Path | None = Field(
        default=None, description="The file with the client's secret alone; without it the client is a public one."
    )
    oidc_roles: str = Field(
        default="",
        description="Which of the provider's roles is which here: theirs=ours,…; of several the first counts.",
    )
    oidc_roles_claim: str = Field(
        default="roles", description="Where the ID token names roles; dots lead into it: realm_access.roles."
    )
    oidc_district_claim: str = Field(
        default="district", description="Where the ID token names the four digits of an officer's district."
    )
    oidc_subject_claim: str = Field(
        default="sub",
        description="Where the ID token names the person; preferred_username reads better, if never given again.",
    )
    oidc_scope: str = Field(default="openid", description="What is asked of the provider.")
    issuer: str = Field(default="berdaya-local", description="The `iss` that tokens must carry.")
    audience: str = Field(default="berdaya", description="The `aud` that tokens must carry.")
    stall: float = Field(
        default=60.0, gt=0, description="Seconds behind without progress after which a worker exits to be restarted."
    )
    session_timeout: float = Field(
        default=30.0,
        ge=1,
        le=300,
        description="Seconds without a sign of life after which Kafka gives a worker's partitions to another.",
    )
    growth_rule: int = Field(
        default=1, ge=1, description="The version of the growth rule in force; all processes of reporting must agree."
    )
    json_logs: bool = Field(default=True, description="One JSON object per log line; false prints for people.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least level logged."
    )

    @model_validator(mode="after")
    def _user_and_password(self) -> Self:
        if (self.kafka_user is None) != (self.kafka_password_file is None):
            raise ValueError("BERDAYA_KAFKA_USER and BERDAYA_KAFKA_PASSWORD_FILE go together")
        return self

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Self:
        if self.oidc_issuer and not (self.oidc_client and self.oidc_roles and self.public):
            raise ValueError("BERDAYA_OIDC_ISSUER needs BERDAYA_OIDC_CLIENT, BERDAYA_OIDC_ROLES and BERDAYA_PUBLIC")
        return self

    @property
    def kafka_login(self) -> KafkaLogin | None:
        if self.kafka_user is None or self.kafka_password_file is None:
            return None
        return KafkaLogin(self.kafka_user, self.kafka_password_file)

    @property
    def database_url(self) -> str:
        """Raises OSError when the password's file cannot be read."""
        found = self.database or f"sqlite+aiosqlite:///{(self.var / f'{self.service}.db').resolve()}"
        if self.database_password_file is None:
            return found
        return with_password(found, self.database_password_file.read_text().strip())

    @property
    def redis_url(self) -> str | None:
        """None where snapshots stay in the process. Raises OSError when the password's file cannot be read."""
        if self.redis is None or self.redis_password_file is None:
            return self.redis
        return with_password(self.redis, self.redis_password_file.read_text().strip())

    @property
    def keys(self) -> Path:
        """The folder of local keys, readable by the owner only."""
        return self.var / "keys"
