"""Conditions are awaited, not slept for."""

import time
from collections.abc import Callable

PATIENCE = 90.0
"""Seconds after which something is said to hang: far more than a busy machine takes."""


def until(what: str, holds: Callable[[], object]) -> None:
    """Goes on once it holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"this never came: {what}"
        time.sleep(0.02)
