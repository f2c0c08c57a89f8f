"""Events of asyncio's shape on a real server: no set is missed."""

import pytest

from awaitd import asyncio

pytestmark = pytest.mark.usefixtures("awaitd")


def test_works_without_a_loop(name: str) -> None:
    event = asyncio.Event(name=name)
    assert not event.is_set()
    event.set()
    assert event.is_set()
    assert asyncio.Event(name=name).is_set()
    event.clear()
    assert not event.is_set()


def test_a_set_awakens_all_even_if_it_is_cleared_at_once(name: str) -> None:
    async def main() -> None:
        event = asyncio.Event(name=name)
        waits = [asyncio.create_task(event.wait()) for _ in range(5)]
        await asyncio.sleep(0)
        event.set()
        event.clear()
        assert await asyncio.wait_for(asyncio.gather(*waits), 30) == [True] * 5
        assert not event.is_set()
        event.set()
        assert await event.wait() is True

    asyncio.run(main())


def test_a_cancelled_wait_is_over(name: str) -> None:
    async def main() -> None:
        event = asyncio.Event(name=name)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(event.wait(), 0.05)
        event.set()
        assert await event.wait()

    asyncio.run(main())
