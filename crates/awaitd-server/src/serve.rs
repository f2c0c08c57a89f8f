//! A listener, a router, a loop, and an end.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use awaitd_journal::{Forgetful, Journal, JournalError};
use awaitd_primitives::State;
use axum::Router;
use axum_server::accept::Accept;
use axum_server::{Address, Handle};
use tokio::task::{JoinError, JoinHandle};
use tracing::{debug, warn};

use crate::addresses::Addresses;
use crate::desk::Desk;
use crate::driver::Driver;
use crate::history::History;
use crate::listen::{Connection, Door, Listener};
use crate::metrics::Metrics;
use crate::schedules::Schedules;
use crate::tls::Named;
use crate::{App, Clock, Config, http};

/// A head must be complete after so long. Hyper has one knob for this and for how long a connection
/// may be idle between two requests; most clients close theirs after less.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);

/// Who connects wants something.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Headers of a request that hyper takes. Fewer are allowed, so that who sends too many is told so.
const HEADERS_MAX: usize = 256;

/// A request's head in bytes that hyper takes, and what it reads at one time. Less is allowed, so that
/// who sends too much is told so. A buffer grows to this only on a connection that brings much.
const HEAD_BYTES_MAX: u32 = 64 * 1024;

/// Requests at one time on an HTTP/2 connection.
const STREAMS_MAX: u32 = 256;

/// Bytes of an answer over HTTP/2 that a connection keeps for its socket, where HTTP/1 keeps as much as of a
/// head: however far a client opens its window, it takes no more from it than it reads.
const STREAM_BYTES_MAX: usize = HEAD_BYTES_MAX as usize;

/// An HTTP/2 connection on which nothing was said for so long is asked whether it is still there…
const PING_EVERY: Duration = Duration::from_secs(15);

/// … and has so long to say so.
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// Requests in flight have so long to finish at the end. Those that wait are answered at once; this
/// is for bodies that arrive slowly and answers that are read slowly.
const GRACE: Duration = Duration::from_secs(5);

/// A server that has not begun to listen. Its loop runs already.
pub struct Server {
    app: App,
    driver: JoinHandle<Result<(), JournalError>>,
}

/// Why a server ended that was not told to.
#[derive(Debug)]
pub enum ServeError {
    /// Nothing can be heard.
    Listener(io::Error),
    /// Nothing can be kept.
    Journal(JournalError),
}

