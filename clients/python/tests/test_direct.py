"""Plain methods ask on their caller's thread: whatever comes of that, nothing is lost, done twice or overtaken."""

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from awaitd import Client, Problem, _lane, asyncio
from awaitd._codec import plain
from awaitd._direct import IDLE_FOR, ODD_FOR, Direct
from awaitd._io import io
from awaitd.testing import Server
from support.child import Child
from support.until import PATIENCE, until

ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Said: so\r\n\r\nok"


class Peer:
    """Says the same to whatever it is asked, a few bytes at a time, and keeps what that was."""

    def __init__(self, answer: str, piece: int = 1000, pause: float = 0.0) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self._piece, self._pause = piece, pause
        self.says(answer)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def says(self, answer: str) -> None:
        """From now on."""
        self._answer = answer.encode()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self.last = connection
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError), connection:
            while asked := connection.recv(2**16):
                self.asked.append(asked)
                for start in range(0, len(self._answer), self._piece):
                    connection.sendall(self._answer[start : start + self._piece])
                    time.sleep(self._pause)
                if b"close" in self._answer.lower() or not self._answer.endswith(b"ok"):
                    return


def ask(
    direct: Direct, path: str = "/v1/it", headers: dict[str, str] | None = None, within: float = PATIENCE
) -> object:
    """What was said, if that was understood."""
    reply = direct.ask("POST", path, b"body", headers or {}, within)
    return reply and (reply.status, reply.headers["x-said"], reply.body)


@pytest.mark.parametrize("piece", [1, 1000])
def test_an_answer_is_read_however_it_comes(piece: int) -> None:
    with Peer(ANSWER, piece) as peer:
        direct = Direct(peer.url + "/before")
        for _ in range(2):
            assert ask(direct, headers={"Name": "value"}) == (200, "so", b"ok")
        asked = f"POST /before/v1/it HTTP/1.1\r\nHost: {peer.url[7:]}\r\nName: value\r\nContent-Length: 4\r\n\r\nbody"
        assert peer.asked == [asked.encode()] * 2
        assert peer.connections == 1
        direct.close()


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER.replace("content-length: 2", "Transfer-Encoding: chunked").replace("ok", "2\r\nok\r\n0\r\n\r\n"),
        ANSWER.replace("content-length: 2\r\n", ""),
        ANSWER.replace("content-length: 2", "Content-Length: 1"),
        ANSWER.replace("content-length: 2", "Content-Length: +2"),
        ANSWER.replace("content-length: 2", f"Content-Length: {'0' * 18}2"),
        ANSWER.replace("content-length: 2", "Content-Length: 2\r\nContent-Length: 3"),
        ANSWER.replace("HTTP/1.1", "HTTP/1.0"),
        ANSWER.replace("200 OK", "103 Early Hints"),
        ANSWER.replace("200 OK", "308 Permanent Redirect"),
        ANSWER.replace("X-Said: so", "so"),
        "SSH-2.0-ok\r\n\r\n",
        "x" * 2**17,
    ],
)
def test_what_is_odd_is_left_to_the_library(answer: str) -> None:
    with Peer(answer) as peer:
        direct = Direct(peer.url)
        assert ask(direct) is None
        assert not direct.open


def test_what_was_odd_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(ANSWER) as peer:
        direct = Direct(peer.url)
        assert ask(direct) == (200, "so", b"ok")
        peer.says(ANSWER.replace("HTTP/1.1", "HTTP/1.0"))
        assert ask(direct) is None
        assert not direct.open
        now = time.monotonic() + ODD_FOR
        monkeypatch.setattr("awaitd._direct.time.monotonic", lambda: now)
        assert direct.open


