"""What can go wrong that asyncio has no name for."""

import json
from typing import Any

__all__ = ["AwaitdError", "LockLost", "Mismatch", "Problem", "Unreachable"]


class AwaitdError(Exception):
    """The base of all that this package raises of its own."""


class Problem(AwaitdError):
    """The server said no. `code` is stable and what programs match; `detail` says what would be right."""

    def __init__(self, status: int, body: bytes) -> None:
        try:
            said = json.loads(body)
        except ValueError:
            said = {}
        self.status = status
        self.said: dict[str, Any] = said if isinstance(said, dict) else {}
        self.code: str = self.said.get("code", "")
        self.detail: str = self.said.get("detail", body.decode(errors="replace"))
        super().__init__(f"{status} {self.code}: {self.detail}")


class Unreachable(AwaitdError, ConnectionError):
    """No answer from the server, for longer than is worth another try."""


class Mismatch(AwaitdError, RuntimeError):
    """There is a thing of this name already, and it is not as this program wants it."""


class LockLost(AwaitdError, RuntimeError):
    """The lease of a lock or permit ended while it was held: somebody else may hold it by now."""
