"""What the clients can say of jobs, and ask about them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from awaitd import AsyncClient, Client, Job, NewJob, Placed, Problem, Redriven, ScheduledJob, Unreachable, Value


@pytest.fixture
def client(awaitd: str) -> Client:
    return Client(awaitd)


def bodies(jobs: list[Job]) -> list[bytes]:
    return [job.body for job in jobs]


def test_a_queue_can_be_told_everything(client: Client, name: str) -> None:
    told = client.configure_queue(
        name,
        maxsize=5,
        order="priority",
        lease=60,
        max_attempts=3,
        backoff={"min": 0.5, "max": 60, "factor": 1.5, "jitter": 0},
        dead_letter=f"{name}-dead",
        ttl=3600,
        full="drop_oldest",
        max_bytes=1_000_000,
        max_leased=10,
        max_dead=20,
        rate={"per_second": 100, "burst": 5},
        concurrency=4,
        key_concurrency=2,
        fair=True,
        retain=60,
    )
    assert told["backoff"] == {"min": 0.5, "max": 60, "factor": 1.5, "jitter": 0}
    assert told["rate"] == {"per_second": 100, "burst": 5}
    assert (told["max_attempts"], told["dead_letter"], told["ttl"], told["full"]) == (
        3,
        f"{name}-dead",
        3600,
        "drop_oldest",
    )
    # What is left out has its default.
    told = client.configure_queue(name, order="priority", backoff={"min": 0})
    assert (told["maxsize"], told["max_attempts"], told["dead_letter"], told["retain"]) == (1000, 25, None, 300)
    assert told["backoff"] == {"min": 0, "max": 600, "factor": 2, "jitter": 0.1}
    with pytest.raises(Problem, match="max_attempts") as caught:
        client.configure_queue(name, max_attempts=0)
    assert caught.value.code == "invalid_parameter"


def test_a_job_comes_with_all_that_was_said_of_it(client: Client, name: str) -> None:
    headers = {"Job-Sender": "ann", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    placed = client.put(name, b"hat", content_type="text/plain", key="Müller & 50%", headers=headers, lease=77)
    job = client.get(name)
    assert job and job.lease
    assert (job.queue, job.location, job.body, job.content_type) == (name, placed, b"hat", "text/plain")
    assert (job.key, job.attempt, job.died) == ("Müller & 50%", 1, None)
    assert job.headers == {name.lower(): value for name, value in headers.items()}
    assert job.expires_in and job.expires_in > 60
    assert abs(datetime.now(UTC) - job.enqueued_at) < timedelta(minutes=5)
    # Whoever gets it in a list is told the same.
    client.nack(job.lease, delay=0, error="no hats")
    [again] = client.get_many(name)
    assert (again.queue, again.id, again.body, again.content_type) == (name, job.id, b"hat", "text/plain")
    assert (again.key, again.attempt, again.headers) == (job.key, 2, job.headers)
    assert again.enqueued_at == job.enqueued_at and again.fence > job.fence
    with pytest.raises(ValueError, match="no header of a job"):
        client.put(name, b"", headers={"Content-Length": "7"})


def test_a_put_can_wait_for_its_time(client: Client, name: str) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    there = client.job(client.put(name, b"at", at=at))
    assert (there.state, there.ready_at) == ("delayed", at)
    there = client.job(client.put(name, b"delay", delay=3600))
    assert there.ready_at and there.ready_at < at
    client.put(name, b"over", at=at - timedelta(days=1))
    assert client.get(name, ack=True)
    assert client.get(name) is None
    with pytest.raises(ValueError, match="no time zone"):
        client.put(name, b"", at=datetime(2030, 1, 1))


def test_one_of_a_kind(client: Client, name: str) -> None:
    first = client.put(name, b"1", unique="daily report")
    again = client.put(name, b"2", unique="daily report")
    assert (first.new, again.new, again) == (True, False, first)
    job = client.get(name)
    assert job and job.lease
    client.done(job.lease)
    assert client.put(name, b"3", unique="daily report").new


def test_one_job_of_a_key_at_a_time(client: Client, name: str) -> None:
    for body, key in [(b"a1", "a"), (b"a2", "a"), (b"b1", "b")]:
        client.put(name, body, key=key)
    first, other = client.get(name), client.get(name)
    assert first and first.lease and other
    assert (first.body, other.body, client.get(name)) == (b"a1", b"b1", None)
    client.done(first.lease)
    assert bodies(client.get_many(name)) == [b"a2"]


def test_priorities(client: Client, name: str) -> None:
    client.configure_queue(name, order="priority")
    for body, priority in [(b"late", 7), (b"soon", -1), (b"later", 8)]:
        client.put(name, body, priority=priority)
    assert bodies(client.get_many(name)) == [b"soon", b"late", b"later"]
    there = client.job(client.put(name, b"by bytes", priority_key=b"\x01\xff"))
    assert there.priority_key == b"\x01\xff"


def test_a_job_that_fails_again_and_again_is_dead(client: Client, name: str) -> None:
    dead = f"{name}-dead"
    client.configure_queue(name, max_attempts=2, backoff={"min": 0}, dead_letter=dead)
    placed = client.put(name, b"bad", key="k")
    for error in ("once", "twice: ä"):
        job = client.get(name)
        assert job and job.lease
        client.nack(job.lease, error=error)
    job = client.get(dead)
    assert job and job.lease and job.died
    assert (job.body, job.key, job.attempt) == (b"bad", "k", 1)
    assert (job.died.queue, job.died.reason, job.died.attempts) == (name, "max_attempts", 2)
    assert job.died.error == "twice: ä"
    assert abs(datetime.now(UTC) - job.died.died_at) < timedelta(minutes=5)
    client.nack(job.lease, delay=0)
    assert client.job(job.location).died == job.died
    with pytest.raises(Problem):
        client.job(placed)
    # When whoever repaired it wants it tried again, it goes to where it came from.
    assert client.redrive(dead) == Redriven(1, 0)
    [job] = client.get_many(name)
    assert (job.body, job.attempt) == (b"bad", 1)


def test_giving_back(client: Client, name: str) -> None:
    """Uncounted, at once, and after the queue's backoff."""
    client.configure_queue(name, backoff={"min": 3600, "max": 7200})
    placed = client.put(name, b"job")

    def lease() -> str:
        job = client.get(name)
        assert job and job.lease
        return job.lease

    client.nack(lease(), defer=True, delay=0)
    assert (client.job(placed).state, client.job(placed).attempts) == ("ready", 0)
    client.nack(lease(), delay=0)
    assert (client.job(placed).state, client.job(placed).attempts) == ("ready", 1)
    client.nack(lease(), error="not today")
    [there] = client.jobs(name, state="delayed")
    assert (there.attempts, there.error) == (2, "not today")
    assert there.ready_at and there.ready_at > datetime.now(UTC) + timedelta(minutes=30)


