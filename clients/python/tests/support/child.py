"""A program as a process of its own: it says things, is told things, and can be killed."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, ClassVar

from support.until import PATIENCE

SOURCE = Path(__file__).parents[2] / "src"

PREAMBLE = """\
import sys
from pathlib import Path

from awaitd import asyncio

def say(*words):
    print(*words, flush=True)

async def told():
    "Goes on when the test says so."
    line = await asyncio.to_thread(sys.stdin.readline)
    assert line, "nobody is there to say anything"
    return line.strip()

"""


class Child:
    """Runs a Python program with this client in its path."""

    all: ClassVar["list[Child]"] = []

    def __init__(
        self,
        program: str,
        url: str,
        *arguments: str,
        folder: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=environment(url) | dict(variables or {}),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._follow, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._errors.extend, args=(self.process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        Child.all.append(self)

    def _follow(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self) -> str:
        """What it says next."""
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"it says nothing\n{self.errors}") from None
        assert line is not None, f"it ended, with {self.process.wait()}, instead of saying something\n{self.errors}"
        return line

    def said(self) -> list[str]:
        """What it has said by now, and was not heard yet."""
        lines = [self._lines.get() for _ in range(self._lines.qsize())]
        if lines and lines[-1] is None:
            self._lines.put(lines.pop())  # Its end is heard by who waits for more.
        return [line for line in lines if line is not None]

    def says(self, *lines: str) -> None:
        """Goes on once it has said exactly this."""
        for expected in lines:
            assert (said := self.line()) == expected, f"it said {said!r}, not {expected!r}\n{self.errors}"

    def tell(self, word: str = "go on") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """As kill -9 does."""
        self.process.kill()
        self.process.wait()

    @classmethod
    def kill_all(cls) -> None:
        """The end of a test."""
        while cls.all:
            cls.all.pop().kill()

    def ends(self, code: int = 0) -> list[str]:
        """What else it said before it ended by itself."""
        try:
            ended = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it hangs\n{self.errors}") from None
        assert ended == code, f"it ended with {ended}\n{self.errors}"
        rest = []
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            rest.append(line)
        return rest

    @property
    def errors(self) -> str:
        if self.process.poll() is not None:
            self._readers[1].join(PATIENCE)
        return "".join(self._errors)


def environment(url: str) -> dict[str, str]:
    """What a program finds: this client, this server, and none of what the tests themselves were told."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWAITD_")}
    return clean | {"AWAITD_URL": url, "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"}
