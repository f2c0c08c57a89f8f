"""The same programs, their parts in processes of their own, of which one is killed in the middle.

What is changed beside the import is that each thing has a name, by which the parts find it. Leases are
short, so that what the dead one held is soon somebody else's.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from stories.test_in_one_process import HERE, changed
from support.child import PREAMBLE, Child
from support.server import Server
from support.until import until

Part = Callable[..., Child]


@pytest.fixture
def part(server: Server, tmp_path: Path) -> Part:
    """Starts a part of a story: its program is there to be imported."""
    for story in HERE.glob("[!t]*.py"):
        Path(tmp_path, story.name).write_text(changed(story) if "import asyncio" in story.read_text() else "")

    def start(story: str, main: str, *arguments: str) -> Child:
        body = "".join(f"    {line}\n" for line in main.strip().splitlines())
        program = f"{PREAMBLE}import {story}\n\nasync def main():\n{body}\nasyncio.run(main())\n"
        return Child(program, server.url, *arguments, folder=tmp_path)

    return start


def test_mails(part: Part, server: Server) -> None:
    """A consumer dies with a mail in its hands: another one sends it, and join knows when all are sent."""
    queue = 'queue = asyncio.Queue(3, name="mails", lease=2.0)\n'
    producers = part(
        "mails",
        queue
        + """
await asyncio.gather(mails.produce(queue, "ann"), mails.produce(queue, "bob"))
say("all are put")
await queue.join()
say("all are sent")
""",
    )
    victim = part(
        "mails",
        queue
        + """
import time
sent = []
def send(mail):
    say(mail)
    sent.append(mail)
    if len(sent) == 3:
        time.sleep(3600)
await mails.consume(queue, send)
""",
    )
    sent = [victim.line(), victim.line()]
    held = victim.line()
    # Nobody else takes any: the bound holds the producers up.
    server.until_waiting("queue", "mails", "put", 2)
    consumer = part(
        "mails",
        queue
        + """
work = asyncio.create_task(mails.consume(queue, say))
await told()
work.cancel()
""",
    )
    sent += [consumer.line() for _ in range(4)]
    victim.kill()
    sent += [consumer.line() for _ in range(4)]
    producers.says("all are put", "all are sent")
    assert held in sent[2:], "what the dead one held"
    assert sorted(sent) == sorted(f"mail {n} from {who}" for n in range(1, 6) for who in ("ann", "bob"))
    consumer.tell()
    assert consumer.ends() == []
    assert producers.ends() == []
    assert server.metric("awaitd_jobs_total", queue="mails", event="done") == 10
    assert server.metric("awaitd_jobs_total", queue="mails", event="expired") == 1


def test_shift(part: Part, server: Server) -> None:
    """A worker dies after the queue was shut down: what it held is done all the same before the others go."""
    queue = 'queue = asyncio.Queue(name="orders", lease=2.0)\n'
    foreman = part(
        "shift",
        queue
        + """
for number in range(6):
    await queue.put(f"order {number}")
await told()
queue.shutdown()
await queue.join()
say("all are done")
""",
    )
    until("six orders", lambda: server.state("/v1/queues/orders").get("ready") == 6)
    victim = part("shift", queue + "import time\nawait shift.work(queue, lambda order: (say(order), time.sleep(3600)))")
    victim.says("order 0")
    foreman.tell()
    until("it is shut down", lambda: server.state("/v1/queues/orders")["shut_down"])
    victim.kill()
    until("its order is back", lambda: server.state("/v1/queues/orders")["leased"] == 0)
    worker = part("shift", queue + "await shift.work(queue, say)")
    assert sorted(worker.ends()) == [f"order {number}" for number in range(6)]
    foreman.says("all are done")
    assert foreman.ends() == []


def test_crawl(part: Part, server: Server, tmp_path: Path) -> None:
    """A worker dies while it fetches a page: no page is lost, and join knows the end."""
    Path(tmp_path, "seen").mkdir()
    crawler = """
