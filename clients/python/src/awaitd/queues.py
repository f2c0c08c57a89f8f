"""`Queue`, `PriorityQueue` and `LifoQueue`, with asyncio's methods, on the server.

A gotten item is held by a lease, in the name of the process, and comes back if the process dies. It is
done with `task_done()`, or with the next `get()` of the same task (since many programs never call
`task_done()`), or when the program ends. With `ack="task_done"` only the first of these counts. At the end
of a program those are given back instead whose task did not return: it was cancelled, or failed. Ended by
an exception, a program gives back all (but for children of multiprocessing since Python 3.13, which do not
tell how they end, of what no task got: call `task_done()` there).
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import weakref
from asyncio import QueueEmpty, QueueFull
from collections.abc import Callable
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from awaitd._call import NEAR_LEASE, Call, log
from awaitd._codec import Codec, plain
from awaitd._lane import Held
from awaitd._lease import Lease, failure
from awaitd._order import key_of
from awaitd._thing import SLICE, Thing
from awaitd._wire import Asked, Reply, query
from awaitd.jobs import NEVER_LOST, Policy

if sys.version_info >= (3, 13):
    from asyncio import QueueShutDown
else:

    class QueueShutDown(Exception):
        """Raised when putting on to or getting from a shut-down Queue."""


__all__ = ["LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull", "QueueShutDown"]

T = TypeVar("T")

UNREAD_FOR = 5.0
"""Seconds after which an item that could not be read is tried again."""

_picking = threading.Lock()

_gotten: weakref.WeakKeyDictionary[asyncio.Task[Any], weakref.WeakSet[Lease]] = weakref.WeakKeyDictionary()
"""What each task got, and has not finished."""


class Queue(Thing, Generic[T]):
    """asyncio.Queue, for all programs that name it."""

    _kind = "queues"
    _order: ClassVar[str] = "fifo"

    def __init__(
        self,
        maxsize: float = 0,
        *,
        name: str | None = None,
        codec: Codec = plain,
        ack: Literal["auto", "task_done"] = "auto",
        lease: float = 30.0,
        policy: Policy | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(name, url)
        if ack not in ("auto", "task_done"):
            raise ValueError(f'ack is {ack!r}, but must be "auto" or "task_done"')
        self._maxsize = maxsize
        self._codec, self._ack, self._lease = codec, ack, lease
        self._policy: Policy = policy or {}

    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {self._format()}>"

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self._format()}>"

    @property
    def maxsize(self) -> float:
        """Number of items allowed in the queue."""
        return self._maxsize

    def qsize(self) -> int:
        """Number of items in the queue: when the server looked, and not any more when this returns."""
        return int(self._state()["ready"])

    def empty(self) -> bool:
        """True if the queue is empty."""
        return self.qsize() == 0

    def full(self) -> bool:
        """True if there are maxsize items in the queue."""
        state = self._state()
        return bool(0 < self._maxsize <= state["ready"] + state["delayed"])

    async def put(self, item: T) -> None:
        """Put an item into the queue, and wait for a free slot if it is full."""
        await self._put(item, wait=True).awaited()

    def put_nowait(self, item: T) -> None:
        """Put an item into the queue, or raise QueueFull."""
        self._put(item, wait=False).blocking()

    async def get(self) -> T:
        """Remove and return an item, and wait until there is one.

        Cancelled, it gives back what it may have got already, to the head of the queue.
        """
        call = self._get(wait=True)
        return self._opened(call, await call.awaited())

    def get_nowait(self) -> T:
        """Remove and return an item, or raise QueueEmpty."""
        call = self._get(wait=False)
        return self._opened(call, call.blocking())

    def task_done(self) -> None:
        """Of the items that this process got and has not finished: the last one of the current task, else
        the first of a task that has ended, else the first of all, is done."""
        lane, owner = self._lane, _owner()()
        with _picking:
            own = [held for held in lane.held if held.owner() is owner]
            if not own and lane.settled > 0:
                # A later get of whoever got it has said so already.
                lane.settled -= 1
                return
            if not lane.held:
                raise ValueError("task_done() called too many times")
            left = [held for held in lane.held if _ended(held.owner())]
            held = own[-1] if own else [*left, *lane.held][0]
            lane.held.remove(held)

        asked = held.lease.ending()

        async def work(call: Call[Reply]) -> Reply:
            reply = await self._ask_once(call, asked)
            call.lane.io.keeper.drop(held.lease)
            return reply

        try:
            reply = self._call(work, first=asked).blocking()
        except BaseException:
            with _picking:
                lane.held.append(held)
            raise
        if reply.status == 410:
            log.warning("%s: an item was done too late, and comes to somebody else again", self._name)
        else:
            reply.good()

    async def join(self) -> None:
        """Block until all items in the queue, whoever put them, have been gotten and processed."""

        async def work(call: Call[None]) -> None:
            async with self._turn(call):
                reply = await call.lane.wire.ask("GET", f"{self._path}/join")
            while reply.status == 408:
                call.stands = "join"
                # No moment of emptiness between two requests is missed.
                after = int(reply.headers["Awaitd-Generation"])
                path = f"{self._path}/join{query(after=after, wait=SLICE)}"
                reply = await call.lane.wire.ask("GET", path, wait=SLICE)
            reply.good()

        await self._call(work).awaited()

    def shutdown(self, immediate: bool = False) -> None:
        """Shut-down the queue: puts raise QueueShutDown, and gets once it is empty, or immediately."""
        self._ask("POST", f"/shutdown{query(immediate=immediate)}").good()

    def _put(self, item: T, wait: bool) -> Call[str]:
        knobs = self._knobs(item)
        asked = self._asked("/jobs", knobs, *self._codec.encode(item))

        async def work(call: Call[str]) -> str:
            if wait:
                reply, _ = await self._stand(call, "put", asked)
            else:
                reply = await self._ask_once(call, asked)
            _refused(reply)
            return reply.headers["Location"]

        return self._call(work, self._take_back, asked)

    async def _take_back(self, job: str) -> None:
        """Of a put that was cancelled when it had been let in: nothing was put, unless somebody has it already."""
        lane = self._lane
        async with lane.turn:
            await lane.wire.ask("DELETE", job)

    def _get(self, wait: bool) -> Call[tuple[Held, Reply]]:
        owner = _owner()
        before = self._unfinished(owner())

        def asked(settle: Held | None) -> Asked:
            path = settle.lease.path if settle else None
            return self._asked("/get", {"settle": path, "lease": self._lease, "empty": 408})

        async def ask(call: Call[Any], asked: Asked) -> tuple[Reply, bool]:
            if wait:
                return await self._stand(call, "get", asked)
            return await self._ask_once(call, asked), False

        first = asked(before)

        async def work(call: Call[tuple[Held, Reply]]) -> tuple[Held, Reply]:
            try:
                reply, waited = await ask(call, first)
                if before and reply.status == 410 and reply.problem.code == "withdrawn":
                    # If it was withdrawn before it came to the server, nothing was settled.
                    await before.lease.end()
            except BaseException:
                if before:  # Done or not: it can be done again.
                    call.lane.held.append(before)
                raise
            if before:
                call.lane.io.keeper.drop(before.lease)
                with _picking:
                    call.lane.settled += 1
                if reply.status == 410 and reply.problem.code == "lease_lost":
                    log.warning("%s: an item was done too late, and comes to somebody else again", self._name)
                    reply, waited = await ask(call, asked(None))
            _refused(reply)
            return self._granted(call, reply, waited, owner), reply

        return self._call(work, lambda got: self._give_back(got[0]), first if self._lease >= NEAR_LEASE else None)

    def _granted(self, call: Call[Any], reply: Reply, waited: bool, owner: Callable[[], object]) -> Held:
        lease = Lease(call.lane.wire, reply, self, self._lease, waited=waited)
        lease.done_with_the_program = False  # Nobody here has it yet.
        call.kept = lease
        call.lane.io.keeper.keep(lease)
        return Held(lease, owner)

    def _unfinished(self, owner: object) -> Held | None:
        """What the current task got last and is done with, since it wants the next one."""
        if self._ack == "task_done":
            return None
        with _picking:
            lane = self._lane
            for held in lane.held:
                if held.owner() is owner:
                    lane.held.remove(held)
                    return held
        return None

    def _opened(self, call: Call[Any], got: tuple[Held, Reply]) -> T:
        """The item, which from now on is the caller's."""
        held, reply = got
        try:
            item: T = self._codec.decode(reply.body, reply.headers.get("Content-Type", ""))
        except Exception as error:
            call.lane.io.spawn(self._unread(held, f"it cannot be read: {error!r}"), call.lane.turn)
            raise
        call.lane.held.append(held)
        if self._ack == "auto":
            _done_with_its_owner(held)
        return item

    async def _give_back(self, held: Held) -> None:
        lane = self._lane
        lane.io.keeper.drop(held.lease)
        async with lane.turn:
            await held.lease.give_back()

    async def _unread(self, held: Held, why: str) -> None:
        """Somebody else may know how to read it; until then it is in nobody's way."""
        lane = self._lane
        lane.io.keeper.drop(held.lease)
        async with lane.turn:
            path = f"{held.lease.path}/nack{query(delay=UNREAD_FOR)}"
            await lane.wire.ask("POST", path, body=why.encode(errors="replace"))

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._ask("GET").good().json()
        return state

    def _configuration(self) -> dict[str, Any]:
        return {"maxsize": max(0, math.ceil(self._maxsize)), "order": self._order, **NEVER_LOST, **self._policy}

    def _compare(self, wanted: dict[str, Any], there: dict[str, Any]) -> None:
        # Of what this program did not ask for, that counts with which it was made.
        super()._compare({field: wanted[field] for field in ("maxsize", "order", *self._policy)}, there)

    def _settings(self) -> dict[str, Any]:
        own = {"codec": self._codec, "ack": self._ack, "lease": self._lease, "policy": self._policy}
        return {"maxsize": self._maxsize} | own

    def _format(self) -> str:
        return f"name={self._name!r} maxsize={self._maxsize!r}"

    def _knobs(self, item: T) -> dict[str, Any]:
        """What a put says about the item's place."""
        return {}


