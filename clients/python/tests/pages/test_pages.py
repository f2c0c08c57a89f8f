"""The pages for users of Python are true: each block runs as it stands, and prints what is shown below it."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.child import Child, environment
from support.server import ROOT, Server
from support.until import PATIENCE

RUN = {"README.md": ["python"], "docs/asyncio.md": ["python", "sh"], "docs/habits.md": ["python", "sh"]}
"""Those of the README in other languages are run elsewhere."""


@dataclass
class Block:
    language: str
    text: str
    shown: str | None = None
    """What stands below it as its output."""


def blocks(page: str) -> list[Block]:
    found: list[Block] = []
    fences = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for language, text in fences.findall((ROOT / page).read_text()):
        if language == "text" and found:
            found[-1].shown = text
        else:
            found.append(Block(language, text))
    return found


def assert_same_lines(shown: str, printed: list[str], program: str) -> None:
    """In an order of their own, if several print; `…` stands for what differs from run to run."""
    left = list(printed)
    for line in shown.splitlines():
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        fits = next((other for other in left if pattern.fullmatch(other)), None)
        assert fits is not None, f"{line!r} was not printed by\n{program}\nbut\n" + "\n".join(printed)
        left.remove(fits)
    assert not left, f"{left} is not shown below\n{program}"


def output(block: Block, server: Server, folder: Path) -> list[str]:
    if block.language == "python":
        return Child(block.text, server.url, folder=folder).ends()
    programs = {"A": server.url, "PATH": f"{Path(os.environ['AWAITD_BIN']).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-e", "-c", block.text],
        env=environment(server.url) | programs,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, f"{block.text}\n{done.stdout}{done.stderr}"
    return done.stdout.splitlines()


@pytest.mark.parametrize("page", RUN)
def test_the_blocks_run_as_they_stand(page: str, server: Server, tmp_path: Path) -> None:
    """In the order of the page, and each by itself: a program of its own, or a shell."""
    ran = 0
    for block in blocks(page):
        if block.language in RUN[page]:
            printed = output(block, server, tmp_path)
            assert_same_lines(block.shown or "", printed, block.text)
            ran += 1
    assert ran > 0, f"{page} has no block that runs"


@pytest.mark.parametrize("page", ["docs/asyncio.md", "docs/habits.md"])
def test_every_block_is_run(page: str) -> None:
    """But for what is shown as the output of one, and for what stands to be typed into a terminal."""
    assert {block.language for block in blocks(page)} <= {"python", "sh"}
