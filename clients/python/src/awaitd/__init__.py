"""asyncio's queues, events and locks over the wire: a client of the awaitd server.

- `from awaitd import asyncio`: asyncio, with the primitives on the server
- `awaitd.AsyncClient`, `awaitd.Client`: all that the server can do, a method for each call
"""

from awaitd._codec import Codec, pickle, plain
from awaitd.blocking import Client
from awaitd.client import AsyncClient, Grant, Happened, Job
from awaitd.errors import AwaitdError, LockLost, Mismatch, Problem, Unreachable

__all__ = [
    "AsyncClient",
    "AwaitdError",
    "Client",
    "Codec",
    "Grant",
    "Happened",
    "Job",
    "LockLost",
    "Mismatch",
    "Problem",
    "Unreachable",
    "pickle",
    "plain",
]
