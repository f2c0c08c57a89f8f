"""What `pip install awaitd` brings: the package, and the server as a program."""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from awaitd.testing import Server

CLIENT = Path(__file__).parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", CLIENT.parents[1] / "target")).absolute()

PROGRAM = """
from importlib.metadata import version

from awaitd import asyncio


async def main():
    mails = asyncio.Queue(maxsize=2, name="mails")
    await mails.put("a mail")
    print(await mails.get())
    mails.task_done()
    await mails.join()


asyncio.run(main())
print("awaitd", version("awaitd"))
"""


def run(*command: str | Path, **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "AWAITD_BIN")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=CLIENT, env=environment | more)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def cargo() -> Iterator[None]:
    """For one test at a time: those with another Python build in the same place."""
    if shutil.which("cargo") is None:
        pytest.skip("there is no cargo to build the program with")
    with (TARGET / "wheel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.usefixtures("cargo")
def test_a_wheel_brings_the_package_and_the_program(tmp_path: Path) -> None:
    # As `cargo build` builds it, in the same place, so that there is nothing left to compile.
    how = ["--profile", "dev", "--strip", "false", "--locked", "--interpreter", sys.executable]
    run(sys.executable, "-m", "maturin", "build", *how, "--out", tmp_path, CARGO_TARGET_DIR=str(TARGET))
    (wheel,) = tmp_path.glob("awaitd-*.whl")
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=True)
    run(fresh / "bin/pip", "install", "--quiet", "--disable-pip-version-check", wheel)

    version = run(fresh / "bin/awaitd", "--version")
    with Server(binary=str(fresh / "bin/awaitd")) as server:
        assert run(fresh / "bin/python", "-c", PROGRAM, AWAITD_URL=server.url) == f"a mail\n{version}"
    # The fixtures find the program that was installed beside them.
    started = "from awaitd.testing import Server\nwith Server() as server: print(server.url)"
    assert run(fresh / "bin/python", "-c", started, PATH="/usr/bin:/bin").startswith("http://127.0.0.1:")


@pytest.mark.usefixtures("cargo")
def test_a_source_distribution_has_all_that_it_takes() -> None:
    # Always at the same place, so that cargo knows again what it has checked there.
    folder = TARGET / "python/sdist"
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "maturin", "sdist", "--out", folder)
    (packed,) = folder.glob("awaitd-*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    for path in source.rglob("*.rs"):
        path.touch()  # All are of one old date in there, by which cargo would not see that one has changed.
    assert (source / "src/awaitd/py.typed").is_file()
    assert (source / "LICENSE-MIT").read_text().startswith("MIT License")
    check = ["check", "--quiet", "--offline", "--package", "awaitd"]
    run("cargo", *check, "--manifest-path", source / "Cargo.toml", CARGO_TARGET_DIR=str(TARGET))
