"""The one thread on which a process makes all its requests, with an event loop of its own.

So the plain methods of the drop-in work from everywhere, inside a running loop or without any, leases
are renewed while the program computes, and calls keep the order in which they were made: each thing has
a `Lane`, in which the next call begins when the one before has its answer, or its place in line.
"""

import asyncio
import atexit
import itertools
import logging
import os
import selectors
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar
from uuid import uuid4

from awaitd._lease import Keeper, Lease
from awaitd._wire import Wire
from awaitd.errors import Unreachable

T = TypeVar("T")

VERDICT_WITHIN = 5.0
"""Seconds without an answer for which a cancelled call is held up to learn whether it was granted something."""

GOODBYE_WITHIN = 5.0
"""Seconds that the end of the program may take to give back what it holds."""

log = logging.getLogger("awaitd")


class Io:
    """The thread, and what the process has to do with its servers."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.selector = selectors.DefaultSelector()
        self.loop = asyncio.SelectorEventLoop(self.selector)
        self.keeper = Keeper(self.loop)
        self.calls: set[Call[Any]] = set()
        self.private: dict[str, Wire] = {}
        """What nobody but this process knows of: paths to delete."""
        self._wires: dict[str, Wire] = {}
        self._lanes: weakref.WeakValueDictionary[tuple[str, str], Lane] = weakref.WeakValueDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()
        self.closed = False
        self._prefix, self._count = uuid4().hex, itertools.count()
        threading.Thread(target=self._run, name="awaitd", daemon=True).start()
        atexit.register(self.close)
        # The children of multiprocessing end without atexit. One that did not import it is none of them.
        if "multiprocessing.util" in sys.modules:
            sys.modules["multiprocessing.util"].Finalize(None, self.close, exitpriority=0)

    def lane(self, url: str, path: str) -> "Lane":
        """What the process shares about this thing."""
        with self._lock:
            lane = self._lanes.get((url, path))
            if lane is None:
                lane = self._lanes[url, path] = Lane(self, self._wire(url), path)
            return lane

    def wire(self, url: str) -> Wire:
        """The connections that this process has to a server."""
        with self._lock:
            return self._wire(url)

    def key(self) -> str:
        """One that no other request has."""
        return f"{self._prefix}-{next(self._count)}"

    def _wire(self, url: str) -> Wire:
        if url not in self._wires:
            self._wires[url] = Wire(url)
        return self._wires[url]

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Does something that nobody awaits, before whatever is asked later."""
        if self.closed:
            return work.close()
        self.loop.call_soon_threadsafe(lambda: self.hold(start(self.loop, work)))

    def check(self) -> None:
        """Raises once the program ends: nobody would answer."""
        if self.closed and threading.current_thread().daemon:
            threading.Event().wait()  # It ends with the program.
        if self.closed:
            raise RuntimeError(
                "the program ends, and has said so to its servers: nothing can be asked of them any more. "
                "Register with atexit what has to be asked at the end after awaitd is first used"
            )

    def hold(self, task: asyncio.Task[Any]) -> None:
        """A loop forgets its tasks: they are held here until they are done."""
        self._tasks.add(task)
        task.add_done_callback(self._let_go)

    def close(self) -> None:
        """The program ends: what it holds is given back, and what was only its own is deleted."""
        if self.pid != os.getpid() or self.closed:
            return
        self.closed = True
        # Python sets one of the first when it has printed the exception that ended the program; in a child
        # of multiprocessing it is still under way.
        failed = hasattr(sys, "last_exc") or hasattr(sys, "last_value")
        failed = failed or not isinstance(sys.exc_info()[1], (SystemExit, type(None)))
        goodbye = asyncio.run_coroutine_threadsafe(self._goodbye(clean=not failed), self.loop)
        try:
            goodbye.result(GOODBYE_WITHIN)
        except Exception as error:
            log.warning("what this program held will come back when its leases end: %r", error)
        self.loop.call_soon_threadsafe(self.loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _let_go(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("%r", error)

    async def _goodbye(self, clean: bool) -> None:
        for call in self.calls:
            call._then = lambda: None  # Who waits for it ends with the program.
        await _all(call.take_back() for call in list(self.calls))
        # What was begun for nobody, such as the end of a thing that nobody has any more.
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GOODBYE_WITHIN / 5)
        # If that was not planned, its items are somebody else's to do.
        ended = {lease for lease in self.keeper.leases if clean and lease.done_with_the_program}
        within = GOODBYE_WITHIN / 2
        ends = [lease.end(within) for lease in ended]
        ends += [lease.give_back(within) for lease in self.keeper.leases - ended]
        await _all([*ends, *(wire.ask("DELETE", path, within=within) for path, wire in self.private.items())])
        for wire in self._wires.values():
            await wire.close()


class Lane:
    """One thing, as this process uses it. `turn` is held by whichever call asks first of all."""

    def __init__(self, io: Io, wire: Wire, path: str) -> None:
        self.io, self.wire, self.path = io, wire, path
        self.turn = asyncio.Lock()
        self.asking: asyncio.Future[None] | None = None
        """Done when the call that has the turn has asked."""
        self.passing = asyncio.Lock()
        self.held: list[Held] = []
        self.settled = 0
        """How many gotten items were done by a later get: their `task_done()` may still be called."""


class Held:
    """An item that this process got, and who in it did."""

    def __init__(self, lease: Lease, owner: Callable[[], object]) -> None:
        self.lease, self.owner = lease, owner


class Call(Generic[T]):
    """Something that is asked of the server: from any thread, and done on the I/O thread."""

    def __init__(
        self,
        lane: Lane,
        work: "Callable[[Call[T]], Coroutine[Any, Any, T]]",
        undo: Callable[[T], Coroutine[Any, Any, Any]] | None = None,
    ) -> None:
        self.lane, self.key = lane, lane.io.key()
        self.stands: str | None = None
        """For what it stands in line, from the moment on at which it has its place."""
        self.keyed = False
        """Whether the server may know its key: then only the server can say what becomes of it."""
        self._work, self._undo = work, undo
        self._task: asyncio.Task[None]
        self._left = False
        self._then: Callable[[], object]
        self._result: list[T] = []
        self._error: BaseException | None = None

    async def awaited(self) -> T:
        """The result, awaited on the caller's loop. Cancelled, it is taken back before that is raised."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._start(lambda: loop.call_soon_threadsafe(_settle, done))
        try:
            await done
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:  # The coroutine is thrown away.
            self._leave()
            raise
        else:
            return self._told()
        cancelled = await _outlasting(self._leave) or cancelled
        try:
            raise cancelled
        finally:
            del cancelled, self

    async def finished(self) -> T:
        """The result; cancelled, it is finished all the same before that is raised, if the server answers."""
        cancelled = await _outlasting(self._start, self.lane.wire)
        if cancelled is None:
            return self._told()
        if self._error is not None:
            raise self._error
        raise cancelled

    def blocking(self) -> T:
        """The result, for which the thread waits."""
        done = threading.Lock()
        done.acquire()
        self._start(done.release)
        try:
            done.acquire()
        except BaseException:  # Ctrl-C.
            self._leave()
            raise
        return self._told()

    def outcome(self) -> T | None:
        """The result, if it has come to one."""
        return self._result[0] if self._result else None

    def _told(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _start(self, then: Callable[[], object]) -> None:
        self.lane.io.check()
        self._then = then
        self.lane.io.loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self.lane.io.calls.add(self)
        self._task = start(self.lane.io.loop, self._run())

    async def _run(self) -> None:
        try:
            self._result.append(await self._work(self))
        except BaseException as error:
            self._error = error
        self.stands = None
        if not self._left:
            self.lane.io.calls.discard(self)
        try:
            self._then()
        except RuntimeError:  # The caller's loop is closed, and nobody there.
            self._leave()

    def _leave(self, then: Callable[[], object] = lambda: None) -> None:
        """The caller wants it no more."""
        self.lane.io.loop.call_soon_threadsafe(self._begin_back, then)

    def _begin_back(self, then: Callable[[], object]) -> None:
        self._left, self.stands = True, None
        self.lane.io.calls.add(self)
        self.lane.io.hold(start(self.lane.io.loop, self.take_back(then)))

    async def take_back(self, then: Callable[[], object] = lambda: None) -> None:
        """Makes it as if it had never been asked, as far as that can be."""
        try:
            if self.keyed and not self._task.done():
                await self._heard(self._withdraw())
            elif not self._task.done():
                self._task.cancel()
            await asyncio.wait([self._task])
            if self._undo and self._result:
                await self._heard(self._undo(self._result[0]))
        except Exception as error:
            log.warning("%s was cancelled, and what it was granted was not given back: %r", self.lane.path, error)
        finally:
            self.lane.io.calls.discard(self)
            try:
                then()
            except RuntimeError:
                pass  # Nobody is there any more.

    async def _withdraw(self) -> None:
        """Then the open request is answered: 410 `withdrawn`, or with what it was granted before."""
        async with self.lane.turn:
            await self.lane.wire.ask("DELETE", f"{self.lane.path}/waiters/{self.key}", within=VERDICT_WITHIN)

    async def _heard(self, work: Coroutine[Any, Any, Any]) -> None:
        """Does it, unless the server is silent, be it to this or to what is before this in line."""
        task, begun = start(self.lane.io.loop, work), time.monotonic()
        try:
            while not task.done():
                left = VERDICT_WITHIN - self.lane.wire.silent(begun)
                if left <= 0:
                    raise Unreachable(f"no answer from {self.lane.wire.url} for {VERDICT_WITHIN:g} seconds")
                await asyncio.wait([task], timeout=left)
            task.result()
        except BaseException:
            task.cancel()
            self._task.cancel()
            raise


def io() -> Io:
    """The I/O thread of this process."""
    global _io
    if _io is None:
        with _starting:
            _io = _io or Io()
    return _io


if sys.version_info >= (3, 12):

    def start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that begins at once, and not in the loop's next round."""
        return asyncio.Task(work, loop=loop, eager_start=True)
else:

    def start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return loop.create_task(work)


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of something that is done on the I/O thread, for which this one waits."""
    try:
        io().check()
    except BaseException:
        work.close()
        raise
    future = asyncio.run_coroutine_threadsafe(work, io().loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


_io: Io | None = None
_starting = threading.Lock()
_forked: list[Io] = []


async def _all(work: Iterable[Coroutine[Any, Any, Any]]) -> None:
    await asyncio.gather(*list(work), return_exceptions=True)


async def _outlasting(
    begin: Callable[[Callable[[], object]], None], wire: Wire | None = None
) -> asyncio.CancelledError | None:
    """Begins something and waits until it has ended, whatever is cancelled meanwhile; returns what was.
    Once that is so, not for long if `wire` is silent."""
    loop = asyncio.get_running_loop()
    future, ended, cancelled = loop.create_future(), False, None

    def end() -> None:
        nonlocal ended
        ended = True
        _settle(future)

    def watch(wire: Wire, begun: float) -> None:
        if (left := VERDICT_WITHIN - wire.silent(begun)) > 0:
            loop.call_later(left, watch, wire, begun)
        else:
            end()

    begin(lambda: loop.call_soon_threadsafe(end))
    while not ended:
        try:
            await future
        except asyncio.CancelledError as error:
            if wire is not None and cancelled is None:
                watch(wire, time.monotonic())
            future, cancelled = loop.create_future(), error
    return cancelled


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _after_fork() -> None:
    """A child has no I/O thread, and no part in what its parent holds."""
    global _io, _starting
    _starting = threading.Lock()
    if _io is not None:
        # The list of sockets is the kernel's, and the parent's as well: the child lets go of it before
        # anything that is cleaned up here could take a socket off it.
        _io.selector.close()
        _forked.append(_io)
        _io = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
