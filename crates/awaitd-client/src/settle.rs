//! What became of many jobs, said in one call.

use std::future::IntoFuture;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::boxed::Boxed;
use crate::call::{Call, Until, millis};
use crate::client::Repeat;
use crate::error::{Error, Problem, Result};
use crate::job::{Job, Nack};
use crate::lease::Term;
use crate::lease_ref::{LeaseRef, Whose};
use crate::queue::Queue;

/// Says of up to a thousand jobs of one queue what became of them; sent when it is awaited. Dropped before, they go
/// back.
#[derive(Debug)]
#[must_use = "nothing is said before it is awaited"]
pub struct Settle {
    queue: Queue,
    done: Vec<Whose>,
    nack: Vec<Nack>,
    renew: Vec<(LeaseRef, Option<Duration>)>,
}

/// What became of what was said, each in the order in which it was said. A lease that was lost is
/// [`LeaseLost`](crate::Code::LeaseLost).
#[derive(Debug)]
#[non_exhaustive]
pub struct Settled {
    /// Of jobs that are done.
    pub done: Vec<Result<()>>,
    /// Of jobs that were given back.
    pub nack: Vec<Result<()>>,
    /// Of leases that were renewed: what is left of each.
    pub renew: Vec<Result<Duration>>,
}

/// The answer's body.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    done: Vec<Value>,
    #[serde(default)]
    nack: Vec<Value>,
    #[serde(default)]
    renew: Vec<Value>,
}

impl Queue {
    /// Says of many jobs at once what became of them.
    ///
    /// ```no_run
    /// # async fn work(mails: &awaitd_client::Queue) -> awaitd_client::Result<()> {
    /// let (sent, broken) = (mails.get().await?, mails.get().await?);
    /// let settled = mails.settle().done(sent).nack(broken.nack().error("no address")).await?;
    /// for lost in settled.done.iter().chain(&settled.nack).filter(|said| said.is_err()) {
    ///     println!("somebody else may have it: {lost:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn settle(&self) -> Settle {
        Settle { queue: self.clone(), done: Vec::new(), nack: Vec::new(), renew: Vec::new() }
    }

    /// Asked again it does nothing more, so it needs no key.
    async fn send(&self, document: &Value) -> Result<(Told, Answer)> {
        let call = Call::new(Method::POST, format!("{}/settle", self.path)).json(document);
        let answer = self.client.ask(&call, Repeat::Harmless, Until::Now).await?;
        Ok((answer.json()?, answer))
    }
}

impl Settle {
    /// This one is done.
    pub fn done(mut self, job: Job) -> Self {
        self.done.push(Whose::Ours(job.lease));
        self
    }

    /// So is what somebody got under this lease.
    pub fn done_at(mut self, lease: LeaseRef) -> Self {
        self.done.push(Whose::Anybodys(lease));
        self
    }

    /// This one goes back.
    pub fn nack(mut self, nack: Nack) -> Self {
        self.nack.push(nack);
        self
    }

    /// This lease is kept for so long from now on, or as long as it was granted. Those of a [`Job`] renew themselves.
    pub fn renew(mut self, lease: LeaseRef, length: Option<Duration>) -> Self {
        self.renew.push((lease, length));
        self
    }

    async fn send(self) -> Result<Settled> {
        let Self { queue, done, nack, renew } = self;
        let document = json!({
            "done": done.iter().map(Whose::location).collect::<Vec<_>>(),
            "nack": nack.iter().map(Nack::document).collect::<Vec<_>>(),
            "renew": renew.iter().map(|(lease, length)| renewal(lease.location(), *length)).collect::<Vec<_>>(),
        });
        for lease in done.iter().chain(nack.iter().map(|nack| &nack.lease)) {
            lease.leave();
        }
        let (told, answer) = queue.send(&document).await?;
        let ended = |leases: Vec<Whose>, told: Vec<Value>| {
            let each = leases.into_iter().zip(told);
            let each = each.map(|(lease, told)| {
                lease.ended();
                said(&told)
            });
            each.collect()
        };
        let back = nack.into_iter().map(|nack| nack.lease).collect();
        Ok(Settled {
            done: ended(done, told.done),
            nack: ended(back, told.nack),
            renew: told.renew.iter().map(|told| Ok(term(&answer, told)?.left())).collect(),
        })
    }
}

impl IntoFuture for Settle {
    type Output = Result<Settled>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Keeps these leases for so long; `None` for those that are lost.
pub(crate) async fn renewed<'a>(
    queue: &Queue,
    leases: impl Iterator<Item = (&'a str, Duration)>,
) -> Result<Vec<Option<Term>>> {
    let renew: Vec<_> = leases.map(|(lease, length)| renewal(lease, Some(length))).collect();
    let (told, answer) = queue.send(&json!({ "renew": renew })).await?;
    Ok(told.renew.iter().map(|told| term(&answer, told).ok()).collect())
}

fn renewal(lease: &str, length: Option<Duration>) -> Value {
    match length {
        Some(length) => json!({ "lease": lease, "length": millis(length) }),
        None => json!({ "lease": lease }),
    }
}

/// What is left of a lease that was renewed.
fn term(answer: &Answer, told: &Value) -> Result<Term> {
    said(told)?;
    let left = told["expires_in"].as_f64().and_then(|left| Duration::try_from_secs_f64(left).ok());
    let left = left.ok_or_else(|| Error::odd(answer, "a renewal that does not say until when"))?;
    Ok(Term::told(answer, left))
}

/// What was said of one of many.
pub(crate) fn said(told: &Value) -> Result<()> {
    let status = told["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    match status {
        Some(status) if status.is_success() => Ok(()),
        Some(status) => Err(Problem::told(status, told).into()),
        None => Err(Error::Odd(format!("an answer has an item without a status: {told}"))),
    }
}
