"""What all calls of `AsyncClient` are made of."""

import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from awaitd._wire import DEFAULT_URL, Reply, Wire, bytes_only, query


class Asking:
    """A server, for the event loop on which it is first used."""

    def __init__(self, url: str | None = None, *, token: str | None = None) -> None:
        self._wire = Wire(url or os.environ.get("AWAITD_URL") or DEFAULT_URL, token)

    @classmethod
    def _over(cls, wire: Wire) -> Self:
        """One with the connections that others have, too."""
        client = cls.__new__(cls)
        client._wire = wire
        return client

    @property
    def url(self) -> str:
        return self._wire.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections."""
        await self._wire.close()

    async def _ask(self, method: str, path: str, *, body: bytes = b"", **more: Any) -> Reply:
        if not isinstance(path, str) or not path.startswith("/"):
            raise ValueError(f"{path!r} is no path of a job or a lease; right would be what `put` or `get` said")
        bytes_only(body)
        return (await self._wire.ask(method, path, body=body, **more)).good()

    async def _look(self, path: str, wait: float | None, **knobs: Any) -> Reply:
        return await self._ask("GET", f"{path}{query(wait=wait, **knobs)}", wait=wait or 0)

    async def _configure(self, path: str, fields: Mapping[str, Any], only_new: bool) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} | ({"If-None-Match": "*"} if only_new else {})
        return object_of(await self._ask("PUT", path, body=json.dumps(fields).encode(), headers=headers))


def new_key() -> str:
    """An `Idempotency-Key` that no other request has."""
    return uuid4().hex


def object_of(reply: Reply) -> dict[str, Any]:
    told: dict[str, Any] = reply.json()
    return told


def generation_of(reply: Reply) -> int:
    return int(reply.headers["Awaitd-Generation"])
