"""Dashboards built on demand: however many ask at once, few builds run, and nobody is given what is older."""

import asyncio
from collections import Counter

import pytest

from services.reporting import months
from services.reporting.dashboard import Snapshot
from services.reporting.months import Months
from tests.integration.snapshots import snapshot, until


class Builder:
    """Builds when it is let to. What it returns tells how many builds there were before."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.built: Counter[str | None] = Counter()
        self.running = 0
        self.most = 0
        self.fails = False

    async def __call__(self, month: str | None) -> Snapshot:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.may.wait()
        finally:
            self.running -= 1
        self.built[month] += 1
        if self.fails:
            raise OSError("the database is away")
        return snapshot(self.built.total())


def ask(found: Months, month: str | None, version: int | None, times: int) -> list[asyncio.Task[Snapshot]]:
    return [asyncio.create_task(found.snapshot(month, version)) for _ in range(times)]


async def test_a_hundred_who_ask_for_one_month_at_once_share_one_build() -> None:
    builder = Builder()
    asked = ask(Months(builder), "2026-09", 7, 100)
    await until(lambda: builder.running == 1, 5, "one build")
    builder.may.set()
    assert {found.version for found in await asyncio.gather(*asked)} == {1}
    assert builder.built == {"2026-09": 1}


async def test_a_hundred_months_at_once_take_two_connections_only() -> None:
    builder = Builder()
    found = Months(builder)
    asked = [task for number in range(100) for task in ask(found, f"{1900 + number}-01", 7, 1)]
    await until(lambda: builder.running == 2, 5, "two builds")
    builder.may.set()
    await asyncio.gather(*asked)
    assert (builder.most, builder.built.total()) == (2, 100)
    assert len(found._kept) == months._KEPT
    assert not found._building


async def test_who_waits_too_long_behind_others_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(months, "_WAIT_SECONDS", 0.1)
    builder = Builder()
    found = Months(builder)
    before = [*ask(found, "2026-07", 7, 1), *ask(found, "2026-08", 7, 1)]
    await until(lambda: builder.running == 2, 5, "two builds")
    with pytest.raises(TimeoutError):
        await found.snapshot("2026-09", 7)
    builder.may.set()
    await asyncio.gather(*before)
    assert (await found.snapshot("2026-09", 7)).version == 3


async def test_who_knows_of_a_newer_version_is_given_nothing_begun_before_it() -> None:
    builder = Builder()
    found = Months(builder)
    (old,) = ask(found, "2026-09", 7, 1)
    await until(lambda: builder.running == 1, 5, "the first build")
    (new,) = ask(found, "2026-09", 8, 1)
    await until(lambda: builder.running == 2, 5, "a second build")
    builder.may.set()
    assert (await old) is not (await new)
    assert await found.snapshot("2026-09", 8) is await new


async def test_what_was_built_is_kept_for_a_moment_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes in an old month raises no version: for longer it might be wrong."""
    builder = Builder()
    builder.may.set()
    found = Months(builder)
    assert [(await found.snapshot("2026-09", 7)).version for _ in range(3)] == [1, 1, 1]
    monkeypatch.setattr(months, "_KEPT_SECONDS", 0.05)
    assert (await found.snapshot("2026-08", 7)).version == 2

    await asyncio.sleep(0.06)  # nothing happens that could be waited for
    assert (await found.snapshot("2026-08", 7)).version == 3


async def test_without_a_version_nothing_is_kept() -> None:
    builder = Builder()
    builder.may.set()
    found = Months(builder)
    assert [(await found.snapshot(None, None)).version for _ in range(2)] == [1, 2]


async def test_one_who_leaves_takes_the_build_from_nobody_else() -> None:
    builder = Builder()
    found = Months(builder)
    first, second = ask(found, "2026-09", 7, 2)
    await until(lambda: builder.running == 1, 5, "one build")
    first.cancel()
    builder.may.set()
    assert (await second).version == 1
    assert builder.built.total() == 1


async def test_a_fault_reaches_all_who_waited_and_the_next_one_asks_again() -> None:
    builder = Builder()
    builder.fails = True
    found = Months(builder)
    asked = ask(found, "2026-09", 7, 3)
    builder.may.set()
    assert [type(error) for error in await asyncio.gather(*asked, return_exceptions=True)] == [OSError] * 3
    builder.fails = False
    assert (await found.snapshot("2026-09", 7)).version == 2
