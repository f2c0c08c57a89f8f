"""What is said of jobs and their queues, in words that are those of the HTTP interface. Times are seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Required, TypedDict

from awaitd.errors import Problem

__all__ = [
    "Backoff",
    "Died",
    "Job",
    "JobInfo",
    "JobOptions",
    "Leased",
    "Nack",
    "NewJob",
    "Placed",
    "Policy",
    "QueueConfig",
    "Rate",
    "Redriven",
    "Renewal",
    "ScheduledJob",
    "Settled",
    "State",
    "Value",
]

State = Literal["ready", "delayed", "leased", "dead", "done"]

OCTETS = "application/octet-stream"


# What a program says


class Backoff(TypedDict, total=False):
    """How attempts of one job are spaced."""

    min: float
    """Seconds after the first attempt; 1 by default. With 0 each job comes back at once, to its old place."""
    max: float
    """Seconds after any attempt; 600 by default."""
    factor: float
    """So many times as long after each attempt as after the one before, 1 to 1000; 2 by default."""
    jitter: float
    """Up to so much of it more or less, 0 to 1; 0.1 by default."""


class Rate(TypedDict, total=False):
    """How many jobs are handed out in a time."""

    per_second: Required[float]
    """In the long run, 0.001 to 1,000,000."""
    burst: int
    """At once after a pause, 1 to 1,000,000; 1 by default."""


class Policy(TypedDict, total=False):
    """What a queue is told about retries, dead letters, lifetimes and limits. What is left out has its default."""

    max_attempts: int
    """A job that has failed so often is dead, 1 to 1,000,000; 25 by default."""
    backoff: Backoff
    dead_letter: str | None
    """The queue into which dead jobs go; without one they stay, dead."""
    ttl: float | None
    """Seconds for which a job may wait; then it is dead, or dropped if there is no dead letter queue."""
    full: Literal["wait", "drop_oldest"]
    """What becomes of a put into a full queue."""
    max_bytes: int | None
    """How many bytes the bodies of jobs that wait may have."""
    max_leased: int
    """How many jobs may be under lease, 1 to 100,000, which is the default; then a get waits as for an empty queue."""
    max_dead: int
    """With so many dead jobs nothing more is put, 1 to 100,000, which is the default."""
    rate: Rate | None
    concurrency: int | None
    """How many jobs may be worked on at one time, by all workers together."""
    key_concurrency: int
    """How many jobs of one key may be worked on at one time; 1 by default."""
    fair: bool
    """Keys take turns."""
    retain: float
    """Seconds for which a done job and its result are kept, up to 7 days; 300 by default."""


NEVER_LOST: Policy = {"max_attempts": 1_000_000, "backoff": {"min": 0}}
"""With what `asyncio.Queue` is made where its `policy=` says nothing: an item comes back at once, however often."""


class QueueConfig(Policy, total=False):
    """All that a queue can be told."""

    maxsize: int
    """How many jobs may wait in it; 0 is no bound. 1,000 by default."""
    order: Literal["fifo", "lifo", "priority"]
    lease: float
    """Seconds for which a job is held if its get does not say; 30 by default."""


class ScheduledJob(TypedDict, total=False):
    """What a job may have that a schedule puts."""

    content_type: str
    priority: int
    """In a queue whose order is priority: lower first, ties in the order in which they were put."""
    priority_key: bytes
    """Instead of it: any bytes, compared as such."""
    key: str
    """Jobs of one key are handed out one at a time and in order; other keys pass."""
    unique: str
    """While an unfinished job with this value exists, a put adds none."""
    ttl: float
    max_attempts: int
    lease: float
    headers: Mapping[str, str]
    """`Job-…`, `traceparent` and `tracestate`: kept with the job and sent back with it."""


class JobOptions(ScheduledJob, total=False):
    """What a put may say of its job."""

    delay: float
    """Seconds before which it is not handed out."""
    at: datetime
    """Instead of it: the time before which it is not handed out, with its time zone."""


class NewJob(JobOptions, total=False):
    """A job of a batch."""

    body: Required[bytes]


class Nack(TypedDict, total=False):
    """Of a job that is given back."""

    lease: Required[str]
    delay: float
    error: str
    defer: bool
    dead: bool


class Renewal(TypedDict, total=False):
    """Of a lease that is kept."""

    lease: Required[str]
    length: float


# What the server says


class Placed(str):
    """Where a job is: what `job()`, `result()` and `cancel()` take."""

    __slots__ = ("new",)

    new: bool
    """False if its `unique` value was there already: then this is that job, and none was added."""

    def __new__(cls, location: str, new: bool = True) -> "Placed":
        placed = super().__new__(cls, location)
        placed.new = new
        return placed


class Settled(NamedTuple):
    """What became of each lease, in the order in which they were given."""

    done: Sequence[None | Problem]
    nack: Sequence[None | Problem]
    renew: Sequence[float | Problem]
    """How many seconds that leaves."""


class Redriven(NamedTuple):
    """What became of a redrive."""

    moved: int
    left: int
    """How many would have to be moved still: the limit was reached, or the bound of a queue."""


@dataclass(frozen=True, slots=True)
class Value:
    """The result of a job, or its progress."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Died:
    """How a job died before it came to where it is."""

    queue: str
    reason: Literal["max_attempts", "ttl", "nack"]
    attempts: int
    error: str
    """What was said with its last nack."""
    died_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job, held by a lease until it is done or given back."""

    queue: str
    id: str
    body: bytes
    content_type: str
    attempt: int
    """1 at first."""
    lease: str | None
    """None with `ack=True`: then it is done already."""
    fence: int
    expires_in: float | None
    waited: float
    """Seconds since it was ready."""
    enqueued_at: datetime
    key: str | None
    headers: Mapping[str, str]
    """Those that it was put with, with names in lower case."""
    died: Died | None

    @property
    def location(self) -> str:
        return location(self.queue, self.id)


@dataclass(frozen=True, slots=True)
class Leased:
    """That somebody works on it. The lease itself is not told."""

    fence: int
    expires_in: float | None
    """None if it was gotten with `ack=True`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """A job as it is seen without touching it. What there is none of is None."""

    queue: str
    id: str
    state: State
    enqueued_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    """When its `ttl` ends."""
    attempts: int | None
    """How many it has had; not known any more of one that is done, as its `size`."""
    error: str | None
    """What was said with its last nack."""
    key: str | None
    unique: str | None
    priority_key: bytes | None
    max_attempts: int | None
    """If it was put with one of its own, as `lease_length`."""
    lease_length: float | None
    headers: Mapping[str, str]
    content_type: str
    size: int | None
    """Bytes of its body."""
    body: bytes | None
    """None in lists, unless asked for, and of a job that is done."""
    progress: Value | None
    """With an empty body in lists, unless bodies are asked for; likewise `result`."""
    leased: Leased | None
    died: Died | None
    result: Value | None

    @property
    def location(self) -> str:
        return location(self.queue, self.id)


def location(queue: str, job: str) -> str:
    """Where a job is."""
    return f"/v1/queues/{queue}/jobs/{job}"
