"""Queues of asyncio's shape on a real server: nothing is lost, nothing comes twice, order is kept."""

import gc
import pickle
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import awaitd as package
from awaitd import asyncio
from awaitd._wire import Reply
from awaitd.testing import Server
from programs import Program

pytestmark = pytest.mark.usefixtures("awaitd")


def test_works_without_a_loop(name: str) -> None:
    queue = asyncio.Queue[int](2, name=name)
    queue.put_nowait(1)
    queue.put_nowait(2)
    assert (queue.qsize(), queue.empty(), queue.full(), queue.maxsize) == (2, False, True, 2)
    with pytest.raises(asyncio.QueueFull):
        queue.put_nowait(3)
    assert [queue.get_nowait(), queue.get_nowait()] == [1, 2]
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()


def test_another_maxsize_is_told_at_first_use(name: str) -> None:
    asyncio.Queue[int](2, name=name).put_nowait(1)
    other = asyncio.Queue[int](3, name=name)
    with pytest.raises(package.Mismatch, match="maxsize"):
        other.qsize()


def test_order_of_issue_is_kept(name: str) -> None:
    async def main() -> list[int]:
        queue = asyncio.Queue[int](name=name)
        await asyncio.gather(*[queue.put(n) for n in range(30)])
        gets = [asyncio.create_task(queue.get()) for _ in range(30)]
        return await asyncio.gather(*gets)

    assert asyncio.run(main()) == list(range(30))


def test_waiters_have_the_order_in_which_they_came(name: str) -> None:
    async def main() -> None:
        full = asyncio.Queue[int](1, name=name)
        full.put_nowait(0)
        puts = [asyncio.create_task(full.put(n)) for n in range(1, 6)]
        assert [await full.get() for _ in range(6)] == [0, 1, 2, 3, 4, 5]
        await asyncio.gather(*puts)

        gets = [asyncio.create_task(full.get()) for _ in range(6)]
        for n in range(6):
            await full.put(n)
        assert await asyncio.gather(*gets) == [0, 1, 2, 3, 4, 5]

    asyncio.run(main())


def test_a_timeout_loses_no_item(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name=name)
        got: list[int] = []

        async def consume() -> None:
            while len(got) < 100:
                # Times out now before, now after the item was handed over.
                try:
                    got.append(await asyncio.wait_for(queue.get(), 0.003))
                except TimeoutError:
                    pass

        async def produce() -> None:
            for n in range(100):
                await queue.put(n)
                await asyncio.sleep(0.002)

        await asyncio.gather(produce(), consume())
        assert sorted(got) == list(range(100))

    asyncio.run(main())


def test_what_a_cancelled_get_was_given_goes_back_to_the_head(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name=name)
        reader = asyncio.create_task(queue.get())
        while queue._state()["waiters"]["get"] == 0:
            await asyncio.sleep(0)
        queue.put_nowait(1)
        queue.put_nowait(2)
        reader.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await reader
        assert [await queue.get(), await queue.get()] == [1, 2]

    asyncio.run(main())