def test_connections_that_are_used_no_more_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(ANSWER) as peer:
        direct = Direct(peer.url)

        def kept(count: int) -> list[socket.socket]:
            """As after that many calls at the same time."""
            made = [direct._connection(time.monotonic(), PATIENCE) for _ in range(count)]
            direct._idle += [(each, time.monotonic()) for each in made]
            return made

        old = kept(3)
        now = time.monotonic() + IDLE_FOR
        monkeypatch.setattr("awaitd._direct.time.monotonic", lambda: now)
        direct._idle += [(direct._connection(now, PATIENCE), now)]
        new = kept(1)
        assert ask(direct) == (200, "so", b"ok")
        assert [each.fileno() for each in old] == [-1] * 3
        assert new[0].fileno() >= 0
        more = kept(2)
        peer.says(ANSWER.replace("HTTP/1.1", "HTTP/1.0"))
        assert ask(direct) is None
        assert [each.fileno() for each in [*more, *new]] == [-1] * 3


def test_a_connection_that_comes_back_after_the_end_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(list[Any]):
        """To which one comes back just when another thread has closed all."""

        def append(self, kept: Any) -> None:
            direct.close()
            super().append(kept)

    with Peer(ANSWER) as peer:
        direct = Direct(peer.url)
        direct._idle = Late()
        assert ask(direct) == (200, "so", b"ok")
        assert direct._idle == []
        assert not direct.open


def test_an_answer_that_trickles_is_none() -> None:
    with Peer(ANSWER, 1, pause=0.05) as peer:
        direct = Direct(peer.url)
        assert ask(direct, within=0.5) is None
        assert direct.open


@pytest.mark.parametrize("answer", ["", ANSWER[:-1], ANSWER[:20]])
def test_a_cut_connection_is_no_answer(answer: str) -> None:
    with Peer(answer) as peer:
        direct = Direct(peer.url)
        assert ask(direct) is None
        assert direct.open


def test_a_connection_that_ends_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(ANSWER.replace("X-Said", "Connection: Close\r\nX-Said")) as peer:
        direct = Direct(peer.url)
        assert [ask(direct), ask(direct)] == [(200, "so", b"ok")] * 2
        assert peer.connections == 2
    with Peer(ANSWER) as peer:
        direct = Direct(peer.url)
        assert ask(direct) == (200, "so", b"ok")
        now = time.monotonic() + IDLE_FOR
        monkeypatch.setattr("awaitd._direct.time.monotonic", lambda: now)
        assert ask(direct) == (200, "so", b"ok")
        assert peer.connections == 2
        direct.close()


@pytest.mark.parametrize("said", [b"HTTP/1.1 408 Request Timeout\r\n\r\n", b""], ids=["spoken on", "ended"])
def test_an_idle_connection_that_stirs_is_not_used_again(said: bytes) -> None:
    with Peer(ANSWER) as peer:
        direct = Direct(peer.url)
        assert ask(direct) == (200, "so", b"ok")
        peer.last.sendall(said)
        peer.last.shutdown(socket.SHUT_WR)
        ((kept, _),) = direct._idle
        assert select.select([kept], [], [], PATIENCE)[0]
        assert ask(direct) == (200, "so", b"ok")
        assert peer.connections == 2
        direct.close()


def test_nobody_smuggles_anything() -> None:
    with Peer(ANSWER) as peer:
        direct = Direct(peer.url)
        assert ask(direct, "/v1/it HTTP/1.1\r\nX: y\r\n") is None
        assert ask(direct, headers={"Content-Type": "text/plain\r\nX: y"}) is None
        assert ask(direct, headers={"Content-Type": "text/pläin"}) is None
        assert peer.connections == 0


@pytest.mark.parametrize("url", ["https://localhost", "http://me:secret@localhost", "http://höst"])
def test_what_takes_more_is_left_to_the_library(url: str) -> None:
    assert not Direct(url).open


