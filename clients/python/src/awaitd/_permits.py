"""What locks and semaphores have in common: something is held, by leases, until it is released.

A lease that is lost inside `async with` cancels the task in there, which must not go on as if it held
what somebody else may hold by now, and the block raises LockLost.
"""

from __future__ import annotations

import asyncio
import os
import socket
from types import TracebackType
from typing import Any, ClassVar, Literal

from awaitd._call import NEAR_LEASE, Call
from awaitd._lease import Lease
from awaitd._thing import Thing
from awaitd._wire import Asked, Reply
from awaitd.errors import AwaitdError, LockLost


class Hold:
    """One grant: its lease, the task that got it, and whether that one is inside `async with`."""

    def __init__(self, lease: Lease) -> None:
        self.task = _current_task()
        self.loop = asyncio.get_running_loop()
        self.cancelling: int | None = None
        """How many cancellations of the task were under way when it went in; None outside."""
        self.interrupted = False
        self.take(lease)

    def take(self, lease: Lease) -> None:
        self.lease = lease
        lease.on_lost = self.lost
        if lease.lost:
            self.interrupt()

    def enter(self) -> None:
        assert self.task is not None
        self.cancelling = self.task.cancelling()
        if self.lease.lost:
            self.interrupt()

    def lost(self, lease: Lease) -> None:
        """From the I/O thread."""
        try:
            self.loop.call_soon_threadsafe(self.interrupt)
        except RuntimeError:
            pass  # The loop is closed, and the task with it.

    def interrupt(self) -> None:
        if self.cancelling is not None and not self.interrupted and self.task is not None:
            self.interrupted = True
            self.task.cancel(f"lost {self.lease.path}")


class Permits(Thing):
    """A thing of which each holder has a lease."""

    _force = "?force=true"
    _not_acquired = "Lock is not acquired."
    _any_hold: ClassVar[bool] = True
    """Whether a task may release what another one has inside `async with`."""

    def __init__(self, name: str | None, url: str | None, lease: float) -> None:
        super().__init__(name, url)
        self._lease = lease
        self._holds: list[Hold] = []

    async def acquire(self) -> Literal[True]:
        """Acquire it, and wait for it if it is held; who asked first gets it first."""
        await self._acquire()
        return True

    def release(self) -> None:
        """Release what the current task acquired, else what any task here did."""
        hold = self._pick()
        if hold is None:
            return self._release_unheld()
        self._released(hold, self._end(hold).blocking())

    async def __aenter__(self) -> None:
        (await self._acquire()).enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        hold = self._pick(inside=True)
        if hold is None:
            return self._exit_unheld(error)
        cancelling, hold.cancelling = hold.cancelling or 0, None
        cancelled: BaseException | None = error
        failure: AwaitdError | None = None
        try:
            self._released(hold, await self._end(hold).finished())
        except asyncio.CancelledError as late:
            cancelled = error or late
        except AwaitdError as failed:
            failure = failed
        finally:
            self._forget(hold)  # Nobody releases it a second time.
        if hold.interrupted and hold.task is not None and hold.task.uncancel() <= cancelling:
            if isinstance(cancelled, asyncio.CancelledError):
                # By this lock alone: that is no cancellation for those outside.
                raise LockLost(self._lost(hold)) from cancelled
        if failure is not None and cancelled is None:
            raise failure
        if failure is not None and cancelled is not None:
            cancelled.add_note(str(failure))
        if cancelled is not error and cancelled is not None:
            raise cancelled

    async def _acquire(self) -> Hold:
        asked = self._acquiring()
        near = asked if self._lease >= NEAR_LEASE else None
        call = self._call(lambda call: self._granted(call, asked), self._undo, near)
        hold = Hold(await call.awaited())
        self._holds.append(hold)
        return hold

    def _acquiring(self) -> Asked:
        return self._asked("/acquire", {"lease": self._lease, "owner": me()})

    async def _granted(self, call: Call[Any], asked: Asked) -> Lease:
        reply, waited = await self._stand(call, "acquire", asked)
        lease = Lease(call.lane.wire, reply.good(), self, self._lease, waited=waited, careful=True)
        call.lane.io.keeper.keep(lease)
        return lease

    async def _undo(self, lease: Lease) -> None:
        lane = self._lane
        lane.io.keeper.drop(lease)
        async with lane.turn:
            await lease.end()

    def _end(self, hold: Hold) -> Call[Reply | None]:
        # Not renewed any more, whatever comes of this; but its path is kept until the server has spoken.
        self._lane.io.keeper.drop(hold.lease)
        asked = hold.lease.ending()

        async def work(call: Call[Reply | None]) -> Reply | None:
            if hold.lease.lost and not call.has_turn:
                # In case that the server, which goes by a later clock, still has it.
                call.lane.io.spawn(hold.lease.end(), call.lane.turn)
                return None
            return await self._ask_once(call, asked)

        return self._call(work, first=None if hold.lease.lost else asked)

    def _released(self, hold: Hold, reply: Reply | None) -> None:
        lost = reply is None or reply.status in (404, 410)
        if reply is not None and not lost:
            reply.good()
        self._forget(hold)
        if lost:
            hold.lease.lost = True
            raise LockLost(self._lost(hold))

    def _forget(self, hold: Hold) -> None:
        if hold in self._holds:
            self._holds.remove(hold)

    def _pick(self, inside: bool = False) -> Hold | None:
        # What its parent holds is not a child's to release.
        holds = [hold for hold in self._holds if hold.lease.wire is self._lane.wire]
        task = _current_task()
        own = [hold for hold in holds if hold.task is task and (hold.cancelling is not None) >= inside]
        if own:
            return own[-1]
        if inside:
            return None
        others = [hold for hold in holds if self._any_hold or hold.cancelling is None]
        return others[-1] if others else None

    def _exit_unheld(self, error: BaseException | None) -> None:
        if error is None:
            raise RuntimeError(self._not_acquired)

    def _release_unheld(self) -> None:
        raise RuntimeError(self._not_acquired)

    def _state(self) -> dict[str, Any]:
        reply = self._ask("GET")
        state: dict[str, Any] = {} if reply.status == 404 else reply.good().json()
        return state

    def _lost(self, hold: Hold) -> str:
        return (
            f"the lease of {self._kind} {self._name} (fence {hold.lease.fence}) ended while it was held: "
            "somebody else may have had it since"
        )


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def me() -> str:
    """What others are shown of the holder."""
    return f"{socket.gethostname()}:{os.getpid()}"
