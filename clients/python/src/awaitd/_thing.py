"""What queues, events, locks, semaphores and barriers have in common: a name on a server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

from awaitd._call import MOMENT, Call
from awaitd._io import Io, io
from awaitd._lane import Lane
from awaitd._wire import DEFAULT_URL, Asked, Reply, base, in_line_since, query
from awaitd.errors import Mismatch

T = TypeVar("T")

SLICE = 25.0
"""Seconds of each further wait: below the minute at which proxies cut."""

LET_PASS = 1.0
"""Seconds for which a wait that is over lets another call go first."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class Thing:
    """A thing on the server, as one object of this process knows it.

    Nothing is asked before it is first used, so it can be made anywhere, without a loop or a server.
    """

    _kind: ClassVar[str]
    _force: ClassVar[str] = ""
    """What it takes to delete it in every state."""

    def __init__(self, name: str | None, url: str | None) -> None:
        if name is not None and not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name: 1 to 128 of A-Z a-z 0-9 . _ : -, the first one a letter or digit")
        self._url = base(url or os.environ.get("AWAITD_URL") or DEFAULT_URL)
        self._private = name is None
        self._name = name or f"private-{uuid4().hex}"
        self._path = f"/v1/{self._kind}/{self._name}"
        self._ready = False
        self._known_lane: Lane | None = None

    @property
    def name(self) -> str:
        """Under which other programs find it."""
        return self._name

    def __repr__(self) -> str:
        kind = type(self)
        return f"<{kind.__module__}.{kind.__qualname__} object at {id(self):#x} [{self._name}]>"

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy of it elsewhere is another handle of the same thing, and what is private stays its maker's.
        return _again, (type(self), self._settings() | {"name": self._name, "url": self._url})

    def _settings(self) -> dict[str, Any]:
        """With what it was made, besides its name."""
        return {}

    def _configuration(self) -> dict[str, Any] | None:
        """What the server has to know before it is used; None where that is nothing."""
        return None

    @property
    def _lane(self) -> Lane:
        current = io()
        if self._known_lane is None or self._known_lane.io is not current:
            self._known_lane = current.lane(self._url, self._path)
        return self._known_lane

    def _call(
        self,
        work: Callable[[Call[T]], Coroutine[Any, Any, T]],
        undo: Callable[[T], Coroutine[Any, Any, Any]] | None = None,
        first: Asked | None = None,
    ) -> Call[T]:
        # What has to be made first is made on the I/O thread.
        return Call(self._lane, work, undo, first if self._ready else None)

    def _ask(self, method: str, what: str = "") -> Reply:
        """The answer to a question that does not wait; the calling thread does."""
        asked = Asked(self._path + what, method=method, keyed=method != "GET")
        return self._call(lambda call: self._ask_once(call, asked), first=asked).blocking()

    def _asked(self, what: str, knobs: Mapping[str, Any], body: bytes = b"", kind: str | None = None) -> Asked:
        """What `_stand` and `_ask_once` are to ask."""
        return Asked(f"{self._path}{what}{query(**knobs)}", body, kind)

    async def _ask_once(self, call: Call[Any], asked: Asked) -> Reply:
        """What can be granted at once, or not at all."""

        async def ask() -> Reply:
            headers = asked.headers(call.key)
            return await call.lane.wire.ask(asked.method, asked.path, body=asked.body, headers=headers)

        async with self._turn(call):
            reply, call.answer = call.answer or await ask(), None
            return self._heard(reply)

    async def _stand(self, call: Call[Any], op: str, asked: Asked) -> tuple[Reply, bool]:
        """Stands in line until it is this call's turn; says whether it had to wait.

        The first request hardly waits, but it takes a place in line. So the calls of this process have
        their places in the order in which they were made, whichever connection is faster.
        """

        async def ask(wait: float) -> Reply:
            headers = asked.headers(call.key)
            return await call.lane.wire.ask("POST", asked.waiting(wait), body=asked.body, headers=headers, wait=wait)

        async with self._turn(call):
            call.keyed = True
            reply, call.answer = call.answer or await ask(MOMENT), None
        waited = False
        while reply.status in (408, 429):
            if reply.status == 429 and reply.problem.code != "queue_full":
                await asyncio.sleep(float(reply.headers.get("Retry-After", 1)))
            waited, call.stands = True, op
            reply = await ask(SLICE)
        if waited:
            await self._let_pass(call)
        return self._heard(reply), waited

    def _heard(self, reply: Reply) -> Reply:
        """If somebody deleted it, the next call makes it again, as it was to be."""
        if reply.status in (404, 409, 410) and reply.problem.code in ("not_found", "conflict", "deleted"):
            self._ready = False
        return reply

    def _turn(self, call: Call[Any]) -> Turn:
        """The calls of this process to one thing begin one after another."""
        return Turn(self, call)

    async def _let_pass(self, call: Call[Any]) -> None:
        """A wait is over. If a call of this process is what ended it, that one goes on first, as in asyncio."""
        async with call.lane.passing:
            await call.lane.turn.passed(LET_PASS)

    async def _make(self, lane: Lane) -> None:
        if self._private and self._path + self._force not in lane.io.private:
            # Before it is made: who asks for that may be cancelled.
            lane.io.private[self._path + self._force] = lane.wire
            weakref.finalize(self, _forget, lane.io, self._path + self._force).atexit = False
        wanted = self._configuration()
        if wanted is not None:
            headers = {"If-None-Match": "*", "Content-Type": "application/json"}
            reply = await lane.wire.ask("PUT", self._path, body=json.dumps(wanted).encode(), headers=headers)
            if reply.status == 412:
                self._compare(wanted, reply.problem.said.get("configuration", {}))
            else:
                reply.good()
        self._ready = True

    def _compare(self, wanted: dict[str, Any], there: dict[str, Any]) -> None:
        for field, value in wanted.items():
            if not _same(value, there.get(field)):
                raise Mismatch(
                    f"{self._kind} {self._name}: this program wants {field} {value!r}, but it exists with "
                    f"{there.get(field)!r}. Ask for that, take another name, or delete it first"
                )


class Turn:
    """What a call is in until it has its answer, or its place in line."""

    __slots__ = ("_call", "_thing")

    def __init__(self, thing: Thing, call: Call[Any]) -> None:
        self._thing, self._call = thing, call

    async def __aenter__(self) -> None:
        call = self._call
        in_line_since.set(call.since or time.monotonic())
        if not call.has_turn:
            await call.lane.turn.acquire(call.came)
        call.since, call.has_turn = None, False
        if not self._thing._ready and call.answer is None:
            try:
                await self._thing._make(call.lane)
            except BaseException:
                self._leave()
                raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        in_line_since.set(None)
        self._call.lane.turn.release()


def _same(wanted: Any, there: Any) -> bool:
    """Of what has parts, those count that were asked for."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(_same(value, there.get(part)) for part, value in wanted.items())
    return bool(wanted == there)


def _again(kind: type[Any], settings: dict[str, Any]) -> Any:
    return kind(**settings)


def _forget(io: Io, path: str) -> None:
    """A private thing that nobody has any more."""
    wire = io.private.get(path)
    # What is found only while the program ends goes with the rest that is its own.
    if wire is not None and io.pid == os.getpid() and io.spawn(wire.ask("DELETE", path)):
        io.private.pop(path, None)
