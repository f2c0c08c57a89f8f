"""The one thread on which a process makes its requests, with an event loop of its own.

So the plain methods of the drop-in work from everywhere, inside a running loop or without any, leases
are renewed while the program computes, and calls keep the order in which they were made. What is made
elsewhere, to save the way there and back, is finished here if it cannot be finished there.
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
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar
from uuid import uuid4

from awaitd._call import NEAR_WITHIN, Call, start
from awaitd._direct import Direct
from awaitd._lane import Lane, Turns
from awaitd._lease import Keeper
from awaitd._near import Near
from awaitd._wire import Wire

T = TypeVar("T")

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
        self.near = Near()
        self.calls: set[Call[Any]] = set()
        self.private: dict[str, Wire] = {}
        """What nobody but this process knows of: paths to delete."""
        self._wires: dict[tuple[str, str | None], Wire] = {}
        self._directs: dict[str, Direct] = {}
        self._lanes: weakref.WeakValueDictionary[tuple[str, str], Lane] = weakref.WeakValueDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()
        self._lent_at = 0.0
        self._next_look: asyncio.TimerHandle | None = None
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
                if url not in self._directs:
                    self._directs[url] = Direct(url)
                lane = self._lanes[url, path] = Lane(self, self._wire(url), self._directs[url], path)
            return lane

    def wire(self, url: str, token: str | None = None) -> Wire:
        """The connections that this process has to a server; the token is the environment's if none is given."""
        with self._lock:
            return self._wire(url, token)

    def cut(self) -> None:
        """Closes the connections of plain methods, which are made no more."""
        for direct in self._directs.values():
            direct.close()

    def lent(self, call: Call[Any]) -> None:
        """A call is made on its own loop: that is seen to, whatever becomes of the loop."""
        self.calls.add(call)
        self._lent_at = time.monotonic()
        if self._next_look is None:
            self.loop.call_soon_threadsafe(self._look)

    def key(self) -> str:
        """One that no other request has."""
        return f"{self._prefix}-{next(self._count)}"

    def _wire(self, url: str, token: str | None = None) -> Wire:
        if (url, token) not in self._wires:
            self._wires[url, token] = Wire(url, token)
        return self._wires[url, token]

    def spawn(self, work: Coroutine[Any, Any, Any], turn: Turns | None = None) -> bool:
        """Does something that nobody awaits, before whatever is asked later where this is the turn. Not once the
        program ends: then it is false."""
        if self.closed:
            work.close()
            return False
        came = turn.came if turn else lambda: None
        if turn is not None:
            turn.come()

        def begin() -> None:
            task = start(self.loop, work)
            self.hold(task)
            task.add_done_callback(lambda _: came())

        self.loop.call_soon_threadsafe(begin)
        return True

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
        # A loop that runs now does so on a thread that ends with the program, without a word.
        self.near.close(lambda loop: not loop.is_running())
        self.loop.call_soon_threadsafe(self.loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _let_go(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("%r", error)

    def _look(self) -> None:
        """Goes on with the calls whose loop is closed, or does something else for long."""
        if self._next_look is not None:
            self._next_look.cancel()
        self._next_look = None  # From now on a call that is made meanwhile says so.
        now = time.monotonic()
        for call in list(self.calls):
            if call.near is not None and call.since is not None and now - call.since > NEAR_WITHIN / 2:
                call.lane.turn.recall(call)
        if now - self._lent_at < NEAR_WITHIN:
            self._next_look = self.loop.call_later(NEAR_WITHIN / 4, self._look)

    async def _goodbye(self, clean: bool) -> None:
        for call in list(self.calls):
            call._then = lambda: None  # Who waits for it ends with the program.
        await _all(call.take_back() for call in list(self.calls))
        # What was begun for nobody, such as the end of a thing that nobody has any more.
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GOODBYE_WITHIN / 5)
        # If that was not planned, its items are somebody else's to do.
        leases = set(self.keeper.leases)
        ended = {lease for lease in leases if clean and lease.done_with_the_program}
        within = GOODBYE_WITHIN / 2
        ends = [lease.end(within) for lease in ended]
        ends += [lease.give_back(within) for lease in leases - ended]
        private = [wire.ask("DELETE", path, within=within) for path, wire in list(self.private.items())]
        await _all([*ends, *private])
        self.cut()
        for wire in self._wires.values():
            await wire.close()


def io() -> Io:
    """The I/O thread of this process."""
    global _io
    if _io is None:
        with _starting:
            _io = _io or Io()
    return _io


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


def _after_fork() -> None:
    """A child has no I/O thread, and no part in what its parent holds."""
    global _io, _starting
    _starting = threading.Lock()
    if _io is not None:
        # The list of sockets is the kernel's, and the parent's as well: the child lets go of it before
        # anything that is cleaned up here could take a socket off it.
        _io.selector.close()
        _io.cut()
        _forked.append(_io)
        _io = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
