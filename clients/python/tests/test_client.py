"""The clients for the whole of the interface, with a loop and without."""

import asyncio
import inspect

import pytest

import awaitd as package
from awaitd import AsyncClient, Client, Problem


def test_jobs(awaitd: str, name: str) -> None:
    with Client(awaitd) as client:
        assert client.configure_queue(name, maxsize=2)["maxsize"] == 2
        with pytest.raises(Problem) as caught:
            client.configure_queue(name, only_new=True, maxsize=3)
        assert (caught.value.status, caught.value.code) == (412, "exists")
        first = client.put(name, b"1", content_type="text/plain")
        assert client.put(name, b"2", idempotency_key="k") == client.put(name, b"2", idempotency_key="k") != first
        with pytest.raises(Problem) as caught:
            client.put(name, b"3")
        assert caught.value.code == "queue_full"
        job = client.get(name, lease=60)
        assert job and job.lease and (job.body, job.content_type, job.attempt) == (b"1", "text/plain", 1)
        assert 60 <= client.extend(job.lease, length=90) + 31
        assert client.held(job.lease) > 60
        client.nack(job.lease, delay=0, error="not today")
        with pytest.raises(Problem) as caught:
            client.done(job.lease)
        assert caught.value.code == "lease_lost"
        again = client.get(name)
        assert again and again.lease and again.attempt == 2
        last = client.get(name, settle=again.lease, ack=False)
        assert last and last.lease and last.body == b"2"
        assert client.get(name) is None
        client.done(last.lease)
        assert client.join(name) >= 1
        client.shutdown(name)
        with pytest.raises(Problem) as caught:
            client.put(name, b"4")
        assert caught.value.code == "queue_shut_down"
        assert [item["name"] for item in client.items("queues", prefix=name)[0]] == [name]
        client.delete("queues", name)
        with pytest.raises(Problem):
            client.state("queues", name)


def test_events(awaitd: str, name: str) -> None:
    client = Client(awaitd)
    generation = client.set_event(name, b"go", content_type="text/plain")
    happened = client.wait_event(name)
    assert (happened.value, happened.content_type, happened.generation) == (b"go", "text/plain", generation)
    with pytest.raises(Problem) as caught:
        client.set_event(name, only_unset=True)
    assert caught.value.code == "already_set"
    client.clear_event(name)
    assert client.wait_event(name, after=generation - 1).value == b"go"
    with pytest.raises(Problem) as caught:
        client.wait_event(name, wait=0.01)
    assert caught.value.code == "not_set"
    assert client.ready()


def test_locks(awaitd: str, name: str) -> None:
    async def main() -> None:
        async with AsyncClient(awaitd) as client:
            readers = [await client.acquire_lock(name, mode="shared") for _ in range(2)]
            with pytest.raises(Problem) as caught:
                await client.acquire_lock(name)
            assert caught.value.code == "locked"
            writer = asyncio.create_task(client.acquire_lock(name, wait=30, owner="writer", idempotency_key="w"))
            while (await client.state("locks", name))["waiters"] == 0:
                await asyncio.sleep(0.001)
            for reader in readers:
                await client.done(reader.lease)
            held = await writer
            assert held.fence > max(reader.fence for reader in readers)
            assert await client.withdraw("locks", name, "w") == held.lease
            assert await client.notify_condition(name, "c", held=held.lease) == 0
            waited = await client.wait_condition(name, "c", held=held.lease, wait=0.01)
            assert waited.notified is False
            assert [holder["fence"] for holder in await client.break_lock(name)] == [waited.fence]
            with pytest.raises(Problem) as caught:
                await client.held(waited.lease)
            assert caught.value.code == "lease_lost"

    asyncio.run(main())


def test_semaphores_and_barriers(awaitd: str, name: str) -> None:
    async def main() -> None:
        async with AsyncClient(awaitd) as client:
            await client.configure_semaphore(name, 3, bounded=False)
            permits = await client.acquire_semaphore(name, 2)
            with pytest.raises(Problem) as caught:
                await client.acquire_semaphore(name, 2)
            assert caught.value.code == "locked"
            assert (await client.release_semaphore(name))["available"] == 2
            await client.done(permits.lease)
            await client.configure_barrier(name, 2)
            came = await asyncio.gather(*[client.wait_barrier(name, wait=30) for _ in range(2)])
            assert sorted(index for index, _ in came) == [0, 1]
            assert (await client.abort_barrier(name))["broken"]
            assert not (await client.reset_barrier(name))["broken"]

    asyncio.run(main())


def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(package.Unreachable, match="127.0.0.1:9"):
        Client("http://127.0.0.1:9").ready()


def test_the_client_without_a_loop_says_what_its_methods_take() -> None:
    assert str(inspect.signature(Client.cancel)).startswith("(self, job: str, *, force: bool = False)")
    assert Client.cancel.__qualname__ == "Client.cancel" and Client.cancel.__doc__
