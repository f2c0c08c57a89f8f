//! A lease by its path, whoever holds it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;

use crate::answer::Answer;
use crate::call::{Call, Until};
use crate::client::{Client, Repeat};
use crate::error::{Error, Result};
use crate::job::{DoneWith, Nack, Progress};
use crate::lease::{Lease, Term};

/// A lease that somebody else may hold, by its path: what was told in one program can be used in another.
/// Nothing renews it, and nothing gives it back.
#[derive(Clone, Debug)]
pub struct LeaseRef {
    client: Client,
    location: String,
}

/// A lease, held here or known by its path.
#[derive(Debug)]
pub(crate) enum Whose {
    Ours(Lease),
    Anybodys(LeaseRef),
}

impl Client {
    /// The lease at this path, as [`Lease::location`] told it.
    pub fn lease(&self, location: impl Into<String>) -> LeaseRef {
        LeaseRef { client: self.clone(), location: location.into() }
    }
}

impl LeaseRef {
    /// Its path.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// `task_done()` of a job, `release()` of a lock: it ends, and again is no error.
    /// [`LeaseLost`](crate::Code::LeaseLost) if it ended otherwise.
    pub async fn done(&self) -> Result<()> {
        self.ask(Call::new(Method::DELETE, &*self.location)).await.map(drop)
    }

    /// The same with a result, of a job.
    pub fn done_with(&self, result: impl Into<Bytes>) -> DoneWith {
        DoneWith::of(Whose::Anybodys(self.clone()), result.into())
    }

    /// Says how far a job is, for whoever looks at it. It does not renew the lease.
    pub fn progress(&self, body: impl Into<Bytes>) -> Progress {
        Progress { lease: self.clone(), body: body.into(), kind: None }
    }

    /// Gives a job back.
    pub fn nack(&self) -> Nack {
        Nack::of(Whose::Anybodys(self.clone()))
    }

    /// Keeps it for so long from now on, or as long as it was granted. Returns what is left of it, counted
    /// from before this was asked.
    pub async fn renew(&self, length: Option<Duration>) -> Result<Duration> {
        let call = Call::new(Method::PATCH, &*self.location).with_length("lease", length);
        let answer = self.ask(call).await?;
        Ok(Term::of(&answer)?.left())
    }

    pub(crate) async fn ask(&self, call: Call) -> Result<Answer> {
        // Whatever stands there goes into a URL, and should lead to a lease.
        if !self.location.starts_with("/v1/") || !self.location.contains("/leases/") {
            let given = &self.location;
            return Err(Error::Input(format!(
                "{given:?} is no lease: that is a path, for instance /v1/queues/emails/leases/…"
            )));
        }
        self.client.ask(&call, Repeat::Harmless, Until::Now).await
    }
}

impl Whose {
    /// Its path.
    pub(crate) fn location(&self) -> &str {
        match self {
            Self::Ours(lease) => lease.location(),
            Self::Anybodys(lease) => lease.location(),
        }
    }

    /// It is renewed no more: another call is about to end it.
    pub(crate) fn leave(&self) {
        match self {
            Self::Ours(lease) => lease.leave(),
            Self::Anybodys(_) => {}
        }
    }

    /// It has ended, and nothing is to be given back.
    pub(crate) fn ended(self) {
        match self {
            Self::Ours(lease) => lease.ended(),
            Self::Anybodys(_) => {}
        }
    }

    /// Ends it by this call.
    pub(crate) async fn end(self, call: impl FnOnce(&str) -> Call) -> Result<Answer> {
        match self {
            Self::Ours(lease) => lease.end(call).await,
            Self::Anybodys(lease) => lease.ask(call(&lease.location)).await,
        }
    }
}
