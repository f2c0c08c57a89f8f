"""A server as a process of its own, asked what the clients do not say."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from awaitd import testing
from support.until import until

ROOT = Path(__file__).parents[4]


class Server(testing.Server):
    """It keeps what it is told, so that it can be killed and comes back with it."""

    def __init__(self, *flags: str, binary: str | None = None) -> None:
        super().__init__(*flags, memory=False, binary=binary)

    def text(self, path: str) -> str:
        """The body of an answer."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            said: str = answer.read().decode()
            return said

    def state(self, path: str) -> dict[str, Any]:
        """What is said of a thing; nothing if it does not exist."""
        try:
            said: dict[str, Any] = json.loads(self.text(path))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return {}
        return said

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of the series that have these labels."""
        total = 0.0
        for line in self.text("/metrics").splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(f'{k}="{v}"' in series for k, v in labels.items()):
                total += float(value)
        return total

    def until_waiting(self, kind: str, name: str, op: str, count: int) -> None:
        """Goes on once exactly so many wait there."""
        what = f"{count} wait at the {kind} {name} to {op}"
        until(what, lambda: self.metric("awaitd_waiters", kind=kind, name=name, op=op) == count)
