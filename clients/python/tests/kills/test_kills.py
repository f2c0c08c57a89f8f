"""kill -9 of a holder, of a waiter, and of the server: nothing hangs, and nobody holds what another one has."""

from pathlib import Path

import pytest

from kills.table import LEASE, WAITS, Wait
from support.child import PREAMBLE, Child
from support.server import Server
from support.until import until

ALL = pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())
HELD = pytest.mark.parametrize(
    "wait",
    [wait for wait in WAITS.values() if wait.ends_with_its_holder],
    ids=[name for name, wait in WAITS.items() if wait.ends_with_its_holder],
)


def program(wait: Wait, lease: float, *steps: str) -> str:
    body = "".join(f"    {step}\n" for step in (wait.make_with(lease), *steps))
    return f"{PREAMBLE}async def main():\n{body}\nasyncio.run(main())\n"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All the programs of a test."""
    monkeypatch.chdir(tmp_path)


def holder(server: Server, wait: Wait, lease: float) -> Child:
    steps = (wait.hold, 'say("holds it")', "await told()", wait.free, 'say("let it go")', "await told()")
    child = Child(program(wait, lease, *steps), server.url)
    child.says("holds it")
    return child


def waiter(server: Server, wait: Wait, lease: float, name: str, before: int = 0) -> Child:
    child = Child(program(wait, lease, wait.wait, 'say("went on")'), server.url, name)
    until(f"{before + 1} wait", lambda: wait.waiting(server) == before + 1)
    return child


@HELD
def test_a_holder_is_killed(wait: Wait, server: Server) -> None:
    """What it held goes to the one who waits, when its lease ends."""
    first = holder(server, wait, LEASE)
    second = waiter(server, wait, LEASE, "second")
    first.kill()
    second.says("went on")
    assert second.ends() == []


def test_join_does_not_hang_on_a_dead_worker(server: Server) -> None:
    """What it worked at comes back, is done by another one, and that ends the join."""
    wait = WAITS["Queue.join"]
    first = holder(server, wait, LEASE)
    joins = waiter(server, wait, LEASE, "joins")
    first.kill()
    worker = Child(program(wait, LEASE, "await it.get()", "it.task_done()", 'say("did it")'), server.url)
    worker.says("did it")
    joins.says("went on")


@ALL
def test_a_waiter_is_killed(wait: Wait, server: Server) -> None:
    """It leaves the line: nothing is granted to it, and the next one goes on."""
    first = holder(server, wait, 30.0)
    dead = waiter(server, wait, 30.0, "dead")
    second = waiter(server, wait, 30.0, "second", before=1)
    dead.kill()
    until("it has left", lambda: wait.waiting(server) == 1)
    first.tell()
    second.says("went on")
    first.says("let it go")
    assert second.ends() == []
    first.tell()
    assert first.ends() == []


@ALL
def test_the_server_is_killed(wait: Wait, server: Server) -> None:
    """It comes back with what it had: who held something has it still, and who waited waits again."""
    first = holder(server, wait, 30.0)
    second = waiter(server, wait, 30.0, "second")
    server.kill()
    server.start()
    until("it waits again", lambda: wait.waiting(server) == 1)
    first.tell()
    second.says("went on")
    first.says("let it go")
    assert second.ends() == []
    first.tell()
    assert first.ends() == []


INSIDE = """
def note(what):
    with open("journal", "a") as file:
        file.write(f"{what} {sys.argv[1]}\\n")

async def main():
    it = asyncio.Lock(name="it", lease=float(sys.argv[2]))
    say("begins")
    for _ in range(int(sys.argv[3])):
        try:
            async with it:
                note("in")
                try:
                    say("inside")
                    await told()
                finally:
                    note("out")
        except LockLost:
            say("lost it")

from awaitd import LockLost
asyncio.run(main())
"""


def never_two(journal: Path) -> list[str]:
    """Who was inside, one after another."""
    order, inside = [], None
    for line in journal.read_text().splitlines():
        what, who = line.split()
        if what == "in":
            assert inside is None, f"{who} and {inside} were inside together\n{journal.read_text()}"
            inside = who
            order.append(who)
        else:
            assert inside == who, journal.read_text()
            inside = None
    assert inside is None
    return order


def test_who_is_inside_stays_there_alone_though_the_server_is_killed(server: Server, tmp_path: Path) -> None:
    first = Child(PREAMBLE + INSIDE, server.url, "first", "30", "2")
    first.says("begins", "inside")
    second = Child(PREAMBLE + INSIDE, server.url, "second", "30", "2")
    second.says("begins")
    server.until_waiting("lock", "it", "acquire", 1)
    for inside, waits in [(first, second), (second, first)]:
        server.kill()
        server.start()
        server.until_waiting("lock", "it", "acquire", 1)
        inside.tell()
        waits.says("inside")
    # Each has been inside once; the first one has asked again, and is.
    first.tell()
    second.says("inside")
    second.tell()
    assert first.ends() == []
    assert second.ends() == []
    assert never_two(tmp_path / "journal") == ["first", "second", "first", "second"]


def test_a_server_that_stays_away_ends_the_lock_by_the_holders_own_clock(server: Server, tmp_path: Path) -> None:
    """Its holder is told before anybody else can have it, since nobody can renew it."""
    first = Child(PREAMBLE + INSIDE, server.url, "first", str(LEASE), "1")
    first.says("begins", "inside")
    server.kill()
    first.says("lost it")
    first.tell()  # Or it would listen on.
    server.start()
    second = Child(PREAMBLE + INSIDE, server.url, "second", str(LEASE), "1")
    second.says("begins", "inside")
    second.tell()
    assert first.ends() == []
    assert second.ends() == []
    assert never_two(tmp_path / "journal") == ["first", "second"]


def test_a_holder_that_is_killed_is_followed_and_not_joined(server: Server, tmp_path: Path) -> None:
    first = Child(PREAMBLE + INSIDE, server.url, "first", str(LEASE), "1")
    first.says("begins", "inside")
    second = Child(PREAMBLE + INSIDE, server.url, "second", str(LEASE), "1")
    second.says("begins")
    server.until_waiting("lock", "it", "acquire", 1)
    # Its end is noted by this test, and before it comes: what follows too early is seen.
    with (tmp_path / "journal").open("a") as journal:
        journal.write("out first\n")
    first.kill()
    second.says("inside")
    second.tell()
    assert second.ends() == []
    assert never_two(tmp_path / "journal") == ["first", "second"]
