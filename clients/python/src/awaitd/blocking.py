"""`AsyncClient` for programs without a loop."""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from awaitd._io import io, run
from awaitd._json import Batch
from awaitd.client import AsyncClient
from awaitd.errors import Problem
from awaitd.jobs import JobInfo, NewJob, Placed, State

__all__ = ["Client"]

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Client", P], T]:
    """The same, awaited on the I/O thread."""

    def wait(self: "Client", /, *args: P.args, **more: P.kwargs) -> T:
        return run(method(self._async(), *args, **more))

    update_wrapper(wait, method)
    wait.__qualname__ = f"Client.{method.__name__}"
    return wait


class Client:
    """`AsyncClient` for programs without a loop: the same methods, which block their thread.

    It can be used by all threads. There is nothing to close, and the end of a `with` closes nothing: the
    connections are those of the process.
    """

    def __init__(self, url: str | None = None, *, token: str | None = None) -> None:
        self._url = AsyncClient(url, token=token).url
        self._token = token

    @property
    def url(self) -> str:
        return self._url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _async(self) -> AsyncClient:
        return AsyncClient._over(io().wire(self._url, self._token))

    configure_queue = _blocking(AsyncClient.configure_queue)
    put = _blocking(AsyncClient.put)
    get = _blocking(AsyncClient.get)
    join = _blocking(AsyncClient.join)
    shutdown = _blocking(AsyncClient.shutdown)
    get_any = _blocking(AsyncClient.get_any)
    get_many = _blocking(AsyncClient.get_many)
    pause = _blocking(AsyncClient.pause)
    resume = _blocking(AsyncClient.resume)
    purge = _blocking(AsyncClient.purge)
    redrive = _blocking(AsyncClient.redrive)
    _put_lines = _blocking(AsyncClient._put_lines)

    def put_batch(self, queue: str, jobs: Iterable[bytes | NewJob]) -> Iterator[Placed | Problem]:
        batch = Batch()
        for job in jobs:
            if batch.add(job):
                yield from self._put_lines(queue, batch.take())
        yield from self._put_lines(queue, batch.take())

    put_batch.__doc__ = AsyncClient.put_batch.__doc__

    job = _blocking(AsyncClient.job)
    jobs_page = _blocking(AsyncClient.jobs_page)
    result = _blocking(AsyncClient.result)
    cancel = _blocking(AsyncClient.cancel)

    def jobs(
        self, queue: str, *, state: State | None = None, key: str | None = None, body: bool = False
    ) -> Iterator[JobInfo]:
        cursor = None
        while True:
            page, cursor = self.jobs_page(queue, state=state, key=key, body=body, cursor=cursor)
            yield from page
            if cursor is None:
                break

    jobs.__doc__ = AsyncClient.jobs.__doc__

    configure_schedule = _blocking(AsyncClient.configure_schedule)

    done = _blocking(AsyncClient.done)
    nack = _blocking(AsyncClient.nack)
    extend = _blocking(AsyncClient.extend)
    held = _blocking(AsyncClient.held)
    progress = _blocking(AsyncClient.progress)
    settle = _blocking(AsyncClient.settle)

    set_event = _blocking(AsyncClient.set_event)
    clear_event = _blocking(AsyncClient.clear_event)
    wait_event = _blocking(AsyncClient.wait_event)

    acquire_lock = _blocking(AsyncClient.acquire_lock)
    break_lock = _blocking(AsyncClient.break_lock)
    wait_condition = _blocking(AsyncClient.wait_condition)
    notify_condition = _blocking(AsyncClient.notify_condition)
    configure_semaphore = _blocking(AsyncClient.configure_semaphore)
    acquire_semaphore = _blocking(AsyncClient.acquire_semaphore)
    release_semaphore = _blocking(AsyncClient.release_semaphore)

    configure_barrier = _blocking(AsyncClient.configure_barrier)
    wait_barrier = _blocking(AsyncClient.wait_barrier)
    reset_barrier = _blocking(AsyncClient.reset_barrier)
    abort_barrier = _blocking(AsyncClient.abort_barrier)

    state = _blocking(AsyncClient.state)
    items = _blocking(AsyncClient.items)
    delete = _blocking(AsyncClient.delete)
    withdraw = _blocking(AsyncClient.withdraw)
    ready = _blocking(AsyncClient.ready)
