//! The real binary, killed again and again among producers, workers, holders of a lock and those who
//! wait for events. What they were told holds over all its lives; the oracle knows what that
//! means.
//!
//! `AWAITD_TORTURE_ROUNDS` says how many rounds, `AWAITD_TEST_SEED` repeats what was drawn: who does
//! what in which order, and when the server is killed. When what happens on a machine is not drawn, so a seed
//! repeats a run only roughly.

mod drain;
mod ground;
mod held;
mod holder;
mod producer;
mod signals;
mod worker;

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

use awaitd_tests::{Data, End, Server};
use fastrand::Rng;
use tokio::task::JoinSet;

use ground::Ground;
use holder::Holder;
use producer::Producer;
use signals::{Joiner, Setter, Watcher};
use worker::{Taker, Worker};

/// Rounds in a run of all the tests: some ten seconds.
const ROUNDS: u64 = 30;

/// Somebody who goes on from life to life of the server.
enum Actor {
    Producer(Producer),
    Worker(Worker),
    Taker(Taker),
    Holder(Holder),
    Setter(Setter),
    Watcher(Watcher),
    Joiner(Joiner),
}

/// How a life of the server ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// After so long among its clients.
    End(End, Duration),
    /// Killed so long after its start, before anybody asked it for anything.
    KilledWhileStarting(Duration),
    /// By itself, with this code.
    ByItself(i32),
}

