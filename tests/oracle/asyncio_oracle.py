"""Plays transcripts on asyncio's own Queue, Event, Lock and so on, and says where these do something else.

    python3 asyncio_oracle.py tests/scenarios/queue_basics.txt ...

Only the standard library is used. The language is described in tests/transcripts/src/lib.rs; here
only that part of it is known for which asyncio has words. What asyncio does not have (leases,
attempts, generations, who holds a lock) is not compared: of `job 1 "a" lease 1 attempt 1` only "a"
is. The loop's clock stands still and is moved by `+10s`, so nothing sleeps. Exits with 1 if anything differs.
"""

import asyncio
import itertools
import shlex
import sys

# What asyncio.Queue() is bounded by here if nobody configured it: the corpus never reaches it.
MAXSIZE_DEFAULT = 1000
# Turns of the loop after which everybody has run who can: each hand-off takes two or three.
TURNS = 100

QueueShutDown = getattr(asyncio, "QueueShutDown", None)


class StillLoop(asyncio.SelectorEventLoop):
    """A loop whose clock is moved by hand."""

    now = 0.0

    def time(self):
        return self.now

    def settle(self):
        """Runs whoever can run; a loop that is to stop does not wait for anything."""
        for _ in range(TURNS):
            self.call_soon(self.stop)
            self.run_forever()


class Refused(Exception):
    """The call did not get what it asked for."""