class Seen:
    "Which pages were seen, as all the programs know it: a file for each."
    def __contains__(self, page):
        return self.file(page).exists()
    def add(self, page):
        self.file(page).touch()
    def file(self, page):
        return Path("seen", "page" + page.replace("/", "."))
queue = asyncio.Queue(name="pages", lease=2.0)
"""
    victim = part(
        "crawl",
        crawler
        + """
fetched = []
async def fetch(page):
    fetched.append(page)
    if len(fetched) == 3:
        say("fetching", page)
        await asyncio.sleep(3600)
    return await crawl.fetch(page)
await queue.put("/")
await crawl.work(queue, Seen(), fetch)
""",
    )
    victim.line()
    working = """
workers = [asyncio.create_task(crawl.work(queue, Seen())) for _ in range(3)]
await told()
for worker in workers:
    worker.cancel()
"""
    others = [part("crawl", crawler + working), part("crawl", crawler + working)]
    until("all that can be had is seen", lambda: server.state("/v1/queues/pages")["unfinished"] == 1)
    victim.kill()
    judge = part("crawl", crawler + "await queue.join()\nsay(*sorted(p for p in crawl.SITE if p in Seen()))")
    seen = judge.line().split()
    assert seen == [
        "/",
        "/about",
        "/about/us",
        "/news",
        "/news/1",
        "/news/2",
        "/news/3",
        "/shop",
        "/shop/hats",
        "/shop/hats/red",
    ]
    for other in others:
        other.tell()
        assert other.ends() == []
    assert server.metric("awaitd_jobs_total", queue="pages", event="expired") == 1


def test_doors(part: Part, server: Server) -> None:
    """Some of those who wait die: the others go on at the moment of the set, and nobody is waited for."""
    event = 'event = asyncio.Event(name="doors")\n'
    waiting = (
        event
        + """
await asyncio.gather(*(doors.visit(event, f"visitor {number}") for number in range(5)))
"""
    )
    victim, visitors = part("doors", waiting), part("doors", waiting)
    server.until_waiting("event", "doors", "wait", 10)
    porter = part("doors", event + "await told()\nawait doors.open_for_a_moment(event)\nsay(event.is_set())")
    victim.kill()
    server.until_waiting("event", "doors", "wait", 5)
    porter.tell()
    porter.says("False")
    assert sorted(visitors.ends()) == [f"visitor {number} is in" for number in range(5)]
    assert porter.ends() == []


def test_counter(part: Part, server: Server, tmp_path: Path) -> None:
    """The holder of a lock dies between reading and writing: the others wait for the end of its lease, and
    no number is lost, so nobody was in there together with another one."""
    number = Path(tmp_path, "number")
    number.write_text("0\n")
    lock = 'lock = asyncio.Lock(name="number", lease=2.0)\n'
    victim = part(
        "counter",
        lock
        + """
async def think():
    say("inside")
    await told()
for _ in range(3):
    await counter.add_one(lock, Path("number"), think)
""",
    )
    adding = (
        lock
        + """
for _ in range(5):
    await counter.add_one(lock, Path("number"))
"""
    )
    victim.says("inside")
    others = [part("counter", adding), part("counter", adding)]
    server.until_waiting("lock", "number", "acquire", 2)
    for _ in range(2):
        victim.tell()
        victim.says("inside")
    server.until_waiting("lock", "number", "acquire", 2)
    before = int(number.read_text())
    victim.kill()
    for other in others:
        assert other.ends() == []
    assert int(number.read_text()) == 2 + 2 * 5, f"it was {before} when one died"
    assert not server.state("/v1/locks/number")["locked"]


def test_downloads(part: Part, server: Server, tmp_path: Path) -> None:
    """Who holds a permit dies: never more than three run, and in the end all three permits are there."""
    journal = Path(tmp_path, "journal")
    slots = 'slots = asyncio.Semaphore(3, name="slots", lease=2.0)\n'
    victim = part(
        "downloads",
        slots
        + """
