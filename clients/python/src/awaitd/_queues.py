"""The calls of `AsyncClient` that are about queues, their jobs and the leases of these."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, Literal, TypeVar, Unpack

from awaitd._asking import Asking, generation_of, new_key, object_of
from awaitd._json import Batch, fields, gotten, knobs, listed, outcomes, seen, settled
from awaitd._wire import named, query
from awaitd.errors import Problem, Unreachable
from awaitd.jobs import (
    OCTETS,
    Job,
    JobInfo,
    JobOptions,
    Nack,
    NewJob,
    Placed,
    QueueConfig,
    Redriven,
    Renewal,
    ScheduledJob,
    Settled,
    State,
    Value,
)

T = TypeVar("T")

AS_JSON = {"Content-Type": "application/json"}


class Queues(Asking):
    """Queues, jobs, and schedules that put them."""

    async def configure_queue(
        self, queue: str, *, only_new: bool = False, **config: Unpack[QueueConfig]
    ) -> dict[str, Any]:
        """What is left out has its default; `only_new` leaves alone what is there."""
        return await self._configure(f"/v1/queues/{named(queue)}", config, only_new)

    async def put(
        self,
        queue: str,
        body: bytes,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Placed:
        """Puts a job, and says where it is."""
        said, headers = knobs(options)
        path = f"/v1/queues/{named(queue)}/jobs{query(wait=wait, **said)}"
        key = idempotency_key or new_key()
        reply = await self._ask("POST", path, body=body, headers=headers, key=key, wait=wait or 0)
        return Placed(reply.headers["Location"], reply.status == 201)

    async def put_batch(
        self, queue: str, jobs: Iterable[bytes | NewJob] | AsyncIterable[bytes | NewJob]
    ) -> AsyncIterator[Placed | Problem]:
        """Puts many jobs, and says of each in turn where it is, or why it was not put.

        They are sent by the thousand or the MiB, as they come. If the connection is cut, it raises `Unreachable`,
        and some of those of which nothing was said may have been put: a repeat with `unique` adds none twice.
        """
        batch = Batch()
        async for job in _each(jobs):
            if batch.add(job):
                for outcome in await self._put_lines(queue, batch.take()):
                    yield outcome
        for outcome in await self._put_lines(queue, batch.take()):
            yield outcome

    async def _put_lines(self, queue: str, lines: list[bytes]) -> list[Placed | Problem]:
        told: list[Placed | Problem] = []
        headers = {"Content-Type": "application/x-ndjson"}
        while len(told) < len(lines):
            body = b"".join(lines[len(told) :])
            path = f"/v1/queues/{named(queue)}/jobs/batch"
            reply = await self._ask("POST", path, body=body, headers=headers, twice=False)
            more = outcomes(reply.body)
            if not more:
                raise Unreachable(f"{self.url} said nothing of the jobs that it was sent")
            # Fewer than there are lines: the server does not read on behind one that is too long.
            told += more
        return told

    async def get(
        self,
        queue: str,
        *,
        wait: float | None = None,
        lease: float | None = None,
        ack: bool = False,
        settle: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job | None:
        """The next job, if there is one; `settle` is a lease that is done with it."""
        path = f"/v1/queues/{named(queue)}/get{query(wait=wait, lease=lease, ack=ack, settle=settle)}"
        key = None if ack else idempotency_key or new_key()
        reply = await self._ask("POST", path, key=key, wait=wait or 0)
        return None if reply.status == 204 else gotten(reply, queue)

    async def get_any(
        self,
        queues: Iterable[str],
        *,
        order: Literal["strict", "fair"] = "strict",
        wait: float | None = None,
        lease: float | None = None,
        ack: bool = False,
    ) -> Job | None:
        """The next job of the first queue that has one, or of each in turn with `order="fair"`."""
        path = f"/v1/get{query(queues=_names(queues), order=order, wait=wait, lease=lease, ack=ack)}"
        reply = await self._ask("POST", path, wait=wait or 0)
        return None if reply.status == 204 else gotten(reply, "")

    async def get_many(
        self,
        queue: str | Iterable[str],
        max: int = 100,
        *,
        order: Literal["strict", "fair"] | None = None,
        wait: float | None = None,
        lease: float | None = None,
        ack: bool = False,
    ) -> list[Job]:
        """Up to so many jobs, 1 to 1,000, at once when there is one: of a queue, or of one of several."""
        if isinstance(queue, str):
            where, queues = f"/v1/queues/{named(queue)}/get", None
        else:
            where, queues, order = "/v1/get", _names(queue), order or "strict"
        path = f"{where}{query(queues=queues, order=order, max=max, wait=wait, lease=lease, ack=ack)}"
        reply = await self._ask("POST", path, headers={"Accept": "application/json"}, wait=wait or 0)
        return [] if reply.status == 204 else [listed(item) for item in reply.json()]

    async def join(self, queue: str, *, wait: float | None = None, after: int | None = None) -> int:
        """Until all is done; the generation of that moment."""
        return generation_of(await self._look(f"/v1/queues/{named(queue)}/join", wait, after=after))

    async def shutdown(self, queue: str, *, immediate: bool = False) -> None:
        await self._ask("POST", f"/v1/queues/{named(queue)}/shutdown{query(immediate=immediate)}", key=new_key())

    # Leases

    async def done(self, lease: str, result: bytes | None = None, *, content_type: str = OCTETS) -> None:
        """`task_done()`, or `release()` of a lock or of permits; of a job perhaps with a result, up to 256 KiB."""
        if result is None:
            await self._ask("DELETE", lease)
        else:
            await self._ask("POST", f"{lease}/done", body=result, headers={"Content-Type": content_type})

    async def nack(
        self, lease: str, *, delay: float | None = None, defer: bool = False, dead: bool = False, error: str = ""
    ) -> None:
        """Gives a job back: after the queue's backoff, or `delay`, 0 for at once.

        `defer` does not count the attempt; `dead`, with neither of these, says that the job is not worth another
        one: it is dead, or goes to the queue's `dead_letter`. `error` is kept with the job.
        """
        path = f"{lease}/nack{query(delay=delay, defer=defer, dead=dead)}"
        await self._ask("POST", path, body=error.encode(errors="replace"))

    async def extend(self, lease: str, *, length: float | None = None) -> float:
        """Keeps it for so long from now; how many seconds that leaves."""
        reply = await self._ask("PATCH", f"{lease}{query(lease=length)}")
        return float(reply.headers["Awaitd-Expires-In"])

    async def held(self, lease: str, *, wait: float | None = None) -> float:
        """How many seconds are left of it; with `wait` it raises as soon as it is lost."""
        return float((await self._look(lease, wait)).headers["Awaitd-Expires-In"])

    async def progress(self, lease: str, body: bytes, *, content_type: str = OCTETS) -> None:
        """Shows how far a job is, in up to 16 KiB, to whoever looks at it with `job()`."""
        await self._ask("PUT", f"{lease}/progress", body=body, headers={"Content-Type": content_type})

    async def settle(
        self, queue: str, *, done: Iterable[str] = (), nack: Iterable[Nack] = (), renew: Iterable[Renewal] = ()
    ) -> Settled:
        """Ends, gives back and keeps leases of one queue, at most 1,000 in all; a lost one disturbs no other."""
        said = {"done": list(done), "nack": list(nack), "renew": list(renew)}
        path = f"/v1/queues/{named(queue)}/settle"
        told = object_of(await self._ask("POST", path, body=json.dumps(said).encode(), headers=AS_JSON))
        return Settled(*(settled(told[what]) for what in ("done", "nack", "renew")))

    # Jobs, seen without touching them, and from outside

    async def job(self, job: str) -> JobInfo:
        """The job that is there, in whichever state."""
        return seen(object_of(await self._ask("GET", job)))

    async def jobs(
        self, queue: str, *, state: State | None = None, key: str | None = None, body: bool = False
    ) -> AsyncIterator[JobInfo]:
        """The jobs of a queue, in the order in which they were put, with their bodies if asked for."""
        cursor = None
        while True:
            page, cursor = await self.jobs_page(queue, state=state, key=key, body=body, cursor=cursor)
            for info in page:
                yield info
            if cursor is None:
                break

    async def jobs_page(
        self,
        queue: str,
        *,
        state: State | None = None,
        key: str | None = None,
        body: bool = False,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> tuple[list[JobInfo], str | None]:
        """A page of `jobs()`, of up to 1,000, and the cursor of the next."""
        which = query(state=state, key=key, body=body, cursor=cursor, limit=limit)
        page = object_of(await self._ask("GET", f"/v1/queues/{named(queue)}/jobs{which}"))
        return [seen(item) for item in page["items"]], page["cursor"]

    async def result(self, job: str, *, wait: float | None = None) -> Value:
        """What its worker said when it was done; for as long as the queue retains it."""
        reply = await self._look(f"{job}/result", wait)
        return Value(reply.body, reply.headers.get("Content-Type", ""))

    async def cancel(self, job: str, *, force: bool = False) -> None:
        """Takes it out of its queue; with `force` also from whoever works on it."""
        await self._ask("DELETE", f"{job}{query(force=force)}", key=new_key())

    async def pause(self, queue: str) -> None:
        """Nothing is handed out until `resume()`."""
        await self._ask("POST", f"/v1/queues/{named(queue)}/pause", key=new_key())

    async def resume(self, queue: str) -> None:
        await self._ask("POST", f"/v1/queues/{named(queue)}/resume", key=new_key())

    async def purge(self, queue: str, *, state: Literal["ready", "delayed", "dead", "done"] | None = None) -> int:
        """Drops all jobs that are ready, delayed or dead, or those of one state; how many."""
        path = f"/v1/queues/{named(queue)}/purge{query(state=state)}"
        return int(object_of(await self._ask("POST", path, key=new_key()))["dropped"])

    async def redrive(
        self,
        queue: str,
        *,
        to: str | None = None,
        state: Literal["ready", "delayed", "dead"] | None = None,
        job: str | None = None,
        limit: int | None = None,
        rate: float | None = None,
    ) -> Redriven:
        """Puts jobs again: to where each died, else into its own queue, or all into another one.

        All that are ready, delayed or dead, or those of one `state`, or one `job`, by its id. `rate` is how many a
        second become ready.
        """
        path = f"/v1/queues/{named(queue)}/redrive{query(to=to, state=state, id=job, limit=limit, rate=rate)}"
        told = object_of(await self._ask("POST", path, key=new_key()))
        return Redriven(told["moved"], told["left"])

    # Schedules

    async def configure_schedule(
        self,
        schedule: str,
        cron: str,
        queue: str,
        body: bytes = b"",
        *,
        timezone: str = "UTC",
        catch_up: Literal["one", "all", "none"] = "one",
        only_new: bool = False,
        **options: Unpack[ScheduledJob],
    ) -> dict[str, Any]:
        """Puts a job at each time of `cron`: five fields, six with seconds first, or `@daily` and the like.

        `catch_up` says what is put for the times at which the server was away.
        """
        said = fields(body, options) | {"cron": cron, "queue": queue, "timezone": timezone, "catch_up": catch_up}
        return await self._configure(f"/v1/schedules/{named(schedule)}", said, only_new)


def _names(queues: Iterable[str]) -> str:
    return queues if isinstance(queues, str) else ",".join(queues)


async def _each(jobs: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(jobs, AsyncIterable):
        async for job in jobs:
            yield job
    else:
        for job in jobs:
            yield job
