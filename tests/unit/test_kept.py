"""What is kept is made once for all who wait, and not again before its time."""

import asyncio

import pytest

from services.reporting.kept import Kept


class _Maker:
    def __init__(self) -> None:
        self.made: list[str] = []
        self.go = asyncio.Event()
        self.fails = False

    async def __call__(self, key: str) -> int:
        self.made.append(key)
        await self.go.wait()
        if self.fails:
            raise OSError("away")
        return len(self.made)


async def test_many_who_ask_at_once_have_one_value_made() -> None:
    maker = _Maker()
    kept = Kept(maker, most=2)
    asking = [asyncio.ensure_future(kept.get("a", seconds=60)) for _ in range(5)]
    maker.go.set()
    assert await asyncio.gather(*asking) == [1] * 5
    assert await kept.get("a", seconds=60) == 1
    assert maker.made == ["a"]


async def test_a_value_too_old_for_the_one_who_asks_is_made_again() -> None:
    maker = _Maker()
    maker.go.set()
    kept = Kept(maker, most=2)
    await kept.get("a", seconds=60)
    assert await kept.get("a", seconds=0) == 2


async def test_who_leaves_takes_it_from_nobody_else() -> None:
    maker = _Maker()
    kept = Kept(maker, most=2)
    leaving, staying = (asyncio.ensure_future(kept.get("a", seconds=60)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    maker.go.set()
    assert await staying == 1


async def test_what_could_not_be_made_is_told_and_not_kept() -> None:
    maker = _Maker()
    maker.fails = True
    maker.go.set()
    kept = Kept(maker, most=2)
    with pytest.raises(OSError, match="away"):
        await kept.get("a", seconds=60)
    maker.fails = False
    assert await kept.get("a", seconds=60) == 2


async def test_only_so_many_are_kept() -> None:
    maker = _Maker()
    maker.go.set()
    kept = Kept(maker, most=2)
    for key in ("a", "b", "c", "a"):
        await kept.get(key, seconds=60)
    assert maker.made == ["a", "b", "c", "a"]