def test_task_done_is_about_no_item_that_nobody_has_yet(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[str](name=name)
        one = asyncio.create_task(queue.get())
        two = asyncio.create_task(queue.get())
        while queue._state()["waiters"]["get"] < 2:
            await asyncio.sleep(0)
        queue.put_nowait("one")
        queue.put_nowait("two")
        # Both are granted, and this loop has not heard of it.
        while len(queue._lane.io.keeper.leases) < 2:
            time.sleep(0.01)
        one.cancel()
        assert await two == "two"
        queue.task_done()
        await asyncio.wait([one])
        assert queue.get_nowait() == "one"
        queue.task_done()
        assert queue._state()["unfinished"] == 0

    asyncio.run(main())


def test_a_get_that_was_withdrawn_before_it_came_finishes_the_item_before_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = asyncio.Queue[int](name=name)
    queue.put_nowait(1)
    queue.get_nowait()
    wire = queue._lane.wire
    ask = wire.ask

    async def overtaken(method: str, path: str, **more: Any) -> Reply:
        if "/get" in path:
            return Reply(410, {}, b'{"code": "withdrawn"}', 0, 0)
        return await ask(method, path, **more)

    monkeypatch.setattr(wire, "ask", overtaken)
    with pytest.raises(package.Problem, match="withdrawn"):
        queue.get_nowait()
    assert queue._state()["unfinished"] == 0


def test_a_cancelled_put_was_never_put(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](1, name=name)
        queue.put_nowait(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.put(2), 0.05)
        assert (queue.get_nowait(), queue.qsize()) == (1, 0)

    asyncio.run(main())


def test_a_put_that_is_cancelled_when_it_was_let_in_is_taken_out_again(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](1, name=name)
        queue.put_nowait(1)
        writer = asyncio.create_task(queue.put(2))
        while queue._state()["waiters"]["put"] == 0:
            await asyncio.sleep(0)
        assert queue.get_nowait() == 1
        # By now it has been let in, and nobody has told its task.
        writer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        assert queue.empty()

    asyncio.run(main())


def test_task_done_and_join(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name=name)
        done: list[int] = []
        for n in range(20):
            queue.put_nowait(n)

        async def work() -> None:
            while True:
                item = await queue.get()
                await asyncio.sleep(0)
                done.append(item)
                queue.task_done()

        workers = [asyncio.create_task(work()) for _ in range(3)]
        await queue.join()
        assert sorted(done) == list(range(20))
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        with pytest.raises(ValueError, match="too many times"):
            queue.task_done()

    asyncio.run(main())


def test_the_next_get_of_a_task_is_a_task_done(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name=name)
        for n in range(3):
            queue.put_nowait(n)
        for _ in range(3):
            await queue.get()
        assert queue._state()["unfinished"] == 1
        for _ in range(3):
            queue.task_done()
        with pytest.raises(ValueError):
            queue.task_done()
        await queue.join()

    asyncio.run(main())


def test_unless_only_task_done_counts(name: str) -> None:
    queue = asyncio.Queue[int](name=name, ack="task_done")
    for n in range(3):
        queue.put_nowait(n)
    for _ in range(3):
        queue.get_nowait()
    assert queue._state()["leased"] == 3
    for left in (2, 1, 0):
        queue.task_done()
        assert queue._state()["unfinished"] == left


def test_task_done_is_about_what_its_own_task_got(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[str](name=name)
        queue.put_nowait("first")
        queue.put_nowait("second")
        may = {"first": asyncio.Event(), "second": asyncio.Event()}
        got: list[str] = []

        async def work() -> str:
            item = await queue.get()
            got.append(item)
            await may[item].wait()
            queue.task_done()
            return item

        tasks = [asyncio.create_task(work()) for _ in range(2)]
        while len(got) < 2:
            await asyncio.sleep(0.001)
        may["second"].set()
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == ["second"]
        may["first"].set()
        await asyncio.wait(tasks)
        await queue.join()

    asyncio.run(main())


def test_task_done_in_a_task_that_got_nothing_is_about_what_no_task_works_on(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[str](name=name)
        queue.put_nowait("slow")
        queue.put_nowait("fast")
        got, end = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            await queue.get()
            got.set()
            await end.wait()
            queue.task_done()

        task = asyncio.create_task(slow())
        await got.wait()
        [slow_one] = queue._lane.held
        assert await asyncio.create_task(queue.get()) == "fast"
        queue.task_done()
        assert queue._lane.held == [slow_one]
        end.set()
        await task
        assert queue._state()["unfinished"] == 0

    asyncio.run(main())


def test_what_wait_for_got_is_its_callers(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](name=name)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.01)
        queue.put_nowait(1)
        assert await asyncio.wait_for(queue.get(), 20) == 1
        assert [held.owner() for held in queue._lane.held] == [asyncio.current_task()]
        assert await asyncio.wait_for(asyncio.sleep(0, 1), None) == 1

    asyncio.run(main())


def test_shutdown_is_asyncios(name: str) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int](1, name=name)
        queue.put_nowait(1)
        putter = asyncio.create_task(queue.put(2))
        while queue._state()["waiters"]["put"] == 0:
            await asyncio.sleep(0)
        queue.shutdown()
        with pytest.raises(asyncio.QueueShutDown):
            await putter
        with pytest.raises(asyncio.QueueShutDown):
            queue.put_nowait(3)
        assert await queue.get() == 1
        with pytest.raises(asyncio.QueueShutDown):
            await queue.get()

    asyncio.run(main())


def test_a_float_is_rounded_up(name: str) -> None:
    queue = asyncio.Queue[int](1.3, name=name)
    queue.put_nowait(1)
    queue.put_nowait(2)
    assert queue.full()
    with pytest.raises(asyncio.QueueFull):
        queue.put_nowait(3)


def test_an_item_that_cannot_be_carried_is_not_put(name: str) -> None:
    queue = asyncio.Queue[object](name=name)
    with pytest.raises(TypeError, match="codec=awaitd.pickle"):
        queue.put_nowait({1, 2})
    assert queue.empty()
    pickled = asyncio.Queue[object](name=name, codec=package.pickle)
    pickled.put_nowait({1, 2})
    with pytest.raises(TypeError, match="codec=awaitd.pickle"):
        queue.get_nowait()
    assert asyncio.run(asyncio.wait_for(pickled.get(), 30)) == {1, 2}


def test_an_item_that_cannot_be_read_is_in_nobodys_way(name: str) -> None:
    queue = asyncio.Queue[str](name=name)
    queue.qsize()
    with package.Client() as client:
        client.put(name, b"{no JSON", content_type="application/json")
    queue.put_nowait("good")
    with pytest.raises(ValueError):
        queue.get_nowait()
    assert queue.get_nowait() == "good"
    queue.task_done()
    with pytest.raises(ValueError, match="too many times"):
        queue.task_done()
    with package.Client() as client:
        job = client.get(name, wait=30)
    assert job is not None and job.attempt == 2


def test_a_pickled_queue_is_the_same_queue(name: str) -> None:
    queue = asyncio.Queue[int](5, name=name)
    queue.put_nowait(1)
    copy = pickle.loads(pickle.dumps(queue))
    assert (copy.name, copy.maxsize, copy.get_nowait()) == (name, 5, 1)


def test_making_and_showing_one_asks_nothing() -> None:
    queue = asyncio.Queue[int](3, name="nowhere", url="http://127.0.0.1:9")
    assert "nowhere" in repr(queue) and "maxsize=3" in str(queue)
    with pytest.raises(ValueError, match="no name"):
        asyncio.Queue[int](name="no name")
    with pytest.raises(ValueError, match="no address"):
        asyncio.Queue[int](url="localhost")


def test_items_of_a_killed_process_come_back(name: str) -> None:
    queue = asyncio.Queue[str](name=name)
    queue.put_nowait("precious")
    code = f"""
        from awaitd import asyncio
        queue = asyncio.Queue(name={name!r}, lease=1)
        print(queue.get_nowait(), flush=True)
        input()
    """
    with Program(code) as program:
        assert program.says() == "precious"
        time.sleep(2)
        # Renewed all the while, though the program's main thread stands still.
        assert (queue.qsize(), queue._state()["leased"]) == (0, 1)
        program.kill()
    assert asyncio.run(asyncio.wait_for(queue.get(), 30)) == "precious"


def test_items_of_a_process_that_ends_are_done(name: str) -> None:
    queue = asyncio.Queue[str](name=name)
    queue.put_nowait("work")
    with Program(f"from awaitd import asyncio; print(asyncio.Queue(name={name!r}).get_nowait())") as program:
        assert program.says() == "work"
        assert program.ends() == 0
    assert queue._state()["unfinished"] == 0


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("sys.exit(1)", 1),
        ("asyncio.current_task().cancel(); await asyncio.sleep(9)", 0),
        ("1 / 0", 0),
        ("main.cancel(); await asyncio.sleep(9)", 0),
    ],
)
def test_items_of_tasks_that_do_not_return_are_given_back(name: str, end: str, status: int) -> None:
    queue = asyncio.Queue[str](name=name)
    queue.put_nowait("work")
    code = f"""
        import sys
        from awaitd import asyncio

        async def work(main):
            await asyncio.Queue(name={name!r}).get()
            {end}

        async def main():
            await asyncio.wait([asyncio.create_task(work(asyncio.current_task()))])

        try:
            asyncio.run(main())
        except asyncio.CancelledError:
            pass
    """
    with Program(code) as program:
        assert program.ends() == status
    assert queue.get_nowait() == "work"