async def transfer():
    say("begun")
    await told()
await downloads.download(slots, Path("journal"), "the dead one's", transfer)
""",
    )
    victim.says("begun")
    many = (
        slots
        + """
await asyncio.gather(*(downloads.download(slots, Path("journal"), f"{sys.argv[1]} {n}") for n in range(10)))
"""
    )
    others = [part("downloads", many, "ann"), part("downloads", many, "bob")]
    until("some are through", lambda: journal.read_text().count("end ") >= 5)
    with journal.open("a") as file:
        file.write("end the dead one's\n")
    victim.kill()
    for other in others:
        assert other.ends() == []
    running = most = 0
    lines = journal.read_text().splitlines()
    for line in lines:
        running += 1 if line.startswith("begin") else -1
        most = max(most, running)
    assert (running, len(lines)) == (0, 42), lines
    assert 1 < most <= 3, lines
    until("all permits are there", lambda: server.state("/v1/semaphores/slots")["available"] == 3)


def test_phases(part: Part, server: Server) -> None:
    """Who dies on its way to a barrier is missing: the others wait, until somebody takes its place."""
    barrier = 'barrier = asyncio.Barrier(3, name="phase")\n'
    working = barrier + "await phases.work(barrier, sys.argv[1], say)"
    victim = part(
        "phases",
        barrier
        + """
await phases.work(barrier, "bob", say, ["load"])
say("between")
await told()
""",
    )
    others = [part("phases", working, name) for name in ("ann", "cid")]
    victim.says("load: bob", "between")
    server.until_waiting("barrier", "phase", "wait", 2)
    victim.kill()
    assert server.state("/v1/barriers/phase")["waiting"] == 2
    another = part("phases", barrier + 'await phases.work(barrier, "dan", say, ["sort", "store"])')
    assert another.ends() == ["sort: dan", "store: dan"]
    for other, name in zip(others, ("ann", "cid"), strict=True):
        assert other.ends() == [f"load: {name}", f"sort: {name}", f"store: {name}"]


def test_stock(part: Part, server: Server, tmp_path: Path) -> None:
    """A buyer dies while it waits under a condition: it takes nothing, and the others get what they want."""
    Path(tmp_path, "stock").write_text("0\n")
    condition = """
changed = asyncio.Condition(asyncio.Lock(name="stock", lease=2.0), name="changed")
"""
    buying = condition + 'await stock.buy(changed, Path("stock"), int(sys.argv[1]))'
    victim = part("stock", buying, "2")
    buyer = part("stock", buying, "4")
    until("both wait", lambda: server.state("/v1/locks/stock/conditions/changed").get("waiters") == 2)
    victim.kill()
    seller = part("stock", condition + 'for _ in range(2):\n    await stock.deliver(changed, Path("stock"), 2)')
    assert seller.ends() == []
    assert buyer.ends() == ["bought 4"]
    assert Path(tmp_path, "stock").read_text() == "0\n"
    assert not server.state("/v1/locks/stock")["locked"]


def test_errands(part: Part, server: Server) -> None:
    """Who dies with the most urgent errand: it comes back to where it stood, before all that are less so."""
    queue = 'queue = asyncio.PriorityQueue(name="errands", lease=2.0)\n'
    asker = part("errands", queue + 'for n in (3, 1, 2):\n    await queue.put((n, f"errand {n}"))')
    assert asker.ends() == []
    victim = part("errands", queue + "say(await queue.get())\nawait told()")
    victim.says("(1, 'errand 1')")
    victim.kill()
    until("it is back", lambda: server.state("/v1/queues/errands")["leased"] == 0)
    assert part("errands", queue + "await errands.take(queue)").ends() == [
        "(1, 'errand 1')",
        "(2, 'errand 2')",
        "(3, 'errand 3')",
    ]
