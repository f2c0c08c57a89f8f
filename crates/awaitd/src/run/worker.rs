//! `awaitd worker QUEUE -- COMMAND`

use std::env;
use std::ffi::{OsStr, OsString};
use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use awaitd_client::{AnyOf, Code, Error, Job};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::select;
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::sleep;

use super::attend::{Attended, Outcome};
use super::captured::{Captured, RESULT_BYTES_MAX};
use super::child::{Child, Plan, exit_code, signalled};
use super::clock::Moment;
use super::facts::variables;
use super::farewell;
use super::signals::{Signals, ends};
use super::stub::EXIT_NOT_FOUND;
use super::tail::Tail;
use super::words::{OnLost, Terms};
use crate::client::{Ended, Failure, Server, Source, conclude};
use crate::exit::Exit;
use crate::values::Length;

/// After what went wrong by no fault of a job, the next one is not taken before that.
const PAUSE: Duration = Duration::from_secs(1);

/// Signals that commands may have to catch up with.
const SIGNALS: usize = 64;

/// Run a command for each job of a queue.
///
/// The job is its input. Exit status 0 says that it is done, any other that it is to be tried again, with the last that
/// the command said to its stderr as the reason. The job is renewed as long as the command runs; if it is lost, the
/// command is ended as `lock` does, before the job is handed out again.
///
/// At SIGTERM or SIGINT no more jobs are taken and what runs is finished. A second signal is passed on to the commands;
/// what fails then goes back as if it had not been tried.
///
/// The command finds out about its job in `AWAITD_QUEUE`, `AWAITD_JOB`, `AWAITD_ATTEMPT`, `AWAITD_FENCE`, `AWAITD_LEASE`,
/// `AWAITD_ENQUEUED_AT` and `AWAITD_CONTENT_TYPE`, and about the server in `AWAITD_URL`. `AWAITD_KEY` is there if the job
/// has a key, `AWAITD_HEADER_JOB_TENANT` if it has a header `Job-Tenant`, and so on; of one that died in another queue
/// `AWAITD_DIED_IN` (the queue), `AWAITD_DIED_OF` (`max_attempts`, `ttl`), `AWAITD_DIED_AT`, `AWAITD_DIED_ATTEMPTS` and
/// `AWAITD_DIED_ERROR`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Worker {
    #[command(flatten)]
    from: Source,

    /// What the command says to its stdout is the job's result, for `awaitd result`, up to 256 KiB.
    #[arg(long, short)]
    result: bool,

    /// How many jobs to work on at one time.
    #[arg(
        long,
        short = 'j',
        default_value_t = 1,
        value_name = "NUMBER",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000)
    )]
    jobs: usize,

    /// How long a job is held if this machine or the network fails; it is renewed as long as they work
    /// [default: what the queue says].
    #[arg(long, value_name = "DURATION")]
    lease: Option<Length>,

    #[command(flatten)]
    server: Server,

    /// What to run. No shell reads it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

/// What the jobs' places have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Take jobs.
    Working,
    /// Finish what runs.
    Finishing,
    /// What runs was told to stop, and goes back if it does.
    Stopping,
}

/// What came of a command.
struct Ran {
    outcome: Outcome,
    /// The last that it said to its stderr.
    said: String,
    /// All that it said to its stdout, or a little more than a result can be; `None` if that is none.
    result: Option<Vec<u8>>,
}

/// One of the places for jobs.
struct Place {
    worker: Rc<Worker>,
    queues: AnyOf,
    stage: watch::Receiver<Stage>,
    signals: broadcast::Receiver<Signal>,
}

impl Worker {
    /// Works until it is told to stop, or the queue is shut down, and says with which exit code to end.
    pub(crate) fn run(self) -> ExitCode {
        let program = &self.command[0];
        if !is_there(program) {
            // Else one job after the other would fail for it.
            eprintln!("awaitd: there is no program {}", program.display());
            return ExitCode::from(EXIT_NOT_FOUND);
        }
        let server = self.server.clone();
        conclude(&server, async { LocalSet::new().run_until(Rc::new(self).work()).await })
    }

