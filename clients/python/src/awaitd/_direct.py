"""Requests of plain methods, made on their caller's thread, which waits for the answer anyway.

A way to the I/O thread and back, or the HTTP library without a loop, costs more than such a request. So these
few lines know as much of HTTP as it takes to talk to an awaitd. What they do not know is left to the library.
"""

from __future__ import annotations

import math
import re
import socket
import time
from urllib.parse import urlsplit

from multidict import CIMultiDict

from awaitd._wire import Reply

IDLE_FOR = 15.0
"""Seconds after which a connection is not used any more, as in the library: what is between may have forgotten it."""

ODD_FOR = 60.0
"""Seconds for which the library asks after an answer that was not understood: what is between may be gone then."""

LONGEST_HEAD = 2**16
"""Bytes."""

SENDABLE = re.compile(r"[!-~]([ -~]*[!-~])?")


LENGTH = re.compile("[0-9]{1,18}")


class Odd(Exception):
    """Nothing that is understood here."""


class Direct:
    """Connections to one server, each for one thread at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._able = parts.scheme == "http" and parts.username is None and bool(SENDABLE.fullmatch(url))
        self._again_at = 0.0
        """When it can be asked again, after something odd."""
        self._address = parts.hostname or "", parts.port or 80
        self._before, self._host = parts.path, parts.netloc
        self._idle: list[tuple[socket.socket, float]] = []

    @property
    def open(self) -> bool:
        """Whether it can be asked: else the library is."""
        return self._able and time.monotonic() >= self._again_at

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str], within: float) -> Reply | None:
        """The answer; None if there is none, or none that is understood. `within`: for how long all of it, and to
        send what is asked, may take."""
        lines = [f"{method} {self._before}{path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        if not all(map(SENDABLE.fullmatch, lines)):
            return None  # The library says what is wrong.
        asked = time.monotonic()
        try:
            connection = self._connection(asked, within)
        except OSError:
            return None
        try:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            reply, lasts = _reply(connection, asked, asked + within)
        except OSError:
            connection.close()
            return None
        except Odd:
            # What is between speaks otherwise, and will do so the next time.
            self._again_at = time.monotonic() + ODD_FOR
            connection.close()
            self._let_go()
            return None
        except BaseException:  # Ctrl-C.
            connection.close()
            raise
        if lasts and self.open:
            self._idle.append((connection, reply.heard))
            self._let_go(reply.heard - IDLE_FOR)
            if not self.open:  # Another thread has closed it meanwhile.
                self._let_go()
        else:
            connection.close()
        return reply

    def close(self) -> None:
        self._able = False
        self._let_go()

    def _let_go(self, before: float = math.inf) -> None:
        """Closes the connections that have been idle since then. The oldest are the first."""
        try:
            while (oldest := self._idle[0])[1] <= before:
                self._idle.remove(oldest)
                oldest[0].close()
        except (IndexError, ValueError):
            pass  # There are none left, or another thread took it.

    def _connection(self, now: float, within: float) -> socket.socket:
        while True:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                connection = socket.create_connection(self._address, within)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            if now - since < IDLE_FOR and not _stirs(connection):
                connection.settimeout(within)
                return connection
            connection.close()


def _reply(connection: socket.socket, asked: float, until: float) -> tuple[Reply, bool]:
    """An answer, and whether there can be another one."""
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0:
        if len(got) > LONGEST_HEAD:
            raise Odd
        got += _more(connection, until)
    first, *lines = got[:end].decode("latin-1").split("\r\n")
    said = first.split(" ", 2)
    if said[0] != "HTTP/1.1" or len(said[1:]) == 0 or not re.fullmatch("[245][0-9][0-9]", said[1]):
        raise Odd
    headers = CIMultiDict[str]()
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Odd
        headers.add(name, value.strip())
    status = int(said[1])
    length, *others = headers.getall("Content-Length", ["0" if status == 204 else ""])
    if "Transfer-Encoding" in headers or others or not LENGTH.fullmatch(length):
        raise Odd
    body, left = [got[end + 4 :]], int(length) - len(got) + end + 4
    while left > 0:
        body.append(_more(connection, until))
        left -= len(body[-1])
    if left < 0:
        raise Odd
    return Reply(status, headers, b"".join(body), asked, time.monotonic()), headers.get(
        "Connection", ""
    ).lower() != "close"


def _more(connection: socket.socket, until: float) -> bytes:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
    got = connection.recv(2**16)
    if not got:
        raise ConnectionResetError
    return got


def _stirs(connection: socket.socket) -> bool:
    """Whether it has ended, or something was said on it that nobody asked."""
    connection.settimeout(0)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
