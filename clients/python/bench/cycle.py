"""What the drop-in costs: a cycle of `put`, `get` and `task_done`, beside the same three requests made with
the bare HTTP library, in turns and against one server.

    python bench/cycle.py [--rounds 40] [--cycles 100] [--memory]

The program is `awaitd`, or what AWAITD_BIN names: of interest is a release build. Figures are medians of the
rounds, and a ratio is the median of the rounds' ratios, so that whatever disturbs one round disturbs no
figure. On a busy machine the time on the clock says little, and that of the processor more.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import tempfile
import time
from typing import NamedTuple
from uuid import uuid4

import aiohttp

import awaitd.asyncio

ITEM = b"x" * 200


async def drop_in(queue: "awaitd.asyncio.Queue[bytes]", cycles: int) -> None:
    for _ in range(cycles):
        await queue.put(ITEM)
        await queue.get()
        queue.task_done()


async def bare(session: aiohttp.ClientSession, queue: str, cycles: int) -> None:
    """Requests as the drop-in makes them, keys included, since the server does more for these."""

    async def ask(method: str, path: str, **more: object) -> aiohttp.ClientResponse:
        async with session.request(method, path, **more) as response:  # type: ignore[arg-type]
            await response.read()
            response.raise_for_status()
            return response

    kind = {"Content-Type": "application/octet-stream"}
    for _ in range(cycles):
        key = {"Idempotency-Key": uuid4().hex}
        await ask("POST", f"{queue}/jobs?wait=0.001", data=ITEM, headers=kind | key)
        key = {"Idempotency-Key": uuid4().hex}
        got = await ask("POST", f"{queue}/get?wait=0.001&lease=30.0&empty=408", headers=key)
        await ask("DELETE", got.headers["Location"])


async def measure(url: str, rounds: int, cycles: int) -> "list[tuple[Taken, Taken]]":
    """What a cycle of each takes, round by round."""
    queue = awaitd.asyncio.Queue[bytes](name="cycle", url=url)
    taken = []
    async with aiohttp.ClientSession(url) as session:
        for number in range(rounds + 1):
            turns = [("drop_in", drop_in(queue, cycles)), ("bare", bare(session, "/v1/queues/bare", cycles))]
            both = {}
            # Who comes first changes from round to round.
            for name, turn in turns if number % 2 else reversed(turns):
                start = Taken(time.perf_counter(), time.process_time())
                await turn
                end = Taken(time.perf_counter(), time.process_time())
                both[name] = Taken(*((now - then) / cycles * 1e6 for now, then in zip(end, start, strict=True)))
            taken.append((both["drop_in"], both["bare"]))
    return taken[1:]  # The first one warms up.


class Taken(NamedTuple):
    """Microseconds."""

    clock: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--memory", action="store_true", help="the server keeps nothing on the disk")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = ["--memory"] if args.memory else ["--data-dir", folder]
        command = [os.environ.get("AWAITD_BIN", "awaitd"), "serve", "--listen", "127.0.0.1:0", *where]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
            try:
                assert server.stdout is not None
                told = (re.search(r"http://127\.0\.0\.1:[1-9]\d*", line) for line in server.stdout)
                url = next(found[0] for found in told if found)
                taken = asyncio.run(measure(url, args.rounds, args.cycles))
            finally:
                server.terminate()
    print("µs a cycle                      drop-in    bare   ratio   eight of ten between")
    for kind, title in enumerate(["on the clock", "of this program's processor"]):
        ours, theirs = (statistics.median(each[side][kind] for each in taken) for side in (0, 1))
        ratios = sorted(drop_in[kind] / bare[kind] for drop_in, bare in taken)
        low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
        ratio = statistics.median(ratios)
        print(f"{title:<30}{ours:>9.0f}{theirs:>8.0f}{ratio:>8.2f}   {low:.2f} and {high:.2f}")


if __name__ == "__main__":
    main()
