"""What happens when a program ends, whatever it was about."""

import subprocess
import sys
import textwrap

import pytest

import awaitd
from support.until import PATIENCE

pytestmark = pytest.mark.usefixtures("awaitd")


def ran(code: str) -> tuple[str, str]:
    """What a program said that ended well, and its standard error."""
    command = [sys.executable, "-W", "default", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_who_asks_too_late_is_told_so(name: str) -> None:
    """Functions that were registered before the first use run after the end of that."""
    code = f"""
        import atexit

        def bye():
            for ask in (lambda: queue.put_nowait("bye"), awaitd.Client().ready):
                try:
                    ask()
                except RuntimeError as error:
                    print(error)

        atexit.register(bye)
        import awaitd
        from awaitd import asyncio
        queue = asyncio.Queue(name={name!r})
        queue.put_nowait("hello")
    """
    said, errors = ran(code)
    assert said.count("the program ends") == 2
    assert errors == ""


def test_threads_that_wait_end_without_a_word(name: str) -> None:
    code = f"""
        import threading
        import time
        from awaitd import asyncio
        from awaitd._io import io
        queue, event = asyncio.Queue(name={name!r}), asyncio.Event(name={name!r})
        for wait in (queue.get, event.wait):
            threading.Thread(target=lambda wait=wait: asyncio.run(wait()), daemon=True).start()
        while sum(call.stands is not None for call in list(io().calls)) < 2:
            time.sleep(0.01)
    """
    assert ran(code) == ("", "")


def test_threads_that_ask_too_late_end_without_a_word(name: str) -> None:
    code = f"""
        import atexit
        import threading
        import time

        ended = threading.Event()

        def ask():
            ended.wait()
            queue.qsize()

        def end():
            ended.set()
            time.sleep(0.5)  # So that it can.

        atexit.register(end)
        from awaitd import asyncio
        queue = asyncio.Queue(name={name!r})
        queue.qsize()
        threading.Thread(target=ask, daemon=True).start()
    """
    assert ran(code) == ("", "")


def test_clients_leave_nothing_open(name: str) -> None:
    code = f"""
        import awaitd
        client = awaitd.Client()
        client.put({name!r}, b"work")
        client.get({name!r}, ack=True)
    """
    assert ran(code) == ("", "")


def test_large_bodies_are_no_reason_for_warnings(name: str) -> None:
    """The server says what is too large."""
    code = f"""
        import awaitd
        try:
            awaitd.Client().put({name!r}, bytes(2**20 + 1))
        except awaitd.Problem as error:
            print(error.status)
    """
    assert ran(code) == ("413\n", "")


ENDS = {
    "run": "asyncio.run(main())",
    "closed": "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close()",
    "stopped": "loop = asyncio.new_event_loop(); loop.run_until_complete(main())",
    "another": "asyncio.run(main()); asyncio.run(main())",
    # A call that takes long on a busy machine is nothing that was left open.
    "debug": "with asyncio.Runner(debug=True) as it: it.get_loop().slow_callback_duration = 60; it.run(main())",
    "thread": "threading.Thread(target=forever, daemon=True).start(); done.wait()",
    "forked": "forks()",
}


@pytest.mark.parametrize("end", ENDS)
def test_calls_on_the_programs_loops_leave_nothing_open(name: str, end: str) -> None:
    code = f"""
        import os
        import threading
        import warnings
        from awaitd import asyncio

        done = threading.Event()

        async def main():
            queue = asyncio.Queue(name={name!r})
            for item in range(3):
                await queue.put(item)
                await queue.get()
                queue.task_done()

        async def goes_on():
            await main()
            done.set()
            await asyncio.sleep(3600)

        def forever():
            asyncio.run(goes_on())

        def forks():
            asyncio.run(main())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # There is a thread, as everybody knows.
                child = os.fork()
            asyncio.run(main())
            assert child == 0 or os.waitpid(child, 0)[1] == 0

        if {end!r} in ("closed", "stopped"):
            warnings.simplefilter("ignore", ResourceWarning)  # Of the loop, and what it did not wait for.
        {ENDS[end]}
    """
    assert ran(code) == ("", "")


def test_what_is_found_only_at_the_end_is_deleted_too() -> None:
    """Rubbish may be collected while the program says goodbye, if something else had finalizers before."""
    code = """
        import gc
        import tempfile
        tempfile.TemporaryDirectory().cleanup()
        from awaitd import asyncio
        from awaitd._io import Io
        gc.disable()
        goodbye = Io._goodbye

        async def late(self, clean):
            gc.collect()
            await goodbye(self, clean)

        Io._goodbye = late

        async def main():
            slots = asyncio.Semaphore(3)
            async with slots:
                slots.itself = slots
            print(slots.name)

        asyncio.run(main())
    """
    said, errors = ran(code)
    assert said.startswith("private-") and errors == ""
    with awaitd.Client() as client:
        assert client.items("semaphores", prefix=said.strip()) == ([], None)
