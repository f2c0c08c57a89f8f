"""`Barrier`, with asyncio's methods, on the server."""

from __future__ import annotations

import asyncio
from asyncio import BrokenBarrierError
from typing import Any

from awaitd._call import Call
from awaitd._thing import SLICE, Thing
from awaitd._wire import Reply, in_line_since, query

__all__ = ["Barrier", "BrokenBarrierError"]

ROUNDS = 8
"""How often one who comes looks again, once a round of the barrier is over, before it lets others come."""

LOOK_FOR = 1.0
"""Seconds after which it has surely come, though that was not to be seen: another one left just then."""

PAUSE, PAUSE_MAX = 0.001, 0.05
"""Seconds between two looks."""


class Barrier(Thing):
    """asyncio.Barrier, for all programs that name it.

    It trips in one step: when the last party has come, all have passed, and whoever comes then is of
    the next round. So `reset()` and `abort()` never reach those who are on their way out.
    """

    _kind = "barriers"

    def __init__(self, parties: int, *, name: str | None = None, url: str | None = None) -> None:
        if parties < 1:
            raise ValueError("parties must be > 0")
        super().__init__(name, url)
        self._parties = parties

    @property
    def parties(self) -> int:
        """How many it takes."""
        return self._parties

    @property
    def n_waiting(self) -> int:
        """How many wait, here and elsewhere."""
        return int(self._state()["waiting"])

    @property
    def broken(self) -> bool:
        """True if it is broken, until it is reset."""
        return bool(self._state()["broken"])

    async def wait(self) -> int:
        """Wait for the barrier; 0 to `parties - 1`, in the order in which they came."""

        async def work(call: Call[int]) -> int:
            async with self._turn(call):
                before = await self._look(call)
                call.keyed = True
                arrival = asyncio.ensure_future(self._arrive(call))
                try:
                    await self._come(call, before, arrival)
                except BaseException:
                    arrival.cancel()
                    raise
            call.stands = "wait"
            reply = await arrival
            while reply.status == 408:
                reply = await self._arrive(call)
            broken = reply.status == 409 and reply.problem.code == "broken"
            index = -1 if broken else int(reply.good().json()["index"])
            if index != self._parties - 1:  # Who came last has ended the wait of the others, and goes on before them.
                await self._let_pass(call)
            if broken:
                raise BrokenBarrierError("Abort or reset of barrier")
            return index

        return await self._call(work).awaited()

    async def reset(self) -> None:
        """Those who wait get BrokenBarrierError, and it can be used again."""
        await self._tell("reset")

    async def abort(self) -> None:
        """Those who wait get BrokenBarrierError, and so do all who come, until it is reset."""
        await self._tell("abort")

    async def __aenter__(self) -> int:
        return await self.wait()

    async def __aexit__(self, *_: object) -> None:
        pass

    async def _come(self, call: Call[int], before: dict[str, Any], arrival: asyncio.Future[Reply]) -> None:
        """Until the server knows that this one has come: who resets it after that, resets it for this one, too."""
        loop, rounds, pause = asyncio.get_running_loop(), 0, PAUSE
        end = loop.time() + LOOK_FOR
        while not arrival.done() and rounds < ROUNDS and loop.time() < end:
            now = await self._look(call)
            if now["generation"] == before["generation"] and now != before:
                break
            # Its own answer is near if this one was the last to come; others may have been faster.
            rounds += now["generation"] != before["generation"]
            await asyncio.wait([arrival], timeout=pause)
            pause = min(pause * 2, PAUSE_MAX)

    async def _look(self, call: Call[Any]) -> dict[str, Any]:
        state: dict[str, Any] = (await call.lane.wire.ask("GET", self._path)).good().json()
        return state

    async def _arrive(self, call: Call[int]) -> Reply:
        in_line_since.set(None)  # It has its turn, and may wait for long.
        return await call.lane.wire.ask("POST", f"{self._path}/wait{query(wait=SLICE)}", key=call.key, wait=SLICE)

    async def _tell(self, what: str) -> None:
        async def work(call: Call[None]) -> None:
            async with self._turn(call):
                (await call.lane.wire.ask("POST", f"{self._path}/{what}", key=call.key)).good()

        await self._call(work).awaited()

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._ask("GET").good().json()
        return state

    def _configuration(self) -> dict[str, Any]:
        return {"parties": self._parties}

    def _settings(self) -> dict[str, Any]:
        return {"parties": self._parties}
