"""A server for each test, and no program that outlives it."""

from collections.abc import Iterator

import pytest

from support.child import Child
from support.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(autouse=True)
def no_child_survives() -> Iterator[None]:
    yield
    Child.kill_all()