class World:
    """The objects of one transcript, by their names, and the tasks of its clients."""

    def __init__(self, loop):
        self.loop = loop
        self.queues, self.events, self.locks = {}, {}, {}
        self.semaphores, self.barriers, self.conditions = {}, {}, {}
        # In which order jobs were put: asyncio's PriorityQueue compares what is put as a whole.
        self.puts = itertools.count()
        self.leases = {}
        self.tasks = {}
        self.deadlines = {}

    def queue(self, name):
        return self.queues.setdefault(name, asyncio.Queue(MAXSIZE_DEFAULT))

    def event(self, name):
        return self.events.setdefault(name, asyncio.Event())

    def lock(self, name):
        return self.locks.setdefault(name, asyncio.Lock())

    def condition(self, lock, name):
        return self.conditions.setdefault((lock, name), asyncio.Condition(self.lock(lock)))

    def held(self, words):
        """What is held by whoever asked so."""
        match words:
            case ["get", name]:
                return self.queue(name)
            case ["acquire", "semaphore", name]:
                return self.semaphores[name]
            case ["acquire", name] | ["wait", "condition", name, _]:
                return self.lock(name)
        raise ValueError(f"nothing is held by {' '.join(words)}")

    # Each verb: what to do at once, and what to await if the caller waits.

    def configure(self, name, maxsize=MAXSIZE_DEFAULT, order="fifo"):
        assert name not in self.queues, "asyncio cannot change a queue's maxsize"
        queues = {"fifo": asyncio.Queue, "lifo": asyncio.LifoQueue, "priority": asyncio.PriorityQueue}
        self.queues[name] = queues[order](int(maxsize))

    def view(self, name):
        queue = self.queue(name)
        return f"maxsize {queue.maxsize} ready {queue.qsize()}"

    async def put(self, name, value, wait, priority=0):
        # Only a PriorityQueue looks at the first two.
        job = int(priority), next(self.puts), value
        if wait:
            return await self.queue(name).put(job)
        return self.queue(name).put_nowait(job)

    async def get(self, name, wait):
        got = await self.queue(name).get() if wait else self.queue(name).get_nowait()
        return got[-1]

    async def join(self, name, wait):
        queue = self.queue(name)
        if not wait:
            # Without waiting: whether join() comes back when it is first run.
            joining = queue.join()
            try:
                joining.send(None)
            except StopIteration:
                return None
            joining.close()
            raise Refused("not_drained")
        return await queue.join()

    async def wait(self, name, wait):
        if wait:
            await self.event(name).wait()
        elif not self.event(name).is_set():
            raise Refused("not_set")

    async def acquire(self, lock, wait):
        if not wait and lock.locked():
            raise Refused("locked")
        await lock.acquire()

    def add_permit(self, name):
        try:
            self.semaphores[name].release()
        except ValueError:
            raise Refused("over_bound") from None

    async def meet(self, name, wait):
        barrier = self.barriers[name]
        if not wait and not barrier.broken and barrier.n_waiting + 1 < barrier.parties:
            raise Refused("not_tripped")
        return f"index {await barrier.wait()}"

    def barrier_view(self, name):
        barrier = self.barriers[name]
        broken = " broken" if barrier.broken else ""
        return f"parties {barrier.parties} waiting {barrier.n_waiting}{broken}"

    async def turn(self, name, verb):
        await getattr(self.barriers[name], verb)()

    async def until_notified(self, lock, name, length):
        """Takes the lock again in either case, as asyncio's own wait does when it is cancelled."""
        try:
            await asyncio.wait_for(self.condition(lock, name).wait(), length)
        except asyncio.TimeoutError:
            return "not notified"
        except asyncio.CancelledError:
            # As whoever leaves an `async with condition` does.
            self.lock(lock).release()
            raise
        return "notified"

    def notify(self, lock, name, n="1"):
        condition = self.condition(lock, name)
        # asyncio does not say how many it woke.
        if n == "all":
            condition.notify_all()
        else:
            condition.notify(int(n))

    async def ask(self, words, options):
        """Does what one line asks; its value, or an exception."""
        verb, *names = words
        wait = options.pop("wait", None)
        match verb, names:
            case "configure", [name]:
                return self.configure(name, **options)
            case "configure", ["semaphore", name, *unbounded]:
                kind = asyncio.Semaphore if unbounded else asyncio.BoundedSemaphore
                self.semaphores[name] = kind(int(options["permits"]))
                return None
            case "configure", ["barrier", name]:
                self.barriers[name] = asyncio.Barrier(int(options["parties"]))
                return None
            case "queue", [name]:
                return self.view(name)
            case "put", [name, value]:
                return await self.put(name, value, wait, **options)
            case "get", [name]:
                return await self.get(name, wait)
            case "join", [name]:
                return await self.join(name, wait)
            case "shutdown", [name, *immediate]:
                return self.queue(name).shutdown(immediate=immediate == ["immediate"])
            case "set", [name]:
                return self.event(name).set()
            case "clear", [name]:
                return self.event(name).clear()
            case "wait", [name]:
                return await self.wait(name, wait)
            case "acquire", [name]:
                return await self.acquire(self.lock(name), wait)
            case "acquire", ["semaphore", name]:
                return await self.acquire(self.semaphores[name], wait)
            case "release", ["semaphore", name]:
                return self.add_permit(name)
            case "wait", ["barrier", name]:
                return await self.meet(name, wait)
            case "barrier", [name]:
                return self.barrier_view(name)
            case ("reset" | "abort"), [name]:
                return await self.turn(name, verb)
            case "wait", ["condition", lock, name]:
                return await self.until_notified(lock, name, duration(wait))
            case "notify", [lock, name]:
                return self.notify(lock, name, **options)
            case "lock", [name]:
                return "held" if self.lock(name).locked() else "free"
            case "done", ["lease", number]:
                return self.leases[number].task_done()
            case "release", ["lease", number]:
                return self.leases[number].release()
        raise ValueError(f"asyncio has no word for {' '.join(words)}")

    async def told(self, words, options):
        """The same in the transcript's words."""
        verb = verb_of(words)
        length = duration(options["wait"]) if "wait" in options else None
        # This one looks after its time itself: it has to have the lock before it answers.
        if verb == "wait condition":
            length = None
        # What is refused when a wait is over.
        over = {
            "put": "queue_full",
            "get": "empty",
            "join": "not_drained",
            "wait": "not_set",
            "acquire": "locked",
            "wait barrier": "not_tripped",
        }
        try:
            value = await asyncio.wait_for(self.ask(words, options), length)
        except asyncio.QueueFull:
            return "refused queue_full"
        except asyncio.QueueEmpty:
            return "refused empty"
        except Refused as refused:
            return f"refused {refused}"
        except asyncio.TimeoutError:
            return f"refused {over[verb]}"
        except asyncio.BrokenBarrierError:
            return "refused broken"
        except Exception as error:
            if QueueShutDown is not None and isinstance(error, QueueShutDown):
                return "refused queue_shut_down"
            raise
        if verb == "get":
            return f'"{value}"'
        return value or "ok"


def verb_of(words):
    """The verb, with what it is about where one word says too little."""
    two = " ".join(words[:2])
    return two if len(words) > 2 and two in ("wait barrier", "wait condition") else words[0]


