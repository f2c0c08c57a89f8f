"""A server for tests: started on a free port, and stopped at the end."""

import os
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Server"]

START_WITHIN = 30.0


class Server:
    """An awaitd server, alone on a port of this machine. Where it keeps its data outlives a restart."""

    def __init__(
        self, *flags: str, memory: bool = True, data_dir: Path | None = None, binary: str | None = None
    ) -> None:
        self._binary = binary or os.environ.get("AWAITD_BIN") or _installed()
        if self._binary is None:
            raise FileNotFoundError("no server to start: set AWAITD_BIN, or have `awaitd` on the path")
        self._flags = flags
        self._scratch = tempfile.TemporaryDirectory(prefix="awaitd-")
        self._log = Path(self._scratch.name, "log")
        keep = ["--memory"] if memory else ["--data-dir", str(data_dir or Path(self._scratch.name, "data"))]
        self._keep = keep
        self._listen = "127.0.0.1:0"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens; the same after a restart."""
        return f"http://{self._listen}"

    def start(self) -> Self:
        """Starts it, and waits until it answers."""
        assert self._binary is not None
        with self._log.open("wb") as log:
            command = [self._binary, "--listen", self._listen, *self._keep, *self._flags]
            environment = {name: value for name, value in os.environ.items() if not name.startswith("AWAITD_")}
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, env=environment)
        give_up = time.monotonic() + START_WITHIN
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Ends it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it as a crash would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Nothing answers until `resume()`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Goes on after `pause()`."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._scratch.cleanup()

    def _ready(self) -> bool:
        listening = re.search(r'listening on http://([^\s"]+)', self._log.read_text(errors="replace"))
        if listening is None:
            return False
        self._listen = listening[1]
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._signal(how)
            self._process.wait()
            self._process = None

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)


def _installed() -> str | None:
    """The program that came with this package, or else one on the path."""
    beside = Path(sysconfig.get_path("scripts"), "awaitd")
    return str(beside) if beside.is_file() else shutil.which("awaitd")
