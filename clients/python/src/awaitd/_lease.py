"""What this process holds, and how long it may be sure of that.

A lease is renewed when a third of it has gone, on the I/O thread, whatever the program does meanwhile,
and for as long as somebody holds the object through which it was got. It counts as lost when the
server says so, or when its time is over by this machine's monotonic clock, counted from before the
last renewal was asked for: then somebody else may have it already.
"""

import asyncio
import heapq
import itertools
import logging
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from typing import Any

from awaitd._wire import RETRY_FOR, UNHEARD, Asked, Reply, Wire

log = logging.getLogger("awaitd")


class Lease:
    """A job, lock or permit that is held."""

    def __init__(
        self,
        wire: Wire,
        granted: Reply,
        holder: object,
        length: float,
        *,
        waited: bool,
        careful: bool = False,
        on_lost: "Callable[[Lease], object]" = lambda lease: None,
    ) -> None:
        self.wire = wire
        self.path = granted.headers["Location"]
        self.fence = int(granted.headers["Awaitd-Fence"])
        self.length = length
        left = float(granted.headers["Awaitd-Expires-In"])
        # How long ago a wait was granted is not known. Who must be sure of what he holds asks at once.
        since = granted.heard if waited else granted.asked
        self.until = since + left
        self.renew_at = since if waited and careful else since + length / 3
        self.lost = False
        self.done_with_the_program = True
        """Whether a clean end of the program ends it, too. Else it is given back."""
        self.failure: str | None = None
        """Of a job that is given back: what failed with it, so that the attempt counts."""
        self.on_lost = on_lost
        self.due = 0.0
        """When the keeper looks at it."""
        self.holder: Callable[[], Any] = weakref.ref(holder)

    def ending(self) -> Asked:
        """What `end` asks."""
        return Asked(self.path, method="DELETE", keyed=False)

    async def end(self, within: float = RETRY_FOR) -> Reply:
        """`task_done()` or `release()`."""
        return await self.wire.ask("DELETE", self.path, within=within)

    async def give_back(self, within: float = RETRY_FOR) -> Reply:
        """As if it had never been granted, unless something failed with it."""
        if self.path.startswith("/v1/queues/"):
            knobs = "?defer=true&delay=0" if self.failure is None else ""
            body = (self.failure or "").encode(errors="replace")
            return await self.wire.ask("POST", f"{self.path}/nack{knobs}", body=body, within=within)
        return await self.end(within)


def failure(error: BaseException) -> str:
    """What is kept of it with a job."""
    return "".join(traceback.format_exception_only(error)).strip()[:1000]


class Keeper:
    """All leases of the process. It lives on the I/O thread, but what is held is said from every thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.leases: set[Lease] = set()
        self._renewals: set[asyncio.Task[None]] = set()
        self._due: list[tuple[float, int, Lease]] = []
        """A heap. Leases that are over stay in it until they would have been due."""
        self._count = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None
        self._guard = threading.RLock()

    def keep(self, lease: Lease) -> None:
        self.leases.add(lease)
        self._watch(lease)

    def drop(self, lease: Lease) -> None:
        """It is over, or about to be: from now on it is neither renewed nor lost."""
        self.leases.discard(lease)

    def _watch(self, lease: Lease) -> None:
        lease.due = min(lease.renew_at, lease.until)
        with self._guard:
            heapq.heappush(self._due, (lease.due, next(self._count), lease))
            first = self._due[0][2] is lease
        if first:
            # Else the thread wakes up early enough, and is not disturbed.
            self.loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        """Sees to what is due, and comes again for the next one."""
        now, due = time.monotonic(), list[Lease]()
        with self._guard:
            while self._due and (self._due[0][0] <= now or self._due[0][2] not in self.leases):
                at, _, lease = heapq.heappop(self._due)
                if lease in self.leases and lease.due == at:
                    due.append(lease)
            if self._alarm is not None:
                self._alarm.cancel()
            if self._due:
                self._alarm = self.loop.call_at(self._due[0][0], self._look)
        for lease in due:
            self._see_to(lease)

    def _see_to(self, lease: Lease) -> None:
        if lease not in self.leases:
            return  # Another thread dropped it meanwhile.
        if lease.holder() is None:
            # Nobody can end it any more: it goes back when its time is over.
            self.drop(lease)
        elif time.monotonic() >= lease.until:
            self._lose(lease, "it was not renewed in time")
        else:
            task = self.loop.create_task(self._renew(lease))
            self._renewals.add(task)
            task.add_done_callback(self._renewals.discard)

    async def _renew(self, lease: Lease) -> None:
        asked = time.monotonic()
        within = min(lease.until - asked, max(lease.length / 3, 1.0))
        try:
            reply = await lease.wire.once("PATCH", lease.path, b"", {}, round(within, 1) or 0.1)
        except UNHEARD:
            reply = None
        if lease not in self.leases:
            return
        now = time.monotonic()
        if reply is not None and reply.status == 200:
            lease.until = asked + float(reply.headers["Awaitd-Expires-In"])
            lease.renew_at = asked + lease.length / 3
        elif reply is not None and reply.status in (404, 410):
            return self._lose(lease, reply.problem.detail)
        else:
            lease.renew_at = now + lease.length / 12
        self._watch(lease)

    def _lose(self, lease: Lease, why: str) -> None:
        self.drop(lease)
        lease.lost = True
        log.warning("lost %s: %s", lease.path, why)
        lease.on_lost(lease)
