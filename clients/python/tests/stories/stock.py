"""Buyers wait under a condition until there is enough in stock; what is in stock lies in a file."""

import asyncio
import tempfile
from pathlib import Path


def boxes(stock):
    return int(stock.read_text())


async def buy(changed, stock, wanted):
    async with changed:
        await changed.wait_for(lambda: boxes(stock) >= wanted)
        stock.write_text(f"{boxes(stock) - wanted}\n")
        print(f"bought {wanted}", flush=True)


async def deliver(changed, stock, more):
    async with changed:
        stock.write_text(f"{boxes(stock) + more}\n")
        changed.notify_all()


async def main():
    with tempfile.TemporaryDirectory() as folder:
        stock = Path(folder, "stock")
        stock.write_text("0\n")
        changed = asyncio.Condition()
        buyers = [asyncio.create_task(buy(changed, stock, wanted)) for wanted in (1, 2, 3)]
        for _ in range(3):
            await asyncio.sleep(0.01)
            await deliver(changed, stock, 2)
        await asyncio.gather(*buyers)
        print(boxes(stock), "are left")


if __name__ == "__main__":
    asyncio.run(main())