@pytest.mark.parametrize("end", ["return", "sys.exit()", "sys.exit(0)"])
def test_items_of_tasks_that_return_are_done_when_the_program_ends(name: str, end: str) -> None:
    queue = asyncio.Queue[str](name=name)
    queue.put_nowait("work")
    code = f"""
        import sys
        from awaitd import asyncio

        async def main():
            await asyncio.Queue(name={name!r}).get()
            {end}

        asyncio.run(main())
    """
    with Program(code) as program:
        assert program.ends() == 0
    assert queue._state()["unfinished"] == 0


def test_items_of_a_process_that_ends_are_not_done_where_only_task_done_counts(name: str) -> None:
    queue = asyncio.Queue[str](name=name)
    queue.put_nowait("work")
    code = f"from awaitd import asyncio; print(asyncio.Queue(name={name!r}, ack='task_done').get_nowait())"
    with Program(code) as program:
        assert program.says() == "work"
        assert program.ends() == 0
    assert queue.get_nowait() == "work"


def test_so_it_is_where_hosts_have_names(awaitd: str, name: str) -> None:
    """Python lends no thread for looking them up, once a program has ended."""
    queue = asyncio.Queue[int](name=name)
    for n in range(3):
        queue.put_nowait(n)
    code = f"""
        from awaitd import asyncio
        queue = asyncio.Queue(name={name!r}, url={awaitd.replace("127.0.0.1", "localhost")!r})
        for _ in range(3):
            asyncio.run(queue.get())  # A task of its own each.
        # As if the last look-up were long ago.
        queue._lane.wire._session.connector.clear_dns_cache()
    """
    with Program(code) as program:
        assert program.ends() == 0
    assert queue._state()["unfinished"] == 0


