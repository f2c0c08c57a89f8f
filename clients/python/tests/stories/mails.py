"""Two producers write five mails each into a queue that holds three; three consumers send them."""

import asyncio
import random


async def produce(mails, name):
    for number in range(1, 6):
        await asyncio.sleep(random.uniform(0, 0.02))
        await mails.put(f"mail {number} from {name}")


async def consume(mails, send):
    while True:
        mail = await mails.get()
        await asyncio.sleep(random.uniform(0, 0.02))
        send(mail)
        mails.task_done()


async def main():
    mails = asyncio.Queue(maxsize=3)
    consumers = [asyncio.create_task(consume(mails, print)) for _ in range(3)]
    await asyncio.gather(produce(mails, "ann"), produce(mails, "bob"))
    await mails.join()
    print("all are sent")
    for consumer in consumers:
        consumer.cancel()
    await asyncio.gather(*consumers, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
