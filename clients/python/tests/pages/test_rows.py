"""Rows of docs/asyncio.md that no other test tells of."""

import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

import awaitd as package
from awaitd import asyncio
from awaitd.testing import Server

pytestmark = pytest.mark.usefixtures("awaitd")


def test_a_put_that_is_cancelled_while_it_waits_has_not_put(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](1, name=name)
        await queue.put(1)
        waits = asyncio.create_task(queue.put(2))
        await asyncio.sleep(0)
        waits.cancel()
        await asyncio.wait([waits])
        assert waits.cancelled()
        assert queue.get_nowait() == 1
        assert queue.empty()

    asyncio.run(main())


def test_priorities_are_compared_as_python_compares_them(name: str) -> None:
    queue = asyncio.PriorityQueue[object](name=name)
    for item in [(2, "b"), (1, "z"), (2, "a"), (1.5, "m"), (1, "z", 0)]:
        queue.put_nowait(item)
    assert [queue.get_nowait() for _ in range(5)] == [(1, "z"), (1, "z", 0), (1.5, "m"), (2, "a"), (2, "b")]
    with pytest.raises(TypeError, match="not supported between instances of 'str' and 'tuple'"):
        queue.put_nowait("one")


def test_equal_priorities_come_in_the_order_in_which_they_were_put(name: str) -> None:
    queue = asyncio.PriorityQueue[dict[str, int]](name=name, key=lambda item: item["rank"])
    for number in range(5):
        queue.put_nowait({"rank": number % 2, "number": number})
    assert [queue.get_nowait()["number"] for _ in range(5)] == [0, 2, 4, 1, 3]


def test_a_queue_from_which_one_task_gets_for_others(name: str) -> None:
    """Each item is another task's to finish, and join waits for that if nothing else counts."""

    async def main() -> None:
        queue = asyncio.Queue[int](name=name, ack="task_done")
        finished = []
        for number in range(3):
            await queue.put(number)
        begun = [await queue.get() for _ in range(3)]
        joined = asyncio.create_task(queue.join())
        for number in begun:
            await asyncio.sleep(0)
            assert not joined.done()
            finished.append(number)
            queue.task_done()
        await joined
        assert finished == [0, 1, 2]

    asyncio.run(main())


def test_the_next_get_of_a_task_finishes_what_it_got(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name=name)
        for number in range(2):
            await queue.put(number)
        assert [await queue.get(), await queue.get()] == [0, 1]
        joined = asyncio.create_task(queue.join())
        queue.task_done()
        await joined  # Though it was called only once.
        queue.task_done()
        with pytest.raises(ValueError):
            queue.task_done()

    asyncio.run(main())


def test_an_event_stays_as_it_is_when_whoever_set_it_has_gone(name: str, awaitd: str) -> None:
    program = f"from awaitd import asyncio; asyncio.Event(name={name!r}).set()"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert asyncio.Event(name=name).is_set()


def test_things_of_different_kinds_may_have_one_name(name: str) -> None:
    queue, lock = asyncio.Queue[int](name=name), asyncio.Lock(name=name)
    queue.put_nowait(1)
    asyncio.Event(name=name).set()
    assert not lock.locked()
    assert queue.qsize() == 1


def test_a_lock_that_is_lost_is_told_of_by_release(name: str, awaitd_server: Server) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name)
        await lock.acquire()
        await post(f"{awaitd_server.url}/v1/locks/{name}/break")
        with pytest.raises(package.LockLost):
            lock.release()

    asyncio.run(main())


async def post(url: str) -> None:
    process = await asyncio.create_subprocess_exec("curl", "-fsS", "-o", "/dev/null", "-X", "POST", url)
    assert await process.wait() == 0


def test_another_program_cannot_release_a_lock(name: str) -> None:
    async def main() -> None:
        async with asyncio.Lock(name=name):
            program = f"from awaitd import asyncio; asyncio.Lock(name={name!r}).release()"
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=subprocess.PIPE)
            _, said = await process.communicate()
            assert b"RuntimeError: Lock is not acquired." in said

    asyncio.run(main())


def test_conditions_of_one_lock_are_different_ones(name: str) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name)
        full, empty = asyncio.Condition(lock, name="full"), asyncio.Condition(lock, name="empty")
        woken = []

        async def waits(condition: asyncio.Condition, what: str) -> None:
            async with condition:
                await condition.wait()
                woken.append(what)

        tasks = [asyncio.create_task(waits(full, "full")), asyncio.create_task(waits(empty, "empty"))]
        for _ in range(2):  # Each of them has the lock before this does, and lets it go by waiting.
            await asyncio.sleep(0)
        async with lock:
            empty.notify_all()
        await tasks[1]
        assert woken == ["empty"]
        async with lock:
            full.notify()
        await tasks[0]

    asyncio.run(main())


def test_the_value_of_a_semaphore_is_that_of_who_made_it_first(name: str) -> None:
    async def main() -> None:
        first, other = asyncio.Semaphore(1, name=name), asyncio.Semaphore(5, name=name)
        await first.acquire()
        assert other.locked()
        bounded = asyncio.BoundedSemaphore(2, name=f"{name}-bounded")
        assert not bounded.locked()
        with pytest.raises(package.Mismatch):
            asyncio.BoundedSemaphore(3, name=f"{name}-bounded").locked()
        with pytest.raises(ValueError):
            bounded.release()

    asyncio.run(main())


def test_a_server_that_cannot_be_reached_is_a_connection_error() -> None:
    assert issubclass(package.Unreachable, ConnectionError)
    assert issubclass(package.LockLost, RuntimeError)


@pytest.mark.parametrize(
    "wait",
    [
        lambda name: asyncio.Queue[int](name=name).get(),
        lambda name: asyncio.Event(name=name).wait(),
        lambda name: asyncio.Barrier(2, name=name).wait(),
        lambda name: asyncio.Semaphore(0, name=name).acquire(),
    ],
    ids=["Queue.get", "Event.wait", "Barrier.wait", "Semaphore.acquire"],
)
def test_a_cancelled_call_raises_what_it_was_cancelled_with(
    name: str, wait: Callable[[str], Awaitable[object]]
) -> None:
    async def main() -> None:
        async def waits() -> None:
            await wait(name)

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task

    asyncio.run(main())
