"""`Lock` and `Condition`, with asyncio's methods, on the server."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, NamedTuple, TypeVar

from awaitd._call import Call
from awaitd._lease import Lease
from awaitd._permits import Hold, Permits, me
from awaitd._thing import NAME, SLICE
from awaitd._wire import query
from awaitd.errors import LockLost

__all__ = ["Condition", "Lock"]

T = TypeVar("T")

LONGEST_WAIT = 60.0
"""Seconds for which the server may have a woken one stand in the lock's line, and a little more."""


class Lock(Permits):
    """asyncio.Lock, for all programs that name it. Not reentrant, and only its holder's process may
    release it."""

    _kind = "locks"

    def __init__(self, *, name: str | None = None, lease: float = 30.0, url: str | None = None) -> None:
        super().__init__(name, url, lease)

    def locked(self) -> bool:
        """True if somebody, here or elsewhere, has it."""
        return bool(self._state().get("locked"))

    @property
    def fence(self) -> int | None:
        """The number of the grant that is held here: larger than that of every earlier holder. Pass it to
        what the lock protects, and have it refuse one that is smaller than the last it saw."""
        hold = self._pick()
        return hold.lease.fence if hold else None

    def _settings(self) -> dict[str, Any]:
        return {"lease": self._lease}


class Woken(NamedTuple):
    """How a wait ended: with a new lease of the lock."""

    lease: Lease
    notified: bool


class Condition:
    """asyncio.Condition, for all programs that name it.

    It belongs to a lock. One that was made without has a lock of its name, and a condition of a given
    lock has no name but `name=` here, or that of its lock: several conditions of one lock need several.
    What the condition is about must itself be shared, or be kept where all can read it.
    """

    def __init__(self, lock: Lock | None = None, *, name: str | None = None, url: str | None = None) -> None:
        if name is not None and not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name: 1 to 128 of A-Z a-z 0-9 . _ : -")
        self._lock = lock if lock is not None else Lock(name=name, url=url)
        # Without a name it is its lock's only one: in this program, or in all if the lock has a name.
        self._name = name or self._lock.name
        self.locked = self._lock.locked
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    @property
    def name(self) -> str:
        """Under which others that share the lock find it."""
        return self._name

    def __repr__(self) -> str:
        kind = type(self)
        return f"<{kind.__module__}.{kind.__qualname__} object at {id(self):#x} [{self._name}]>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _condition, (type(self), self._lock, self._name)

    async def __aenter__(self) -> None:
        await self._lock.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lock.__aexit__(kind, error, trace)

    async def wait(self) -> Literal[True]:
        """Release the lock, wait to be notified, and acquire it again, whatever happens meanwhile.

        It may return without a notification, as asyncio's: wait for something, with `wait_for()`.
        """
        hold = self._hold("cannot wait on un-acquired lock")
        lock, before = self._lock, hold.lease
        call = lock._call(lambda call: self._wait(call, before))
        lock._holds.remove(hold)
        cancelled = True
        try:
            await call.awaited()
            cancelled = False
        finally:
            # Cancelled or not: the lock is held again, unless that could not be.
            woken = call.outcome()
            if woken is not None:
                hold.take(woken.lease)
                lock._holds.append(hold)
                if cancelled and woken.notified:
                    # Nobody here makes use of the notification: somebody else may.
                    await lock._call(lambda call: self._pass_on(call, woken.lease)).finished()
            elif not call.keyed:
                lock._holds.append(hold)
        return True

    async def wait_for(self, predicate: Callable[[], T]) -> T:
        """Wait until a predicate becomes true."""
        result = predicate()
        while not result:
            await self.wait()
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Wake up so many of those who wait; they go on once they have the lock."""
        self._notify(n)

    def notify_all(self) -> None:
        """Wake up all who wait."""
        self._notify("all")

    def _notify(self, n: int | Literal["all"]) -> None:
        hold = self._hold("cannot notify on un-acquired lock")
        if n == 0:
            return
        reply = self._lock._ask("POST", f"{self._what}/notify{query(held=hold.lease.path, n=n)}")
        if reply.status == 410:
            raise LockLost(reply.problem.detail)
        reply.good()

    def _hold(self, otherwise: str) -> Hold:
        hold = self._lock._pick()
        if hold is None:
            raise RuntimeError(otherwise)
        return hold

    @property
    def _what(self) -> str:
        return f"/conditions/{self._name}"

    async def _wait(self, call: Call[Woken], before: Lease) -> Woken:
        lock, wire = self._lock, call.lane.wire
        knobs = {"held": before.path, "lease": lock._lease, "owner": me(), "wait": SLICE}
        path = f"{lock._path}{self._what}/wait{query(**knobs)}"
        # It may have to stand in the lock's line after that.
        wait = SLICE + LONGEST_WAIT
        async with lock._turn(call):
            call.lane.io.keeper.drop(before)
            call.keyed, call.stands = True, "wait"
        reply = await wire.ask("POST", path, key=call.key, wait=wait)
        while reply.status == 408:
            reply = await wire.ask("POST", path, key=call.key, wait=wait)
        if reply.status == 410 and reply.problem.code == "withdrawn":
            return Woken(await self._again(call, before), False)
        if reply.status in (404, 410):
            before.lost = True
            raise LockLost(f"the lock {lock.name} was not held any more: {reply.problem.detail}")
        lease = Lease(wire, reply.good(), lock, lock._lease, waited=True, careful=True)
        call.lane.io.keeper.keep(lease)
        return Woken(lease, reply.headers.get("Awaitd-Notified") == "true")

    async def _again(self, call: Call[Woken], before: Lease) -> Lease:
        """The lock, for one whose wait was cancelled. He has it still, if that was faster than his wait."""
        lock = self._lock
        reply = await before.wire.ask("PATCH", before.path)
        if reply.status == 200:
            before.until = reply.asked + float(reply.headers["Awaitd-Expires-In"])
            call.lane.io.keeper.keep(before)
            return before
        call.key, call.stands = call.lane.io.key(), None
        return await lock._granted(call, lock._acquiring())

    async def _pass_on(self, call: Call[None], held: Lease) -> None:
        path = f"{self._lock._path}{self._what}/notify{query(held=held.path)}"
        async with self._lock._turn(call):
            await call.lane.wire.ask("POST", path, key=call.key)


def _condition(kind: type[Condition], lock: Lock, name: str) -> Condition:
    return kind(lock, name=name)
