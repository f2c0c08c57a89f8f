"""Something that is asked of the server, from any thread, and what becomes of it if it is cancelled.

It is done on the I/O thread. A call that finds nobody before it makes its first request on its caller's own
loop, or on its thread if the method is plain, and is done there if that is granted. If not, or if that loop ends,
is blocked or throws the call away, the I/O thread goes on with it: by its key the server knows it is the same.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from awaitd._lane import Lane
from awaitd._lease import Lease
from awaitd._wire import UNHEARD, Asked, Reply, Wire
from awaitd.errors import Unreachable

T = TypeVar("T")

VERDICT_WITHIN = 5.0
"""Seconds without an answer for which a cancelled call is held up to learn whether it was granted something."""

NEAR_WITHIN = 2.0
"""Seconds for an answer to the caller himself, after which the I/O thread goes on with a call."""

NEAR_LEASE = 3 * NEAR_WITHIN
"""Seconds of the shortest lease for which is asked there: if the loop is blocked then, it is renewed that late."""

LARGEST_NEAR = 2**16
"""Bytes of the largest body that is sent there: more takes its time, and is not begun twice."""

MOMENT = 0.001
"""Seconds of a first wait: none to speak of, but it gives a place in line that is kept for a repeat."""

log = logging.getLogger("awaitd")


class Call(Generic[T]):
    """Something that is asked of the server: from any thread, and done on the I/O thread."""

    def __init__(
        self,
        lane: Lane,
        work: Callable[[Call[T]], Coroutine[Any, Any, T]],
        undo: Callable[[T], Coroutine[Any, Any, Any]] | None = None,
        first: Asked | None = None,
    ) -> None:
        self.lane, self.key = lane, lane.io.key()
        self.stands: str | None = None
        """For what it stands in line, from the moment on at which it has its place."""
        self.keyed = False
        """Whether the server may know its key: then only the server can say what becomes of it."""
        self.near: asyncio.AbstractEventLoop | None = None
        """The loop on which it is asked, if that is not the I/O thread's."""
        self.has_turn = False
        """Whether the turn was lent to it, and it has not begun with what it has that for."""
        self.since: float | None = None
        """When it was asked by its caller himself."""
        self.answer: Reply | None = None
        """What was said to that."""
        small = first is not None and len(first.body) <= LARGEST_NEAR
        self._work, self._undo, self._first = work, undo, first if small else None
        self._task: asyncio.Task[None] | None = None
        self._coming = False
        self._left = False
        self.kept: Lease | None = None
        """What it was granted, once that is renewed."""
        self._interrupted = False
        """Whether it was, while it took what it was granted."""
        self._then: Callable[[], object]
        self._result: list[T] = []
        self._error: BaseException | None = None

    async def awaited(self) -> T:
        """The result, awaited on the caller's loop. Cancelled, it is taken back before that is raised."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def then() -> None:
            loop.call_soon_threadsafe(_settle, done)

        try:
            if not await self._asked_near(loop, then):
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
        self.lane.io.check()
        done = threading.Lock()
        done.acquire()
        loop = asyncio._get_running_loop()
        if loop is not None and (before := self.lane.turn.lent_to(loop)):
            # It has the turn, on the loop of which this thread has no time now.
            self.lane.io.loop.call_soon_threadsafe(self.lane.turn.recall, before)
        try:
            if not self._asked_here(done.release):
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

    def came(self) -> None:
        """It stands in line for its turn on the I/O thread, or needs none."""
        if self._coming:
            self._coming = False
            self.lane.turn.came()

    def go_on(self) -> None:
        """On the I/O thread: what was begun elsewhere is done here, with the turn that it has."""
        self.near = None
        self._begin()

    def _start(self, then: Callable[[], object]) -> None:
        self.lane.io.check()
        self._then = then
        self._coming = True
        self.lane.turn.come()
        self.lane.io.loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self.lane.io.calls.add(self)
        self._task = start(self.lane.io.loop, self._run())

    async def _asked_near(self, loop: asyncio.AbstractEventLoop, then: Callable[[], object]) -> bool:
        """Whether it was granted on the caller's own loop. If not, the I/O thread does it, or goes on with it."""
        io, turn, first = self.lane.io, self.lane.turn, self._first
        self._then, wire = then, None
        if first is not None and not io.closed and asyncio.current_task() is not None:
            wire = io.near.wire(loop, self.lane.wire.url)
        if first is None or wire is None or not turn.lend(self):
            self._start(then)
            return False
        self.near, self.keyed, self.since = loop, True, time.monotonic()
        io.lent(self)
        reply = None
        try:
            headers = first.headers(self.key)
            reply = await wire.once("POST", first.waiting(MOMENT), first.body, headers, MOMENT + NEAR_WITHIN)
        except (*UNHEARD, RuntimeError):
            if loop.is_closed():
                raise GeneratorExit from None  # What is thrown away with its loop cannot close its connection.
        finally:
            granted = self._granted(reply)
        if granted:
            try:
                self._result.append(await self._work(self))
            finally:
                io.calls.discard(self)
        return granted

    def _asked_here(self, then: Callable[[], object]) -> bool:
        """Whether it was granted on the caller's thread. If not, the I/O thread does it, or goes on with it."""
        lane, first = self.lane, self._first
        self._then = then
        # Interrupted from now on, it is finished, and then undone.
        self.keyed = first is not None and first.keyed
        if first is None or lane.io.closed or not lane.direct.open or not lane.turn.lend(self):
            self._start(then)
            return False
        self.since = time.monotonic()
        lane.io.calls.add(self)
        reply = None
        try:
            headers = first.headers(self.key) | lane.wire.shown
            reply = lane.direct.ask(first.method, first.path, first.body, headers, NEAR_WITHIN)
        finally:
            granted = self._granted(reply)
        if granted:
            try:
                self._result.append(at_once(self._work(self)))
            except BaseException as error:
                # The server says again what that was.
                self._interrupted = not isinstance(error, Exception)
                raise
            finally:
                lane.io.calls.discard(self)
        return granted

    def _granted(self, reply: Reply | None) -> bool:
        """Whether it is done where it was asked. If not, the I/O thread goes on with it."""
        granted = reply is not None and reply.status < 300
        if not self.lane.turn.claim(self):
            return False
        # The server is asked again if it said nothing, or that it cannot answer, or does not know who asks,
        # or something else redirects to it.
        heard = reply is not None and (granted or 400 <= reply.status < 500) and reply.status != 401
        self.answer = reply if heard else None
        if granted:
            self.near = None
        else:
            self.lane.io.loop.call_soon_threadsafe(self.go_on)
        return granted

    async def _run(self) -> None:
        try:
            self._result.append(await self._work(self))
        except BaseException as error:
            self._error = error
        self.came()
        self.stands = None
        if not self._left:
            self.lane.io.calls.discard(self)
        try:
            self._then()
        except RuntimeError:  # The caller's loop is closed, and nobody there.
            self._leave()

    def _leave(self, then: Callable[[], object] = lambda: None) -> None:
        """The caller wants it no more. What is asked later is asked after that."""
        self.lane.turn.come()
        self.lane.io.loop.call_soon_threadsafe(self._begin_back, then)

    def _begin_back(self, then: Callable[[], object]) -> None:
        if self._left:
            # Its loop was closed first, and then it was thrown away.
            return self.lane.turn.came()
        self._left, self.stands = True, None
        self.lane.io.calls.add(self)
        back = start(self.lane.io.loop, self.take_back(then))
        back.add_done_callback(lambda _: self.lane.turn.came())
        self.lane.io.hold(back)

    async def take_back(self, then: Callable[[], object] = lambda: None) -> None:
        """Makes it as if it had never been asked, as far as that can be."""
        self.lane.turn.recall(self)
        try:
            if self._task is None and not self._left:
                return  # It was granted where it was asked.
            if self._interrupted and self.kept is not None:
                self.lane.io.keeper.drop(self.kept)
            if self._task is None and (self.has_turn or (self._interrupted and not self._result)):
                self.go_on()  # That was interrupted.
            if self._task is not None:
                await self._ended(self._task)
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

    async def _ended(self, task: asyncio.Task[None]) -> None:
        if self.keyed and not task.done():
            await self._heard(self._withdraw())
        elif not task.done():
            await asyncio.sleep(0)  # It may have the turn, and has begun then.
            task.cancel()
        await asyncio.wait([task])

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
            if self._task is not None:
                self._task.cancel()
            raise


if sys.version_info >= (3, 12):

    def start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that begins at once, and not in the loop's next round."""
        return asyncio.Task(work, loop=loop, eager_start=True)
else:

    def start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return loop.create_task(work)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of what has nothing left to wait for."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise AssertionError("it has its answer, and waits")


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
