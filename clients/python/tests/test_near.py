"""Calls that are made on their caller's own loop: whatever becomes of that loop, nothing is lost or overtaken."""

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from awaitd import _lane, asyncio
from awaitd._io import io
from awaitd.testing import Server
from support.until import PATIENCE, until


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where others ask as well."""
    monkeypatch.setattr(_lane, "ALONE", 0)


def queue(server: Server) -> asyncio.Queue[int]:
    """One that has been used, so that a call can be made on its caller's own loop."""
    made = asyncio.Queue[int](name="near", url=server.url)
    assert made.empty()
    return made


async def asks_near(loop: asyncio.AbstractEventLoop) -> None:
    """Until a call that is made on this loop has no answer yet."""
    end = time.monotonic() + PATIENCE
    while not any(call.near is loop for call in list(io().calls)):
        assert time.monotonic() < end
        await asyncio.sleep(0.001)


async def begun(server: Server, what: Any) -> "asyncio.Task[Any]":
    """A call that is under way to a server that does not answer."""
    server.pause()
    task = asyncio.create_task(what)
    await asks_near(asyncio.get_running_loop())
    return task


def comes(items: asyncio.Queue[int]) -> int:
    """The next item, once one has been given back."""
    until("an item", lambda: not items.empty())
    return items.get_nowait()


def test_a_call_that_is_granted_needs_no_other_thread(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        items, lock = queue(server), asyncio.Lock(name="near", url=server.url)
        async with lock:
            pass
        before = set(io().calls)

        def called(*_: object) -> None:
            raise AssertionError("another thread was asked")

        with monkeypatch.context() as patch:
            patch.setattr("awaitd._call.Call._begin", called)
            await items.put(1)
            assert await items.get() == 1
            items.task_done()
            await lock.acquire()
            lock.release()
            items.put_nowait(2)
            assert not items.empty()
            assert items.get_nowait() == 2
        assert io().calls <= before

    asyncio.run(main())


@pytest.mark.parametrize("answered", [False, True], ids=["unanswered", "answered"])
def test_cancelled_under_way_it_gives_back_what_it_was_granted(server: Server, answered: bool) -> None:
    async def main() -> None:
        before = set(io().calls)
        items = queue(server)
        items.put_nowait(1)
        items.put_nowait(2)
        task = await begun(server, items.get())
        if answered:
            # The answer is there, and this loop has not seen it.
            threading.Timer(0.1, server.resume).start()
            time.sleep(0.5)
        task.cancel("enough")
        threading.Timer(0.2, server.resume).start()
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        assert [items.get_nowait(), items.get_nowait()] == [1, 2]

        task = await begun(server, items.put(3))
        task.cancel()
        threading.Timer(0.2, server.resume).start()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert items.empty()
        assert io().calls <= before

    asyncio.run(main())


def test_a_timeout_is_the_programs_own(server: Server) -> None:
    async def main() -> None:
        items = queue(server)
        server.pause()
        threading.Timer(0.5, server.resume).start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await items.put(1)
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        assert items.empty()

    asyncio.run(main())


@pytest.mark.parametrize("thrown", [False, True], ids=["closed", "thrown away"])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_its_loop_has_left_comes_back(
    server: Server, thrown: bool, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    items = queue(server)
    items.put_nowait(1)
    loop = asyncio.new_event_loop()
    task: Any = loop.run_until_complete(begun(server, items.get()))
    loop.close()
    if thrown:
        task._log_destroy_pending = False
        task.get_coro().close()
        del task
        gc.collect()
    server.resume()
    until("the end of the call", lambda: not io().calls)
    assert comes(items) == 1
    assert capsys.readouterr().err == ""


def test_a_loop_that_is_blocked_is_in_nobodys_way(server: Server) -> None:
    async def main() -> None:
        items = queue(server)
        task = await begun(server, items.put(1))
        server.resume()
        # From another thread, for which this one waits.
        other = threading.Thread(target=items.put_nowait, args=[2])
        other.start()
        other.join(PATIENCE)
        assert not other.is_alive()
        # And from this one.
        items.put_nowait(3)
        await task
        assert [items.get_nowait() for _ in range(3)] == [1, 2, 3]

    asyncio.run(main())


def test_what_a_blocked_loop_was_granted_is_kept(server: Server) -> None:
    async def main() -> None:
        items = queue(server)
        items.put_nowait(1)
        task = await begun(server, items.get())
        server.resume()
        until("the lease is kept", lambda: io().keeper.leases)
        assert items.empty()
        assert await task == 1
        items.task_done()
        assert items._state()["unfinished"] == 0

    asyncio.run(main())


def test_two_loops_keep_the_order_of_each(server: Server) -> None:
    items = queue(server)

    async def put(which: int) -> None:
        for number in range(100):
            if number % 10 == 9:
                items.put_nowait(which + number)
            elif number % 10 > 5:
                await asyncio.gather(*[items.put(which + number)])
            else:
                await items.put(which + number)

    threads = [threading.Thread(target=asyncio.run, args=[put(which)]) for which in (0, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    got = [items.get_nowait() for _ in range(200)]
    assert [each for each in got if each < 1000] == list(range(100))
    assert [each - 1000 for each in got if each >= 1000] == list(range(100))


def test_calls_of_one_loop_keep_their_order(server: Server) -> None:
    async def main() -> None:
        items = queue(server)
        for start in range(0, 200, 4):
            puts = [asyncio.create_task(items.put(start)), asyncio.create_task(items.put(start + 1))]
            await asyncio.sleep(0)
            items.put_nowait(start + 2)
            await items.put(start + 3)
            await asyncio.gather(*puts)
        assert [await items.get() for _ in range(200)] == list(range(200))

    asyncio.run(main())


def test_a_server_that_comes_back_is_waited_for(server: Server) -> None:
    async def main() -> None:
        items = queue(server)
        await items.put(1)
        server.kill()
        threading.Timer(0.5, server.start).start()
        await items.put(2)
        assert await items.get() == 2  # It keeps nothing on the disk.

    asyncio.run(main())
