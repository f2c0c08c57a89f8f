"""What a program shows to be let in, and that nobody but the server sees it."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from awaitd import AsyncClient, Client, Problem, Unreachable
from awaitd import asyncio as drop_in
from awaitd._token import Token

TOKEN = "awd_secret"
UNAUTHORIZED = '{"title": "Who asks?", "code": "unauthorized", "detail": "no such token"}'


class Peer:
    """Lets in whoever shows the right token, and keeps what each request showed."""

    def __init__(self) -> None:
        self.right = TOKEN
        self.shown: list[str | None] = []
        self.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAwaitd-Generation: 1\r\n\r\n"
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                asked, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(asked,), daemon=True).start()

    def _answer(self, asked: socket.socket) -> None:
        with asked, asked.makefile("rb") as lines:
            while line := lines.readline():
                head = {}
                while (line := lines.readline().strip()) != b"":
                    name, _, value = line.decode().partition(": ")
                    head[name.lower()] = value
                lines.read(int(head.get("content-length", 0)))
                self.shown.append(head.get("authorization"))
                right = head.get("authorization") == f"Bearer {self.right}"
                refusal = f"HTTP/1.1 401 No\r\nContent-Length: {len(UNAUTHORIZED)}\r\n\r\n{UNAUTHORIZED}"
                asked.sendall((self.answer if right else refusal).encode())


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWAITD_TOKEN", raising=False)
    monkeypatch.delenv("AWAITD_TOKEN_FILE", raising=False)


def test_a_token_is_shown_with_each_request(peer: Peer) -> None:
    async def main() -> None:
        async with AsyncClient(peer.url, token=TOKEN) as client:
            assert await client.ready()
            await client.clear_event("e")

    asyncio.run(main())
    Client(peer.url, token=TOKEN).clear_event("e")
    assert peer.shown == [f"Bearer {TOKEN}"] * 3


def test_clients_with_different_tokens_are_not_mixed_up(peer: Peer) -> None:
    one, other = Client(peer.url, token=TOKEN), Client(peer.url, token="awd_other")
    one.clear_event("e")
    with pytest.raises(Problem) as caught:
        other.clear_event("e")
    assert (caught.value.status, caught.value.code) == (401, "unauthorized")
    one.clear_event("e")
    assert peer.shown == [f"Bearer {TOKEN}", "Bearer awd_other", f"Bearer {TOKEN}"]


def test_the_drop_in_takes_it_from_the_environment(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWAITD_URL", peer.url)
    monkeypatch.setenv("AWAITD_TOKEN", TOKEN)
    drop_in.Event(name="e").set()
    assert set(peer.shown) == {f"Bearer {TOKEN}"}


def test_a_file_is_read_again_when_its_token_is_unknown(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("AWAITD_TOKEN_FILE", str(file))
    client = Client(peer.url)
    client.clear_event("e")
    peer.right = "awd_new"
    file.write_text("awd_new\n")
    client.clear_event("e")
    peer.right = "awd_newer"
    with pytest.raises(Problem):
        client.clear_event("e")
    file.unlink()
    with pytest.raises(Problem):
        client.clear_event("e")
    old, new = f"Bearer {TOKEN}", "Bearer awd_new"
    assert peer.shown == [old, old, new, new, new]


def test_what_is_no_token_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for wrong in ["", "\n", "awd_secret\nawd_secret", "awd secret", "awd_sécret"]:
        with pytest.raises(ValueError, match="the token is no token") as caught:
            Client(token=wrong)
        assert "cret" not in str(caught.value)
    monkeypatch.setenv("AWAITD_TOKEN", TOKEN)
    monkeypatch.setenv("AWAITD_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="both set") as caught:
        Client()
    assert TOKEN not in str(caught.value)
    monkeypatch.setenv("AWAITD_TOKEN", "")
    with pytest.raises(FileNotFoundError):
        Client()


def test_nobody_but_the_server_sees_it(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = Client(peer.url, token=TOKEN)
    assert TOKEN not in repr(client) + repr(Token(TOKEN)) + str(Token(TOKEN))
    peer.answer = "HTTP/1.1 what is this\r\n\r\n"

    async def main() -> BaseException:
        client = AsyncClient(peer.url, token=TOKEN)
        with pytest.raises(Unreachable) as caught:
            await client._wire.ask("GET", "/v1/events/e", within=0)
        await client.close()
        return caught.value

    error: BaseException | None = asyncio.run(main())
    while error is not None:
        assert TOKEN not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__
    peer.right = "awd_other"
    with pytest.raises(Problem) as refused:
        client.clear_event("e")
    assert TOKEN not in f"{refused.value} {refused.value!r}"
    assert peer.shown and TOKEN not in caplog.text
