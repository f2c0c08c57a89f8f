//! Jobs, as they are got and as they are looked at.

use std::time::Duration;

use super::play::Numbers;
use super::said::Lease;
use super::words::show;

/// A job that was got.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Its number.
    pub job: u64,
    /// What was put.
    pub value: String,
    /// By which lease it is held, if it has one.
    pub lease: Option<Lease>,
    /// 1 at first.
    pub attempt: u64,
    /// From which queue, if several were asked.
    pub from: Option<String>,
    /// What came with it.
    pub more: More,
}

/// What a job may have beside what was put.
#[derive(Clone, Debug, Default)]
pub struct More {
    /// Jobs of one key go one at a time.
    pub key: Option<String>,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// How it died before.
    pub died: Option<Died>,
}

/// How a job died.
#[derive(Clone, Debug)]
pub struct Died {
    /// In which queue.
    pub queue: String,
    /// Under which code.
    pub reason: String,
    /// After how many attempts.
    pub attempts: u64,
    /// What its last worker said.
    pub error: Option<String>,
}

/// A job that was looked at.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// Its number.
    pub job: u64,
    /// Where it is in its life.
    pub state: String,
    /// What was put, or what came of it; `None` if that was not asked for.
    pub value: Option<String>,
    /// How many of its attempts have ended.
    pub attempts: u64,
    /// What its last worker said.
    pub error: Option<String>,
    /// How long after it was put it becomes ready, if it is not.
    pub due: Option<Duration>,
    /// How long after it was put it has waited for too long.
    pub ends: Option<Duration>,
    /// For how much longer it is held.
    pub held_for: Option<Duration>,
    /// No other job has this value.
    pub unique: Option<String>,
    /// How often it is tried.
    pub max_attempts: Option<u64>,
    /// How long its lease is.
    pub lease_length: Option<Duration>,
    /// Where it stands, in hexadecimal digits.
    pub rank: Option<String>,
    /// How far the work is.
    pub progress: Option<String>,
    /// What came with it.
    pub more: More,
}

impl Taken {
    pub(super) fn without_lease(&self) -> Self {
        Self { lease: None, ..self.clone() }
    }

    pub(super) fn text(&self, numbers: &mut Numbers) -> String {
        let Self { job, value, lease, attempt, from, more } = self;
        let job = numbers.job(*job);
        let lease = lease.as_ref().map(|lease| format!(" lease {}", numbers.lease(lease)));
        let from = from.as_ref().map(|queue| format!(" from {queue}")).unwrap_or_default();
        let lease = lease.unwrap_or_default();
        format!("job {job} {value:?}{lease} attempt {attempt}{from}{}", more.text())
    }
}

impl Looked {
    /// All of it.
    pub(super) fn text(&self, numbers: &mut Numbers) -> String {
        let text = |name: &str, text: &Option<String>| {
            text.as_ref().map(|text| format!(" {name} {text:?}")).unwrap_or_default()
        };
        let time = |name: &str, length: Option<Duration>| {
            length.map(|length| format!(" {name} {}", show(length))).unwrap_or_default()
        };
        let attempts = Some(self.attempts).filter(|attempts| *attempts > 0);
        let number = |name: &str, number: Option<u64>| {
            number.map(|number| format!(" {name} {number}")).unwrap_or_default()
        };
        [
            self.row(numbers),
            number("attempts", attempts),
            text("error", &self.error),
            time("due after", self.due),
            time("ends after", self.ends),
            time("held for", self.held_for),
            text("unique", &self.unique),
            number("max-attempts", self.max_attempts),
            time("lease", self.lease_length),
            self.rank.as_ref().map(|rank| format!(" rank {rank}")).unwrap_or_default(),
            text("progress", &self.progress),
            self.more.text(),
        ]
        .concat()
    }

    /// In a list: which it is, and in which state.
    pub(super) fn row(&self, numbers: &mut Numbers) -> String {
        let value = self.value.as_ref().map(|value| format!(" {value:?}")).unwrap_or_default();
        format!("job {} {}{value}", numbers.job(self.job), self.state)
    }
}

impl More {
    fn text(&self) -> String {
        let key = self.key.as_ref().map(|key| format!(" group {key}")).unwrap_or_default();
        let header = |(name, value): &(String, String)| format!(" {name}: {value}");
        let headers: String = self.headers.iter().map(header).collect();
        let died = self.died.as_ref().map(|died| {
            let Died { queue, reason, attempts, error } = died;
            let error = error.as_ref().map(|error| format!(" error {error:?}"));
            format!(" died in {queue} of {reason} attempts {attempts}{}", error.unwrap_or_default())
        });
        key + &headers + &died.unwrap_or_default()
    }
}
