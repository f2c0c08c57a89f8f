//! What can be said of a job that is to be put.

use awaitd_client::NewJob;
use clap::Args;

use crate::values::Length;

/// What can be said of a job, whoever puts it.
#[derive(Clone, Debug, Args)]
pub(super) struct JobOptions {
    /// The smallest number is handed out first, of a queue in the order of priorities.
    #[arg(short, long, value_name = "NUMBER", allow_negative_numbers = true)]
    priority: Option<i64>,

    /// Jobs of one key are handed out one at a time and in order.
    #[arg(short, long, value_name = "TEXT")]
    key: Option<String>,

    /// Put nothing as long as a job with this value is not done.
    #[arg(short, long, value_name = "TEXT")]
    unique: Option<String>,

    /// For how long it may wait [default: what the queue says].
    #[arg(long, value_name = "DURATION")]
    ttl: Option<Length>,

    /// How often it may be tried [default: what the queue says].
    #[arg(long, value_name = "NUMBER")]
    max_attempts: Option<u32>,

    /// How long its leases are [default: what the queue says].
    #[arg(short, long, value_name = "DURATION")]
    lease: Option<Length>,

    /// What is handed out with it: `Job-…: TEXT`, `traceparent: …` or `tracestate: …`; again for more of them.
    #[arg(short = 'H', long, value_name = "NAME: TEXT", value_parser = header)]
    header: Vec<(String, String)>,
}

/// A header, as curl has it.
fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("a name, a colon and a text are wanted")?;
    let (name, value) = (name.trim(), value.trim());
    let lower = name.to_ascii_lowercase();
    // Of any other the server takes no notice.
    if !lower.starts_with("job-") && !["traceparent", "tracestate"].contains(&lower.as_str()) {
        return Err("a job keeps `Job-…`, `traceparent` and `tracestate`, and no other header");
    }
    Ok((name.to_owned(), value.to_owned()))
}

impl JobOptions {
    /// A job with this body of this kind, of which all that is said.
    pub(super) fn job(self, body: Vec<u8>, kind: Option<String>) -> NewJob {
        let Self { priority, key, unique, ttl, max_attempts, lease, header } = self;
        let mut job = NewJob::new(body);
        if let Some(kind) = kind {
            job = job.content_type(kind);
        }
        if let Some(priority) = priority {
            job = job.priority(priority);
        }
        if let Some(key) = key {
            job = job.key(key);
        }
        if let Some(value) = unique {
            job = job.unique(value);
        }
        if let Some(Length(ttl)) = ttl {
            job = job.ttl(ttl);
        }
        if let Some(count) = max_attempts {
            job = job.max_attempts(count);
        }
        if let Some(Length(lease)) = lease {
            job = job.lease(lease);
        }
        header.into_iter().fold(job, |job, (name, value)| job.header(name, value))
    }
}
