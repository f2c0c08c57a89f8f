//! Where all meet: the server of this life, and what was told in all of them.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use awaitd_tests::oracle::{Asked, Oracle};
use awaitd_tests::{Client, Heard, Server};

/// Jobs that are got under a lease and done; nothing about them is lost.
pub(super) const WORK: &str = "work";

/// The same, with delays.
pub(super) const LATE: &str = "late";

/// Jobs that are got at most once.
pub(super) const ONCE: &str = "once";

/// All of them.
pub(super) const QUEUES: [&str; 3] = [WORK, LATE, ONCE];

/// Small enough that a put has to wait now and then. What comes back does so at once, to its old place, and
/// however often that is.
pub(super) const CONFIG: &str =
    r#"{"maxsize": 60, "backoff": {"min": "0s"}, "max_attempts": 1000000}"#;

/// Half of the jobs that are worked on have one of so many keys.
pub(super) const KEYS: u64 = 5;

/// Shared by all who use a server.
#[derive(Clone)]
pub(super) struct Ground {
    /// Nobody, before the first life.
    client: Option<Client>,
    oracle: Arc<Mutex<Oracle>>,
}

impl Ground {
    pub(super) fn new() -> Self {
        Self { client: None, oracle: Arc::default() }
    }

    /// The same, and this server to ask.
    pub(super) fn of(&self, server: &Server) -> Self {
        Self { client: Some(server.client()), oracle: Arc::clone(&self.oracle) }
    }

    /// Whom to ask.
    pub(super) fn client(&self) -> &Client {
        self.client.as_ref().expect("nobody works before there is a server")
    }

    /// What was told. Nobody keeps it while something is asked.
    pub(super) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().expect("the oracle notes what is wrong, and does not panic")
    }

    /// Before a request about anything but an event or a join.
    pub(super) fn ask(&self) -> Asked {
        self.oracle().ask(Instant::now())
    }

    /// Before a request about an event or a join.
    pub(super) fn ask_of(&self, thing: &str) -> Asked {
        self.oracle().ask_of(thing, Instant::now())
    }

    /// An answer that nobody who asked so may get. The server is going if it is 503, which is none.
    pub(super) fn unexpected(&self, asked: &str, heard: &Heard) -> Option<()> {
        if heard.status == 503 && heard.code() == "shutting_down" {
            return None;
        }
        let what = match heard.status {
            404 => "not here any more: 404",
            _ => "not expected",
        };
        self.oracle().complain(format!("{asked}: {what}: {}", heard.shown()));
        Some(())
    }

    /// How much was told so far.
    pub(super) fn summary(&self) -> String {
        let oracle = self.oracle();
        let (put, done, grants) = (oracle.jobs_put(), oracle.jobs_done(), oracle.grants());
        let wrong = oracle.wrong().len();
        format!("{put} jobs put, {done} done, {grants} leases, {wrong} things wrong so far")
    }
}

/// Of durations in a query.
pub(super) fn ms(length: Duration) -> String {
    format!("{}ms", length.as_millis())
}

/// The body of a job: its name, again and again, so that no part of another looks like it. The name
/// ends in how long it is.
pub(super) fn body(name: &str) -> String {
    let length = name.rsplit('-').next().and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = format!("{name} ");
    body.extend(name.chars().cycle().take(length));
    body
}

/// The name of the job that was got.
pub(super) fn name<'a>(ground: &Ground, heard: &'a Heard) -> &'a str {
    let text = heard.text();
    let name = text.split(' ').next().unwrap_or_default();
    if text != body(name) {
        let length = text.len();
        ground.oracle().complain(format!("{name}: {length} bytes that are not what was put"));
    }
    name
}
