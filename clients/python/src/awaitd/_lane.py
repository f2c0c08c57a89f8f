"""What a process shares about one thing on a server: whose turn it is to ask, and which items it has.

The calls of a process to a thing begin in the order in which they were made: the next one when the one
before has its answer, or its place in line. They are made on the I/O thread, but that is a way there and
back. So one that finds nobody before it asks on its caller's own loop, or on its thread if the method is plain:
the turn is lent to it, and the I/O thread takes it back, and asks the same under the same key, if that does
something else for long.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from awaitd._direct import Direct
from awaitd._lease import Lease
from awaitd._wire import Wire

if TYPE_CHECKING:
    from awaitd._call import Call
    from awaitd._io import Io

LENT_FOR = 0.1
"""Seconds for which a turn stays lent while others wait for it. It costs a request more to take it back."""


ALONE = 4
"""Calls in a row that find nobody there, after which the turn is lent to the next: where many ask, it would be
taken back too often."""


class Lane:
    """One thing, as this process uses it."""

    def __init__(self, io: Io, wire: Wire, direct: Direct, path: str) -> None:
        self.io, self.wire, self.direct, self.path = io, wire, direct, path
        self.turn = Turns(io.loop)
        self.passing = asyncio.Lock()
        self.held: list[Held] = []
        self.settled = 0
        """How many gotten items were done by a later get: their `task_done()` may still be called."""


class Held:
    """An item that this process got, and who in it did."""

    def __init__(self, lease: Lease, owner: Callable[[], object]) -> None:
        self.lease, self.owner = lease, owner


class Turns:
    """A lock of the I/O thread, which is had in the order of asking, and can be lent to another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # One that can be had twice: a coroutine is thrown away whatever its thread is about.
        self._guard = threading.RLock()
        self._taken = False
        self._lent: Call[Any] | None = None
        self._coming = 0
        """How many are on their way to the I/O thread, and before whoever asks from now on."""
        self._alone = 0
        """How many calls in a row found nobody there."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._watching: list[asyncio.Future[None]] = []

    def come(self) -> None:
        """Somebody will want the turn on the I/O thread."""
        with self._guard:
            self._coming += 1
            if self._taken:
                self._alone = 0

    def came(self) -> None:
        """He has it, or waits for it, or does without."""
        with self._guard:
            self._coming -= 1

    def lend(self, call: Call[Any]) -> bool:
        """Gives the turn to a call on its own thread, if nobody is before it."""
        with self._guard:
            self._alone = 0 if self._taken or self._coming else self._alone + 1
            if self._alone <= ALONE:
                return False
            # An interrupted call is known by that to have it.
            call.has_turn, self._taken, self._lent = True, True, call
            return True

    def claim(self, call: Call[Any]) -> bool:
        """Whether it is still lent to this call. From now on it is not lent any more, but whoever claimed has it."""
        with self._guard:
            if self._lent is not call:
                return False
            self._lent = None
            return True

    def recall(self, call: Call[Any]) -> None:
        """On the I/O thread: this call goes on here, unless it has been claimed."""
        if self.claim(call):
            call.go_on()

    def lent_to(self, loop: asyncio.AbstractEventLoop) -> Call[Any] | None:
        """The call that asks on this loop."""
        call = self._lent
        return call if call is not None and call.near is loop else None

    async def acquire(self, came: Callable[[], None] = lambda: None) -> None:
        """On the I/O thread."""
        with self._guard:
            came()
            if not self._taken:
                self._taken = True
                return
            turn = self._wait()
            self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()
            raise

    def release(self) -> None:
        """On the thread of who has it."""
        with self._guard:
            if not self._waiting and not self._watching:
                self._taken = False
            elif asyncio._get_running_loop() is self._loop:
                self._pass_on()
            else:
                self._loop.call_soon_threadsafe(self._pass_on)

    async def passed(self, within: float) -> None:
        """On the I/O thread: when who has it now has it no more."""
        with self._guard:
            if not self._taken:
                return
            passed = self._wait()
            self._watching.append(passed)
        await asyncio.wait([passed], timeout=within)

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def _wait(self) -> asyncio.Future[None]:
        if self._lent is not None:
            self._loop.call_later(LENT_FOR, self.recall, self._lent)
        return self._loop.create_future()

    def _pass_on(self) -> None:
        with self._guard:
            for passed in self._watching:
                if not passed.done():
                    passed.set_result(None)
            self._watching.clear()
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.done():
                    return turn.set_result(None)
            self._taken = False
