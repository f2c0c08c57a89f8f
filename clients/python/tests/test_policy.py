"""What asyncio.Queue does with an item whose holders fail: nothing is lost, unless its `policy=` says so."""

import pickle

import pytest

import awaitd as package
from awaitd import Client, asyncio
from programs import Program

pytestmark = pytest.mark.usefixtures("awaitd")


def test_an_item_outlives_all_who_die_of_it(name: str) -> None:
    """And comes back at once: a server's own queues would wait, and give up after 25."""
    queue = asyncio.Queue[str](name=name)
    queue.put_nowait("poison")
    client = Client()
    for _ in range(30):
        job = client.get(name)  # As a process that is killed, but sooner.
        assert job and job.lease
        client.nack(job.lease)
    assert queue.get_nowait() == "poison"
    told = client.state("queues", name)
    assert (told["max_attempts"], told["backoff"]["min"], told["dead"]) == (1_000_000, 0, 0)


FAILURES = [
    "queue.get_nowait(); 1 / 0",
    "asyncio.run(work())",
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_policy_ends_the_tries_of_an_item_of_which_programs_die(name: str, failure: str) -> None:
    dead = f"{name}-dead"
    queue = asyncio.Queue[str](name=name, policy={"max_attempts": 2, "dead_letter": dead})
    queue.put_nowait("poison")
    code = f"""
        from awaitd import asyncio
        queue = asyncio.Queue(name={name!r})

        async def work():
            await queue.get()
            1 / 0

        {failure}
    """
    for _ in range(2):
        with Program(code) as program:
            assert program.ends() == 1
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()
    buried = asyncio.Queue[str](1000, name=dead)  # As the server makes one of which it knows nothing.
    assert buried.get_nowait() == "poison"
    [info] = Client().jobs(dead)
    assert info.died and (info.died.queue, info.died.attempts) == (name, 2)
    assert info.died.error in ("the program failed", "ZeroDivisionError: division by zero")


def test_what_is_given_back_on_purpose_is_no_failure(name: str) -> None:
    """One attempt is all there is, and none of these is one."""
    queue = asyncio.Queue[str](name=name, policy={"max_attempts": 1, "backoff": {"min": 3600, "max": 3600}})
    queue.put_nowait("work")
    code = f"""
        from awaitd import asyncio

        async def work(taken):
            await asyncio.Queue(name={name!r}).get()
            taken.set_result(None)
            await asyncio.sleep(3600)

        async def main():
            taken = asyncio.get_running_loop().create_future()
            working = asyncio.create_task(work(taken))
            await taken

        asyncio.run(main())  # Which cancels the task.
    """
    with Program(code) as program:
        assert program.ends() == 0
    [info] = Client().jobs(name)
    assert (info.state, info.attempts) == ("ready", 0)
    code = f"from awaitd import asyncio; asyncio.Queue(name={name!r}, ack='task_done').get_nowait()"
    with Program(code) as program:
        assert program.ends() == 0
    [info] = Client().jobs(name)
    assert (info.state, info.attempts) == ("ready", 0)
    assert queue.get_nowait() == "work"


def test_who_says_nothing_of_a_policy_takes_the_one_that_is_there(name: str) -> None:
    first = asyncio.Queue[int](2, name=name, policy={"max_attempts": 3, "rate": {"per_second": 100}})
    first.put_nowait(1)
    copy = pickle.loads(pickle.dumps(first))
    assert copy.qsize() == 1
    assert asyncio.Queue[int](2, name=name).qsize() == 1
    # Of what has parts, those count that are asked for.
    assert asyncio.PriorityQueue[int](name=f"{name}-p", policy={"backoff": {"max": 60}}).qsize() == 0
    assert asyncio.PriorityQueue[int](name=f"{name}-p", policy={"backoff": {"factor": 2}}).qsize() == 0
    with pytest.raises(package.Mismatch, match="max_attempts 4"):
        asyncio.Queue[int](2, name=name, policy={"max_attempts": 4}).qsize()
    with pytest.raises(package.Mismatch, match="burst"):
        asyncio.Queue[int](2, name=name, policy={"rate": {"per_second": 100, "burst": 2}}).qsize()


def test_a_queue_can_drop_its_oldest(name: str) -> None:
    queue = asyncio.Queue[int](2, name=name, policy={"full": "drop_oldest"})
    for number in range(4):
        queue.put_nowait(number)
    assert [queue.get_nowait(), queue.get_nowait()] == [2, 3]
