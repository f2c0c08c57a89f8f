//! Many jobs in one answer, as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::job::{Delivered, Died, Job};
use crate::lease::{Lease, Term, WayBack};
use crate::payload::Payload;
use crate::settle::renewed;

/// What is said of a body of which nothing was said.
const UNKNOWN: &str = "application/octet-stream";

/// A job of a list.
#[derive(Deserialize)]
struct Item {
    queue: String,
    job: u64,
    fence: u64,
    attempt: u64,
    waited: f64,
    enqueued_at: String,
    #[serde(flatten)]
    payload: Payload,
    key: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    died: Option<Died>,
    /// Not of one that is done already.
    lease: Option<String>,
    expires_in: Option<f64>,
}

/// A lease that was granted, of which it is not certain how much is left.
struct Granted {
    delivered: Delivered,
    location: String,
    term: Term,
}

/// Jobs that are done already.
pub(crate) fn delivered(answer: &Answer) -> Result<Vec<Delivered>> {
    let items: Vec<Item> = answer.json()?;
    Ok(items.into_iter().map(Delivered::from).collect())
}

/// Jobs that are held from now on. Those that were lost on their way are left out.
pub(crate) async fn held(client: &Client, answer: &Answer) -> Result<Vec<Job>> {
    let items: Vec<Item> = answer.json()?;
    let granted = items.into_iter().map(|item| Granted::of(answer, item));
    let mut granted = granted.collect::<Result<Vec<_>>>()?;
    // An answer that comes after a wait says little about when they were granted.
    if granted.iter().any(|granted| granted.term.is_old()) {
        granted = Granted::renew(client, granted).await?;
    }
    let jobs = granted.into_iter().map(|Granted { delivered, location, term }| {
        let lease = Lease::held(client, location, delivered.fence, term, WayBack::Nack);
        Job { delivered, lease }
    });
    Ok(jobs.collect())
}

impl Granted {
    fn of(answer: &Answer, mut item: Item) -> Result<Self> {
        let lease = item.lease.take().zip(item.expires_in);
        let length =
            |(location, seconds)| Some((location, Duration::try_from_secs_f64(seconds).ok()?));
        let (location, length) =
            lease.and_then(length).ok_or_else(|| Error::odd(answer, "a job without a lease"))?;
        Ok(Self { delivered: item.into(), location, term: Term::told(answer, length) })
    }

    /// All that are not lost, of one queue, in one call.
    async fn renew(client: &Client, granted: Vec<Self>) -> Result<Vec<Self>> {
        let Some(first) = granted.first() else { return Ok(granted) };
        let queue = client.queue(&first.delivered.queue);
        let leases = granted.iter().map(|granted| (&*granted.location, granted.term.length()));
        let terms = renewed(&queue, leases).await?;
        let both = granted.into_iter().zip(terms);
        let alive = both.filter_map(|(granted, term)| Some(Self { term: term?, ..granted }));
        Ok(alive.collect())
    }
}

impl From<Item> for Delivered {
    fn from(item: Item) -> Self {
        let Item { queue, job, fence, attempt, waited, enqueued_at, .. } = item;
        let Item { payload, key, headers, died, .. } = item;
        Self {
            body: payload.body.unwrap_or_default(),
            // As the header of one that is got alone has it.
            content_type: payload.content_type.unwrap_or_else(|| UNKNOWN.to_owned()),
            queue,
            id: job,
            attempt,
            fence,
            waited: Duration::try_from_secs_f64(waited).unwrap_or_default(),
            enqueued_at,
            key,
            headers,
            died,
        }
    }
}
