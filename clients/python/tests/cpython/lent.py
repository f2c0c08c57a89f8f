"""What CPython's tests are lent: an asyncio whose `sleep(0)` settles, and whose things show what they hold.

This is for tests only. A program on a network has no `sleep(0)` after which everything has happened.
"""

# mypy: disable-error-code="attr-defined, type-arg, misc, var-annotated, assignment, override"

import asyncio as real
import re
import types
import urllib.request
from collections import Counter
from typing import Any

import awaitd.asyncio as drop_in
from awaitd._io import io

WAITERS = re.compile(r'^awaitd_waiters\{kind="(\w+)",name="([^"]+)",op="(\w+)"\} (\d+)$', re.MULTILINE)


async def sleep(delay: float, result: Any = None) -> Any:
    """asyncio.sleep(), but 0 is until all that was asked has been answered, or stands in its line."""
    if delay:
        return await real.sleep(delay, result)
    quiet = 0
    while quiet < 3:
        for _ in range(5):
            await real.sleep(0)
        quiet = quiet + 1 if await real.to_thread(settled) else 0
    return result


def settled() -> bool:
    """The server knows of everything, and has told all that there is to be told."""

    async def standing() -> Counter[tuple[str, str]] | None:
        calls = list(io().calls)
        if not all(call.stands for call in calls):
            return None
        kinds = (call.lane.path.split("/")[2:4] for call in calls)
        return Counter((kind, name) for kind, name in kinds)

    here = real.run_coroutine_threadsafe(standing(), io().loop).result()
    if here is None:
        return False
    there: Counter[tuple[str, str]] = Counter()
    for kind, name, _, count in waiters():
        # One who waited for a condition and was notified stands for its lock.
        there[kind + "s", name] += count
    return here == there


def waiters() -> list[tuple[str, str, str, int]]:
    """Who waits, as the server counts them: kind, name, for what, how many."""
    with urllib.request.urlopen(f"{drop_in.Event()._url}/metrics") as answer:
        found = WAITERS.findall(answer.read().decode())
    return [(kind, name, what, int(count)) for kind, name, what, count in found]


class Waiters:
    """As many as the server counts, for tests that ask for the length."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count


class _Queue:
    _getters = property(lambda self: Waiters(self._state()["waiters"]["get"]))
    _putters = property(lambda self: Waiters(self._state()["waiters"]["put"]))
    _unfinished_tasks = property(lambda self: self._state()["unfinished"])

    def _format(self) -> str:
        state = self._state()
        shown = f"maxsize={self.maxsize!r}"
        if state["ready"]:
            shown += f" _queue={self._items()!r}"
        for name, count in (("_getters", state["waiters"]["get"]), ("_putters", state["waiters"]["put"])):
            if count:
                shown += f" {name}[{count}]"
        if state["unfinished"]:
            shown += f" tasks={state['unfinished']}"
        return shown + (" shutdown" if state["shut_down"] else "")

    def _items(self) -> list[Any]:
        """What is in it: taken out and put back to its place."""
        other = drop_in.Queue(self.maxsize, name=self.name, ack="task_done")
        other._order, before = self._order, list(self._lane.held)
        items = [other.get_nowait() for _ in range(self.qsize())]
        for held in list(self._lane.held):
            if held not in before:
                real.run_coroutine_threadsafe(self._give_back(held), io().loop).result()
        return items


class Queue(_Queue, drop_in.Queue):
    pass


class PriorityQueue(_Queue, drop_in.PriorityQueue):
    pass


class LifoQueue(_Queue, drop_in.LifoQueue):
    pass


class _Shown:
    """asyncio's repr: what it is, where, and in which state."""

    def __repr__(self) -> str:
        state, waiters = self._shown()
        waiters = f", waiters:{waiters}" if waiters else ""
        return f"<asyncio.locks.{type(self).__name__} object at {id(self):#x} [{state}{waiters}]>"


def waiters_of(thing: Any, op: str) -> int:
    return sum(count for _, name, what, count in waiters() if (name, what) == (thing.name, op))


class Event(_Shown, drop_in.Event):
    _waiters = property(lambda self: Waiters(waiters_of(self, "wait")))

    def _shown(self) -> tuple[str, int]:
        return "set" if self.is_set() else "unset", len(self._waiters)


class Lock(_Shown, drop_in.Lock):
    _waiters = property(lambda self: Waiters(waiters_of(self, "acquire")))

    def _shown(self) -> tuple[str, int]:
        return "locked" if self.locked() else "unlocked", len(self._waiters)


class Condition(_Shown, drop_in.Condition):
    _waiters = property(lambda self: Waiters(waiters_of(self._lock, "wait")))

    def _shown(self) -> tuple[str, int]:
        return "locked" if self.locked() else "unlocked", len(self._waiters)


class Semaphore(_Shown, drop_in.Semaphore):
    _waiters = property(lambda self: Waiters(self._state()["waiters"]))
    _value = property(lambda self: self._state()["available"])

    def _shown(self) -> tuple[str, int]:
        value = self._value
        return f"unlocked, value:{value}" if value and not self.locked() else "locked", len(self._waiters)


class BoundedSemaphore(Semaphore, drop_in.BoundedSemaphore):
    pass


class Barrier(_Shown, drop_in.Barrier):
    _count = property(lambda self: self.n_waiting)

    def _shown(self) -> tuple[str, Any]:
        state = self._state()
        return ("broken", "") if state["broken"] else ("filling", f"{state['waiting']}/{self.parties}")


module: Any = types.ModuleType("asyncio")
module.__getattr__ = lambda name: getattr(drop_in, name)
for each in (
    *(sleep, Event, Lock, Condition, Semaphore, BoundedSemaphore, Barrier),
    *(Queue, PriorityQueue, LifoQueue),
):
    setattr(module, each.__name__, each)
