"""What the oracle expects against what the province shows, field by field."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.oracle import Office, Verdict
from tests.scenarios.telling import FINAL, Told

Receipts = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
"""All on the topics, by district and event."""

_ROUNDED = {
    "reporting_rate": Fraction(5, 10_000),  # 3 decimals
    "rate": Fraction(1, 10_000),  # 4 decimals, and never rounded onto a threshold it did not reach
    "trend": Fraction(1, 1_000),  # thirds of a rupiah
}
_EXACT = Fraction(0)


def differing(expected: Mapping[str, Any], shown: Mapping[str, Any], path: str = "") -> list[str]:
    """One line per field that is not as expected, is missing, or is there and should not be."""
    lines = [f"{path}{name}: not expected" for name in shown.keys() - expected.keys()]
    for name, value in expected.items():
        where = f"{path}{name}"
        if name not in shown:
            lines.append(f"{where}: missing")
        elif isinstance(value, Mapping):
            lines += differing(value, shown[name], f"{where}.")
        elif not _equal(value, shown[name], _ROUNDED.get(name, _EXACT)):
            lines.append(f"{where}: {shown[name]}, expected {value}")
    return lines


def _equal(expected: Any, shown: Any, tolerance: Fraction) -> bool:
    if isinstance(expected, Fraction):
        return isinstance(shown, int | float) and abs(Fraction(str(shown)) - expected) <= tolerance
    return bool(shown == expected and type(shown) is type(expected))


def wrong_receipts(told: Told, office: Office, receipts: Receipts, *, at_least: bool = False) -> list[str]:
    """Events of the story whose receipts on the topics are not as the oracle says, one line each.

    One final verdict, `waiting` only before it, and a `duplicate` for each further delivery; `at_least` so many where
    calls were made again because no answer came.
    """
    expected = {(key[0], key[2]): (verdict, told.deliveries(office, key)) for key, verdict in office.verdicts.items()}
    lines = []
    for name, (verdict, deliveries) in expected.items():
        found = receipts.get(name, ())
        verdicts = [receipt["verdict"] for receipt in found]
        finals = [receipt for receipt in found if receipt["verdict"] in FINAL]
        again = verdicts.count("duplicate")
        if len(finals) != 1:
            lines.append(f"{name}: {len(finals)} final verdicts: {verdicts}")
        elif not _agrees(verdict, finals[0]):
            lines.append(f"{name}: {finals[0]}, expected {verdict}")
        elif "waiting" in verdicts[verdicts.index(finals[0]["verdict"]) :]:
            lines.append(f"{name}: waits after its final verdict: {verdicts}")
        elif again < deliveries - 1 or (again >= deliveries and not at_least):
            lines.append(f"{name}: {again} duplicates of {deliveries} deliveries")
    return lines + _wrong_quarantine(told, office, receipts, at_least=at_least)


def _agrees(verdict: Verdict, receipt: Mapping[str, Any]) -> bool:
    """Of two different records with one revision in one batch, the loser is told so at once rather than amended."""
    said = receipt["verdict"], receipt["reason"], set(receipt["warnings"])
    return said in (
        (verdict.verdict, verdict.reason, verdict.warnings),
        (verdict.verdict, verdict.reason, verdict.shown_warnings),
        (verdict.shown, verdict.shown_reason, verdict.shown_warnings),
    )


def _wrong_quarantine(told: Told, office: Office, receipts: Receipts, *, at_least: bool) -> list[str]:
    """A record whose envelope cannot be read is named by its place in the log, so each delivery is one of its own."""
    known = {(key[0], key[2]) for key in office.verdicts}
    found = sorted(
        (receipt["event_id"].partition("/")[0], receipt["reason"])
        for name, some in receipts.items()
        if name not in known
        for receipt in some
    )
    expected = sorted(office.quarantined * told.times)
    if found == expected or (at_least and set(found) == set(expected)):
        return []
    return [f"in quarantine: {found}, expected {expected}"]


def wrong_answer(verdict: Verdict, deliveries: int, answer: Mapping[str, Any], *, at_least: bool = False) -> str | None:
    """What is wrong with `GET /v1/receipts/{event_id}` for one event."""
    said = answer["verdict"], answer["reason"], set(answer["warnings"]), answer["event_type"]
    due = verdict.shown, verdict.shown_reason, verdict.shown_warnings, verdict.type
    if said != due:
        return f"{answer['event_id']}: {said}, expected {due}"
    enough = answer["deliveries"] >= deliveries if at_least else answer["deliveries"] == deliveries
    return None if enough else f"{answer['event_id']}: {answer['deliveries']} deliveries, expected {deliveries}"
