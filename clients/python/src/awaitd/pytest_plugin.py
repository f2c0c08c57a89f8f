"""Fixtures for pytest: a server for the session, and `AWAITD_URL` pointing to it for a test.

The binary is that of `AWAITD_BIN`, or `awaitd` on the path. It keeps everything in memory.
"""

from collections.abc import Iterator

import pytest

from awaitd.testing import Server


@pytest.fixture(scope="session")
def awaitd_server() -> Iterator[Server]:
    """A server that all tests of the session share."""
    with Server() as server:
        yield server


@pytest.fixture
def awaitd(awaitd_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address, which is that of `AWAITD_URL` while the test runs."""
    monkeypatch.setenv("AWAITD_URL", awaitd_server.url)
    return awaitd_server.url
