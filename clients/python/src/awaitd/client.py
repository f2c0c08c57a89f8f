"""All that the server can do, a method for each call; `Client` is the same for programs without a loop.

    async with awaitd.AsyncClient() as client:
        await client.put("emails", b"...", wait=30)
        job = await client.get("emails", wait=30)

Nothing is held here: a lease is a value, which the program renews and ends itself. Times are seconds.
What is refused is raised as `Problem`, but for an empty get, which is None. A request that was cut is
repeated under its `Idempotency-Key`; give one as `key=` to repeat it yourself, or to withdraw it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

from awaitd._wire import DEFAULT_URL, Reply, Wire, query

__all__ = ["AsyncClient", "Grant", "Happened", "Job"]

Kind = Literal["queues", "events", "locks", "semaphores", "barriers"]


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease of a lock or of permits."""

    lease: str
    fence: int
    expires_in: float
    notified: bool | None = None
    """Of a wait for a condition: whether it was notified."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job, held by a lease until it is done or given back."""

    body: bytes
    content_type: str
    id: str
    attempt: int
    lease: str | None
    """None with `ack=True`: then it is done already."""
    fence: int
    expires_in: float | None


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that was set, with the value that it was set with."""

    value: bytes
    content_type: str
    generation: int


class AsyncClient:
    """A server, for the event loop on which it is first used."""

    def __init__(self, url: str | None = None) -> None:
        self._wire = Wire(url or os.environ.get("AWAITD_URL") or DEFAULT_URL)

    @property
    def url(self) -> str:
        return self._wire.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections."""
        await self._wire.close()

    # Queues

    async def configure_queue(
        self,
        queue: str,
        *,
        maxsize: int | None = None,
        order: Literal["fifo", "lifo", "priority"] | None = None,
        lease: float | None = None,
        only_new: bool = False,
    ) -> dict[str, Any]:
        """What is left out has its default."""
        fields = {"maxsize": maxsize, "order": order, "lease": lease}
        given = {field: value for field, value in fields.items() if value is not None}
        return await self._configure(f"/v1/queues/{queue}", given, only_new)

    async def put(
        self,
        queue: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",
        wait: float | None = None,
        delay: float | None = None,
        priority: int | None = None,
        priority_key: bytes | None = None,
        key: str | None = None,
    ) -> str:
        """Puts a job, and says where it is."""
        rank = priority_key.hex() if priority_key is not None else None
        knobs = {"delay": delay, "priority": priority, "priority_key": rank}
        path = f"/v1/queues/{queue}/jobs{query(wait=wait, **knobs)}"
        headers = {"Content-Type": content_type}
        reply = await self._ask("POST", path, body=body, headers=headers, key=key or _key(), wait=wait or 0)
        return reply.headers["Location"]

    async def get(
        self,
        queue: str,
        *,
        wait: float | None = None,
        lease: float | None = None,
        ack: bool = False,
        settle: str | None = None,
        key: str | None = None,
    ) -> Job | None:
        """The next job, if there is one; `settle` is a lease that is done with it."""
        knobs = {"lease": lease, "ack": ack, "settle": settle}
        path = f"/v1/queues/{queue}/get{query(wait=wait, **knobs)}"
        key = None if ack else key or _key()
        reply = await self._ask("POST", path, key=key, wait=wait or 0)
        return None if reply.status == 204 else _job(reply)

    async def join(self, queue: str, *, wait: float | None = None, after: int | None = None) -> int:
        """Until all is done; the generation of that moment."""
        return _generation(await self._look(f"/v1/queues/{queue}/join", wait, after=after))

    async def shutdown(self, queue: str, *, immediate: bool = False) -> None:
        await self._ask("POST", f"/v1/queues/{queue}/shutdown{query(immediate=immediate)}", key=_key())

    # Leases

    async def done(self, lease: str) -> None:
        """`task_done()`, or `release()` of a lock or of permits."""
        await self._ask("DELETE", lease)

    async def nack(self, lease: str, *, delay: float | None = None, defer: bool = False, error: str = "") -> None:
        """Gives a job back."""
        await self._ask("POST", f"{lease}/nack{query(delay=delay, defer=defer)}", body=error.encode())

    async def extend(self, lease: str, *, length: float | None = None) -> float:
        """Keeps it for so long from now; how many seconds that leaves."""
        reply = await self._ask("PATCH", f"{lease}{query(lease=length)}")
        return float(reply.headers["Awaitd-Expires-In"])

    async def held(self, lease: str, *, wait: float | None = None) -> float:
        """How many seconds are left of it; with `wait` it raises as soon as it is lost."""
        return float((await self._look(lease, wait)).headers["Awaitd-Expires-In"])

    # Events

    async def set_event(
        self,
        event: str,
        value: bytes = b"",
        *,
        content_type: str = "application/octet-stream",
        only_unset: bool = False,
    ) -> int:
        """Sets it, and says which generation that is."""
        headers = {"Content-Type": content_type} | ({"If-None-Match": "*"} if only_unset else {})
        reply = await self._ask("PUT", f"/v1/events/{event}", body=value, headers=headers, key=_key())
        return _generation(reply)

    async def clear_event(self, event: str) -> None:
        await self._ask("DELETE", f"/v1/events/{event}", key=_key())

    async def wait_event(self, event: str, *, wait: float | None = None, after: int | None = None) -> Happened:
        """What it was set with; with `after`, in a later generation than that."""
        reply = await self._look(f"/v1/events/{event}", wait, after=after)
        return Happened(reply.body, reply.headers.get("Content-Type", ""), _generation(reply))

    # Locks and semaphores

    async def acquire_lock(
        self,
        lock: str,
        *,
        mode: Literal["exclusive", "shared"] = "exclusive",
        wait: float | None = None,
        lease: float | None = None,
        owner: str | None = None,
        key: str | None = None,
    ) -> Grant:
        knobs = {"mode": None if mode == "exclusive" else mode, "lease": lease, "owner": owner}
        return await self._grant(f"/v1/locks/{lock}/acquire", wait, key, **knobs)

    async def break_lock(self, lock: str) -> list[dict[str, Any]]:
        """Takes it from its holders, who are told."""
        reply = await self._ask("POST", f"/v1/locks/{lock}/break", key=_key())
        holders: list[dict[str, Any]] = reply.json()["holders"]
        return holders

    async def wait_condition(
        self,
        lock: str,
        condition: str,
        *,
        held: str,
        wait: float | None = None,
        lease: float | None = None,
        owner: str | None = None,
        key: str | None = None,
    ) -> Grant:
        """Lets the lock go and has it again, notified or not; `held` is the lease that ends with it."""
        path = f"/v1/locks/{lock}/conditions/{condition}/wait"
        return await self._grant(path, wait, key, held=held, lease=lease, owner=owner)

    async def notify_condition(self, lock: str, condition: str, *, held: str, n: int | Literal["all"] = 1) -> int:
        """How many were woken."""
        path = f"/v1/locks/{lock}/conditions/{condition}/notify{query(held=held, n=n)}"
        return int((await self._ask("POST", path, key=_key())).json()["woken"])

    async def configure_semaphore(
        self, semaphore: str, permits: int, *, bounded: bool = True, only_new: bool = False
    ) -> dict[str, Any]:
        fields = {"permits": permits, "bounded": bounded}
        return await self._configure(f"/v1/semaphores/{semaphore}", fields, only_new)

    async def acquire_semaphore(
        self,
        semaphore: str,
        permits: int = 1,
        *,
        wait: float | None = None,
        lease: float | None = None,
        owner: str | None = None,
        key: str | None = None,
    ) -> Grant:
        path = f"/v1/semaphores/{semaphore}/acquire"
        return await self._grant(path, wait, key, permits=permits, lease=lease, owner=owner)

    async def release_semaphore(self, semaphore: str, permits: int = 1) -> dict[str, Any]:
        """Adds permits to one that is not bounded; those that were acquired are released by `done()`."""
        path = f"/v1/semaphores/{semaphore}/release{query(permits=permits)}"
        return _object(await self._ask("POST", path, key=_key()))

    # Barriers

    async def configure_barrier(self, barrier: str, parties: int, *, only_new: bool = False) -> dict[str, Any]:
        return await self._configure(f"/v1/barriers/{barrier}", {"parties": parties}, only_new)

    async def wait_barrier(self, barrier: str, *, wait: float, key: str | None = None) -> tuple[int, int]:
        """Index and generation, once all have come."""
        path = f"/v1/barriers/{barrier}/wait{query(wait=wait)}"
        told = (await self._ask("POST", path, key=key or _key(), wait=wait)).json()
        return told["index"], told["generation"]

    async def reset_barrier(self, barrier: str) -> dict[str, Any]:
        return _object(await self._ask("POST", f"/v1/barriers/{barrier}/reset", key=_key()))

    async def abort_barrier(self, barrier: str) -> dict[str, Any]:
        return _object(await self._ask("POST", f"/v1/barriers/{barrier}/abort", key=_key()))

    # Things of every kind

    async def state(self, kind: Kind, name: str) -> dict[str, Any]:
        """What the server shows of it; an event is asked for by `wait_event()`."""
        return _object(await self._ask("GET", f"/v1/{kind}/{name}"))

    async def items(
        self, kind: Kind, *, prefix: str | None = None, cursor: str | None = None, limit: int | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of the things there are, and the cursor of the next."""
        page = _object(await self._ask("GET", f"/v1/{kind}{query(prefix=prefix, cursor=cursor, limit=limit)}"))
        return page["items"], page["cursor"]

    async def delete(self, kind: Kind, name: str, *, force: bool = False) -> None:
        """Removes it, and all that it holds; `force` is for locks and semaphores that are held."""
        await self._ask("DELETE", f"/v1/{kind}/{name}{query(force=force)}", key=_key())

    async def withdraw(self, kind: Kind, name: str, key: str) -> str | None:
        """Takes back what was asked under a key: None, or where that is which it was granted before."""
        reply = await self._ask("DELETE", f"/v1/{kind}/{name}/waiters/{key}")
        return reply.headers.get("Location", "") if reply.json()["outcome"] == "granted" else None

    async def ready(self) -> bool:
        """Whether the server has recovered and can write."""
        return (await self._wire.ask("GET", "/readyz", within=0)).status == 200

    async def _ask(self, method: str, path: str, **more: Any) -> Reply:
        return (await self._wire.ask(method, path, **more)).good()

    async def _look(self, path: str, wait: float | None, **knobs: Any) -> Reply:
        return await self._ask("GET", f"{path}{query(wait=wait, **knobs)}", wait=wait or 0)

    async def _grant(self, path: str, wait: float | None, key: str | None, **knobs: Any) -> Grant:
        path = f"{path}{query(wait=wait, **knobs)}"
        reply = await self._ask("POST", path, key=key or _key(), wait=(wait or 0) + 60)
        headers = reply.headers
        notified = headers.get("Awaitd-Notified")
        return Grant(
            headers["Location"],
            int(headers["Awaitd-Fence"]),
            float(headers["Awaitd-Expires-In"]),
            None if notified is None else notified == "true",
        )

    async def _configure(self, path: str, fields: Mapping[str, Any], only_new: bool) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} | ({"If-None-Match": "*"} if only_new else {})
        return _object(await self._ask("PUT", path, body=json.dumps(fields).encode(), headers=headers))


def _key() -> str:
    return uuid4().hex


def _object(reply: Reply) -> dict[str, Any]:
    told: dict[str, Any] = reply.json()
    return told


def _generation(reply: Reply) -> int:
    return int(reply.headers["Awaitd-Generation"])


def _job(reply: Reply) -> Job:
    headers = reply.headers
    left = headers.get("Awaitd-Expires-In")
    return Job(
        body=reply.body,
        content_type=headers.get("Content-Type", ""),
        id=headers["Awaitd-Job"],
        attempt=int(headers["Awaitd-Attempt"]),
        lease=headers.get("Location"),
        fence=int(headers["Awaitd-Fence"]),
        expires_in=None if left is None else float(left),
    )
