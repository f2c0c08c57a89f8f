"""Barriers of asyncio's shape on a real server."""

import pytest

from awaitd import asyncio

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
