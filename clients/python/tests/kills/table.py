"""Each way to wait for something: how it is held, how it is waited for, how it is let go."""

from collections.abc import Callable
from dataclasses import dataclass

from support.server import Server

LEASE = 2.0


@dataclass(frozen=True)
class Wait:
    """Bodies of programs, in which `it` is what this is about."""

    make: str
    hold: str
    """What somebody does first, so that others have to wait."""
    wait: str
    free: str
    """And what lets one of them go on."""
    waiting: Callable[[Server], float]
    """How many wait, as the server sees it."""
    ends_with_its_holder: bool = False
    """Whether what is held is held by a lease."""

    def make_with(self, lease: float) -> str:
        return self.make.replace("LEASE", str(lease))


def _state(path: str, *fields: str) -> Callable[[Server], float]:
    def waiting(server: Server) -> float:
        found = server.state(path)
        for field in fields:
            found = found.get(field, {})
        return found or 0  # type: ignore[return-value]

    return waiting


WAITS = {
    "Queue.get": Wait(
        make='it = asyncio.Queue(name="it", lease=LEASE)',
        hold='await it.put("one"); assert await it.get() == "one"',
        wait="await it.get(); it.task_done()",
        free='await it.put("another")',
        waiting=_state("/v1/queues/it", "waiters", "get"),
        ends_with_its_holder=True,
    ),
    "Queue.put": Wait(
        make='it = asyncio.Queue(1, name="it", lease=LEASE)',
        hold='await it.put("one")',
        wait="await it.put(sys.argv[1])",
        free='assert await it.get() == "one"; assert await it.get() == "second"',
        waiting=_state("/v1/queues/it", "waiters", "put"),
    ),
    "Queue.join": Wait(
        make='it = asyncio.Queue(name="it", lease=LEASE)',
        hold='await it.put("one"); await it.get()',
        wait="await it.join()",
        free="it.task_done()",
        waiting=_state("/v1/queues/it", "waiters", "join"),
    ),
    "PriorityQueue.get": Wait(
        make='it = asyncio.PriorityQueue(name="it", lease=LEASE)',
        hold='await it.put((1, "one")); assert await it.get() == (1, "one")',
        wait="await it.get(); it.task_done()",
        free='await it.put((2, "another"))',
        waiting=_state("/v1/queues/it", "waiters", "get"),
        ends_with_its_holder=True,
    ),
    "LifoQueue.get": Wait(
        make='it = asyncio.LifoQueue(name="it", lease=LEASE)',
        hold='await it.put("one"); assert await it.get() == "one"',
        wait="await it.get(); it.task_done()",
        free='await it.put("another")',
        waiting=_state("/v1/queues/it", "waiters", "get"),
        ends_with_its_holder=True,
    ),
    "Event.wait": Wait(
        make='it = asyncio.Event(name="it")',
        hold="it.clear()",
        wait="await it.wait()",
        free="it.set(); it.clear()",
        waiting=lambda server: server.metric("awaitd_waiters", kind="event", name="it", op="wait"),
    ),
    "Lock.acquire": Wait(
        make='it = asyncio.Lock(name="it", lease=LEASE)',
        hold="await it.acquire()",
        wait="await it.acquire(); it.release()",
        free="it.release()",
        waiting=_state("/v1/locks/it", "waiters"),
        ends_with_its_holder=True,
    ),
    "Semaphore.acquire": Wait(
        make='it = asyncio.Semaphore(2, name="it", lease=LEASE)',
        hold="await it.acquire(); await it.acquire()",
        wait="await it.acquire(); it.release()",
        free="it.release()",
        waiting=_state("/v1/semaphores/it", "waiters"),
        ends_with_its_holder=True,
    ),
    "BoundedSemaphore.acquire": Wait(
        make='it = asyncio.BoundedSemaphore(1, name="it", lease=LEASE)',
        hold="await it.acquire()",
        wait="await it.acquire(); it.release()",
        free="it.release()",
        waiting=_state("/v1/semaphores/it", "waiters"),
        ends_with_its_holder=True,
    ),
    "Condition.acquire": Wait(
        make='it = asyncio.Condition(asyncio.Lock(name="it", lease=LEASE), name="changed")',
        hold="await it.acquire()",
        wait="await it.acquire(); it.release()",
        free="it.release()",
        waiting=_state("/v1/locks/it", "waiters"),
        ends_with_its_holder=True,
    ),
    "Condition.wait": Wait(
        make='it = asyncio.Condition(asyncio.Lock(name="it", lease=LEASE), name="changed")',
        hold="await it.acquire(); it.release()",
        # It may wake up for no reason, as when the server was away.
        wait='await it.acquire(); await it.wait_for(Path("go").exists); it.release()',
        free='await it.acquire(); Path("go").touch(); it.notify(); it.release()',
        waiting=_state("/v1/locks/it/conditions/changed", "waiters"),
    ),
    "Barrier.wait": Wait(
        make='it = asyncio.Barrier(3, name="it")',
        hold="it.n_waiting",
        wait="await it.wait()",
        free="await asyncio.gather(it.wait(), it.wait())",
        waiting=_state("/v1/barriers/it", "waiting"),
    ),
}
