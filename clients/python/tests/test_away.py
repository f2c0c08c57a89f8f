"""A server that is away: nobody waits for it longer than is said, however many there are."""

import time
from collections.abc import Callable, Iterator

import pytest

from awaitd import Unreachable, _call, asyncio
from awaitd._wire import Wire
from awaitd.testing import Server

MANY = 40
PATIENCE = 20.0
"""Seconds that all together may take. One after another they would take twice that at least."""

WAYS = pytest.mark.parametrize("goes", [Server.kill, Server.pause], ids=["killed", "paused"])


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no test takes half a minute."""
    monkeypatch.setattr(_call, "VERDICT_WITHIN", 1.0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are tried for two seconds only."""
    defaults = Wire.ask.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "within", 2.0)


@WAYS
def test_cancelled_calls_do_not_wait_for_one_another(server: Server, goes: Callable[[Server], None]) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name="standing", url=server.url)
        assert queue.empty()
        gets = [asyncio.create_task(queue.get()) for _ in range(MANY)]
        await asyncio.sleep(0.5)
        goes(server)
        put = asyncio.create_task(queue.put(1))  # It has the turn, and tries for long.
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        for task in [*gets, put]:
            task.cancel()
        for task in [*gets, put]:
            with pytest.raises(asyncio.CancelledError):
                await task
        assert time.monotonic() - begun < PATIENCE

    asyncio.run(main())


@WAYS
def test_a_cancelled_release_is_not_waited_for(server: Server, goes: Callable[[Server], None]) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name="held", url=server.url)
        begun = 0.0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit, lock:
                goes(server)
                begun = time.monotonic()
                limit.reschedule(asyncio.get_running_loop().time() + 0.1)
        assert time.monotonic() - begun < PATIENCE

    asyncio.run(main())


@pytest.mark.usefixtures("hasty")
@WAYS
def test_who_stood_in_line_has_waited_as_long(server: Server, goes: Callable[[Server], None]) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name="nobody", url=server.url)
        goes(server)
        begun = time.monotonic()
        for end in await asyncio.gather(*[queue.get() for _ in range(MANY)], return_exceptions=True):
            assert isinstance(end, Unreachable)
        assert time.monotonic() - begun < PATIENCE

    asyncio.run(main())


@pytest.mark.usefixtures("hasty")
def test_who_came_later_has_all_his_time(server: Server) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name="nobody", url=server.url)
        server.kill()
        first = asyncio.create_task(queue.get())
        await asyncio.sleep(1)
        begun = time.monotonic()
        with pytest.raises(Unreachable):
            await queue.get()
        assert time.monotonic() - begun > 1  # When the first one has given up already.
        with pytest.raises(Unreachable):
            await first

    asyncio.run(main())


def test_an_earlier_try_that_comes_late_takes_no_place(server: Server) -> None:
    async def main() -> None:
        wire, other = Wire(server.url), Wire(server.url)
        acquire, key = "/v1/locks/l/acquire?lease=30s", {"Idempotency-Key": "one"}
        held = (await wire.ask("POST", acquire)).good()
        waits = asyncio.create_task(wire.ask("POST", f"{acquire}&wait=30s", key="one", wait=30.0))
        while not (await wire.ask("GET", "/v1/locks/l")).json()["waiters"]:
            await asyncio.sleep(0.01)
        late = await other.once("POST", f"{acquire}&wait=30s", b"", key, PATIENCE)
        assert late.problem.code == "superseded"
        (await wire.ask("DELETE", held.headers["Location"])).good()
        assert (await waits).status == 201
        await wire.close()
        await other.close()

    asyncio.run(main())
