"""Jobs as they stand in requests and answers: in parameters, headers and JSON, and as the values of `jobs`."""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from awaitd._wire import Reply, bytes_only
from awaitd.errors import Problem
from awaitd.jobs import OCTETS, Died, Job, JobInfo, JobOptions, Leased, NewJob, Placed, ScheduledJob, Value

KEPT = ("traceparent", "tracestate")
"""Headers that are kept with a job, besides all that begin with `Job-`."""

OPTIONS = JobOptions.__required_keys__ | JobOptions.__optional_keys__

AT_ONCE_JOBS, AT_ONCE_BYTES = 1000, 2**20
"""What of a batch goes in one request."""


# Out


def instant(at: datetime) -> str:
    """RFC 3339."""
    if not isinstance(at, datetime):
        raise TypeError(f"{at!r} is no datetime; right would be datetime.now(UTC), or datetime.fromisoformat(…)")
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; right would be datetime.now(UTC), or {at!r}.astimezone()")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def knobs(options: JobOptions) -> tuple[dict[str, Any], dict[str, str]]:
    """What a put says of its job in its parameters, and in its headers."""
    if unknown := options.keys() - OPTIONS:
        raise TypeError(f"{sorted(unknown)} say nothing of a job; right would be {sorted(OPTIONS)}")
    said = _said(options)
    if "priority_key" in said:
        said["priority-key"] = said.pop("priority_key")
    headers = {"Content-Type": said.pop("content_type", OCTETS)}
    for name, value in said.pop("headers", {}).items():
        if not _kept(name):
            raise ValueError(f"{name!r} is no header of a job; right would be Job-…, traceparent or tracestate")
        headers[name] = value
    return said, headers


def fields(body: bytes, options: ScheduledJob) -> dict[str, Any]:
    """A job as an object of JSON."""
    bytes_only(body)
    try:
        written = {"body": body.decode()}
    except UnicodeDecodeError:
        written = {"body_base64": base64.b64encode(body).decode()}
    return written | _said(options)


def line(job: bytes | NewJob) -> bytes:
    """A job of a batch."""
    if isinstance(job, bytes):
        job = {"body": job}
    rest: Any = {name: value for name, value in job.items() if name != "body"}
    return json.dumps(fields(job["body"], rest), separators=(",", ":")).encode() + b"\n"


class Batch:
    """Lines that are collected until it is worth sending them."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._bytes = 0

    def add(self, job: bytes | NewJob) -> bool:
        """Whether it is."""
        self._lines.append(line(job))
        self._bytes += len(self._lines[-1])
        return len(self._lines) >= AT_ONCE_JOBS or self._bytes >= AT_ONCE_BYTES

    def take(self) -> list[bytes]:
        lines, self._lines, self._bytes = self._lines, [], 0
        return lines


def _said(options: Any) -> dict[str, Any]:
    said = {name: value for name, value in options.items() if value is not None}
    if "at" in said:
        said["at"] = instant(said["at"])
    if "priority_key" in said:
        said["priority_key"] = said["priority_key"].hex()
    return said


def _kept(name: str) -> bool:
    return name.lower().startswith("job-") or name.lower() in KEPT


# In


def gotten(reply: Reply, queue: str) -> Job:
    """A job that came as the body of an answer."""
    headers = reply.headers
    left, key = headers.get("Awaitd-Expires-In"), headers.get("Awaitd-Key")
    died = None
    if "Awaitd-Died-In" in headers:
        died = Died(
            queue=headers["Awaitd-Died-In"],
            reason=headers["Awaitd-Died-Of"],  # type: ignore[arg-type]  # The server's words are ours.
            attempts=int(headers["Awaitd-Died-Attempts"]),
            error=unquote(headers.get("Awaitd-Died-Error", "")),
            died_at=_time(headers["Awaitd-Died-At"]),
        )
    return Job(
        queue=headers.get("Awaitd-Queue", queue),
        id=headers["Awaitd-Job"],
        body=reply.body,
        content_type=headers.get("Content-Type", ""),
        attempt=int(headers["Awaitd-Attempt"]),
        lease=headers.get("Location"),
        fence=int(headers["Awaitd-Fence"]),
        expires_in=None if left is None else float(left),
        waited=float(headers["Awaitd-Waited"]),
        enqueued_at=_time(headers["Awaitd-Enqueued-At"]),
        key=None if key is None else unquote(key),
        headers={name.lower(): value for name, value in headers.items() if _kept(name)},
        died=died,
    )


def listed(item: Mapping[str, Any]) -> Job:
    """A job that came in a list of gotten ones."""
    return Job(
        queue=item["queue"],
        id=str(item["job"]),
        body=_body(item) or b"",
        content_type=item.get("content_type", OCTETS),
        attempt=item["attempt"],
        lease=item.get("lease"),
        fence=item["fence"],
        expires_in=item.get("expires_in"),
        waited=item["waited"],
        enqueued_at=_time(item["enqueued_at"]),
        key=item.get("key"),
        headers=item.get("headers", {}),
        died=_died(item),
    )


def seen(item: Mapping[str, Any]) -> JobInfo:
    """A job that was looked at."""
    rank, leased = item.get("priority_key"), item.get("leased")
    return JobInfo(
        queue=item["queue"],
        id=str(item["job"]),
        state=item["state"],
        enqueued_at=_time(item["enqueued_at"]),
        ready_at=_maybe_time(item.get("ready_at")),
        expires_at=_maybe_time(item.get("expires_at")),
        attempts=item.get("attempts"),
        error=item.get("error"),
        key=item.get("key"),
        unique=item.get("unique"),
        priority_key=None if rank is None else bytes.fromhex(rank),
        max_attempts=item.get("max_attempts"),
        lease_length=item.get("lease_length"),
        headers=item.get("headers", {}),
        content_type=item.get("content_type", OCTETS),
        size=item.get("bytes"),
        body=_body(item),
        progress=_value(item.get("progress")),
        leased=None if leased is None else Leased(leased["fence"], leased.get("expires_in")),
        died=_died(item),
        result=_value(item.get("result")),
    )


def outcomes(body: bytes) -> list[Placed | Problem]:
    """What became of the lines of a batch."""
    return [_outcome(json.loads(told)) for told in body.splitlines()]


def settled(items: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Problems, and seconds that are left, or None."""
    return [_problem(item) if item["status"] >= 400 else item.get("expires_in") for item in items]


def _outcome(told: Mapping[str, Any]) -> Placed | Problem:
    return _problem(told) if told["status"] >= 400 else Placed(told["location"], told["status"] == 201)


def _problem(told: Mapping[str, Any]) -> Problem:
    return Problem(told["status"], json.dumps(told).encode())


def _body(item: Mapping[str, Any]) -> bytes | None:
    if "body_base64" in item:
        return base64.b64decode(item["body_base64"])
    body = item.get("body")
    return None if body is None else str(body).encode()


def _value(item: Mapping[str, Any] | None) -> Value | None:
    return None if item is None else Value(_body(item) or b"", item.get("content_type", OCTETS))


def _died(item: Mapping[str, Any]) -> Died | None:
    died = item.get("died")
    if died is None:
        return None
    return Died(died["queue"], died["reason"], died["attempts"], died.get("error", ""), _time(died["died_at"]))


def _time(said: str) -> datetime:
    return datetime.fromisoformat(said)


def _maybe_time(said: str | None) -> datetime | None:
    return None if said is None else _time(said)
