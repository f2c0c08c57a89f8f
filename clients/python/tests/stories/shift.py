"""The end of a shift: the queue is shut down, what is in it is done, and the workers go home."""

import asyncio


async def work(orders, done):
    while True:
        try:
            order = await orders.get()
        except asyncio.QueueShutDown:
            return
        await asyncio.sleep(0.01)
        done(order)
        orders.task_done()


async def main():
    orders = asyncio.Queue()
    for number in range(6):
        orders.put_nowait(f"order {number}")
    workers = [asyncio.create_task(work(orders, print)) for _ in range(3)]
    orders.shutdown()
    try:
        orders.put_nowait("too late")
    except asyncio.QueueShutDown:
        print("nothing is taken any more")
    await asyncio.gather(*workers)
    await orders.join()
    print("all went home")


if __name__ == "__main__":
    asyncio.run(main())
