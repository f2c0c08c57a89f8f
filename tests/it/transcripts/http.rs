//! A server in this process, asked over HTTP, on a clock that stands until it is moved.

use std::collections::{BTreeMap, HashMap};
use std::future::{IntoFuture, pending};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use awaitd_server::desk::Desk;
use awaitd_server::{Clock, Config, Server};
use awaitd_tests::{Client, Heard};
use awaitd_transcripts::{Asking, Hands, MAX_WAIT, Said, Script, What, World};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, yield_now};

use super::heard::said;
use super::wire::request;

/// Long enough for any machine; whoever meets it has found a hang, not a slow moment.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server and its clients.
pub(super) struct Http {
    runtime: Runtime,
    clock: Clock,
    desk: Desk,
    base: String,
    clients: HashMap<String, Client>,
    open: BTreeMap<String, (Asking, JoinHandle<Heard>)>,
    /// Where each lease is, by its fence.
    leases: HashMap<u64, String>,
    /// Where time has to stop on its way, by act: at the same moments as on the core.
    stops: std::vec::IntoIter<Vec<Duration>>,
}

impl Http {
    /// Begins to listen.
    pub(super) fn new(script: &Script, stops: Vec<Vec<Duration>>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let clock = Clock::manual();
        let config =
            Config { max_wait: MAX_WAIT, limits: script.limits.clone(), ..Config::default() };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("it is bound"));
        let guard = runtime.enter();
        let server = Server::new(config, clock.clone());
        let desk = server.app().desk.clone();
        tokio::spawn(server.serve(listener, pending()));
        drop(guard);
        Self {
            runtime,
            clock,
            desk,
            base,
            clients: HashMap::new(),
            open: BTreeMap::new(),
            leases: HashMap::new(),
            stops: stops.into_iter(),
        }
    }

    fn ask(&mut self, who: &str, asking: &Asking) {
        assert_eq!(asking.hands, Hands::Take, "only the core is told what became of an answer");
        let client = self.clients.entry(who.to_owned()).or_insert_with(|| Client::new(&self.base));
        let asked = request(client, asking, &self.leases);
        let _guard = self.runtime.enter();
        self.open.insert(who.to_owned(), (asking.clone(), asked.spawn()));
    }

    fn hang_up(&mut self, who: &str) {
        let (_, task) = self.open.remove(who).expect("only who waits hangs up");
        task.abort();
        let ended = self.runtime.block_on(task);
        assert!(ended.is_err_and(|error| error.is_cancelled()), "{who} had been answered");
    }

    /// Until all who were not answered wait, and all that was granted is delivered. What was told
    /// until then.
    fn settle(&mut self) -> Vec<(String, Said)> {
        let began = Instant::now();
        let (mut heard, mut quiet) = (Vec::new(), 0);
        loop {
            let census = self.runtime.block_on(async {
                yield_now().await;
                self.desk.census().await
            });
            let done = self.open.iter().filter(|(_, (_, task))| task.is_finished());
            for who in done.map(|(who, _)| who.clone()).collect::<Vec<_>>() {
                let (asking, task) = self.open.remove(&who).expect("it was there just now");
                let answer = self.runtime.block_on(task).expect("a request does not panic");
                heard.push((who, self.said(&asking, &answer)));
            }
            let is_quiet = census.waits == self.open.len() && census.undelivered == 0;
            quiet = if is_quiet { quiet + 1 } else { 0 };
            // A census is answered before its turn of the loop moves time; the next one comes after.
            if quiet == 2 {
                return heard;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{} are open, but {} wait and {} answers are undelivered",
                self.open.len(),
                census.waits,
                census.undelivered
            );
        }
    }

    fn said(&mut self, asking: &Asking, heard: &Heard) -> Said {
        let fence = |path: &str| {
            let known = self.leases.iter().find(|(_, known)| *known == path);
            known.map_or_else(|| self.fence_at(path), |(fence, _)| *fence)
        };
        let said = said(&asking.command, heard, fence);
        let leases = said.leases().into_iter().map(|(_, lease)| lease.fence);
        if let Said::GotMany(_) = said {
            let items = heard.json();
            let paths = items.as_array().into_iter().flatten();
            let paths = paths.filter_map(|item| item["lease"].as_str().map(ToOwned::to_owned));
            self.leases.extend(leases.zip(paths));
        } else {
            self.leases.extend(leases.map(|fence| (fence, heard.location())));
        }
        if let Said::GrantedLease(lease) = &said {
            self.leases.insert(lease.fence, heard.location());
        }
        said
    }

    /// The fence of a lease of which nobody has heard yet: it says so itself.
    fn fence_at(&self, path: &str) -> u64 {
        let client = Client::new(&self.base);
        self.runtime.block_on(client.get(path).into_future()).expect(200).number("awaitd-fence")
    }

    fn pass(&mut self, length: Duration, stops: Vec<Duration>) -> Vec<(String, Said)> {
        let (mut heard, mut passed) = (Vec::new(), Duration::ZERO);
        for stop in stops.into_iter().chain([length]) {
            self.clock.advance(stop.saturating_sub(passed));
            passed = stop;
            heard.extend(self.settle());
        }
        heard
    }
}

impl World for Http {
    fn act(&mut self, who: &str, what: &What) -> Vec<(String, Said)> {
        let stops = self.stops.next().unwrap_or_default();
        match what {
            What::Asks(asking) => self.ask(who, asking),
            What::HangsUp => self.hang_up(who),
            What::Passes(length) => return self.pass(*length, stops),
            What::Closes => self.desk.close(),
            What::TakesIt | What::Stalls | What::GoesOn => {
                panic!("only the core can be told {what:?}")
            }
        }
        self.settle()
    }

    fn waiting(&self) -> usize {
        self.open.len()
    }

    fn stops(&mut self) -> Vec<Duration> {
        Vec::new()
    }
}