/// A directory, those who use it, and what they were told.
pub(super) struct Torture {
    pub(super) data: Data,
    ground: Ground,
    crew: Vec<Actor>,
    rng: Rng,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_holds_however_often_it_is_killed() {
    let rounds = env::var("AWAITD_TORTURE_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().expect("a number of rounds"));
    let seed = env::var("AWAITD_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |text| text.parse().expect("a number"));
    eprintln!("torture: AWAITD_TORTURE_ROUNDS={rounds} AWAITD_TEST_SEED={seed}");
    let mut torture = Torture::new(seed);
    for round in 1..=rounds {
        let shape = torture.draw_shape();
        let ending = torture.draw_ending();
        torture.live(&[], &[], ending).await;
        let told = torture.ground.summary();
        eprintln!("round {round} of {rounds}: {shape}, {ending:?}; {told}");
        torture.content();
    }
    torture.drain().await;
    torture.content();
}

/// A server that keeps nothing must not pass, or this test would say nothing about one that does.
#[tokio::test(flavor = "multi_thread")]
async fn the_oracle_notices_a_server_that_forgets() {
    let mut torture = Torture::new(1);
    let ending = Ending::End(End::Kill, Duration::from_millis(200));
    torture.live(&[], &["--memory"], ending).await;
    // It has not forgotten anything yet.
    torture.content();
    for _ in 0..2 {
        torture.live(&[], &["--memory"], ending).await;
    }
    let wrong = torture.ground.oracle().wrong().join("\n");
    for words in ["both job 1", "was told before", "not here any more: 404"] {
        assert!(wrong.contains(words), "{words}:\n{wrong}");
    }
}

/// A server that lost the last thing that it did, and goes on as if it had not, must not pass either.
#[tokio::test(flavor = "multi_thread")]
async fn the_oracle_notices_a_directory_of_yesterday() {
    let mut torture = Torture::new(1);
    let ending = Ending::End(End::Kill, Duration::from_millis(100));
    torture.live(&[], &[], ending).await;
    let dir = torture.data.dir().to_owned();
    let yesterday = torture.data.folder.path().join("yesterday");
    let copy = |from: &Path, to: &Path| {
        fs::create_dir(to).expect("a folder of this name is new");
        for entry in fs::read_dir(from).expect("it is a folder") {
            let path = entry.expect("it can be read").path();
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("it is a file");
        }
    };
    copy(&dir, &yesterday);
    torture.live(&[], &[], ending).await;
    torture.content();
    fs::remove_dir_all(&dir).expect("it is ours");
    copy(&yesterday, &dir);
    torture.live(&[], &[], ending).await;
    let wrong = torture.ground.oracle().wrong().join("\n");
    assert!(wrong.contains("was told before"), "{wrong}");
}

impl Torture {
    /// Nobody has done anything yet.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut crew = Vec::new();
        for number in 1..=3 {
            crew.push(Actor::Producer(Producer::new(number, rng.fork())));
            crew.push(Actor::Worker(Worker::new(number, rng.fork())));
            crew.push(Actor::Holder(Holder::new(number, rng.fork())));
        }
        crew.push(Actor::Taker(Taker));
        crew.push(Actor::Setter(Setter::new(rng.fork())));
        crew.push(Actor::Watcher(Watcher::default()));
        crew.push(Actor::Joiner(Joiner::default()));
        Self { data: Data::new(), ground: Ground::new(), crew, rng }
    }

    /// What the next life is started with, and how to say it.
    fn draw_shape(&mut self) -> String {
        let mut draw = |values: &[&'static str]| *self.rng.choice(values).expect("there are some");
        // Small segments come and go within a life, large ones are what people use; bodies are in
        // memory or read back from the disk; connections share a thread with the loop or do not.
        self.data.variables = vec![
            ("AWAITD_SEGMENT_SIZE", draw(&["64KiB", "256KiB", "16MiB"])),
            ("AWAITD_MEMORY_BUDGET", draw(&["4KiB", "1GiB"])),
            ("AWAITD_WORKERS", draw(&["1", "2"])),
        ];
        let values = self.data.variables.iter().map(|(_, value)| *value);
        values.collect::<Vec<_>>().join(" ")
    }

    fn draw_ending(&mut self) -> Ending {
        let after = Duration::from_millis(self.rng.u64(5..300));
        match self.rng.u8(..10) {
            0 => Ending::End(End::Term, after),
            // A start takes some milliseconds, of which each is worth a kill.
            1..=2 => Ending::KilledWhileStarting(Duration::from_micros(self.rng.u64(..40_000))),
            _ => Ending::End(End::Kill, after),
        }
    }

    /// One life of the server, started by this program (see [`Server::under`]) with these flags.
    pub(super) async fn live(&mut self, program: &[&str], flags: &[&str], ending: Ending) {
        self.ground.oracle().started(Instant::now());
        match ending {
            Ending::KilledWhileStarting(after) => self.data.start_and_kill(after).await,
            Ending::End(end, after) => {
                let server = self.data.start_under(program, flags);
                let working = self.send_out(&server);
                tokio::time::sleep(after).await;
                end.of(server).await;
                self.crew = working.join_all().await;
            }
            Ending::ByItself(code) => match self.data.try_start(program, flags) {
                Ok(mut server) => {
                    let working = self.send_out(&server);
                    assert_eq!(server.exit_code().await, Some(code), "{}", server.log());
                    assert!(!server.log().contains("panicked"), "{}", server.log());
                    self.crew = working.join_all().await;
                }
                // So soon that nobody could ask it for anything.
                Err(failed) => {
                    assert!(failed.code.is_some_and(|code| code != 0), "{failed:?}");
                    assert!(!failed.log.contains("panicked"), "{failed:?}");
                }
            },
        }
        self.ground.oracle().died(Instant::now());
    }

    /// Goes on only if nothing that was told so far was wrong.
    #[track_caller]
    pub(super) fn content(&self) {
        self.ground.oracle().content();
    }

    /// All work until the server is gone.
    fn send_out(&mut self, server: &Server) -> JoinSet<Actor> {
        let ground = self.ground.of(server);
        let mut working = JoinSet::new();
        for mut actor in self.crew.drain(..) {
            let ground = ground.clone();
            working.spawn(async move {
                while actor.turn(&ground).await.is_some() {}
                actor
            });
        }
        working
    }
}

impl Actor {
    /// Does one thing; `None` if the server is gone.
    async fn turn(&mut self, ground: &Ground) -> Option<()> {
        match self {
            Self::Producer(producer) => producer.turn(ground).await,
            Self::Worker(worker) => worker.turn(ground).await,
            Self::Taker(taker) => taker.turn(ground).await,
            Self::Holder(holder) => holder.turn(ground).await,
            Self::Setter(setter) => setter.turn(ground).await,
            Self::Watcher(watcher) => watcher.turn(ground).await,
            Self::Joiner(joiner) => joiner.turn(ground).await,
        }
    }
}
