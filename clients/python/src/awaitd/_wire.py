"""Requests and replies: the only module that knows the HTTP library.

A request is tried again where that is safe, after a cut connection and after 503. All that must not be
done twice has an `Idempotency-Key`, by which the server knows a repeat.
"""

import asyncio
import contextvars
import functools
import io
import json
import random
import socket
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp.abc import ResolveResult
from yarl import URL

from awaitd import _tls
from awaitd._token import Token
from awaitd.errors import Problem, Unreachable

DEFAULT_URL = "http://127.0.0.1:29248"

RETRY_FOR = 30.0
"""Seconds for which a request without an answer is tried again. A restart of the server takes less."""

ANSWER_WITHIN = 10.0
"""Seconds, beyond its `wait`, after which a request is taken for lost. A stalled disk may need some."""

CONNECT_WITHIN = 5.0
WARNED_OF = 2**20
"""Bytes of a body of which aiohttp would warn, if there were more in one piece."""

PAUSE, PAUSE_MAX = 0.05, 1.0

UNHEARD = (aiohttp.ClientError, TimeoutError, OSError)
"""What is raised when there was no answer."""

in_line_since: contextvars.ContextVar[float | None] = contextvars.ContextVar("in_line_since", default=None)
"""Since when the current task has wanted to ask: it may have stood behind others that got no answer either."""


