"""What is urgent comes first, and of what lies on a pile the topmost."""

import asyncio


async def take(queue):
    while not queue.empty():
        print(await queue.get())
        queue.task_done()


async def main():
    urgent = asyncio.PriorityQueue()
    for errand in [(3, "sleep"), (1, "eat"), (2, "work"), (1, "drink"), (-1, "breathe"), (1.5, "talk")]:
        await urgent.put(errand)
    pile = asyncio.LifoQueue()
    for letter in ["first", "second", "third"]:
        await pile.put(letter)
    await take(urgent)
    await take(pile)
    await asyncio.gather(urgent.join(), pile.join())


if __name__ == "__main__":
    asyncio.run(main())
