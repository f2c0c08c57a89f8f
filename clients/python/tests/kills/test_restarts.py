"""A server with tokens that ends and comes back under load: nothing is lost or done twice, and nobody hangs."""

import os
import subprocess
from pathlib import Path

import pytest

from awaitd import Client, Problem
from support.child import PREAMBLE, Child
from support.server import Server

ENDS = (Server.stop, Server.kill, Server.stop, Server.kill, Server.kill)
"""How the server's lives end: as an operator ends one, or shot."""

BETWEEN = 20
"""Items that each worker does in a life, at least."""

# No busy machine lets such a lease run out, so that whatever is done twice is a fault.
ASYNCIO = """
LEASE = 600.0

async def produce(queue, name, enough):
    number = 0
    while not enough.done():
        await queue.put(f"{name}-{number}")
        say(f"{name}-{number}")
        number += 1

async def produce_all(queue, name):
    enough = asyncio.create_task(told())
    await asyncio.gather(*(produce(queue, f"{name}-{at}", enough) for at in range(2)))

async def work(queue):
    try:
        while True:
            say(await queue.get())
            queue.task_done()
    except asyncio.QueueShutDown:
        pass

async def work_all(queue):
    await asyncio.gather(work(queue), work(queue))

"""

BLOCKING = """
import threading
from awaitd import Client, Problem

LEASE = 600.0

def produce(queue, name):
    client, number, enough = Client(), 0, threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), enough.set())).start()
    while not enough.is_set():
        client.put(queue, f"{name}-{number}".encode(), wait=600)
        say(f"{name}-{number}")
        number += 1

def work(queue):
    client = Client()
    try:
        while True:
            if job := client.get(queue, wait=20, lease=LEASE):
                say(job.body.decode())
                client.done(job.lease)
    except Problem as problem:
        if problem.code != "queue_shut_down":
            raise

"""

QUEUE = 'asyncio.Queue(5, name="work", lease=LEASE)'


class Tokens:
    """A file of tokens, of which each allows what it says and no more."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tokens"
        self._folder = folder

    def add(self, name: str, allow: str) -> str:
        command = [os.environ["AWAITD_BIN"], "token", "create", "--tokens", str(self.path)]
        made = subprocess.run(
            [*command, "--name", name, "--allow", allow], stdout=subprocess.PIPE, text=True, check=True
        )
        return made.stdout.strip()

    def told(self, name: str, allow: str) -> dict[str, str]:
        """As a program is told of its token."""
        return {"AWAITD_TOKEN": self.add(name, allow)}

    def in_a_file(self, name: str, allow: str) -> dict[str, str]:
        file = self._folder / f"{name}.token"
        file.write_text(self.add(name, allow))
        return {"AWAITD_TOKEN_FILE": str(file)}


def heard(crew: list[Child], number: int) -> list[str]:
    """What they had said already, and so much more of each."""
    before = [line for each in crew for line in each.said()]
    return before + [each.line() for each in crew for _ in range(number)]


def test_nothing_is_lost_or_doubled_while_it_comes_and_goes(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    boss = tokens.add("boss", "queue:*:look,manage")
    may_put = tokens.told("blocking-put", "queue:blocking:put")
    may_get = tokens.told("blocking-get", "queue:blocking:get")
    # Who names a queue as asyncio does makes it, too.
    puts = tokens.in_a_file("asyncio-put", "queue:work:put,manage")
    gets = tokens.in_a_file("asyncio-get", "queue:work:get,manage")
    with Server("--tokens", str(tokens.path)) as server:
        client = Client(server.url, token=boss)
        client.configure_queue("blocking", maxsize=5)
        for narrow, queue in (may_get, "blocking"), (may_put, "work"):
            with pytest.raises(Problem, match="forbidden"):
                Client(server.url, token=narrow["AWAITD_TOKEN"]).put(queue, b"of nobody")

        def start(program: str, name: str, variables: dict[str, str]) -> Child:
            return Child(PREAMBLE + program, server.url, name, variables=variables)

        puts_all = f"{ASYNCIO}asyncio.run(produce_all({QUEUE}, sys.argv[1]))"
        works = f"{ASYNCIO}asyncio.run(work_all({QUEUE}))"
        producers = [start(puts_all, name, puts) for name in ("a", "b")]
        workers = [start(works, name, gets) for name in ("c", "d")]
        producers += [start(f'{BLOCKING}produce("blocking", sys.argv[1])', name, may_put) for name in ("e", "f")]
        workers += [start(f'{BLOCKING}work("blocking")', name, may_get) for name in ("g", "h")]

        done = heard(workers, BETWEEN)
        for end in ENDS:
            end(server)
            server.start()
            done += heard(workers, BETWEEN)
        for producer in producers:
            producer.tell("enough")
        put = [line for producer in producers for line in producer.ends()]
        for queue in ("work", "blocking"):
            client.shutdown(queue)
        done += [line for worker in workers for line in worker.ends()]

        assert sorted(done) == sorted(put)
        assert [client.state("queues", queue)["unfinished"] for queue in ("work", "blocking")] == [0, 0]
        assert [each.errors for each in producers + workers] == [""] * 8
