"""PriorityQueue and LifoQueue on a real server."""

import random

import pytest

import awaitd as package
from awaitd import asyncio

pytestmark = pytest.mark.usefixtures("awaitd")


def test_lowest_first_as_python_compares(name: str) -> None:
    queue = asyncio.PriorityQueue[tuple[float, str]](name=name)
    items = [(2**70, "a"), (-0.5, "b"), (1, "a"), (1.0, "b"), (-(10**30), "z"), (0, "")]
    for item in random.sample(items, len(items)):
        queue.put_nowait(item)
    assert [queue.get_nowait() for _ in items] == sorted(items)


def test_what_has_no_order_goes_along_first_come(name: str) -> None:
    queue = asyncio.PriorityQueue[tuple[int, dict[str, int]]](name=name)
    for item in [(2, {"n": 1}), (1, {"n": 2}), (2, {"n": 3})]:
        queue.put_nowait(item)
    assert [queue.get_nowait()[1]["n"] for _ in range(3)] == [2, 1, 3]


def test_what_cannot_be_compared_is_a_type_error(name: str) -> None:
    queue = asyncio.PriorityQueue[object](name=name)
    queue.put_nowait((1, "a"))
    with pytest.raises(TypeError, match="not supported between"):
        queue.put_nowait((1, 2))
    with pytest.raises(TypeError, match="not supported between"):
        queue.put_nowait("a")
    assert queue.qsize() == 1


def test_any_object_has_a_priority_by_key(name: str) -> None:
    queue = asyncio.PriorityQueue[complex](name=name, codec=package.pickle, key=abs)
    for item in (3 + 4j, 1j, -2 + 0j):
        queue.put_nowait(item)
    assert [queue.get_nowait() for _ in range(3)] == [1j, -2 + 0j, 3 + 4j]


def test_last_put_first(name: str) -> None:
    queue = asyncio.LifoQueue[int](name=name)
    for item in (1, 3, 2):
        queue.put_nowait(item)
    assert [queue.get_nowait() for _ in range(3)] == [2, 3, 1]


def test_another_order_is_told_at_first_use(name: str) -> None:
    asyncio.LifoQueue[int](name=name).put_nowait(1)
    with pytest.raises(package.Mismatch, match="order"):
        asyncio.Queue[int](name=name).get_nowait()