class PriorityQueue(Queue[T]):
    """A Queue that retrieves entries in priority order, lowest first, as Python compares them.

    Items are numbers, strings, and tuples of them, typically `(priority, data)`: what has no order ends
    the priority and goes along. Of two that are equal, or alike in the first 512 bytes, the first put comes
    first. For all else `key=` gives the priority of an item. An item that cannot be compared with the one
    that was put before raises TypeError.
    """

    _order = "priority"

    def __init__(
        self,
        maxsize: float = 0,
        *,
        name: str | None = None,
        key: Callable[[T], Any] | None = None,
        codec: Codec = plain,
        ack: Literal["auto", "task_done"] = "auto",
        lease: float = 30.0,
        policy: Policy | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(maxsize, name=name, codec=codec, ack=ack, lease=lease, policy=policy, url=url)
        self._key = key
        self._last: Any = None

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"key": self._key}

    def _knobs(self, item: T) -> dict[str, Any]:
        priority, compared = key_of(self._key(item) if self._key else item)
        if self._last is not None:
            _ = compared < self._last  # The TypeError is Python's own.
        self._last = compared
        return {"priority-key": priority.hex()}


class LifoQueue(Queue[T]):
    """A Queue that retrieves most recently added entries first."""

    _order = "lifo"


def _owner() -> Callable[[], object]:
    """Who is running: a task, or a thread."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return weakref.ref(task or threading.current_thread())


def _done_with_its_owner(held: Held) -> None:
    """A clean end of the program finishes an item, unless its task ends by being cancelled, or by an error."""
    task = held.owner()
    if not isinstance(task, asyncio.Task):
        held.lease.done_with_the_program, held.lease.failure = True, "the program failed"  # One of them counts.
        return
    with _picking:
        if task not in _gotten:
            _gotten[task] = weakref.WeakSet()
            task.add_done_callback(_returned)
        _gotten[task].add(held.lease)


def _returned(task: asyncio.Task[Any]) -> None:
    with _picking:
        gotten = _gotten.pop(task, ())
    # Asked by `exception()`, it would not be reported any more that nobody asked.
    error = None if task.cancelled() else task._exception
    error = None if isinstance(error, SystemExit) and not error.code else error
    for lease in gotten:
        lease.done_with_the_program = not task.cancelled() and error is None
        lease.failure = None if error is None else failure(error)


def _ended(owner: object) -> bool:
    if isinstance(owner, threading.Thread):
        return not owner.is_alive()
    return not isinstance(owner, asyncio.Future) or owner.done()


def _refused(reply: Reply) -> None:
    """Raises what asyncio raises."""
    if reply.status < 400:
        return
    problem = reply.problem
    if problem.code == "queue_full":
        raise QueueFull
    if problem.code == "empty":
        raise QueueEmpty
    if problem.code == "queue_shut_down":
        raise QueueShutDown
    raise problem
