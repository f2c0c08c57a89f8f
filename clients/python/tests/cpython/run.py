"""CPython's own tests of asyncio's queues and locks, on the drop-in and a real server.

    python3.13 clients/python/tests/cpython/run.py

They are those of the running Python, which must be 3.13 or newer and have its tests installed. They know
nothing of a network, so two things are lent to them: `sleep(0)`, by which they let other tasks go on, waits
until the server knows of all that these have asked; and the private fields into which they look are read from the
server. With `--bare` they get neither, and the run only says how many pass.

`cannot.txt` names the tests that cannot pass, each with its reason. It is an error if another one fails,
and if one of these passes, unless it stands behind a `?`: that one passes by chance.
"""

import argparse
import asyncio
import importlib
import inspect
import os
import subprocess
import sys
import types
import unittest
from pathlib import Path
from typing import Any

import awaitd.asyncio
from awaitd.testing import Server

sys.path.insert(0, str(Path(__file__).parent))
import lent

os.environ.setdefault("AWAITD_BIN", str(Path(__file__).parents[4] / "target/debug/awaitd"))

MODULES = ("test.test_asyncio.test_queues", "test.test_asyncio.test_locks")
HANGS_AFTER = 10.0
"""Seconds. Some of those that cannot pass wait for what never comes."""

CANNOT = Path(__file__).with_name("cannot.txt")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bare", action="store_true", help="with nothing lent: says how many pass, and exits with 0")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="only these, as in cannot.txt")
    arguments = parser.parse_args()
    try:
        importlib.import_module("test.test_asyncio")
    except ImportError as error:
        print(f"left out: this Python has no tests of its own ({error})")
        return 0
    if sys.version_info < (3, 13):
        print("left out: the tests of Python 3.13 or newer are meant")
        return 0
    if arguments.bare and not arguments.tests:
        return one_by_one()
    with Server("--metrics-max-names", "100000") as server:
        results = run(server.url, arguments.bare, arguments.tests)
    failed = {name for name, error in results.items() if error}
    print(f"{len(results) - len(failed)} of {len(results)} pass")
    return len(failed) if arguments.tests else compare(results, failed)


def one_by_one() -> int:
    """With nothing lent some wait for ever, even for their end: each has a process of its own."""
    names = [name for module in MODULES for name in tests(importlib.import_module(module))]
    passed = 0
    for name in names:
        command = [sys.executable, __file__, "--bare", name]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                passed += process.wait(HANGS_AFTER) == 0
            except subprocess.TimeoutExpired:
                process.terminate()
    print(f"{passed} of {len(names)} pass with nothing lent")
    return 0


def run(url: str, bare: bool, only: list[str]) -> dict[str, str]:
    """Each test, and how it failed, if it did."""
    os.environ["AWAITD_URL"] = url
    given: Any = awaitd.asyncio if bare else lent.module
    # It is looked up when it is first needed, and takes the asyncio of that moment.
    importlib.import_module("unittest.async_case")
    results: dict[str, str] = {}
    for module in MODULES:
        for name, test in tests(under(given, module)).items():
            if not only or name in only:
                results[name] = verdict(test)
                print("fails " if results[name] else "passes", name, flush=True)
    return results


def under(given: Any, name: str) -> types.ModuleType:
    """A module of tests that takes this for asyncio."""
    real = sys.modules["asyncio"]
    sys.modules["asyncio"] = given
    try:
        return importlib.import_module(name)
    finally:
        sys.modules["asyncio"] = real


def tests(module: types.ModuleType) -> dict[str, unittest.TestCase]:
    def flat(suite: unittest.TestSuite) -> list[unittest.TestCase]:
        return [test for each in suite for test in (flat(each) if isinstance(each, unittest.TestSuite) else [each])]

    found = flat(unittest.defaultTestLoader.loadTestsFromModule(module))
    return {".".join(test.id().split(".")[-2:]): test for test in found}


def verdict(test: unittest.TestCase) -> str:
    """How it failed, or nothing. One that hangs has failed."""
    method = getattr(test, test._testMethodName)
    if inspect.iscoroutinefunction(method):

        async def limited() -> None:
            async with asyncio.timeout(HANGS_AFTER):
                await method()

        setattr(test, test._testMethodName, limited)
    result = unittest.TestResult()
    test.run(result)
    problems = result.errors + result.failures
    return problems[0][1] if problems else ""


def compare(results: dict[str, str], failed: set[str]) -> int:
    lines = [line.split(maxsplit=1) for line in CANNOT.read_text().splitlines() if line and line[0] not in "# "]
    reasons = dict(lines)
    chance = {name.removeprefix("?") for name in reasons if name.startswith("?")}
    cannot = reasons.keys() - {f"?{name}" for name in chance}
    for name in sorted(failed - cannot - chance):
        print(f"\n{name} fails, and {CANNOT.name} does not name it:\n{results[name]}")
    for name in sorted(cannot - failed):
        print(f"\n{name} {'passes' if name in results else 'is gone'}, and {CANNOT.name} names it: {reasons[name]}")
    print(f"{len(cannot)} cannot pass, and {len(chance)} by chance alone, for the reasons in {CANNOT.name}")
    return 0 if failed - chance == cannot else 1


if __name__ == "__main__":
    sys.exit(main())
