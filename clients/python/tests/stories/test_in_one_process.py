"""Ordinary asyncio programs: as they are, and with nothing changed but the import."""

import sys
from pathlib import Path

import pytest

from support.child import Child
from support.server import Server

HERE = Path(__file__).parent
STORIES = sorted(path for path in HERE.glob("*.py") if not path.name.startswith(("test_", "conftest", "__")))
IN_ORDER = {"errands"}
"""Where it is the order that is told. In the others tasks run side by side."""


def changed(story: Path) -> str:
    """With the import changed, and nothing else."""
    text = story.read_text()
    assert text.count("import asyncio\n") == 1, f"{story.name} imports asyncio once"
    return text.replace("import asyncio\n", "from awaitd import asyncio\n")


def told(program: str, url: str, story: str) -> list[str]:
    lines = Child(program, url).ends()
    return lines if story in IN_ORDER else sorted(lines)


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_only_the_import_is_changed(story: Path, server: Server) -> None:
    over_the_wire = told(changed(story), server.url, story.stem)
    assert len(over_the_wire) > 1, over_the_wire
    # What has no name has gone with its program; an event is cleared, and forgotten later.
    for kind in ("queues", "locks", "semaphores", "barriers"):
        assert server.state(f"/v1/{kind}")["items"] == []
    assert not any(event["set"] for event in server.state("/v1/events")["items"])
    if story.stem == "shift" and sys.version_info < (3, 13):
        return  # asyncio's own queues cannot be shut down yet.
    # No server is there: this is asyncio itself.
    assert told(story.read_text(), "http://127.0.0.1:1", story.stem) == over_the_wire
