//! Clocks that lie: the time of day is far ahead or far behind at a start, or steps while the server
//! runs. Leases and delays are measured by the clock that cannot be set; an instant is one of that which can.

use std::fs;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use awaitd_tests::{Client, Data, End, Heard, Server, package};

/// What a server's time of day is set by.
pub(super) struct Liar(String);

impl Liar {
    /// libfaketime; `None` where it cannot be had.
    pub(super) fn new() -> Option<Self> {
        let library = package("libfaketime", "libfaketime.so.1")?;
        Some(Self(format!("LD_PRELOAD={}", library.display())))
    }

    /// Starts a server whose clock is so far off: `+20d`, `-20d`.
    fn try_start(&self, data: &Data, off: &str, flags: &[&str]) -> Result<Server, String> {
        let off = format!("FAKETIME={off}");
        let program = [&["env", &self.0, &off], HONEST].concat();
        data.try_start(&program, flags).map_err(|failed| {
            assert!(failed.code.is_some_and(|code| code != 0), "{failed:?}");
            assert!(!failed.log.contains("panicked"), "{failed:?}");
            failed.log
        })
    }

    pub(super) fn start(&self, data: &Data, off: &str) -> Server {
        self.try_start(data, off, &[]).unwrap_or_else(|log| panic!("{off}: no server: {log}"))
    }

    /// Starts a server whose clock is so far off as a file says, at each moment anew.
    pub(super) fn start_by(&self, data: &Data, hand: &Hand) -> Server {
        let file = format!("FAKETIME_TIMESTAMP_FILE={}", hand.0);
        let program = [&["env", &self.0, &file, "FAKETIME_NO_CACHE=1"], HONEST].concat();
        data.start_under(&program, &[])
    }
}

/// A file that says how far off the clock of a server is that runs.
pub(super) struct Hand(String);

impl Hand {
    /// One that tells no lie yet.
    pub(super) fn of(data: &Data) -> Self {
        let hand = Self(data.folder.inside("hand"));
        hand.set("+0");
        hand
    }

    /// So far off from now on: `+20d`, `-20d`.
    pub(super) fn set(&self, off: &str) {
        fs::write(&self.0, format!("{off}\n")).expect("a file can be written");
    }
}

/// Only the time of day is a lie. Older versions of libfaketime know the second name alone.
const HONEST: &[&str] =
    &["FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"];

/// A lock that is held for a day from some moment on.
struct Day {
    lease: String,
    asked: Instant,
}

impl Day {
    async fn of(client: &Client, lock: &str) -> Self {
        let asked = Instant::now();
        let path = format!("/v1/locks/{lock}/acquire?lease=24h");
        let lease = client.post(&path, "").await.expect(201).location();
        Self { lease, asked }
    }

    /// All of the day is left but what has passed.
    async fn lasts(&self, client: &Client) {
        let left = client.get(&self.lease).await.expect(200).seconds("awaitd-expires-in");
        let due = 86_400.0 - self.asked.elapsed().as_secs_f64() - 0.1;
        assert!((due..=86_400.0).contains(&left), "{left} s are left, and {due} s should be");
    }
}

/// When a server thinks it is now: RFC 3339, so that it can be compared.
async fn today(client: &Client) -> String {
    client.post("/v1/queues/today/jobs", "").await.expect(201);
    let heard = client.post("/v1/queues/today/get?ack=true", "").await.expect(200);
    heard.header("awaitd-enqueued-at").to_owned()
}

/// How many jobs of the queue `later` are delayed.
async fn delayed(client: &Client) -> u64 {
    let view = client.get("/v1/queues/later").await.expect(200).json();
    view["delayed"].as_u64().expect("a number")
}

async fn put_later(client: &Client, delay: &str) -> Instant {
    let asked = Instant::now();
    client.post(&format!("/v1/queues/later/jobs?delay={delay}"), delay).await.expect(201);
    asked
}

