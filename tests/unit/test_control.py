"""What a control total is, and how a manifest is compared with what came: worked out by hand."""

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from shared.events.control import STREAMS, Comparison, Totals, bounds, day_of, digest
from shared.events.envelope import microseconds
from shared.events.receipts import Sentence, Verdict, message

WIB = timezone(timedelta(hours=7))
TWO, OTHER_TWO, THREE = digest(["a", "b"]), digest(["a", "c"]), digest(["a", "b", "c"])


def compared(expected: tuple[int, int, str], received: tuple[int, int, str]) -> Comparison:
    return Comparison(Totals(*expected), Totals(*received))


def test_the_streams_are_the_events_of_districts_by_their_short_names() -> None:
    assert {stream: entry.service for stream, entry in STREAMS.items()} == {
        "beneficiary-recorded": "registry",
        "grant-requested": "grants",
        "grant-handed-over": "grants",
        "income-reported": "reporting",
    }


def test_the_hash_is_of_the_sorted_ids_joined_by_line_feeds() -> None:
    assert digest(["b", "a", "é", "B"]) == hashlib.sha256(b"B\na\nb\n\xc3\xa9").hexdigest()
    assert digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_day_is_one_of_jakarta() -> None:
    since, until = bounds(date(2026, 11, 3))
    assert since == microseconds(datetime(2026, 11, 2, 17, tzinfo=UTC))
    assert until == microseconds(datetime(2026, 11, 4, tzinfo=WIB))
    assert day_of(datetime(2026, 11, 2, 16, 59, 59, 999_999, tzinfo=UTC)) == date(2026, 11, 2)
    assert day_of(datetime(2026, 11, 2, 17, tzinfo=UTC)) == date(2026, 11, 3)


CASES = [
    ((2, 5, TWO), (2, 5, TWO), 0, 0, "2 dari 2 diterima; lengkap", "2 of 2 received; complete"),
    ((0, 0, digest([])), (0, 0, digest([])), 0, 0, "0 dari 0 diterima; lengkap", "0 of 0 received; complete"),
    (
        (14, 5, THREE),
        (12, 5, TWO),
        2,
        0,
        "12 dari 14 diterima; 2 belum sampai",
        "12 of 14 received; 2 have not arrived",
    ),
    ((3, 5, THREE), (2, 5, TWO), 1, 0, "2 dari 3 diterima; 1 belum sampai", "2 of 3 received; 1 has not arrived"),
    (
        (2, 5, TWO),
        (3, 6, THREE),
        0,
        1,
        "3 diterima, manifes menyebut 2; 1 lebih",
        "3 received, the manifest says 2; 1 too many",
    ),
    (
        (2, 5, TWO),
        (2, 5, OTHER_TWO),
        1,
        1,
        "2 dari 2 diterima, tetapi id-nya bukan yang disebut manifes",
        "2 of 2 received, but their ids are not those of the manifest",
    ),
    (
        (2, 5, TWO),
        (2, 7, TWO),
        0,
        0,
        "2 dari 2 diterima, tetapi jumlahnya Rp 7, bukan Rp 5",
        "2 of 2 received, but they add up to Rp 7, not Rp 5",
    ),
]


@pytest.mark.parametrize(("expected", "received", "missing", "extra", "indonesian", "english"), CASES)
def test_a_comparison_says_what_is_missing_or_too_many(
    expected: tuple[int, int, str],
    received: tuple[int, int, str],
    missing: int,
    extra: int,
    indonesian: str,
    english: str,
) -> None:
    found = compared(expected, received)
    assert (found.missing, found.extra) == (missing, extra)
    assert found.sentence == Sentence(indonesian, english)
    assert found.verdict == ("complete" if expected == received else "differs")


def test_the_receipt_of_a_manifest_that_differs_is_accepted_with_a_warning_and_the_numbers() -> None:
    answer = compared((14, 5, THREE), (12, 5, TWO)).answer
    assert (answer.verdict, answer.reason, answer.warnings) == (
        Verdict.accepted,
        "manifest_differs",
        ("manifest_differs",),
    )
    assert message(answer).id.endswith("(12 dari 14 diterima; 2 belum sampai)")
    assert message(answer).en.endswith("(12 of 14 received; 2 have not arrived)")


def test_the_receipt_of_a_complete_manifest_has_no_warning() -> None:
    answer = compared((2, 5, TWO), (2, 5, TWO)).answer
    assert (answer.verdict, answer.reason, answer.warnings) == (Verdict.accepted, "accepted", ())
    assert message(answer).id == "Diterima. (2 dari 2 diterima; lengkap)"
