"""Programs of their own, for tests in which one must die."""

import subprocess
import sys
import textwrap
from typing import Self


class Program:
    """A Python program that says lines, which the test awaits."""

    def __init__(self, code: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def says(self) -> str:
        """Its next line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.communicate()

    def ends(self) -> int:
        """Its exit status; its standard input is closed."""
        self._process.communicate()
        return self._process.returncode
