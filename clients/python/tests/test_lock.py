"""Locks of asyncio's shape on a real server: one holder, in turn, who learns when it is no more."""

import time

import pytest

import awaitd as package
from awaitd import asyncio
from awaitd.testing import Server
from programs import Program

pytestmark = pytest.mark.usefixtures("awaitd")


def test_one_holder_in_order(name: str) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name)
        order: list[int] = []
        inside = 0

        async def work(n: int) -> None:
            nonlocal inside
            async with lock:
                inside += 1
                assert inside == 1
                order.append(n)
                await asyncio.sleep(0.005)
                inside -= 1

        await asyncio.gather(*[work(n) for n in range(8)])
        assert order == list(range(8))
        assert not lock.locked()

    asyncio.run(main())


def test_fences_grow(name: str) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name)
        fences = []
        for _ in range(3):
            async with lock:
                fences.append(lock.fence or 0)
        assert fences == sorted(set(fences)) and lock.fence is None

    asyncio.run(main())


def test_only_what_is_held_can_be_released(name: str) -> None:
    async def main() -> None:
        lock, other = asyncio.Lock(name=name), asyncio.Lock(name=name)
        with pytest.raises(RuntimeError, match="not acquired"):
            lock.release()
        await lock.acquire()
        assert other.locked()
        with pytest.raises(RuntimeError, match="not acquired"):
            other.release()
        lock.release()

    asyncio.run(main())


def test_a_cancelled_acquire_holds_nothing(name: str) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name)
        await lock.acquire()
        waiting = [asyncio.create_task(lock.acquire()) for _ in range(2)]
        while lock._state()["waiters"] < 2:
            await asyncio.sleep(0)
        # Granted and cancelled in one breath: the lock goes on to the next.
        lock.release()
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        assert await asyncio.wait_for(waiting[1], 30)
        lock.release()
        assert not lock.locked()

    asyncio.run(main())


def test_it_is_renewed_while_it_is_held(name: str) -> None:
    async def main() -> None:
        lock, other = asyncio.Lock(name=name, lease=0.5), asyncio.Lock(name=name)
        async with lock:
            fence = lock.fence
            time.sleep(1.5)  # Even while the program's own loop stands still.
            assert other._state()["fence"] == fence
        async with other:
            pass

    asyncio.run(main())


def test_nobody_renews_a_lock_that_nobody_can_release(name: str) -> None:
    async def main() -> None:
        forgotten = asyncio.Lock(name=name, lease=0.2)
        await forgotten.acquire()
        del forgotten
        await asyncio.wait_for(asyncio.Lock(name=name).acquire(), 30)

    asyncio.run(main())


def test_a_killed_holder_frees_it(name: str) -> None:
    code = f"""
        from awaitd import asyncio
        async def main():
            async with asyncio.Lock(name={name!r}, lease=1):
                print("held", flush=True)
                await asyncio.sleep(1000)
        asyncio.run(main())
    """
    with Program(code) as program:
        assert program.says() == "held"
        lock = asyncio.Lock(name=name)
        assert lock.locked()
        program.kill()
        asyncio.run(asyncio.wait_for(lock.acquire(), 30))


def test_a_program_that_ends_frees_it(name: str) -> None:
    with Program(f"from awaitd import asyncio; lock = asyncio.Lock(name={name!r}); asyncio.run(lock.acquire())") as it:
        assert it.ends() == 0
    assert not asyncio.Lock(name=name).locked()


def lose(lock: asyncio.Lock) -> None:
    """Ends its lease behind its back, as its end or an operator would."""
    asyncio.Lock(name=lock.name)._call(lambda call: call.lane.wire.ask("DELETE", lock._path + "?force=true")).blocking()


def test_who_loses_it_is_stopped(name: str) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name, lease=0.3)
        with pytest.raises(package.LockLost, match=name):
            async with lock:
                lose(lock)
                await asyncio.sleep(60)
                raise AssertionError("it went on")
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        async with lock:  # It can be used again.
            pass

    asyncio.run(main())


def test_who_is_cut_off_is_stopped_in_time() -> None:
    """No answer from anybody: the clock alone says that the lease is over."""

    async def main() -> None:
        with Server() as server:
            lock = asyncio.Lock(name="cut-off", lease=1, url=server.url)
            try:
                with pytest.raises(package.LockLost):
                    async with lock:
                        server.pause()
                        await asyncio.sleep(60)
                        server.resume()
            finally:
                server.resume()

    # The release finds nobody either, and is tried for a while before it gives up.
    asyncio.run(asyncio.wait_for(main(), 120))


def test_another_exception_is_not_hidden(name: str) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name)
        with pytest.raises(KeyError) as caught:
            async with lock:
                lose(lock)
                raise KeyError("mine")
        assert "ended while it was held" in caught.value.__notes__[0]
        with pytest.raises(package.LockLost):
            async with lock:
                lose(lock)
        await lock.acquire()
        lose(lock)
        with pytest.raises(package.LockLost):
            lock.release()
        with pytest.raises(RuntimeError, match="not acquired"):
            lock.release()

    asyncio.run(main())


def test_a_cancelled_block_is_cancelled(name: str) -> None:
    """Lost and cancelled from outside at once, it is cancelled: that is what its owner waits for."""

    async def main() -> None:
        lock = asyncio.Lock(name=name)

        async def work() -> None:
            async with lock:
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        while not lock.locked():
            await asyncio.sleep(0)
        lose(lock)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_cancelled_exit_leaves_nothing_behind(name: str) -> None:
    async def main() -> None:
        lock = asyncio.Lock(name=name)

        async def work() -> None:
            async with lock:
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_soon(task.cancel)

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(work())
        assert not lock.locked() and lock.fence is None
        for _ in range(2):
            async with lock:
                assert lock.fence == lock._state()["fence"]

    asyncio.run(main())


def test_a_child_has_no_part_in_what_its_parent_holds(name: str) -> None:
    code = f"""
        import os
        from awaitd import asyncio

        async def main():
            lock = asyncio.Lock(name={name!r})
            async with lock:
                if os.fork() == 0:
                    try:
                        lock.release()
                    except RuntimeError as error:
                        print(error, lock.fence, flush=True)
                    os._exit(0)
                os.wait()
                print(lock.locked(), flush=True)

        asyncio.run(main())
    """
    with Program(code) as program:
        assert program.says() == "Lock is not acquired. None"
        assert program.says() == "True"