    async fn work(self: Rc<Self>) -> Result<Ended, Failure> {
        let mut signals = Signals::hear().map_err(|error| Failure::System("signals", error))?;
        let client = self.server.client()?;
        let stage = watch::Sender::new(Stage::Working);
        let passed = broadcast::Sender::new(SIGNALS);
        let queues = self.from.of(&client);
        let mut places = JoinSet::new();
        for _ in 0..self.jobs {
            let place = Place {
                worker: Rc::clone(&self),
                queues: queues.clone(),
                stage: stage.subscribe(),
                signals: passed.subscribe(),
            };
            places.spawn_local(place.work());
        }
        let mut failed = None;
        loop {
            select! {
                ended = places.join_next() => match ended {
                    None => break,
                    Some(ended) => if let Err(failure) = ended.expect("a place does not panic") {
                        failed.get_or_insert(failure);
                        if *stage.borrow() == Stage::Working {
                            stage.send_replace(Stage::Finishing);
                        }
                    },
                },
                signal = signals.next() => {
                    if ends(signal) && *stage.borrow() == Stage::Working {
                        eprintln!(
                            "awaitd: no more jobs are taken; what runs is finished, and a second signal is \
                             passed on to it"
                        );
                        stage.send_replace(Stage::Finishing);
                        continue;
                    }
                    if ends(signal) {
                        stage.send_replace(Stage::Stopping);
                    }
                    // If nothing runs, nobody hears it.
                    _ = passed.send(signal);
                },
            }
        }
        farewell(&client, &mut signals).await;
        failed.map_or(Ok(Ended::With(Exit::Done)), Err)
    }
}

