"""How long a district has been silent, in days of Jakarta."""

from datetime import UTC, datetime, timedelta

import pytest

from services.reporting.freshness import Freshness, State, judge, longest_silent_first
from shared.events.receipts import Sentence

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
"""In Jakarta."""
DAY = timedelta(days=1)


def fresh(*ages: timedelta, code: str = "3522") -> Freshness:
    return judge(code, {f"stream-{place}": NOON - age for place, age in enumerate(ages)}, NOON)


@pytest.mark.parametrize(
    ("age", "days", "state", "silent", "sentence"),
    [
        (
            timedelta(hours=12),
            0,
            State.heard,
            False,
            Sentence("Kab. Bojonegoro mengirim hari ini.", "Kab. Bojonegoro sent something today."),
        ),
        (
            timedelta(hours=12, microseconds=1),
            1,
            State.heard,
            False,
            Sentence(
                "Kab. Bojonegoro terakhir mengirim 1 hari yang lalu.", "Kab. Bojonegoro last sent something 1 day ago."
            ),
        ),
        (
            7 * DAY,
            7,
            State.heard,
            False,
            Sentence(
                "Kab. Bojonegoro terakhir mengirim 7 hari yang lalu.",
                "Kab. Bojonegoro last sent something 7 days ago.",
            ),
        ),
        (
            8 * DAY,
            8,
            State.silent,
            True,
            Sentence("Kab. Bojonegoro diam selama 8 hari.", "Kab. Bojonegoro has been silent for 8 days."),
        ),
        (
            timedelta(hours=-12),
            None,
            State.ahead,
            None,
            Sentence(
                "Waktu peristiwa terakhir Kab. Bojonegoro ada di masa depan: periksa jam sistemnya.",
                "The newest event of Kab. Bojonegoro lies in the future: check its system's clock.",
            ),
        ),
        (timedelta(hours=-11), 0, State.heard, False, None),  # still today
    ],
)
def test_the_age_of_the_newest_event_tells_who_is_silent(
    age: timedelta, days: int | None, state: State, silent: bool | None, sentence: Sentence | None
) -> None:
    found = fresh(age)
    assert (found.age_days, found.state, found.silent) == (days, state, silent)
    assert sentence in (None, found.sentence)


def test_the_newest_of_all_streams_counts() -> None:
    assert fresh(20 * DAY, 3 * DAY).age_days == 3


def test_a_district_that_never_sent_anything_is_silent_without_an_age() -> None:
    found = fresh()
    assert (found.state, found.silent, found.age_days, found.last_event_at) == (State.never, True, None, None)
    assert found.sentence == Sentence(
        "Kab. Bojonegoro belum pernah mengirim.", "Kab. Bojonegoro has never sent anything."
    )


def test_who_is_silent_longest_comes_first() -> None:
    ages = {"3501": (1,), "3502": (12,), "3503": (), "3504": (-2,), "3505": (30,), "3506": (1,)}
    found = [fresh(*(days * DAY for days in ages[code]), code=code) for code in ages]
    assert [one.code for one in longest_silent_first(found)] == ["3503", "3505", "3502", "3504", "3501", "3506"]
