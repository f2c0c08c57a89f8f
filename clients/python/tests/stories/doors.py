"""Ten wait for an event; another one does some work and sets it, and all ten go on though it is cleared at once."""

import asyncio


async def visit(doors, name):
    await doors.wait()
    print(f"{name} is in", flush=True)


async def open_for_a_moment(doors):
    doors.set()
    doors.clear()


async def main():
    doors = asyncio.Event()
    visitors = [asyncio.create_task(visit(doors, f"visitor {number}")) for number in range(10)]
    await asyncio.sleep(0.1)
    await open_for_a_moment(doors)
    await asyncio.gather(*visitors)
    print("open" if doors.is_set() else "closed")


if __name__ == "__main__":
    asyncio.run(main())
