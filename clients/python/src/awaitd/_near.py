"""Connections on the loops of the program, for calls that are made there and not on the I/O thread."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from awaitd._wire import Wire


class Near:
    """What a process has of them."""

    def __init__(self) -> None:
        self._open: dict[tuple[asyncio.AbstractEventLoop, str], Open] = {}

    def wire(self, loop: asyncio.AbstractEventLoop, url: str) -> Wire | None:
        """Those of the running loop to a server; None when the loop is about to end."""
        there = self._open.get((loop, url))
        if there is None:
            self.close(lambda loop: loop.is_closed())
            there = self._open[loop, url] = Open(loop, url)
        return there.wire

    def close(self, which: Callable[[asyncio.AbstractEventLoop], bool]) -> None:
        """Closes those of these loops, none of which runs."""
        for loop, url in list(self._open):
            if which(loop) and (there := self._open.pop((loop, url), None)):
                if loop.is_closed():
                    _step(there.life.aclose())
                else:
                    with suppress(RuntimeError):  # Within another loop, that one cannot go on.
                        loop.run_until_complete(there.life.aclose())


class Open:
    """A wire, and what ends it: loops end the asynchronous generators that began on them, as asyncio.run does."""

    def __init__(self, loop: asyncio.AbstractEventLoop, url: str) -> None:
        self.wire: Wire | None = Wire(url)
        self.life = self._live(loop, self.wire)
        _step(self.life.__anext__())

    async def _live(self, loop: asyncio.AbstractEventLoop, wire: Wire) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.wire = None
            await wire.close()


def _step(work: Awaitable[object]) -> None:
    """Does it as far as it goes without waiting."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration:
        pass
    finally:
        steps.close()
