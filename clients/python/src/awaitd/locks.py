"""`Lock` and `Condition`, with asyncio's methods, on the server."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal, TypeVar
from types import TracebackType

from awaitd._io import Call
from awaitd._lease import Lease
from awaitd._permits import Hold, Permits
from awaitd._thing import NAME
from awaitd._wire import Reply, query
from awaitd.errors import LockLost

__all__ = ["Condition", "Lock"]

T = TypeVar("T")


class Lock(Permits):
    """asyncio.Lock, for all programs that name it. Not reentrant, and only its holder's process may
    release it."""

    _kind = "locks"

    def __init__(self, *, name: str | None = None, lease: float = 30.0, url: str | None = None) -> None:
        super().__init__(name, url, lease)

    def locked(self) -> bool:
        """True if somebody, here or elsewhere, has it."""
        return bool(self._state().get("locked"))

    @property
    def fence(self) -> int | None:
        """The number of the grant that is held here: larger than that of every earlier holder. Pass it to
        what the lock protects, and have it refuse one that is smaller than the last it saw."""
        return self._holds[0].lease.fence if self._holds else None

    def _settings(self) -> dict[str, Any]:
        return {"lease": self._lease}
