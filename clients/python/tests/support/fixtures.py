"""A server for each test, whose log is shown if the test fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.child import Child
from support.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_child_survives() -> Iterator[None]:
    yield
    Child.kill_all()