def test_a_refused_connection_and_silence_are_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert ask(Direct(url), within=0.1) is None
    assert ask(Direct(url)) is None


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def items(server: Server, monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[int]:
    """A queue that has been used, whose calls are made on their caller's thread from now on."""
    made = asyncio.Queue[int](name="direct", url=server.url)
    assert made.empty()
    monkeypatch.setattr(_lane, "ALONE", 0)
    return made


def comes(items: asyncio.Queue[int]) -> int:
    """The next item, once it has been given back."""
    until("an item", lambda: not items.empty())
    return items.get_nowait()


def test_a_server_that_was_started_anew_is_found(server: Server, items: asyncio.Queue[int]) -> None:
    items.put_nowait(1)
    server.kill()
    server.start()  # It keeps nothing on the disk.
    items.put_nowait(2)
    assert items.get_nowait() == 2
    items.task_done()
    server.kill()
    threading.Timer(0.5, server.start).start()
    items.put_nowait(3)
    assert items.get_nowait() == 3


def test_a_server_that_is_silent_is_asked_again(server: Server, items: asyncio.Queue[int]) -> None:
    """And knows that it is the same. Who asks meanwhile comes after that."""
    server.pause()
    first = threading.Thread(target=items.put_nowait, args=[1])
    first.start()
    until("the call", lambda: io().calls)
    second = threading.Thread(target=items.put_nowait, args=[2])
    second.start()
    first.join(0.5)  # The turn is taken back.
    server.resume()
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert items.qsize() == 2
    assert [items.get_nowait(), items.get_nowait()] == [1, 2]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads")
def test_interrupted_it_gives_back_what_it_was_granted(server: Server, items: asyncio.Queue[int]) -> None:
    items.put_nowait(1)
    server.pause()
    main = threading.main_thread().ident
    assert main is not None
    # Whoever runs this in the background of a shell has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, signal.pthread_kill, [main, signal.SIGINT]).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            items.get_nowait()
    finally:
        signal.signal(signal.SIGINT, before)
    server.resume()
    assert comes(items) == 1
    until("the end of the call", lambda: not io().calls)


def test_interrupted_with_its_answer_it_gives_that_back(
    items: asyncio.Queue[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(work: Coroutine[Any, Any, Any]) -> None:
        work.close()
        raise KeyboardInterrupt

    items.put_nowait(1)
    with monkeypatch.context() as patch:
        patch.setattr("awaitd._call.at_once", interrupted)
        with pytest.raises(KeyboardInterrupt):
            items.get_nowait()
    assert comes(items) == 1
    items.task_done()
    assert items._state()["unfinished"] == 0


def test_interrupted_as_it_takes_an_item_it_gives_that_back(
    items: asyncio.Queue[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    granted = asyncio.Queue._granted
    before = set(io().keeper.leases)

    def interrupted(*more: Any) -> Any:
        held = granted(*more)
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return held

    items.put_nowait(1)
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.Queue, "_granted", interrupted)
        with pytest.raises(KeyboardInterrupt):
            items.get_nowait()
        until("the end of the call", lambda: not items.empty())
    assert io().keeper.leases <= before
    assert items.get_nowait() == 1


def test_interrupted_before_its_answer_is_seen_it_gives_back_what_that_granted(
    items: asyncio.Queue[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Direct.ask

    def interrupted(*asked: Any) -> None:
        assert heard(*asked) is not None
        raise KeyboardInterrupt

    items.put_nowait(1)
    with monkeypatch.context() as patch:
        patch.setattr(Direct, "ask", interrupted)
        with pytest.raises(KeyboardInterrupt):
            items.get_nowait()
    assert comes(items) == 1
    until("the end of the call", lambda: not io().calls)


def test_interrupted_as_it_is_lent_the_turn_it_leaves_it(
    items: asyncio.Queue[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lend = _lane.Turns.lend

    def interrupted(turn: _lane.Turns, call: Any) -> bool:
        assert lend(turn, call)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_lane.Turns, "lend", interrupted)
        with pytest.raises(KeyboardInterrupt):
            items.put_nowait(1)
    until("the turn is left", lambda: not items._lane.turn._taken)
    until("the end of the call", lambda: not io().calls)
    items.put_nowait(2)
    assert items.get_nowait() == 2


def acquired(server: Server) -> asyncio.Semaphore:
    """One of which this process has a permit, although no loop runs any more."""
    semaphore = asyncio.Semaphore(1, name="direct", url=server.url)
    asyncio.run(semaphore.acquire())
    return semaphore


def test_a_lease_that_is_lost_while_it_is_released_leaves_the_turn(
    server: Server, items: asyncio.Queue[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    semaphore = acquired(server)
    hold = semaphore._pick()
    assert hold is not None
    asks = Direct.ask

    def loses(*asked: Any) -> object:
        hold.lease.lost = True
        return asks(*asked)

    with monkeypatch.context() as patch:
        patch.setattr(Direct, "ask", loses)
        semaphore.release()
    assert not semaphore._lane.turn._taken
    assert not semaphore.locked()


def test_a_redirect_is_no_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be it asked on the I/O thread, on the caller's own or on its loop."""
    answer = ANSWER.replace("200 OK", "308 Permanent Redirect\r\nLocation: https://elsewhere/it")
    with Peer(answer) as peer:
        items, event = asyncio.Queue[int](name="moved", url=peer.url), asyncio.Event(name="moved", url=peer.url)
        for alone in (_lane.ALONE, 0):
            monkeypatch.setattr(_lane, "ALONE", alone)
            items._ready = alone == 0
            calls: list[Callable[[], object]] = [
                lambda: items.put_nowait(1),
                event.set,
                lambda: asyncio.run(items.put(1)),
            ]
            for asks in calls:
                with pytest.raises(Problem, match="redirects to https://elsewhere/it") as raised:
                    asks()
                assert raised.value.status == 308
        before = len(peer.asked)
        with Client(peer.url) as client, pytest.raises(Problem, match="https://elsewhere/it"):
            client.put("moved", b"1")
        assert len(peer.asked) == before + 1


def test_a_lease_that_was_dropped_is_not_lost(server: Server) -> None:
    semaphore = acquired(server)
    hold = semaphore._pick()
    assert hold is not None
    keeper = io().keeper
    keeper.drop(hold.lease)
    hold.lease.until = 0.0
    keeper._see_to(hold.lease)
    assert not hold.lease.lost
    semaphore.release()


def test_what_is_large_is_sent_by_the_other_thread(items: asyncio.Queue[str], monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    asks = Direct.ask

    def noted(direct: Direct, method: str, path: str, body: bytes, *more: Any) -> object:
        sent.append(len(body))
        return asks(direct, method, path, body, *more)

    monkeypatch.setattr(Direct, "ask", noted)
    items.put_nowait("x" * 2**15)
    items.put_nowait("x" * 2**17)
    assert len(sent) == 1 and sent[0] < 2**16
    assert [len(items.get_nowait()) for _ in range(2)] == [2**15, 2**17]


def test_what_nobody_awaits_is_not_overtaken(items: asyncio.Queue[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that cannot be read is out of the way before anything else is asked."""

    def unreadable(*_: object) -> None:
        raise ValueError("unreadable")

    items.put_nowait(1)
    gate = threading.Event()
    io().loop.call_soon_threadsafe(gate.wait, PATIENCE)
    with monkeypatch.context() as patch:
        patch.setattr(type(plain), "decode", unreadable)
        with pytest.raises(ValueError, match="unreadable"):
            items.get_nowait()
    threading.Timer(0.3, gate.set).start()
    assert items._state()["delayed"] == 1


def test_many_threads_are_in_nobodys_way(items: asyncio.Queue[int]) -> None:
    def work(which: int) -> None:
        for number in range(50):
            items.put_nowait(which + number)
            items.get_nowait()
            items.task_done()

    threads = [threading.Thread(target=work, args=[which]) for which in range(0, 400, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    state = items._state()
    assert (state["ready"], state["unfinished"]) == (0, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_connections_of_its_own(server: Server) -> None:
    program = """\
import os
import warnings
from awaitd import asyncio
warnings.simplefilter("ignore")  # Python's own, of threads.
queue = asyncio.Queue(name="forked")
for number in range(10):
    queue.put_nowait(number)
child = os.fork()
for _ in range(100):
    queue.put_nowait(os.getpid())
    assert queue.qsize() > 0
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert queue.qsize() == 210
"""
    child = Child(program, server.url)
    child.ends()
    assert child.errors == ""


def test_nothing_is_left_open(server: Server) -> None:
    program = """\
import warnings
warnings.simplefilter("always")
from awaitd import asyncio
queue = asyncio.Queue(name="closed")
for number in range(10):
    queue.put_nowait(number)
"""
    child = Child(program, server.url)
    child.ends()
    assert child.errors == ""
