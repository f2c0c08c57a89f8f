"""Barriers of asyncio's shape on a real server."""

from typing import Any

import pytest

from awaitd import asyncio
from awaitd._call import Call

pytestmark = pytest.mark.usefixtures("awaitd")


async def waiting(barrier: asyncio.Barrier, n: int) -> None:
    """Until so many wait at it."""
    while barrier.n_waiting != n:
        await asyncio.sleep(0.001)


def test_all_pass_together_each_with_an_index(name: str) -> None:
    async def main() -> None:
        barrier = asyncio.Barrier(3, name=name)
        assert (barrier.parties, barrier.n_waiting, barrier.broken) == (3, 0, False)
        for _ in range(2):
            tasks = [asyncio.create_task(barrier.wait()) for _ in range(2)]
            await waiting(barrier, 2)
            async with barrier as index:
                assert index == 2
            assert await asyncio.gather(*tasks) == [0, 1]

    asyncio.run(main())


def test_who_is_cancelled_has_not_come(name: str) -> None:
    async def main() -> None:
        barrier = asyncio.Barrier(2, name=name)
        task = asyncio.create_task(barrier.wait())
        await waiting(barrier, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (barrier.n_waiting, barrier.broken) == (0, False)

    asyncio.run(main())


def test_reset_and_abort_break_it(name: str) -> None:
    async def main() -> None:
        barrier = asyncio.Barrier(3, name=name)
        # They come before the reset, since they were called before it.
        tasks = [asyncio.create_task(barrier.wait()) for _ in range(2)]
        await asyncio.sleep(0)
        await barrier.reset()
        for task in tasks:
            with pytest.raises(asyncio.BrokenBarrierError):
                await task
        assert not barrier.broken
        await barrier.abort()
        assert barrier.broken
        with pytest.raises(asyncio.BrokenBarrierError):
            await barrier.wait()
        await barrier.reset()
        assert not barrier.broken
        with pytest.raises(ValueError):
            asyncio.Barrier(0)

    asyncio.run(main())


def test_one_who_comes_when_another_leaves_lets_the_next_one_come(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many wait as before, so that he cannot see that he has come; he does not look for ever."""
    look, looks = asyncio.Barrier._look, 0

    async def sees_no_change(barrier: asyncio.Barrier, call: Call[Any]) -> dict[str, Any]:
        nonlocal looks
        looks += 1
        return await look(barrier, call) | {"waiting": 1, "generation": 0}

    async def main() -> None:
        barrier = asyncio.Barrier(2, name=name)
        assert barrier.n_waiting == 0
        monkeypatch.setattr(asyncio.Barrier, "_look", sees_no_change)
        async with asyncio.timeout(90):
            assert await asyncio.gather(*[barrier.wait() for _ in range(2)]) == [0, 1]
        assert looks < 100

    asyncio.run(main())
