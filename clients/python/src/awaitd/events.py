"""`Event`, with asyncio's methods, on the server."""

from __future__ import annotations

from typing import Literal

from awaitd._call import Call
from awaitd._thing import SLICE, Thing
from awaitd._wire import query

__all__ = ["Event"]


class Event(Thing):
    """asyncio.Event, for all programs that name it."""

    _kind = "events"

    def __init__(self, *, name: str | None = None, url: str | None = None) -> None:
        super().__init__(name, url)

    def is_set(self) -> bool:
        """True if the event is set: when the server looked, and not any more when this returns."""
        reply = self._ask("GET")
        return reply.status != 408 and reply.good().status == 200

    def set(self) -> None:
        """Set the event; all who wait for it, wherever they are, are awakened."""
        self._ask("PUT").good()

    def clear(self) -> None:
        """Reset the event. Who waited when it was set is awakened all the same."""
        self._ask("DELETE").good()

    async def wait(self) -> Literal[True]:
        """Block until the event is set; at once if it is."""

        async def work(call: Call[None]) -> None:
            async with self._turn(call):
                reply = await call.lane.wire.ask("GET", self._path)
            after = reply.headers.get("Awaitd-Generation")
            while reply.status == 408:
                call.stands = "wait"
                # Set and cleared again between two requests, it was set all the same.
                path = f"{self._path}{query(after=after, wait=SLICE)}"
                reply = await call.lane.wire.ask("GET", path, wait=SLICE)
            reply.good()

        await self._call(work).awaited()
        return True