def duration(text):
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * units[unit]


def comparable(verb, told):
    """As much of what the transcript says as asyncio can say."""
    words = shlex.split(told, posix=False)
    if words[0] == "refused":
        return " ".join(words[:2])
    if verb == "get":
        return words[2]
    if verb == "queue":
        return " ".join(words[:4])
    if verb == "lock":
        return words[0]
    if verb == "wait barrier":
        return " ".join(words[:2])
    if verb == "barrier":
        return " ".join(words[:5] if "broken" in words else words[:4])
    if verb == "wait condition":
        return " ".join(words[2:])
    return "ok"


class Player:
    """Plays one file."""

    def __init__(self, path):
        self.path = path
        self.loop = StillLoop()
        self.world = World(self.loop)
        self.verbs = {}
        self.wrong = []
        # What was told in answer to the line that is played, by who was told.
        self.heard = {}
        self.number = 0
        self.last = ""

    def play(self, lines):
        asyncio.set_event_loop(self.loop)
        for self.number, line in enumerate(lines, 1):
            if not line or line.startswith(("#", "only ", "python ", "limits ")):
                continue
            left, _, told = line.partition(" -> ")
            if line.startswith("  "):
                self.compare(left.strip(), told)
                continue
            self.nothing_more()
            self.last = left.strip()
            who = self.act(self.last)
            if told:
                self.compare(who, told)
        self.nothing_more()
        for task in self.world.tasks.values():
            task.cancel()
        self.loop.settle()
        self.loop.close()
        return self.wrong

    def act(self, line):
        """Does what a line says; returns who does it."""
        tasks = self.world.tasks
        if line.startswith("+"):
            self.move(duration(line[1:]))
            return ""
        if line.endswith(" hangs up"):
            who = line.removesuffix(" hangs up")
            tasks.pop(who).cancel()
            self.settle()
            return who
        who, colon, asked = line.partition(": ")
        if not colon:
            who, asked = "", line
        words = shlex.split(asked)
        options = dict(word.split("=", 1) for word in words if "=" in word)
        words = [word for word in words if "=" not in word]
        # How long a lease is, and whose it is, asyncio does not know.
        for unknown in ("lease", "owner", "held"):
            options.pop(unknown, None)
        self.verbs[who] = words
        if "wait" in options:
            self.world.deadlines[who] = self.loop.now + duration(options["wait"])
        tasks[who] = self.loop.create_task(self.world.told(words, options))
        self.settle()
        return who

    def move(self, length):
        """Moves the clock, stopping wherever somebody's wait is over."""
        end = self.loop.now + length
        for stop in sorted({*self.world.deadlines.values(), end}):
            if self.loop.now < stop <= end:
                self.loop.now = stop
                self.settle()

    def settle(self):
        self.loop.settle()
        for who, task in list(self.world.tasks.items()):
            if task.done():
                self.heard[who] = self.world.tasks.pop(who).result()
                self.world.deadlines.pop(who, None)

    def compare(self, who, told):
        asked = self.verbs.get(who, [""])
        verb = verb_of(asked)
        wanted = comparable(verb, told) if verb else "ok"
        heard = self.heard.pop(who, None)
        if heard != wanted:
            self.complain(f"{who or 'who asked'} should be told {wanted}, but was told {heard}")
        words = shlex.split(told)
        if "lease" in words and verb in ("get", "acquire", "wait condition"):
            number = words[words.index("lease") + 1]
            self.world.leases[number] = self.world.held(asked)

    def nothing_more(self):
        for who, heard in self.heard.items():
            self.complain(f"{who or 'who asked'} was told {heard}, which the file does not say")
        self.heard.clear()

    def complain(self, what):
        self.wrong.append(f"{self.path}:{self.number}: after `{self.last}`: {what}")


def needs(lines):
    """The Python that a file needs."""
    asked = [line.removeprefix("python ") for line in lines if line.startswith("python ")]
    return tuple(int(part) for part in asked[0].split(".")) if asked else (3, 11)


def main(paths):
    wrong, played, left_out = [], 0, []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        if needs(lines) > sys.version_info[:2]:
            left_out.append(path.rsplit("/", 1)[-1])
            continue
        wrong += Player(path).play(lines)
        played += 1
    if left_out:
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"left out, since Python {version} is too old for them: {' '.join(left_out)}")
    for line in wrong:
        print(line)
    print(f"played {played}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
