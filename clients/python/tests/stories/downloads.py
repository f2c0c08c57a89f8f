"""Ten downloads, of which three may run at a time."""

import asyncio
import tempfile
from pathlib import Path


async def transfer():
    await asyncio.sleep(0.02)


def note(journal, line):
    """A whole line at the end, also if several programs write."""
    with journal.open("a") as file:
        file.write(f"{line}\n")


async def download(slots, journal, name, transfer=transfer):
    async with slots:
        note(journal, f"begin {name}")
        await transfer()
        note(journal, f"end {name}")


async def main():
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder, "journal")
        slots = asyncio.Semaphore(3)
        await asyncio.gather(*(download(slots, journal, number) for number in range(10)))
        running = most = 0
        for line in journal.read_text().splitlines():
            running += 1 if line.startswith("begin") else -1
            most = max(most, running)
        assert most <= 3, journal.read_text()
        print("never more than three ran")
        print(running, "are running")


if __name__ == "__main__":
    asyncio.run(main())