def test_items_of_a_program_that_fails_are_given_back(name: str) -> None:
    queue = asyncio.Queue[str](name=name)
    queue.put_nowait("work")
    with Program(f"from awaitd import asyncio; asyncio.Queue(name={name!r}).get_nowait(); 1 / 0") as program:
        assert program.ends() == 1
    assert queue.get_nowait() == "work"


def test_a_private_queue_goes_with_its_program(awaitd_server: Server) -> None:
    code = """
        from awaitd import asyncio
        queue = asyncio.Queue()
        queue.put_nowait(1)
        print(queue.name)
    """
    with Program(code) as program:
        private = program.says()
        assert program.ends() == 0
    seen = asyncio.Queue[int](name=private)
    assert seen.empty()


def test_so_does_one_whose_first_call_was_cancelled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        queue = asyncio.Queue[int]()
        private, wire = queue.name, queue._lane.wire
        ask, made = wire.ask, threading.Event()

        async def slow(method: str, path: str, **more: Any) -> Reply:
            reply = await ask(method, path, **more)
            if method == "PUT":
                made.set()
                await asyncio.sleep(3600)
            return reply

        monkeypatch.setattr(wire, "ask", slow)
        getter = asyncio.create_task(queue.get())
        await asyncio.to_thread(made.wait)
        getter.cancel()
        await asyncio.wait([getter])
        assert getter.cancelled()
        del queue, getter
        async with package.AsyncClient() as client:
            async with asyncio.timeout(20):
                while (await client.items("queues", prefix=private))[0]:
                    gc.collect()  # The I/O thread may have let go of it only now.
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_child_has_a_life_of_its_own(name: str) -> None:
    """After a fork the parent's leases, connections and private things stay the parent's."""
    code = f"""
        import os
        from awaitd import asyncio
        queue, private = asyncio.Queue(name={name!r}), asyncio.Queue()
        queue.put_nowait("parent's"); queue.put_nowait("child's"); private.put_nowait(1)
        print(queue.get_nowait(), flush=True)
        if os.fork() == 0:
            print(queue.get_nowait(), flush=True)
            raise SystemExit
        os.wait()
        print(private.qsize(), queue._state()["leased"], flush=True)
        queue.task_done()
    """
    with Program(code) as program:
        assert [program.says() for _ in range(3)] == ["parent's", "child's", "1 1"]
        assert program.ends() == 0
    assert asyncio.Queue[str](name=name)._state()["unfinished"] == 0


def test_a_queue_that_was_deleted_is_made_again_as_it_was(name: str) -> None:
    queue = asyncio.PriorityQueue[int](3, name=name)
    with package.Client() as client:
        queue.put_nowait(2)
        queue.get_nowait()
        client.delete("queues", name)
        with pytest.raises(package.Problem, match="deleted"):
            queue.get_nowait()
        queue.put_nowait(2)
        queue.put_nowait(1)
        state = client.state("queues", name)
        assert (state["order"], state["maxsize"]) == ("priority", 3)
        assert [queue.get_nowait(), queue.get_nowait()] == [1, 2]

        # Somebody else was faster, and wants another one.
        client.delete("queues", name)
        client.put(name, b"first come")
        with pytest.raises(package.Problem, match="conflict"):
            queue.put_nowait(3)
        with pytest.raises(package.Mismatch, match="order|maxsize"):
            queue.put_nowait(3)


def test_a_restart_of_the_server_is_waited_for(name: str) -> None:
    with Server(memory=False) as server:
        queue = asyncio.Queue[int](name=name, url=server.url)
        queue.put_nowait(1)

        async def main() -> None:
            assert await queue.get() == 1
            waiting = asyncio.create_task(queue.get())
            while queue._state()["waiters"]["get"] == 0:
                await asyncio.sleep(0)
            server.kill()
            server.start()
            await queue.put(2)
            assert await waiting == 2
            queue.task_done()
            queue.task_done()
            await queue.join()

        asyncio.run(main())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_end_as_programs_do(name: str, method: str, tmp_path: Path) -> None:
    queue = asyncio.Queue[str](name=name)
    queue.put_nowait("done")
    queue.put_nowait("failed")
    program = tmp_path / "program.py"
    program.write_text(f"""
import multiprocessing
from awaitd import asyncio

queue = asyncio.Queue(name={name!r})

def work(fails):
    queue.get_nowait()
    assert not fails

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    for fails in (False, True):
        child = context.Process(target=work, args=(fails,))
        child.start()
        child.join()
        print(child.exitcode, flush=True)
""")
    with Program(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')") as it:
        assert [it.says(), it.says()] == ["0", "1"]
    if sys.version_info < (3, 13):
        assert queue.get_nowait() == "failed"
    else:  # There the children do not tell why they end.
        assert queue._state()["unfinished"] == 0
