//! What is held until it is given back: renewed in the background as long as its holder holds it.

use std::future::{self, Future};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::answer::Answer;
use crate::call::{Call, Until};
use crate::client::{Client, Repeat};
use crate::clock;
use crate::error::{Error, Problem, Result};
use crate::lease_ref::LeaseRef;

/// After a renewal without an answer, the next one follows so soon.
const PAUSE: Duration = Duration::from_millis(100);

/// A lease, renewed in the background whenever a third of its length has passed. That ends when it is
/// given back, and when it is lost.
///
/// It is lost when the server says so, or when it has not been renewed in time, by this machine's
/// monotonic clock and counted from before each request was sent: so it is over here before somebody
/// else can have what it held. Time in which the whole machine sleeps is not counted by that clock: after
/// it the next renewal tells.
#[derive(Debug)]
pub struct Lease {
    held: Arc<Held>,
    renewal: AbortHandle,
    runtime: Handle,
    /// How to give it back; `None` once that was done.
    way_back: Option<WayBack>,
}

#[derive(Debug)]
struct Held {
    client: Client,
    location: String,
    fence: u64,
    state: watch::Sender<State>,
}

/// How it stands, by what is known here.
#[derive(Clone, Debug)]
enum State {
    /// Until then, unless it is renewed before.
    Held(Instant),
    /// The same, and this is what became of the last renewal.
    Suspect(Instant, String),
    Lost,
}

/// How a lease stands, by what this program knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It is held for so long at least.
    Held(Duration),
    /// It is held for so long at least, but could not be renewed: for this reason.
    Suspect(Duration, String),
    /// Somebody else may have what it held.
    Lost,
}

/// What happens to a lease.
#[derive(Debug)]
pub struct Changes(watch::Receiver<State>);

/// How something goes back that nobody holds any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WayBack {
    /// A lock, or permits: to the next in line.
    Release,
    /// A job that somebody tried.
    Nack,
    /// A job that nobody saw: to its old place, with no attempt counted.
    Untouched,
}

/// Until when, and how long in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    until: Instant,
    length: Duration,
}

impl Lease {
    /// Of an answer that granted it. One that comes after a wait says little about when it was granted, so
    /// it is renewed before anybody relies on it.
    pub(crate) async fn begin(client: &Client, answer: &Answer, way_back: WayBack) -> Result<Self> {
        let location = answer.location()?;
        let fence = answer.needed("awaitd-fence", Answer::number)?;
        let mut term = Term::of(answer)?;
        if term.is_old() {
            let latest = clock::now() + term.length;
            let renewed = timeout_at(latest, renew(client, &location, term.length, |_| {})).await;
            term = renewed.unwrap_or_else(|_| Err(lost()))?;
        }
        Ok(Self::held(client, location, fence, term, way_back))
    }

    /// One that is held for so long.
    pub(crate) fn held(
        client: &Client,
        location: String,
        fence: u64,
        term: Term,
        way_back: WayBack,
    ) -> Self {
        let state = watch::Sender::new(State::Held(term.until));
        let held = Arc::new(Held { client: client.clone(), location, fence, state });
        let runtime = Handle::current();
        let renewal = runtime.spawn(keep(Arc::clone(&held), term)).abort_handle();
        Self { held, renewal, runtime, way_back: Some(way_back) }
    }

    /// Its path on the server, by which anybody can renew it or give it back.
    pub fn location(&self) -> &str {
        &self.held.location
    }

    /// Larger than that of any grant before. Hand it to what the lease protects, and let that refuse one
    /// that is smaller than the last it saw: no lock over a network can do more.
    pub fn fence(&self) -> u64 {
        self.held.fence
    }

    /// Until when it is held for certain; renewals move it. In the past if it is lost.
    pub fn deadline(&self) -> std::time::Instant {
        match *self.held.state.borrow() {
            State::Held(until) | State::Suspect(until, _) => until.into_std(),
            State::Lost => clock::now().into_std(),
        }
    }

    /// How long it is held for certain, unless it is renewed.
    pub fn left(&self) -> Duration {
        self.standing().left()
    }

    /// Whether it is lost.
    pub fn is_lost(&self) -> bool {
        self.standing() == Standing::Lost
    }

    /// How it stands now.
    pub fn standing(&self) -> Standing {
        self.held.state.borrow().standing()
    }

    /// What happens to it from now on.
    pub fn changes(&self) -> Changes {
        Changes(self.held.state.subscribe())
    }

    /// Comes to its end when the lease is lost, and never if it is given back. It borrows nothing, so it
    /// can be awaited beside the work.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut state = self.held.state.subscribe();
        async move {
            if state.wait_for(|state| matches!(state, State::Lost)).await.is_err() {
                // It was given back.
                future::pending::<()>().await;
            }
        }
    }

    /// The same lease as others may hold it.
    pub(crate) fn reference(&self) -> LeaseRef {
        self.held.client.lease(self.location())
    }

    /// `task_done()` of a job, `release()` of what else is held; says what the server said.
    pub(crate) async fn done(self) -> Result<()> {
        self.end(|location| Call::new(Method::DELETE, location)).await.map(drop)
    }

    /// Ends it by this call, and says what the server said.
    pub(crate) async fn end(mut self, call: impl FnOnce(&str) -> Call) -> Result<Answer> {
        self.renewal.abort();
        let client = &self.held.client;
        let told = client.ask(&call(&self.held.location), Repeat::Harmless, Until::Now).await;
        if !matches!(told, Err(Error::Unreachable { .. })) {
            self.way_back = None;
        }
        told
    }

    /// Renews it no more: another call is about to end it.
    pub(crate) fn leave(&self) {
        self.renewal.abort();
    }

    /// It has ended, and nothing is to be given back.
    pub(crate) fn ended(mut self) {
        self.way_back = None;
    }
}