def test_giving_up(client: Client, name: str) -> None:
    """A job that is not worth another attempt is dead at once, alone and among many."""
    client.configure_queue(name, max_attempts=9)
    for error in ("no such user", "no such town"):
        client.put(name, error.encode())
    first, second = (job.lease for job in client.get_many(name, max=2))
    assert first and second
    with pytest.raises(Problem):
        client.nack(first, dead=True, delay=0)
    client.nack(first, dead=True, error="no such user")
    client.settle(name, nack=[{"lease": second, "dead": True, "error": "no such town"}])
    there = client.jobs(name, state="dead")
    assert [(job.attempts, job.error) for job in there] == [(1, "no such user"), (1, "no such town")]


def test_a_result_is_awaited(awaitd: str, name: str) -> None:
    async def main() -> None:
        async with AsyncClient(awaitd) as client:
            placed = await client.put(name, b"6 * 7")
            with pytest.raises(Problem) as caught:
                await client.result(placed)
            assert caught.value.code == "not_done"
            waits = asyncio.create_task(client.result(placed, wait=30))
            job = await client.get(name)
            assert job and job.lease
            await client.progress(job.lease, b'{"percent": 50}', content_type="application/json")
            there = await client.job(placed)
            assert there.progress == Value(b'{"percent": 50}', "application/json")
            assert (there.state, there.leased and there.leased.fence) == ("leased", job.fence)
            await client.done(job.lease, b"42", content_type="text/plain")
            assert await waits == Value(b"42", "text/plain") == await client.result(placed)
            assert (await client.job(placed)).result == Value(b"42", "text/plain")
            [done] = [info async for info in client.jobs(name, state="done")]
            assert (done.id, done.state) == (job.id, "done")

    asyncio.run(main())


