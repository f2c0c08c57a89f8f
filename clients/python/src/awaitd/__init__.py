"""asyncio's queues, events and locks over the wire: a client of the awaitd server.

- `from awaitd import asyncio`: asyncio, with the primitives on the server
- `awaitd.AsyncClient`, `awaitd.Client`: all that the server can do, a method for each call
"""

from awaitd._codec import Codec, pickle, plain
from awaitd.blocking import Client
from awaitd.client import AsyncClient, Grant, Happened
from awaitd.errors import AwaitdError, LockLost, Mismatch, Problem, Unreachable
from awaitd.jobs import (
    Backoff,
    Died,
    Job,
    JobInfo,
    JobOptions,
    Leased,
    Nack,
    NewJob,
    Placed,
    Policy,
    QueueConfig,
    Rate,
    Redriven,
    Renewal,
    ScheduledJob,
    Settled,
    Value,
)

__all__ = [
    "AsyncClient",
    "AwaitdError",
    "Backoff",
    "Client",
    "Codec",
    "Died",
    "Grant",
    "Happened",
    "Job",
    "JobInfo",
    "JobOptions",
    "Leased",
    "LockLost",
    "Mismatch",
    "Nack",
    "NewJob",
    "Placed",
    "Policy",
    "Problem",
    "QueueConfig",
    "Rate",
    "Redriven",
    "Renewal",
    "ScheduledJob",
    "Settled",
    "Unreachable",
    "Value",
    "pickle",
    "plain",
]
