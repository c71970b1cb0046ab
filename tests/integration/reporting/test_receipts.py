"""Whose receipt is shown where two systems of one district use the same event id."""

from urllib.parse import quote

from shared.security import Caller, Role
from tests.conflicts import SOURCES
from tests.integration.reporting.office import BOJONEGORO, TUBAN, Office, person, report

SYSTEM = Caller("simdu", Role.district_system, BOJONEGORO)


async def shown(office: Office, query: str = "", who: Caller = SYSTEM) -> tuple[int, str]:
    """(status, verdict or code)"""
    answer = await office.call(f"/v1/receipts/7{query}", who)
    return answer.status_code, answer.json().get("verdict") or answer.json()["code"]


async def test_a_receipt_is_that_of_the_source_asked_for_and_without_one_the_later(office: Office) -> None:
    await office.hear(person(), report(event_id="7", source=SOURCES[0]))
    await office.hear(report(event_id="7", source=SOURCES[1], month="2027-01"))  # rejected: it has not begun
    assert await shown(office, f"?source={SOURCES[0]}") == (200, "accepted")
    assert await shown(office, f"?source={quote(SOURCES[1], safe='')}") == (200, "rejected")
    assert await shown(office) == (200, "rejected")


async def test_a_source_that_never_sent_this_event_has_no_receipt(office: Office) -> None:
    await office.hear(person(), report(event_id="7", source=SOURCES[0]))
    for source in (SOURCES[1], "", f"/district/{TUBAN}/office", "%00", "%0A"):
        assert await shown(office, f"?source={source}") == (404, "not_found"), source
    other = Caller("simdu", Role.district_system, TUBAN)
    assert await shown(office, f"?source={SOURCES[0]}", other) == (404, "not_found")
    assert await shown(office, f"?source={'x' * 129}") == (422, "invalid_request")