impl Server {
    /// Everything but the listener. What it is told is forgotten with it. To be called on a runtime,
    /// on which the loop is started.
    pub fn new(config: Config, clock: Clock) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system has random bytes");
        Self::with_journal(config, clock, Forgetful::new(key))
    }

    /// The same, with a journal that may remember, and in which nothing is yet.
    pub fn with_journal(config: Config, clock: Clock, journal: impl Journal) -> Self {
        Self::going_on(config, clock, State::new(), journal)
    }

    /// The same, going on from what a journal holds.
    pub fn going_on(config: Config, clock: Clock, state: State, journal: impl Journal) -> Self {
        let metrics = Arc::new(Metrics::new(&config, clock.wall(clock.now())));
        journal.free().into_iter().for_each(|free| metrics.on_disk(free));
        let (desk, inbox, back) = Desk::open(clock.clone());
        let (key, shared) = (journal.key(), Arc::clone(&metrics));
        let (history, sampler) = History::new(clock.clone(), Arc::clone(&metrics), back.clone());
        let (schedules, board) = Schedules::new(&state, clock.clone(), back.clone());
        let outside = (inbox, back, board);
        let driver = Driver::new(&config, (state, journal), clock.clone(), shared, outside);
        // It ends with the loop, which is not to wait for it.
        tokio::spawn(schedules.run());
        tokio::spawn(sampler.run());
        let time = clock.clone();
        tokio::spawn(Arc::clone(&config.access).follow(move || time.today()));
        Self {
            app: App { desk, clock, history, metrics, config: Arc::new(config), key },
            driver: tokio::spawn(driver.run()),
        }
    }

    /// What its handlers use.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Serves until `shutdown` comes to its end; then says so to all who wait, finishes what is in
    /// flight and returns.
    pub async fn serve(
        self,
        listener: impl Into<Listener>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let metrics = Arc::clone(&self.app.metrics);
        let addresses = Addresses::new(self.app.config.max_connections_per_address);
        let max = self.app.config.max_connections;
        let mut door = Door { max, addresses, metrics, tls: None };
        match listener.into() {
            Listener::Tcp(listener) => {
                self.serve_on(axum_server::from_tcp(listener), door, shutdown).await
            }
            Listener::Tls(listener, tls) => {
                let fresh = tokio::spawn(tls.clone().keep_fresh());
                door.tls = Some(tls);
                let ended = self.serve_on(axum_server::from_tcp(listener), door, shutdown).await;
                fresh.abort();
                ended
            }
            Listener::Unix(listener) => {
                self.serve_on(axum_server::from_unix(listener), door, shutdown).await
            }
        }
    }

    async fn serve_on<A>(
        self,
        web: io::Result<axum_server::Server<A>>,
        door: Door,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError>
    where
        A: Address + fmt::Debug + Send + Sync + 'static,
        A::Stream: Send,
        A::Listener: Send,
        Door: Accept<A::Stream, Router, Stream = Connection, Service = Named<Router>>,
        <Door as Accept<A::Stream, Router>>::Future: Send,
    {
        let Self { app, mut driver } = self;
        let web = web.map_err(ServeError::Listener)?;
        let desk = app.desk.clone();
        let handle = Handle::new();
        let end = tokio::spawn(end(shutdown, handle.clone(), desk.clone()));
        let web = bounded(web.acceptor(door).handle(handle));
        let served = tokio::select! {
            served = web.serve(http::router(app).into_make_service()) => {
                served.map_err(ServeError::Listener)
            }
            ended = &mut driver => return ended_early(ended),
        };
        end.abort();
        desk.stop();
        served.and(loop_ended(driver.await))
    }
}

/// Waits for the end, and brings it about: nobody new is let in, and all who wait are told.
async fn end<A: Address>(
    shutdown: impl Future<Output = ()> + Send + 'static,
    handle: Handle<A>,
    desk: Desk,
) {
    // In a task of its own: should it panic, that is an end as well.
    _ = tokio::spawn(shutdown).await;
    handle.graceful_shutdown(Some(GRACE));
    desk.close();
}

/// With bounds on what a connection may ask for, and for how long.
fn bounded<A>(server: axum_server::Server<A, Door>) -> axum_server::Server<A, Door>
where
    A: Address + fmt::Debug + Send + Sync + 'static,
{
    let mut server =
        server.first_request_timeout(FIRST_REQUEST_TIMEOUT).accept_error_handler(report::<A>);
    // Not `pipeline_flush`: while anything stands behind a request it holds the answer back, for as
    // long as the next request waits, and it loses answers that end the connection (400, 431).
    server
        .http_builder()
        .http1()
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX as usize)
        .half_close(false);
    server
        .http_builder()
        .http2()
        .max_concurrent_streams(STREAMS_MAX)
        .max_send_buf_size(STREAM_BYTES_MAX)
        .max_header_list_size(HEAD_BYTES_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    server
}

/// One that is turned away is counted; that none can be accepted is the operator's affair.
fn report<A: fmt::Debug>(peer: Option<&A>, error: &io::Error) {
    if let Some(peer) = peer {
        debug!(?peer, %error, "turned a connection away");
    } else {
        warn!(%error, "failed to accept a connection");
    }
}

/// The loop does not end before it is told to, except with an error.
fn ended_early(ended: Result<Result<(), JournalError>, JoinError>) -> Result<(), ServeError> {
    loop_ended(ended)?;
    unreachable!("the loop goes on as long as there is a desk")
}

fn loop_ended(ended: Result<Result<(), JournalError>, JoinError>) -> Result<(), ServeError> {
    match ended {
        Ok(ended) => ended.map_err(ServeError::Journal),
        Err(error) => resume_unwind(error.into_panic()),
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(error) => write!(out, "failed to listen: {error}"),
            Self::Journal(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for ServeError {}
