"""Semaphores of asyncio's shape on a real server."""

import pytest

import awaitd as package
from awaitd import asyncio
from programs import Program

pytestmark = pytest.mark.usefixtures("awaitd")


def test_so_many_and_no_more(name: str) -> None:
    async def main() -> None:
        semaphore = asyncio.Semaphore(2, name=name)
        inside = most = 0

        async def work() -> None:
            nonlocal inside, most
            async with semaphore:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.005)
                inside -= 1

        await asyncio.gather(*[work() for _ in range(8)])
        assert most == 2
        assert not semaphore.locked()

    asyncio.run(main())


def test_release_without_acquire_adds_one(name: str) -> None:
    semaphore = asyncio.Semaphore(0, name=name)
    assert semaphore.locked()
    semaphore.release()
    assert not semaphore.locked()
    # Another program begins as this one did.
    assert not asyncio.Semaphore(0, name=name).locked()
    bounded = asyncio.BoundedSemaphore(1)
    with pytest.raises(ValueError, match="too many times"):
        bounded.release()
    with pytest.raises(ValueError):
        asyncio.Semaphore(-1)


def test_another_number_is_told_at_first_use(name: str) -> None:
    assert not asyncio.BoundedSemaphore(2, name=name).locked()
    with pytest.raises(package.Mismatch, match="permits"):
        asyncio.BoundedSemaphore(3, name=name).locked()
    with pytest.raises(package.Mismatch, match="bounded"):
        asyncio.Semaphore(2, name=name).locked()


def test_a_cancelled_acquire_holds_nothing(name: str) -> None:
    async def main() -> None:
        semaphore = asyncio.Semaphore(0, name=name)
        tasks = [asyncio.create_task(semaphore.acquire()) for _ in range(2)]
        while semaphore._state()["waiters"] < 2:
            await asyncio.sleep(0)
        semaphore.release()
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        assert await asyncio.wait_for(tasks[1], 30)

    asyncio.run(main())


def test_permits_of_a_killed_process_come_back(name: str) -> None:
    code = f"""
        from awaitd import asyncio
        async def main():
            semaphore = asyncio.Semaphore(2, name={name!r}, lease=1)
            await semaphore.acquire()
            await semaphore.acquire()
            print("held", flush=True)
            await asyncio.sleep(1000)
        asyncio.run(main())
    """
    with Program(code) as program:
        assert program.says() == "held"
        semaphore = asyncio.Semaphore(2, name=name)
        assert semaphore.locked()
        program.kill()
        asyncio.run(asyncio.wait_for(semaphore.acquire(), 30))
        assert semaphore._state()["permits"] == 2


def test_one_that_signals(name: str) -> None:
    async def main() -> None:
        semaphore = asyncio.Semaphore(0, name=name)
        inside, end = asyncio.Semaphore(0), asyncio.Event()

        async def consume() -> None:
            async with semaphore:
                inside.release()
                await end.wait()

        consumers = [asyncio.create_task(consume()) for _ in range(3)]
        for _ in consumers:
            semaphore.release()
            await inside.acquire()
        end.set()
        await asyncio.gather(*consumers)
        assert semaphore._state()["available"] == 3

    asyncio.run(main())


def test_a_release_inside_is_one_more(name: str) -> None:
    async def main() -> None:
        semaphore = asyncio.Semaphore(1, name=name)
        async with semaphore:
            semaphore.release()
        assert semaphore._state()["available"] == 2
        bounded = asyncio.BoundedSemaphore(1)
        with pytest.raises(ValueError, match="too many times"):
            async with bounded:
                bounded.release()

    asyncio.run(main())


def test_one_that_was_deleted_is_made_again(name: str) -> None:
    semaphore = asyncio.Semaphore(2, name=name)
    assert not semaphore.locked()
    with package.Client() as client:
        client.delete("semaphores", name)
    with pytest.raises(package.Problem, match="not_found"):
        semaphore.locked()
    assert not semaphore.locked()
