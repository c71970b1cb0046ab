"""What the one door says by itself: a body that no service would take is refused in words, before it is sent."""

import http.client
import json
from collections.abc import Iterator

import pytest

from deploy.stack import gateway, ports
from deploy.stack.errors import StackError
from deploy.stack.process import Handle
from shared.web import MAX_UPLOAD_BYTES, problem
from tests.conftest import absent

MOST = 33 * 1024 * 1024
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """With nobody behind it."""
    upstreams = {name: ports.choose() for name in ("registry", "grants", "reporting")}
    try:
        component = gateway.prepare(tmp_path_factory.mktemp("gateway"), port=ports.choose(), upstreams=upstreams)
        handle = Handle(component)
    except StackError as error:
        absent("gateway", str(error))
    with handle:
        yield handle.address.removeprefix("http://")


def sent(door: str, path: str, length: int, accept: str) -> tuple[int, str | None, str]:
    """Only the head of a call, which says how long its body is: status, type and body of the answer."""
    connection = http.client.HTTPConnection(door, timeout=20)
    connection.putrequest("POST", path)
    for name, value in {"Content-Length": str(length), "Accept": accept}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.headers["Content-Type"], answer.read().decode()
    connection.close()
    return found


@pytest.mark.parametrize("path", ["/registry/v1/events", "/grants/v1/uploads/budgets", "/reporting/v1/x", "/x"])
@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_a_program_that_sends_too_much_reads_a_problem_as_the_services_say_it(
    door: str, path: str, accept: str
) -> None:
    status, kind, body = sent(door, path, MOST + 1, accept)
    assert (status, kind) == (413, "application/problem+json")
    assert json.loads(body) == json.loads(bytes(problem("too_large", {"detail": f"at most {MOST} bytes"}).body))


def test_a_person_who_uploads_too_much_reads_in_both_languages_how_much_may_be_sent(door: str) -> None:
    status, kind, page = sent(door, "/registry/uploads", MOST + 1, BROWSER)
    assert (status, kind) == (413, "text/html; charset=utf-8")
    assert '<html lang="id">' in page and '<p lang="en">' in page
    megabytes = f"{MAX_UPLOAD_BYTES // 1024 // 1024} MB"
    assert f"paling besar {megabytes}" in page and f"{megabytes} at most" in page


def test_what_is_not_too_much_goes_on_to_the_service(door: str) -> None:
    assert sent(door, "/registry/uploads", MOST, BROWSER)[0] == 502  # of whom there is none


def test_nobody_asks_for_these_answers_by_their_address(door: str) -> None:
    assert sent(door, "/gateway/too-large.json", 0, "*/*")[0] == 404
    assert sent(door, "/gateway/too-large.html", 0, "*/*")[0] == 404
