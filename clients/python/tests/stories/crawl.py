"""A crawler: workers take a page, and put the pages that it links to into the queue they take from."""

import asyncio

SITE = {
    "/": ["/about", "/news", "/shop"],
    "/about": ["/", "/about/us"],
    "/about/us": ["/about"],
    "/news": ["/", "/news/1", "/news/2", "/news/3"],
    "/news/1": ["/news", "/news/2"],
    "/news/2": ["/news", "/news/3"],
    "/news/3": ["/news"],
    "/shop": ["/", "/shop/hats"],
    "/shop/hats": ["/shop", "/shop/hats/red"],
    "/shop/hats/red": ["/shop/hats", "/about/us"],
}


async def fetch(page):
    await asyncio.sleep(0.01)
    return SITE[page]


async def work(pages, seen, fetch=fetch):
    while True:
        page = await pages.get()
        if page not in seen:
            for link in await fetch(page):
                await pages.put(link)
            # Not before: a page counts as seen when its links are in the queue.
            seen.add(page)
        pages.task_done()


async def main():
    # Without a bound: workers that wait for room in the queue they empty would wait for ever.
    pages, seen = asyncio.Queue(), set()
    workers = [asyncio.create_task(work(pages, seen)) for _ in range(5)]
    await pages.put("/")
    await pages.join()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    print(*sorted(seen), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
