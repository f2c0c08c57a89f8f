"""A server as a process of its own, which can be killed and comes back with what it had."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from support.until import until

ROOT = Path(__file__).parents[4]


def binary() -> Path:
    """The program that `cargo build` makes, or the one that is named."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("AWAITD_BIN", target / "debug/awaitd"))
    assert path.is_file(), f"{path} is not there: `cargo build` makes it, AWAITD_BIN names another one"
    return path


class Server:
    """The real one, on a port that it found itself."""

    def __init__(self, folder: Path, *flags: str, program: Path | None = None) -> None:
        self.data, self.flags, self.program = folder / "awaitd-data", flags, program or binary()
        self.port = 0
        self.log: list[str] = []
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Where it was before, with what it had."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWAITD_")}
        listen = ["--listen", f"127.0.0.1:{self.port}", "--data-dir", str(self.data)]
        self.process = subprocess.Popen(
            [self.program, "serve", *listen, *self.flags],
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        told = threading.Event()
        threading.Thread(target=self._follow, args=(self.process, told), daemon=True).start()
        told.wait()
        assert self.process.poll() is None, "".join(self.log)
        until("the server is ready", lambda: self.answers("/readyz"))

    def _follow(self, process: "subprocess.Popen[str]", told: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line)
            if found := re.search(r"http://127\.0\.0\.1:([1-9]\d*)", line):
                self.port = int(found[1])
                told.set()
        process.wait()
        told.set()

    def kill(self) -> None:
        """As kill -9 does."""
        self.process.kill()
        self.process.wait()

    def answers(self, path: str) -> bool:
        try:
            urllib.request.urlopen(self.url + path, timeout=5).close()
        except OSError:
            return False
        return True

    def state(self, path: str) -> dict[str, Any]:
        """What is said of a thing; nothing if it does not exist."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                said: dict[str, Any] = json.load(answer)
                return said
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return {}

    def text(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            said: str = answer.read().decode()
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

    def stop(self) -> None:
        """The end of a test: what it said is shown by pytest if that failed."""
        self.kill()
        sys.stderr.write("the server's log:\n" + "".join(self.log))
