"""All that the server can do, a method for each call; `Client` is the same for programs without a loop.

    async with awaitd.AsyncClient() as client:
        await client.put("emails", b"...", wait=30)
        job = await client.get("emails", wait=30)

Nothing is held here: a lease is a value, which the program renews and ends itself. Times are seconds.
What is refused is raised as `Problem`, but for an empty get, which is None. A request that was cut is
repeated under its `Idempotency-Key`; give one as `idempotency_key=` to repeat it yourself, or to withdraw it.
"""

from dataclasses import dataclass
from typing import Any, Literal

from awaitd._asking import generation_of, new_key, object_of
from awaitd._queues import Queues
from awaitd._wire import named, query

__all__ = ["AsyncClient", "Grant", "Happened"]

Kind = Literal["queues", "events", "locks", "semaphores", "barriers", "schedules"]


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease of a lock or of permits."""

    lease: str
    fence: int
    expires_in: float
    notified: bool | None = None
    """Of a wait for a condition: whether it was notified."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that was set, with the value that it was set with."""

    value: bytes
    content_type: str
    generation: int


class AsyncClient(Queues):
    """A server, for the event loop on which it is first used."""

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
        reply = await self._ask("PUT", f"/v1/events/{named(event)}", body=value, headers=headers, key=new_key())
        return generation_of(reply)

    async def clear_event(self, event: str) -> None:
        await self._ask("DELETE", f"/v1/events/{named(event)}", key=new_key())

    async def wait_event(self, event: str, *, wait: float | None = None, after: int | None = None) -> Happened:
        """What it was set with; with `after`, in a later generation than that."""
        reply = await self._look(f"/v1/events/{named(event)}", wait, after=after)
        return Happened(reply.body, reply.headers.get("Content-Type", ""), generation_of(reply))

    # Locks and semaphores

    async def acquire_lock(
        self,
        lock: str,
        *,
        mode: Literal["exclusive", "shared"] = "exclusive",
        wait: float | None = None,
        lease: float | None = None,
        owner: str | None = None,
        idempotency_key: str | None = None,
    ) -> Grant:
        knobs = {"mode": None if mode == "exclusive" else mode, "lease": lease, "owner": owner}
        return await self._grant(f"/v1/locks/{named(lock)}/acquire", wait, idempotency_key, **knobs)

    async def break_lock(self, lock: str) -> list[dict[str, Any]]:
        """Takes it from its holders, who are told."""
        reply = await self._ask("POST", f"/v1/locks/{named(lock)}/break", key=new_key())
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
        idempotency_key: str | None = None,
    ) -> Grant:
        """Lets the lock go and has it again, notified or not; `held` is the lease that ends with it."""
        path = f"/v1/locks/{named(lock)}/conditions/{named(condition)}/wait"
        return await self._grant(path, wait, idempotency_key, held=held, lease=lease, owner=owner)

    async def notify_condition(self, lock: str, condition: str, *, held: str, n: int | Literal["all"] = 1) -> int:
        """How many were woken."""
        path = f"/v1/locks/{named(lock)}/conditions/{named(condition)}/notify{query(held=held, n=n)}"
        return int((await self._ask("POST", path, key=new_key())).json()["woken"])

    async def configure_semaphore(
        self, semaphore: str, permits: int, *, bounded: bool = True, only_new: bool = False
    ) -> dict[str, Any]:
        fields = {"permits": permits, "bounded": bounded}
        return await self._configure(f"/v1/semaphores/{named(semaphore)}", fields, only_new)

    async def acquire_semaphore(
        self,
        semaphore: str,
        permits: int = 1,
        *,
        wait: float | None = None,
        lease: float | None = None,
        owner: str | None = None,
        idempotency_key: str | None = None,
    ) -> Grant:
        path = f"/v1/semaphores/{named(semaphore)}/acquire"
        return await self._grant(path, wait, idempotency_key, permits=permits, lease=lease, owner=owner)

    async def release_semaphore(self, semaphore: str, permits: int = 1) -> dict[str, Any]:
        """Adds permits to one that is not bounded; those that were acquired are released by `done()`."""
        path = f"/v1/semaphores/{named(semaphore)}/release{query(permits=permits)}"
        return object_of(await self._ask("POST", path, key=new_key()))

    # Barriers

    async def configure_barrier(self, barrier: str, parties: int, *, only_new: bool = False) -> dict[str, Any]:
        return await self._configure(f"/v1/barriers/{named(barrier)}", {"parties": parties}, only_new)

    async def wait_barrier(self, barrier: str, *, wait: float, idempotency_key: str | None = None) -> tuple[int, int]:
        """Index and generation, once all have come."""
        path = f"/v1/barriers/{named(barrier)}/wait{query(wait=wait)}"
        told = (await self._ask("POST", path, key=idempotency_key or new_key(), wait=wait)).json()
        return told["index"], told["generation"]

    async def reset_barrier(self, barrier: str) -> dict[str, Any]:
        return object_of(await self._ask("POST", f"/v1/barriers/{named(barrier)}/reset", key=new_key()))

    async def abort_barrier(self, barrier: str) -> dict[str, Any]:
        return object_of(await self._ask("POST", f"/v1/barriers/{named(barrier)}/abort", key=new_key()))

    # Things of every kind

    async def state(self, kind: Kind, name: str) -> dict[str, Any]:
        """What the server shows of it; an event is asked for by `wait_event()`."""
        return object_of(await self._ask("GET", f"/v1/{kind}/{named(name)}"))

    async def items(
        self, kind: Kind, *, prefix: str | None = None, cursor: str | None = None, limit: int | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of the things there are, and the cursor of the next."""
        page = object_of(await self._ask("GET", f"/v1/{kind}{query(prefix=prefix, cursor=cursor, limit=limit)}"))
        return page["items"], page["cursor"]

    async def delete(self, kind: Kind, name: str, *, force: bool = False) -> None:
        """Removes it, and all that it holds; `force` is for locks and semaphores that are held."""
        await self._ask("DELETE", f"/v1/{kind}/{named(name)}{query(force=force)}", key=new_key())

    async def withdraw(self, kind: Kind, name: str, key: str) -> str | None:
        """Takes back what was asked under a key: None, or where that is which it was granted before."""
        reply = await self._ask("DELETE", f"/v1/{kind}/{named(name)}/waiters/{named(key)}")
        return reply.headers.get("Location", "") if reply.json()["outcome"] == "granted" else None

    async def ready(self) -> bool:
        """Whether the server has recovered and can write."""
        return (await self._wire.ask("GET", "/readyz", within=0)).status == 200

    async def _grant(self, path: str, wait: float | None, key: str | None, **knobs: Any) -> Grant:
        path = f"{path}{query(wait=wait, **knobs)}"
        reply = await self._ask("POST", path, key=key or new_key(), wait=(wait or 0) + 60)
        headers = reply.headers
        notified = headers.get("Awaitd-Notified")
        return Grant(
            headers["Location"],
            int(headers["Awaitd-Fence"]),
            float(headers["Awaitd-Expires-In"]),
            None if notified is None else notified == "true",
        )