/// The next job that is due, for good. One whose delay is never over is not waited for for ever.
async fn next(client: &Client) -> Heard {
    let path = "/v1/queues/later/get?wait=30s&empty=408&ack=true";
    client.post(path, "").await.expect(200)
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_is_not_believed() {
    let Some(liar) = Liar::new() else { return };
    for end in End::ALL {
        let data = Data::new();
        let server = data.start(&[]);
        let day = Day::of(&server.client(), "l").await;
        put_later(&server.client(), "1h").await;
        let before = today(&server.client()).await;
        end.of(server).await;
        let log = liar.try_start(&data, "+400d", &[]).expect_err("400 days are too many");
        let line = log.lines().find(|line| line.starts_with("awaitd: "));
        assert!(line.is_some_and(|line| line.contains("--max-clock-jump")), "{log}");
        // Nothing has happened.
        let server = data.start(&[]);
        day.lasts(&server.client()).await;
        assert_eq!(delayed(&server.client()).await, 1);
        end.of(server).await;
        // Who says that it was so long gets what he says.
        let server = liar.try_start(&data, "+400d", &["--max-clock-jump", "401d"]);
        let server = server.expect("so long is allowed");
        let client = server.client();
        assert!(today(&client).await > before, "the clock is ahead");
        let left = client.get(&day.lease).await.expect(200).seconds("awaitd-expires-in");
        assert!(left <= 10.0, "the day is over, and ten seconds are what a restart gives: {left}");
        next(&client).await;
    }
}

#[tokio::test]
async fn one_start_with_a_clock_ahead_poisons_nothing() {
    let Some(liar) = Liar::new() else { return };
    for end in End::ALL {
        let data = Data::new();
        let server = data.start(&[]);
        let before = today(&server.client()).await;
        end.of(server).await;
        let server = liar.start(&data, "+20d");
        let client = server.client();
        assert!(today(&client).await > before, "the clock is ahead");
        let day = Day::of(&client, "l").await;
        let asked = put_later(&client, "3s").await;
        put_later(&client, "1h").await;
        end.of(server).await;
        // The clock is right again, this time and the next.
        let server = data.start(&[]);
        let client = server.client();
        day.lasts(&client).await;
        assert_eq!(next(&client).await.text(), "3s");
        assert!(asked.elapsed().as_secs() >= 3, "{end:?}: early, {:?}", asked.elapsed());
        end.of(server).await;
        let server = data.start(&[]);
        let client = server.client();
        day.lasts(&client).await;
        assert_eq!(delayed(&client).await, 1);
        let asked = put_later(&client, "1s").await;
        assert_eq!(next(&client).await.text(), "1s");
        assert!(asked.elapsed().as_secs() >= 1, "{end:?}: early, {:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn one_start_with_a_clock_behind_poisons_nothing() {
    let Some(liar) = Liar::new() else { return };
    for (end, off) in [(End::Term, "-20d"), (End::Kill, "-20d"), (End::Kill, "-4000d")] {
        let data = Data::new();
        let server = data.start(&[]);
        let client = server.client();
        let before = today(&client).await;
        let old = Day::of(&client, "old").await;
        let asked = put_later(&client, "3s").await;
        put_later(&client, "1h").await;
        end.of(server).await;
        let server = liar.start(&data, off);
        let client = server.client();
        assert!(today(&client).await < before, "the clock is behind");
        old.lasts(&client).await;
        assert_eq!(next(&client).await.text(), "3s");
        assert!(asked.elapsed().as_secs() >= 3, "{off}: early, {:?}", asked.elapsed());
        let new = Day::of(&client, "new").await;
        end.of(server).await;
        // The clock is right again, this time and the next.
        for _ in 0..2 {
            let server = data.start(&[]);
            let client = server.client();
            old.lasts(&client).await;
            new.lasts(&client).await;
            assert_eq!(delayed(&client).await, 1, "{end:?}, {off}");
            assert!(today(&client).await > before, "the clock is right");
            end.of(server).await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_steps_moves_nothing() {
    let Some(liar) = Liar::new() else { return };
    let data = Data::new();
    let hand = Hand::of(&data);
    let server = liar.start_by(&data, &hand);
    let client = server.client();
    let day = Day::of(&client, "l").await;
    put_later(&client, "1h").await;
    for step in ["+20d", "-20d", "+400d", "+0"] {
        let asked = put_later(&client, "1s").await;
        hand.set(step);
        assert_eq!(next(&client).await.text(), "1s");
        assert!(asked.elapsed().as_secs() >= 1, "{step}: early, {:?}", asked.elapsed());
        day.lasts(&client).await;
        assert_eq!(delayed(&client).await, 1, "{step}");
        client.post("/v1/queues/none/get?wait=100ms&empty=408", "").await.refused(408, "empty");
    }
    // And after a start with the right clock.
    End::Kill.of(server).await;
    let server = data.start(&[]);
    day.lasts(&server.client()).await;
    assert_eq!(delayed(&server.client()).await, 1);
}

/// A job for an instant comes when the wall clock says so: it is set while the server runs, while it is away, to
/// and fro.
#[tokio::test]
async fn a_job_for_an_instant_comes_by_the_clock_as_it_is_set() {
    let Some(liar) = Liar::new() else { return };
    let data = Data::new();
    let hand = Hand::of(&data);
    let server = liar.start_by(&data, &hand);
    let client = server.client();
    let instants = [1, 2].map(|hours| Timestamp::now() + Duration::from_hours(hours));
    let instants = instants.map(|at| format!("{at:.3}"));
    for at in &instants {
        client.post(&format!("/v1/queues/later/jobs?at={at}"), at.clone()).await.expect(201);
    }
    put_later(&client, "3h").await;
    let shown = async |client: &Client| {
        let page = client.get("/v1/queues/later/jobs?state=delayed").await.expect(200).json();
        let jobs = page["items"].as_array().expect("jobs").clone();
        jobs.into_iter().map(|job| job["ready_at"].as_str().expect("an instant").to_owned())
    };
    // Whatever is asked next makes the server look at the clock.
    let notice = async |client: &Client| today(client).await;
    hand.set("-20d");
    notice(&client).await;
    assert!(shown(&client).await.take(2).eq(instants.clone()));
    hand.set("+1h");
    notice(&client).await;
    assert_eq!(next(&client).await.text(), instants[0]);
    assert_eq!(delayed(&client).await, 2);
    hand.set("-30m");
    notice(&client).await;
    End::Kill.of(server).await;
    let server = data.start(&[]);
    let client = server.client();
    assert_eq!(shown(&client).await.next().as_ref(), Some(&instants[1]));
    End::Term.of(server).await;
    let server = liar.start(&data, "+2h");
    let client = server.client();
    assert_eq!(next(&client).await.text(), instants[1]);
    assert_eq!(delayed(&client).await, 1);
}

/// What is asked first after the clock was set is judged by it as it is: what was skipped comes, and in order also
/// if the server is younger than that; what is put for an instant that was over before waits for it.
#[tokio::test]
async fn an_instant_is_one_of_the_clock_as_it_is_now() {
    let Some(liar) = Liar::new() else { return };
    let data = Data::new();
    let hand = Hand::of(&data);
    let server = liar.start_by(&data, &hand);
    let client = server.client();
    let now = Timestamp::now();
    let put = async |hours: u64| {
        let at = now + Duration::from_hours(hours);
        client.post(&format!("/v1/queues/later/jobs?at={at}"), hours.to_string()).await.expect(201);
    };
    for hours in [3, 1, 2] {
        put(hours).await;
    }
    hand.set("+1d");
    for hours in ["1", "2", "3"] {
        assert_eq!(next(&client).await.text(), hours);
    }
    hand.set("+0");
    put(1).await;
    assert_eq!(delayed(&client).await, 1);
}

/// Whoever could not renew while the server was away has ten seconds for it, once.
#[tokio::test]
async fn a_lease_whose_time_was_over_while_the_server_was_away_has_ten_seconds() {
    let Some(liar) = Liar::new() else { return };
    for end in End::ALL {
        let data = Data::new();
        let server = data.start(&[]);
        let client = server.client();
        let acquire = async |lock: &str, length: &str| {
            let path = format!("/v1/locks/{lock}/acquire?lease={length}");
            client.post(&path, "").await.expect(201).location()
        };
        let renewed = acquire("renewed", "1h").await;
        let forgotten = acquire("forgotten", "1h").await;
        let long = acquire("long", "24h").await;
        end.of(server).await;

        let server = liar.start(&data, "+2h");
        let client = server.client();
        for lease in [&renewed, &forgotten] {
            let left = client.get(lease).await.expect(200).seconds("awaitd-expires-in");
            assert!(left <= 10.0, "{end:?}: {left}");
        }
        let left = client.get(&long).await.expect(200).seconds("awaitd-expires-in");
        assert!((21.0..=22.0).contains(&(left / 3_600.0)), "{end:?}: two hours of 24 are over");
        client.patch(&renewed).await.expect(200);
        end.of(server).await;

        let server = liar.start(&data, "+4h");
        let client = server.client();
        client.get(&forgotten).await.refused(410, "lease_lost");
        client.get(&renewed).await.expect(200);
        client.get(&long).await.expect(200);
        client.post("/v1/locks/forgotten/acquire", "").await.expect(201);
        client.post("/v1/locks/renewed/acquire", "").await.refused(423, "locked");
    }
}

/// A token ends by the clock as it is set, at once: also if the machine was asleep, which the other clock does not
/// notice. Whoever sets it back lets the token live again.
#[tokio::test]
async fn a_token_ends_by_the_clock_as_it_is_set() {
    let Some(liar) = Liar::new() else { return };
    let data = Data::new();
    let hand = Hand::of(&data);
    let made = data.tool(&["token", "create", "-n", "t", "-a", "*:*:*", "-e", "1h", "--data-dir"]);
    let token = made.log.lines().find(|line| line.starts_with("awd_")).expect("a token is told");
    let server = liar.start_by(&data, &hand);
    let client = server.client();
    let shown = format!("Bearer {token}");
    let look = || client.get("/v1/queues").header("authorization", &shown);
    look().await.expect(200);
    let waits = client.post("/v1/queues/q/get?wait=40s", "").header("authorization", &shown);
    let waits = tokio::spawn(async move { waits.await });
    hand.set("+2h");
    look().await.refused(401, "unauthorized");
    waits.await.expect("no panic").refused(401, "unauthorized");
    hand.set("+0");
    look().await.expect(200);
}