impl Standing {
    fn left(&self) -> Duration {
        match self {
            Self::Held(left) | Self::Suspect(left, _) => *left,
            Self::Lost => Duration::ZERO,
        }
    }
}

impl State {
    fn standing(&self) -> Standing {
        let left = |until: Instant| until.saturating_duration_since(clock::now());
        match self {
            Self::Held(until) | Self::Suspect(until, _) if left(*until).is_zero() => Standing::Lost,
            Self::Held(until) => Standing::Held(left(*until)),
            Self::Suspect(until, why) => Standing::Suspect(left(*until), why.clone()),
            Self::Lost => Standing::Lost,
        }
    }
}

impl Changes {
    /// How the lease stands after the next renewal, or the next that failed, or once it is lost. Never
    /// comes to its end once the lease was given back, or is lost and that was told.
    pub async fn next(&mut self) -> Standing {
        if self.0.changed().await.is_err() {
            future::pending::<()>().await;
        }
        self.0.borrow_and_update().standing()
    }

    /// How long the lease is held for certain, unless it is renewed.
    pub fn left(&self) -> Duration {
        self.0.borrow().standing().left()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
        let Some(way_back) = self.way_back else { return };
        if matches!(*self.held.state.borrow(), State::Lost) {
            return;
        }
        let client = self.held.client.clone();
        let call = way_back.call(&self.held.location);
        self.held.client.spawn(&self.runtime, async move {
            // Nobody is there to be told; if this fails, the lease runs out.
            _ = client.ask(&call, Repeat::Harmless, Until::Now).await;
        });
    }
}

impl WayBack {
    /// The same for what nobody has seen.
    pub(crate) fn undelivered(self) -> Self {
        match self {
            Self::Release => Self::Release,
            Self::Nack | Self::Untouched => Self::Untouched,
        }
    }

    pub(crate) fn call(self, location: &str) -> Call {
        let nack = || Call::new(Method::POST, format!("{location}/nack")).with("delay", 0);
        match self {
            Self::Release => Call::new(Method::DELETE, location),
            Self::Nack => nack(),
            Self::Untouched => nack().with("defer", true),
        }
    }
}

impl Term {
    pub(crate) fn of(answer: &Answer) -> Result<Self> {
        Ok(Self::told(answer, answer.needed("awaitd-expires-in", Answer::seconds)?))
    }

    /// So much is left, as this answer told.
    pub(crate) fn told(answer: &Answer, length: Duration) -> Self {
        Self { until: answer.sent + length, length }
    }

    /// How long it was when it was told.
    pub(crate) fn length(self) -> Duration {
        self.length
    }

    /// Whether so much has passed that it has to be renewed.
    pub(crate) fn is_old(self) -> bool {
        clock::now() > self.renew_at()
    }

    /// How long it is held from now on.
    pub(crate) fn left(self) -> Duration {
        self.until.saturating_duration_since(clock::now())
    }

    /// When a third has passed.
    fn renew_at(self) -> Instant {
        self.until - self.length * 2 / 3
    }
}

/// Renews it at a third of its length, until it is lost.
async fn keep(held: Arc<Held>, mut term: Term) {
    loop {
        sleep_until(term.renew_at()).await;
        let failed = |why| {
            held.state.send_replace(State::Suspect(term.until, why));
        };
        let renewed = renew(&held.client, &held.location, term.length, failed);
        match timeout_at(term.until, renewed).await {
            Ok(Ok(renewed)) => term = renewed,
            Ok(Err(_)) | Err(_) => break,
        }
        held.state.send_replace(State::Held(term.until));
    }
    held.state.send_replace(State::Lost);
}

/// Renews it, however often that takes, and says what came of it each time that it failed; an error says
/// that it is lost.
async fn renew(
    client: &Client,
    location: &str,
    length: Duration,
    failed: impl Fn(String),
) -> Result<Term> {
    let call = Call::new(Method::PATCH, location);
    loop {
        // A third has passed; what is lost on the way is tried again twice in each of the others.
        let silence = (length / 6).max(PAUSE);
        let why = match client.once(&call, None, Duration::ZERO, silence).await {
            Ok(answer) if answer.status.is_success() => return Term::of(&answer),
            Ok(answer) if matches!(answer.status, StatusCode::GONE | StatusCode::NOT_FOUND) => {
                return Err(Problem::of(&answer).into());
            }
            // What else is said, says nothing about the lease.
            Ok(answer) => Error::from(Problem::of(&answer)),
            Err(cut) => client.unreachable(cut),
        };
        failed(why.to_string());
        sleep(PAUSE.min(length / 10)).await;
    }
}

/// It ran out before anybody heard of it.
fn lost() -> Error {
    Problem::lease_lost().into()
}