class Reply(NamedTuple):
    """An answer of the server, and when it was asked and heard by this machine's monotonic clock."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked: float
    heard: float

    @property
    def problem(self) -> Problem:
        return Problem(self.status, self.body)

    @property
    def problem_code(self) -> str | None:
        return self.problem.code if self.status >= 400 else None

    def json(self) -> Any:
        return json.loads(self.body)

    def good(self) -> "Reply":
        """Itself, unless it is a refusal: that is raised."""
        if self.status >= 400:
            raise self.problem
        return self


class Asked(NamedTuple):
    """A request that may be made again and again: one that stands in line for what it wants, until it has that."""

    path: str
    body: bytes = b""
    kind: str | None = None
    method: str = "POST"
    keyed: bool = True
    """Whether it has a key: what ends a lease is known by that."""

    def waiting(self, seconds: float) -> str:
        return f"{self.path}{'&' if '?' in self.path else '?'}wait={seconds}"

    def headers(self, key: str) -> dict[str, str]:
        headers = {"Idempotency-Key": key} if self.keyed else {}
        if self.kind:
            headers["Content-Type"] = self.kind
        return headers


_jitter = random.Random()
"""Not the one that programs may have seeded."""


class Wire:
    """Connections to one server, for the event loop on which it is made."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = base(url)
        self._token = Token(token)
        # What is wrong with its files is told here: later it would look as if nobody answered.
        self._trust = _tls.context() if self.url.startswith("https:") else None
        self._heard = 0.0
        self._session: aiohttp.ClientSession | None = None

    def silent(self, since: float) -> float:
        """For how many seconds it has answered nothing, counted from then at the earliest."""
        return time.monotonic() - max(since, self._heard)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        key: str | None = None,
        wait: float = 0.0,
        within: float = RETRY_FOR,
        twice: bool = True,
    ) -> Reply:
        """The answer, whatever it is but a redirect: that is raised. `within`: for how long it may stay away.
        `twice`: whether it may be asked again if it may have been heard before."""
        headers = headers or {}
        if key is not None:
            headers["Idempotency-Key"] = key
        since = in_line_since.get()
        silent_since = None if since is None else max(since, self._heard)
        failure: Exception = TimeoutError()
        pause, late = PAUSE, False
        while True:
            asked = time.monotonic()
            left = within - (asked - silent_since) if silent_since is not None else within
            if left < 0:
                raise Unreachable(f"no answer from {self.url}: {failure!r}")
            answer_within = round(min(ANSWER_WITHIN, left or ANSWER_WITHIN), 1) or 0.1
            try:
                reply = await self.once(method, path, body, headers, wait + answer_within)
                if 300 <= reply.status < 400:
                    raise self._elsewhere(reply)
                if reply.status != 503:
                    self._heard = reply.heard
                    if late or "Idempotency-Key" not in headers or reply.problem_code != "superseded":
                        return reply
                    # An earlier try of the same request came behind this one, and nobody waits for that.
                    late = True
                    continue
                pause = max(pause, float(reply.headers.get("Retry-After", 0)))
                failure = reply.problem
            except UNHEARD as error:
                if not twice and not isinstance(error, aiohttp.ClientConnectorError):
                    raise Unreachable(f"no answer from {self.url}, which may have heard: {error!r}") from error
                failure = error
            now = time.monotonic()
            if silent_since is None:
                # When the answer should have come, or the connection was cut.
                silent_since = max(asked, now - answer_within) if isinstance(failure, TimeoutError) else now
            if now + pause - silent_since > within:
                if isinstance(failure, Problem):
                    raise failure
                raise Unreachable(f"no answer from {self.url}: {failure!r}") from failure
            await asyncio.sleep(pause * _jitter.uniform(0.5, 1.0))
            pause = min(pause * 2, PAUSE_MAX)

    @property
    def shown(self) -> dict[str, str]:
        """The header with the token, if there is one."""
        return self._token.header

    async def once(self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
        """One try, or two if the token was another meanwhile."""
        shown = self.shown
        reply = await self._send(method, path, body, {**headers, **shown}, timeout)
        if reply.status == 401 and self._token.renewed(shown):
            reply = await self._send(method, path, body, {**headers, **self.shown}, timeout)
        return reply

    async def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Who waits keeps a connection: there is no sensible bound.
                connector=aiohttp.TCPConnector(limit=0, resolver=_Resolver(), ssl=self._trust or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        asked = time.monotonic()
        try:
            response = await self._session.request(
                method,
                URL(self.url + path, encoded=True),
                data=(io.BytesIO(body) if len(body) > WARNED_OF else body) or None,
                headers=headers,
                timeout=_timeout(timeout),
                allow_redirects=False,
            )
            said = await response.read()
            return Reply(response.status, response.headers, said, asked, time.monotonic())
        except aiohttp.ClientResponseError as error:
            # It knows what was asked, and so the token, which its `repr` would tell.
            odd = f"what came is no answer: {error.message}"
        raise aiohttp.ClientPayloadError(odd)

    def _elsewhere(self, reply: Reply) -> Problem:
        """No server of ours redirects, so what is in between was asked, and nothing was done."""
        where = reply.headers.get("Location", "nowhere")
        said = f"{self.url} redirects to {where}: the URL has to be that of the server itself"
        return Problem(reply.status, said.encode())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class _Resolver(aiohttp.ThreadedResolver):
    """Finds hosts even when the program ends, and Python has no threads to lend any more."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            return await super().resolve(host, port, family)
        except RuntimeError:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
        ]


def base(url: str) -> str:
    """A server's address as it stands before every path."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError(f"{url!r} is no address of a server; right would be for example {DEFAULT_URL}")
    return url.rstrip("/")


def bytes_only(body: object) -> None:
    """A library of HTTP would make a form of a dict."""
    if not isinstance(body, (bytes, bytearray, memoryview)):
        kind = type(body).__name__
        raise TypeError(
            f"a body is bytes, not {kind}; right would be for example text.encode() or json.dumps(it).encode()"
        )


def named(name: str) -> str:
    """A name as it stands in a path: one that is none is the server's to refuse, and leads nowhere else."""
    return quote(name, "")


@functools.lru_cache(typed=True)
def query(**knobs: Any) -> str:
    """Parameters as they follow a path. What is None or false is left out."""
    parts = []
    for name, value in knobs.items():
        if value is None or value is False:
            continue
        if value is True:
            value = "true"
        elif isinstance(value, str) and not (value.isascii() and value.isalnum()):
            value = quote(value, "/:")
        parts.append(f"{name}={value}")
    return "?" + "&".join(parts) if parts else ""


@functools.cache
def _timeout(total: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_WITHIN)
