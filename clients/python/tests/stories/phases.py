"""Three work in phases: nobody begins the next one before all are through."""

import asyncio

PHASES = ["load", "sort", "store"]


async def work(barrier, name, say, phases=PHASES):
    for phase in phases:
        say(f"{phase}: {name}")
        await barrier.wait()


async def main():
    barrier = asyncio.Barrier(3)
    said = []
    await asyncio.gather(*(work(barrier, name, said.append) for name in ("ann", "bob", "cid")))
    # Within a phase any order is right.
    assert [line.split(":")[0] for line in said] == [phase for phase in PHASES for _ in range(3)], said
    print(*sorted(said), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
