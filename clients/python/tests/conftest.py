"""The tests ask a real server: that of AWAITD_BIN, or what `cargo build -p awaitd` makes."""

import os
from pathlib import Path

import pytest

# From where it lies: pytest finds the plugin by itself once the package is installed.
from awaitd.pytest_plugin import awaitd, awaitd_server

__all__ = ["awaitd", "awaitd_server", "name"]

# The programs that tests start take the client from where it lies, as the tests do.
os.environ["PYTHONPATH"] = str(Path(__file__).parents[1] / "src")
os.environ.setdefault("AWAITD_BIN", str(Path(__file__).parents[3] / "target/debug/awaitd"))


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    return "".join(each if each.isalnum() else "-" for each in request.node.name)[:100]
