"""Three add one to a number that lies in a file: reading, thinking and writing, under a lock."""

import asyncio
import tempfile
from pathlib import Path


async def think():
    await asyncio.sleep(0.05)


async def add_one(lock, number, think=think):
    async with lock:
        value = int(number.read_text())
        await think()
        number.write_text(f"{value + 1}\n")


async def main():
    with tempfile.TemporaryDirectory() as folder:
        number = Path(folder, "number")
        number.write_text("0\n")
        lock = asyncio.Lock()
        await asyncio.gather(*(add_one(lock, number) for _ in range(3)))
        print("the number is", number.read_text().strip())
        print("locked" if lock.locked() else "free")


if __name__ == "__main__":
    asyncio.run(main())
