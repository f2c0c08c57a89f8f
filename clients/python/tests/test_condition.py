"""Conditions of asyncio's shape on a real server: the lock is held again, whatever ends a wait."""

import pytest

from awaitd import asyncio

pytestmark = pytest.mark.usefixtures("awaitd")


async def waiting(condition: asyncio.Condition, n: int) -> None:
    """Until so many wait for it."""
    while condition._lock._state().get("conditions", {}).get(condition.name, 0) != n:
        await asyncio.sleep(0.001)


def test_notified_ones_have_the_lock_one_after_another(name: str) -> None:
    async def main() -> None:
        condition = asyncio.Condition(name=name)
        woken: list[int] = []

        async def wait(n: int) -> None:
            async with condition:
                assert await condition.wait()
                woken.append(n)
                assert condition.locked()

        tasks = [asyncio.create_task(wait(n)) for n in range(3)]
        await waiting(condition, 3)
        async with condition:
            condition.notify()
            await asyncio.sleep(0.01)
            assert woken == []
        await waiting(condition, 2)
        async with condition:
            condition.notify_all()
        await asyncio.gather(*tasks)
        assert woken == [0, 1, 2]
        assert not condition.locked()

    asyncio.run(main())


def test_it_is_for_who_holds_the_lock(name: str) -> None:
    async def main() -> None:
        condition = asyncio.Condition(name=name)
        with pytest.raises(RuntimeError, match="un-acquired"):
            await condition.wait()
        with pytest.raises(RuntimeError, match="un-acquired"):
            condition.notify()

    asyncio.run(main())


def test_wait_for_looks_again(name: str) -> None:
    async def main() -> None:
        condition, items = asyncio.Condition(name=name), list[int]()

        async def take() -> int:
            async with condition:
                await condition.wait_for(lambda: items)
                return items.pop()

        tasks = [asyncio.create_task(take()) for _ in range(2)]
        await waiting(condition, 2)
        for n in range(2):
            async with condition:
                items.append(n)
                condition.notify_all()
        assert sorted(await asyncio.gather(*tasks)) == [0, 1]

    asyncio.run(main())


def test_a_cancelled_wait_has_the_lock_again(name: str) -> None:
    async def main() -> None:
        condition = asyncio.Condition(name=name)
        async with condition:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(condition.wait(), 0.05)
            assert condition.locked()
        assert not condition.locked()
        await waiting(condition, 0)

    asyncio.run(main())


def test_a_notification_to_a_cancelled_wait_goes_on(name: str) -> None:
    async def main() -> None:
        condition, state = asyncio.Condition(name=name), [0]

        async def consume() -> None:
            async with condition:
                await condition.wait_for(lambda: state[0])
                state[0] -= 1

        tasks = [asyncio.create_task(consume()) for _ in range(2)]
        await waiting(condition, 2)
        async with condition:
            state[0] = 1
            condition.notify()
            tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        await asyncio.wait_for(tasks[1], 30)
        assert state == [0]

    asyncio.run(main())


def test_two_conditions_of_one_lock(name: str) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name)
        full, empty = asyncio.Condition(lock, name="full"), asyncio.Condition(lock, name="empty")
        assert full._lock is lock

        async def wait(condition: asyncio.Condition) -> str:
            async with condition:
                await condition.wait()
                return condition.name

        tasks = [asyncio.create_task(wait(each)) for each in (full, empty)]
        await waiting(full, 1)
        await waiting(empty, 1)
        async with lock:
            empty.notify_all()
        assert await tasks[1] == "empty"
        await waiting(full, 1)
        async with full:
            full.notify()
        assert await tasks[0] == "full"

    asyncio.run(main())