def test_a_batch_tells_of_each_job(client: Client, name: str) -> None:
    client.configure_queue(name, maxsize=5)
    jobs: list[bytes | NewJob] = [
        b"plain",
        {"body": b"\xff\x00", "unique": "u", "content_type": "image/x"},
        {"body": b"again", "unique": "u"},
        {"body": b"bad", "ttl": -1},
        {"body": "ä\n".encode(), "key": "k", "headers": {"Job-A": "1"}, "at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"body": b"later", "delay": 3600},
    ]
    outcomes = list(client.put_batch(name, jobs))
    assert [isinstance(outcome, Placed) for outcome in outcomes] == [True, True, True, False, True, True]
    placed = [outcome for outcome in outcomes if isinstance(outcome, Placed)]
    assert [outcome.new for outcome in placed] == [True, True, False, True, True]
    assert placed[1] == placed[2]
    bad = outcomes[3]
    assert isinstance(bad, Problem) and (bad.status, bad.code) == (400, "invalid_parameter") and "ttl" in bad.detail
    got = client.get_many(name)
    assert bodies(got) == [b"plain", b"\xff\x00", "ä\n".encode()]
    assert (got[1].content_type, got[2].key, got[2].headers) == ("image/x", "k", {"job-a": "1"})
    [refused] = list(client.put_batch(name, [b"1", b"2", b"3", b"4", b"5"]))[4:]
    assert isinstance(refused, Problem) and refused.code == "queue_full"


def test_a_long_batch_is_sent_in_pieces(client: Client, name: str) -> None:
    """As it comes, so that nobody has to have all of it at one time."""
    client.configure_queue(name, maxsize=0)
    drawn = 0

    def numbers() -> Iterator[bytes]:
        nonlocal drawn
        for number in range(2500):
            drawn += 1
            yield b"%d" % number

    outcomes = client.put_batch(name, numbers())
    first = next(outcomes)
    assert isinstance(first, Placed) and drawn <= 1000
    assert 1 + sum(isinstance(outcome, Placed) for outcome in outcomes) == 2500 == drawn
    assert bodies(client.get_many(name, 1000)) == [b"%d" % number for number in range(1000)]
    ids = [int(info.id) for info in client.jobs(name, state="ready")]
    assert len(ids) == 1500 and ids == sorted(ids)
    page, cursor = client.jobs_page(name, limit=2, body=True)
    assert [(info.state, info.body, info.size) for info in page] == [("leased", b"0", 1), ("leased", b"1", 1)]
    assert [info.body for info in client.jobs_page(name, limit=1, cursor=cursor)[0]] == [None]


def test_a_batch_goes_on_behind_a_job_that_is_too_large(client: Client, name: str) -> None:
    large, left, right = client.put_batch(name, [b"x" * 3_000_000, b"left", b"right"])
    assert isinstance(large, Problem) and (large.status, large.code) == (413, "too_large")
    assert isinstance(left, Placed) and isinstance(right, Placed)
    assert bodies(client.get_many(name)) == [b"left", b"right"]
    assert list(client.put_batch(name, [])) == []


def test_a_batch_of_what_comes_by_and_by(awaitd: str, name: str) -> None:
    async def jobs() -> AsyncIterator[bytes | NewJob]:
        for number in range(3):
            await asyncio.sleep(0)
            yield {"body": b"%d" % number, "priority": -number}

    async def main() -> None:
        async with AsyncClient(awaitd) as client:
            await client.configure_queue(name, order="priority")
            assert [isinstance(outcome, Placed) async for outcome in client.put_batch(name, jobs())] == [True] * 3
            assert bodies(await client.get_many(name, 2)) == [b"2", b"1"]

    asyncio.run(main())


def test_a_batch_that_was_cut_is_not_sent_again(name: str) -> None:
    """Its jobs would be there twice, if the server had heard of them."""

    async def main() -> None:
        heard: list[bytes] = []

        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        server = await asyncio.start_server(cut, "127.0.0.1")
        host, port = server.sockets[0].getsockname()
        async with server, AsyncClient(f"http://{host}:{port}") as client:
            with pytest.raises(Unreachable, match="may have heard"):
                async for _ in client.put_batch(name, [b"1"]):
                    pass
        assert [head.split()[0] for head in heard] == [b"POST"]

    asyncio.run(main())


def test_from_several_queues(client: Client, name: str) -> None:
    urgent, normal = f"{name}-urgent", f"{name}-normal"
    assert client.get_any([urgent, normal]) is None
    for number in range(3):
        client.put(normal, b"n%d" % number)
        client.put(urgent, b"u%d" % number)
    job = client.get_any([urgent, normal])
    assert job and (job.queue, job.body) == (urgent, b"u0")
    assert bodies(client.get_many([urgent, normal], 3)) == [b"u1", b"u2"]
    got = client.get_any([urgent, normal], order="fair", wait=30, ack=True)
    assert got and (got.queue, got.body, got.lease) == (normal, b"n0", None)
    [one, two] = client.get_many([urgent, normal], order="fair", ack=True)
    assert (one.queue, one.body, one.lease, one.expires_in, two.body) == (normal, b"n1", None, None, b"n2")
    assert client.get_many(normal, wait=0.01) == []


def test_many_leases_are_settled_at_once(client: Client, name: str) -> None:
    for number in range(4):
        client.put(name, b"%d" % number)
    leases = [job.lease or "" for job in client.get_many(name)]
    client.done(leases[0])
    lost = client.get(name)
    assert lost is None
    settled = client.settle(
        name,
        done=[leases[0], leases[1]],
        nack=[{"lease": leases[2], "delay": 3600, "error": "not now"}],
        renew=[{"lease": leases[3], "length": 90}, {"lease": leases[2]}],
    )
    assert (settled.done, settled.nack) == ([None, None], [None])
    kept, gone = settled.renew
    assert isinstance(kept, float) and kept > 60
    assert isinstance(gone, Problem) and (gone.status, gone.code) == (410, "lease_lost")
    [later] = client.jobs(name, state="delayed")
    assert (later.attempts, later.error) == (1, "not now")


def test_an_operator_looks_and_acts(client: Client, name: str) -> None:
    placed = [client.put(name, b"%d" % number, key=f"k{number % 2}") for number in range(4)]
    assert [info.key for info in client.jobs(name, key="k1")] == ["k1", "k1"]
    client.pause(name)
    assert client.state("queues", name)["paused"] is True
    assert client.get(name) is None
    client.resume(name)
    held = client.get(name)
    assert held and held.lease
    client.cancel(placed[1])
    with pytest.raises(Problem) as caught:
        client.cancel(held.location)
    assert caught.value.code == "leased"
    client.cancel(held.location, force=True)
    with pytest.raises(Problem) as caught:
        client.done(held.lease)
    assert caught.value.code == "lease_lost"
    other = f"{name}-other"
    assert client.redrive(name, to=other, limit=1) == Redriven(1, 1)
    assert client.purge(name, state="delayed") == 0
    assert client.purge(name) == 1
    assert [job.body for job in client.get_many(other, ack=True)] == [b"2"]


def test_a_schedule_puts_jobs(client: Client, name: str) -> None:
    told = client.configure_schedule(name, "0 9 * * 1-5", name, b"report", timezone="Europe/Berlin")
    assert (told["cron"], told["timezone"], told["queue"]) == ("0 9 * * 1-5", "Europe/Berlin", name)
    assert told["catch_up"] == "one"
    assert datetime.fromisoformat(client.state("schedules", name)["next_at"]) > datetime.now(UTC)
    with pytest.raises(Problem) as caught:
        client.configure_schedule(name, "@daily", name, only_new=True)
    assert caught.value.code == "exists"
    client.configure_schedule(name, "* * * * * *", name, b"tick")
    job = client.get(name, wait=30, ack=True)
    assert job and job.body == b"tick"
    client.delete("schedules", name)
    assert client.items("schedules", prefix=name)[0] == []


def test_a_schedule_says_of_its_jobs_what_a_put_says(client: Client, name: str) -> None:
    options: ScheduledJob = {"content_type": "image/x", "key": "k", "headers": {"Job-By": "cron"}, "max_attempts": 3}
    client.configure_schedule(name, "* * * * * *", name, b"\xff", **options)
    job = client.get(name, wait=30)
    client.delete("schedules", name)
    assert job and (job.body, job.content_type, job.key, job.headers) == (b"\xff", "image/x", "k", {"job-by": "cron"})
    assert client.job(job.location).max_attempts == 3


def test_what_is_no_body_no_path_and_no_name_is_refused(client: Client, name: str) -> None:
    for wrong in ("text", {"a": 1}, None):
        with pytest.raises(TypeError, match="a body is bytes, not"):
            client.put(name, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a body is bytes, not str"):
        list(client.put_batch(name, [b"1", {"body": "2"}]))  # type: ignore[list-item]
    with pytest.raises(TypeError, match="is no datetime"):
        client.put(name, b"1", at="2030-01-01T00:00:00Z")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'header'.* say nothing of a job; right would be .*'headers'"):
        client.put(name, b"1", header={"Job-Tenant": "ann"})  # type: ignore[call-arg]
    for call in (client.cancel, client.result, client.job, client.done):
        with pytest.raises(ValueError, match="is no path of a job or a lease"):
            call("17")
    for wrong in ("two words", "a/b", "a?b=c", "ä", "..", ""):
        with pytest.raises(Problem) as caught:
            client.put(wrong, b"1")
        assert caught.value.status in (400, 404) and caught.value.detail, wrong
    with pytest.raises(Problem):
        client.state("queues", name)
