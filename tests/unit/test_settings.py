"""What a service is told by its environment, where one variable needs another."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from shared.settings import KafkaLogin, Settings


def test_without_a_user_nobody_signs_in_to_kafka() -> None:
    assert Settings(service="grants").kafka_login is None


def test_user_and_password_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "grants"
    file.write_text("a word\n")
    monkeypatch.setenv("BERDAYA_KAFKA_USER", "grants")
    monkeypatch.setenv("BERDAYA_KAFKA_PASSWORD_FILE", str(file))
    login = Settings(service="grants").kafka_login
    assert login == KafkaLogin("grants", file)
    assert login.password() == "a word"


@pytest.mark.parametrize(("name", "value"), [("USER", "grants"), ("PASSWORD_FILE", "somewhere")])
def test_a_user_without_a_password_or_the_reverse_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"BERDAYA_KAFKA_{name}", value)
    with pytest.raises(ValidationError, match="go together"):
        Settings(service="grants")


def test_a_database_s_password_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s/e:c@r%et\n")
    settings = Settings(
        service="grants", database="postgresql+asyncpg://grants@postgres/grants", database_password_file=file
    )
    url = make_url(settings.database_url)
    assert (url.username, url.password, url.host, url.database) == ("grants", "s/e:c@r%et", "postgres", "grants")


def test_redis_s_password_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s/e:c@r%et\n")
    settings = Settings(service="reporting", redis="redis://default@redis:6379/0", redis_password_file=file)
    told = urlsplit(settings.redis_url or "")
    assert (told.username, told.hostname, told.port, told.path) == ("default", "redis", 6379, "/0")
    assert unquote(told.password or "") == "s/e:c@r%et"
    assert Settings(service="reporting", redis_password_file=file).redis_url is None