impl Place {
    /// Takes one job after the other.
    async fn work(mut self) -> Result<(), Failure> {
        loop {
            let get = match self.worker.lease {
                Some(Length(lease)) => self.queues.get().lease(lease),
                None => self.queues.get(),
            };
            let got = select! {
                biased;
                () = reached(&mut self.stage, Stage::Finishing) => return Ok(()),
                got = get => got,
            };
            let pause = match got {
                Ok(job) => self.attend(job).await,
                Err(error) if error.code() == Some(Code::QueueShutDown) => return Ok(()),
                // It may be there again in a moment.
                Err(error) if error.code() == Some(Code::Deleted) => true,
                Err(error @ Error::Unreachable { .. }) => {
                    eprintln!("awaitd: {error}; trying again");
                    true
                }
                Err(error) => return Err(error.into()),
            };
            if pause {
                select! {
                    () = reached(&mut self.stage, Stage::Finishing) => {}
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }

    /// Runs the command for a job, and says what came of it. `true` if it could not be run.
    async fn attend(&mut self, job: Job) -> bool {
        let what = format!("job {} of the queue {}", job.facts().id, job.facts().queue);
        let (ran, told) = match self.run(&job, &what).await {
            Ok(Ran { outcome: Outcome::Ended(0), result, .. }) => (true, finish(job, result).await),
            Ok(Ran { outcome: Outcome::Ended(status), said, .. }) => {
                let nack = job.nack().error(complaint(status, &said));
                // That it failed is not the job's fault.
                let stopped = *self.stage.borrow() == Stage::Stopping;
                let nack = if stopped { nack.defer().delay(Duration::ZERO) } else { nack };
                (true, nack.await)
            }
            // It goes back when its lease ends, if it has not yet.
            Ok(Ran { outcome: Outcome::Lost, .. }) => (true, Ok(())),
            Err(error) => {
                eprintln!("awaitd: failed to run the command for {what}: {error}");
                (false, job.nack().defer().delay(Duration::ZERO).error(error.to_string()).await)
            }
        };
        if let Err(error) = told {
            eprintln!("awaitd: {what} may be handed out again: {error}");
        }
        !ran
    }

    /// Runs the command, and says what came of it.
    async fn run(&mut self, job: &Job, what: &str) -> io::Result<Ran> {
        self.signals = self.signals.resubscribe();
        let (facts, lease) = (job.facts(), job.lease());
        let changes = lease.changes();
        let length = lease.left();
        let on_lost = OnLost::Term;
        let terms = Terms::new(length, Moment::end(|| lease.left()), on_lost);
        let variables = variables(job, &self.worker.server.place.url);
        let (stdin, input) = io::pipe()?;
        let (output, stderr) = io::pipe()?;
        let mut tail = Tail::new(output)?;
        let (stdout, mut result) = Captured::pipe(self.worker.result)?;
        let command = &self.worker.command;
        let stderr = Some(stderr.into());
        let plan = Plan { command, variables, stdin: stdin.as_fd(), stdout, stderr, terms };
        let child = Child::start(plan).await?;
        drop(stdin);
        let mut input = pipe::Sender::from_owned_fd(input.into())?;
        let body = facts.body.clone();
        let mut feed = pin!(async move {
            // A command need not read all of it.
            _ = input.write_all(&body).await;
        });
        let attended = Attended { child, changes, what: what.to_owned(), on_lost, terminal: None };
        let signals = &mut self.signals;
        let mut running = pin!(attended.run(async || heard(signals).await));
        let (mut feeding, mut following, mut reading) = (true, true, true);
        let outcome = loop {
            select! {
                outcome = &mut running => break outcome?,
                () = &mut feed, if feeding => feeding = false,
                () = tail.follow(), if following => following = false,
                () = result.follow(), if reading => reading = false,
            }
        };
        let ran = Ran { outcome, said: tail.last().await, result: result.whole() };
        // What the command left behind may go on to speak.
        spawn_local(async move { tail.follow().await });
        Ok(ran)
    }
}

/// Says that it is done, and what came of it. What cannot be told is no result: then the job has failed.
async fn finish(job: Job, result: Option<Vec<u8>>) -> Result<(), Error> {
    match result {
        None => job.done().await,
        Some(result) if result.len() <= RESULT_BYTES_MAX => job.done_with(result).await,
        Some(_) => job.nack().error("the result is larger than 256 KiB").await,
    }
}

/// Comes to its end once it is so far.
async fn reached(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    // If it is dropped, all has come to its end.
    _ = stage.wait_for(|stage| *stage >= wanted).await;
}

/// The next signal that is passed on.
async fn heard(signals: &mut broadcast::Receiver<Signal>) -> Signal {
    loop {
        match signals.recv().await {
            Ok(signal) => return signal,
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => pending().await,
        }
    }
}

/// What is kept with a job that failed.
fn complaint(status: i32, said: &str) -> String {
    let code = exit_code(status);
    let how = if signalled(status) {
        format!("ended by signal {}", code - 128)
    } else {
        format!("exit status {code}")
    };
    if said.is_empty() { how } else { format!("{how}: {said}") }
}

/// Whether there is such a program, here or in the `PATH`.
fn is_there(program: &OsStr) -> bool {
    if program.as_encoded_bytes().contains(&b'/') {
        return Path::new(program).exists();
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an operator finds with a job that failed.
    #[test]
    fn complaints() {
        assert_eq!(complaint(3 << 8, ""), "exit status 3");
        assert_eq!(complaint(9, "no such file"), "ended by signal 9: no such file");
    }

    /// Programs are found as the system finds them.
    #[test]
    fn programs_are_found() {
        for (program, there) in
            [("sh", true), ("/bin/sh", true), ("/bin/no-such", false), ("no-such", false)]
        {
            assert_eq!(is_there(OsStr::new(program)), there, "{program}");
        }
    }
}
