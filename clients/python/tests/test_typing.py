"""What type checkers see is what asyncio's own users see, and more; this file is run as well as checked."""

import pickle
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, assert_type

import pytest

from awaitd import Client, Job, JobInfo, Placed, Problem, asyncio

pytestmark = pytest.mark.usefixtures("awaitd")


async def typed(name: str) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(3, name=name)
    await queue.put(1)
    assert_type(await queue.get(), int)
    assert_type(queue.qsize(), int)
    ranked = asyncio.PriorityQueue[tuple[int, str]](name=f"{name}-ranked")
    await ranked.put((1, "a"))
    assert_type(await ranked.get(), tuple[int, str])
    async with asyncio.Lock(name=name) as held:
        assert_type(held, None)
    async with asyncio.Barrier(1) as index:
        assert_type(index, int)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(0, "slept"))
    assert_type(task.result(), str)


def test_types_are_what_they_say(name: str) -> None:
    asyncio.run(typed(name))


def test_the_blocking_client_is_typed(awaitd: str, name: str) -> None:
    with Client(awaitd) as client:
        assert_type(client.put(name, b"1", wait=1), Placed)
        assert_type(client.get(name), Job | None)
        assert_type(client.items("queues"), tuple[list[dict[str, Any]], str | None])
        assert_type(client.put_batch(name, [b"1", {"body": b"2", "delay": 1}]), Iterator[Placed | Problem])
        assert_type(client.get_many(name), list[Job])
        assert_type(client.jobs(name, state="dead"), Iterator[JobInfo])
        assert_type(client.configure_queue(name, max_attempts=3, backoff={"min": 0}), dict[str, Any])


def test_what_is_misspelt_is_seen() -> None:
    if TYPE_CHECKING:
        client = Client()
        client.configure_queue("q", max_atempts=3)  # type: ignore[call-arg]
        client.put("q", b"", key=3)  # type: ignore[arg-type]
        client.put_batch("q", [{"delay": 1}])  # type: ignore[list-item]
        asyncio.Queue[int](policy={"backoff": {"minimum": 1}})  # type: ignore[arg-type]


def test_all_of_asyncio_is_there() -> None:
    import asyncio as real

    own = {each for each in real.__all__ if getattr(asyncio, each) is not getattr(real, each)}
    assert own == {
        *("Queue", "PriorityQueue", "LifoQueue", "Event", "Lock", "Condition"),
        *("Semaphore", "BoundedSemaphore", "Barrier"),
        *(["wait_for"] if sys.version_info < (3, 12) else []),
    }
    assert asyncio.subprocess is real.subprocess
    with pytest.raises(AttributeError):
        asyncio.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "thing",
    [
        asyncio.Queue[int](3, name="q", lease=5, ack="task_done"),
        asyncio.Event(name="e"),
        asyncio.Lock(name="l", lease=5),
        asyncio.Condition(name="c"),
        asyncio.BoundedSemaphore(3, name="s"),
        asyncio.Barrier(3, name="b"),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_things_can_be_pickled_and_shown(thing: Any) -> None:
    copy = pickle.loads(pickle.dumps(thing))
    assert (type(copy), copy.name) == (type(thing), thing.name)
    assert thing.name in repr(thing)
    if not isinstance(thing, asyncio.Condition):
        assert (copy._url, copy._settings(), copy._private) == (thing._url, thing._settings(), False)
