"""`Semaphore` and `BoundedSemaphore`, with asyncio's methods, on the server."""

from typing import Any, ClassVar

from awaitd._permits import Permits

__all__ = ["BoundedSemaphore", "Semaphore"]


class Semaphore(Permits):
    """asyncio.Semaphore, for all programs that name it.

    Each permit is a lease of its own: those of a program that dies come back. `release()` without an
    acquired permit adds one, as in asyncio.
    """

    _kind = "semaphores"
    _bounded: ClassVar[bool] = False
    _any_hold = False  # It adds one instead: others may count on theirs.

    def __init__(self, value: int = 1, *, name: str | None = None, lease: float = 30.0, url: str | None = None) -> None:
        if value < 0:
            raise ValueError("Semaphore initial value must be >= 0")
        super().__init__(name, url, lease)
        self._permits = value

    def locked(self) -> bool:
        """True if it cannot be acquired immediately: none is left, or others wait for one."""
        state = self._ask("GET").good().json()
        return bool(state["available"] == 0 or state["waiters"])

    def _release_unheld(self) -> None:
        reply = self._ask("POST", "/release")
        if reply.status == 409 and reply.problem.code == "over_bound":
            raise ValueError("BoundedSemaphore released too many times")
        reply.good()

    def _exit_unheld(self, error: BaseException | None) -> None:
        self._release_unheld()

    def _configuration(self) -> dict[str, Any]:
        return {"permits": self._permits, "bounded": self._bounded}

    def _compare(self, wanted: dict[str, Any], there: dict[str, Any]) -> None:
        # An unbounded one has more by now, if some were added.
        super()._compare(wanted if self._bounded else {"bounded": False}, there)

    def _settings(self) -> dict[str, Any]:
        return {"value": self._permits, "lease": self._lease}


class BoundedSemaphore(Semaphore):
    """A Semaphore that raises ValueError in release() if that would make more permits than there were."""

    _bounded = True
    _any_hold = True  # None can be added.

    def __init__(self, value: int = 1, *, name: str | None = None, lease: float = 30.0, url: str | None = None) -> None:
        super().__init__(value, name=name, lease=lease, url=url)
