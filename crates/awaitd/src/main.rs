//! The binary: flags and environment in, a server on a socket, an exit code out.

mod client;
mod data;
mod exit;
mod flags;
mod guard;
mod journal;
mod load;
mod logs;
mod pages;
mod progress;
mod quotas;
mod restore;
mod run;
mod settings;
mod socket;
mod systemd;
mod token;
#[cfg(feature = "otlp")]
mod traces;
mod values;

use std::future::Future;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io, mem};

use awaitd_journal::file::Opened;
use awaitd_journal::read::OpenError;
use awaitd_server::access::BookError;
use awaitd_server::tls::TlsError;
use awaitd_server::{Clock, Config, ServeError, Server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{debug, info, warn};

use exit::Exit;
use flags::{Command, Serve};
use guard::Open;
use quotas::{QuotasError, QuotasFile};
use socket::{At, Socket};

// Many small jobs and connections of all ages: it keeps them denser than the system's allocator. Not
// with huge pages, in which all that a parked connection has allocated and never touches is resident.
// Its second version, which gives memory back after 10 ms: the third keeps it for a second, in which
// as much as a disk can take comes and goes, so that more than twice what is in use was resident.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Of the open files that there may be, connections leave one part in so many: the journal has one for
/// each of its segments…
const OTHER_FILES_PART: u64 = 4;

/// … and at least so many.
const OTHER_FILES_MIN: u64 = 64;

/// Why it ended that was not told to.
enum Failure {
    /// There was no listening there.
    Listen(String, io::Error),
    /// Others could do everything.
    Open(Open),
    /// The files for TLS are no good.
    Tls(TlsError),
    /// The system did not give this.
    Start(&'static str, io::Error),
    /// The journal cannot be opened.
    Journal(PathBuf, OpenError),
    /// A restore into this folder did not come to its end.
    BrokenOff(PathBuf),
    /// The wall clock is so far ahead.
    Jump(Duration),
    /// The tokens cannot be read.
    Tokens(BookError),
    /// The quotas cannot be read.
    Quotas(QuotasError),
    /// The server ended.
    Serve(ServeError),
}

fn main() -> ExitCode {
    if let Some(code) = run::inside() {
        return code;
    }
    let asked = flags::asked();
    if matches!(asked, Command::Serve(_) | Command::Config(_))
        && let Some(unknown) = settings::unknown_variable()
    {
        eprintln!("awaitd: {unknown}");
        return Exit::Usage.into();
    }
    let serve = match asked {
        Command::Serve(serve) => serve,
        Command::Config(look) => return look.run(),
        Command::Restore(restore) => return restore.run(),
        Command::Journal(look) => return look.run(),
        Command::Token(token) => return token.run(),
        Command::Plain(plain) => return plain.run(),
        Command::Check(check) => return check.run(),
        Command::Running(running) => return running.run(),
        Command::Completions(shell) => return shell.run(),
        Command::Man(man) => return man.run(),
    };
    logs::begin(&serve.log, serve.log_format);
    #[cfg(feature = "otlp")]
    let traces = traces::begin();
    let ended = run(&serve);
    #[cfg(feature = "otlp")]
    traces::end(traces);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // For people, whatever form the log has.
            eprintln!("awaitd: {failure}");
            failure.code()
        }
    }
}

fn run(flags: &Serve) -> Result<(), Failure> {
    let socket = Socket::open(flags)?;
    let runtime = runtime(flags.workers).map_err(|error| Failure::Start("threads", error))?;
    let mut config = Config::from(flags);
    config.limits.memory_max = data::memory_max(flags);
    let mut quotas = None;
    if let Some(path) = &flags.guard.quotas {
        let (file, read) = QuotasFile::open(path).map_err(Failure::Quotas)?;
        (quotas, config.limits.quotas) = (Some(file), Arc::new(read));
    }
    config.access = Arc::new(flags.access().map_err(Failure::Tokens)?);
    config.hosts = flags.guard.hosts(&flags.listen, &socket.at);
    flags.guard.check(&socket.at, &config.access).map_err(Failure::Open)?;
    config.max_connections = connections(config.max_connections, flags.max_connections.is_some());
    let kept = if flags.memory { None } else { Some(data::open(flags)?) };
    end_with(runtime, async {
        let shutdown = shutdown().map_err(|error| Failure::Start("signals", error))?;
        let server = match kept {
            None => Server::new(config, Clock::new()),
            Some((Opened { state, journal, .. }, clock, took)) => {
                config.memory_budget = data::memory_budget(flags);
                let server = Server::going_on(config, clock, state, journal);
                server.app().metrics.recovered(took);
                server
            }
        };
        let Socket { listener, at, file: _removed_at_the_end } = socket;
        greet(&at, flags);
        if let Some(file) = quotas {
            tokio::spawn(file.follow(server.app().desk.clone()));
        }
        systemd::begun(server.app().desk.clone());
        server.serve(listener, shutdown).await.map_err(Failure::Serve)?;
        info!("ended in order");
        Ok(())
    })
}

/// One worker needs no pool: what is asked and what is told then never changes threads.
fn runtime(workers: usize) -> io::Result<Runtime> {
    let mut builder = match workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()
}

/// What this comes to. Whatever else runs is left to the end of the process, which is next: to drop a
/// runtime is to wait for the reads that are under way, and on a disk that hangs they never end, so that
/// nobody would be told why and nothing would start again.
fn end_with<T>(runtime: Runtime, future: impl Future<Output = T>) -> T {
    let done = runtime.block_on(future);
    mem::forget(runtime);
    done
}

/// Says where it listens, what becomes of what it is told, and what to try.
fn greet(at: &At, flags: &Serve) {
    let version = env!("CARGO_PKG_VERSION");
    info!(version, address = %at, "listening on {at}");
    if flags.memory {
        info!("everything is kept in memory, and gone when this process ends");
    }
    let here = at.for_curl();
    if flags.no_auto_create {
        info!("try: curl -i -X PUT {here}/v1/queues/demo");
    } else {
        info!("try: curl -i -d hello {here}/v1/queues/demo/jobs");
    }
    if let Some(page) = at.dashboard() {
        info!("dashboard: {page}");
    }
}

/// Comes to its end at the first SIGTERM or SIGINT. A second one ends the process at once.
fn shutdown() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    // Not an end: it means that files are to be read again, by whoever reads any.
    _ = signal(SignalKind::hangup())?;
    let mut signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let name = next(&mut signals).await;
        systemd::ending();
        info!("ending on {name}: requests in flight are finished, a second signal ends at once");
        tokio::spawn(async move {
            let name = next(&mut signals).await;
            warn!("ended at once on {name}");
            process::exit(1);
        });
    })
}

async fn next((terminate, interrupt): &mut (Signal, Signal)) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// As many connections as there may be: each is an open file, of which most systems allow few unless
/// one asks, and one that cannot be opened is refused without a word. Whoever asked for more is told.
fn connections(wanted: usize, asked: bool) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If this fails, what counts is what there is.
    _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = room(files);
    if room < wanted {
        let fewer = format!(
            "{room} connections at one time, as the limit on open files allows: the rest is the journal's"
        );
        if asked { warn!(files, "{fewer}") } else { debug!(files, "{fewer}") }
    }
    wanted.min(room)
}

/// How many connections there can be with so many open files.
fn room(files: u64) -> usize {
    let others = (files / OTHER_FILES_PART).max(OTHER_FILES_MIN);
    usize::try_from(files.saturating_sub(others)).unwrap_or(usize::MAX)
}

impl Failure {
    fn code(&self) -> ExitCode {
        match self {
            Self::Listen(..)
            | Self::Open(_)
            | Self::Tls(_)
            | Self::Start(..)
            | Self::Jump(_)
            | Self::Tokens(_)
            | Self::Quotas(_)
            | Self::Journal(_, OpenError::Locked(..))
            | Self::Serve(ServeError::Listener(_)) => ExitCode::FAILURE,
            Self::Journal(_, OpenError::Io(..)) | Self::Serve(ServeError::Journal(_)) => {
                Exit::Io.into()
            }
            Self::Journal(..) | Self::BrokenOff(_) => Exit::Damaged.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(out, "failed to listen on {address}: {error}"),
            Self::Open(open) => open.fmt(out),
            Self::Tls(error) => write!(out, "failed to begin TLS: {error}"),
            Self::Start(what, error) => write!(out, "failed to get {what}: {error}"),
            Self::Journal(folder, error) => {
                write!(out, "{error}; {}", data::advice(error, folder))
            }
            Self::BrokenOff(folder) => {
                let folder = folder.display();
                write!(
                    out,
                    "a restore into {folder} was broken off, and what it left is no journal; nothing was \
                     changed. Run it again: `awaitd restore FILE --data-dir {folder}`. To begin with \
                     nothing instead, remove what is in that folder first"
                )
            }
            Self::Jump(gap) => write!(
                out,
                "the clock is {} days ahead of where the journal left off. If the clock is right, start once \
                 with a larger --max-clock-jump; if it is wrong, set it first, or leases and delays end early",
                gap.as_secs() / (24 * 60 * 60),
            ),
            Self::Tokens(error) => write!(out, "failed to read the tokens: {error}"),
            Self::Quotas(error) => write!(out, "failed to read the quotas: {error}"),
            Self::Serve(error) => error.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use tokio::sync::oneshot;
    use tokio::task::spawn_blocking;

    use super::*;

    /// Connections do not take the files that the journal needs.
    #[test]
    fn connections_leave_files_to_the_journal() {
        for (files, connections) in [(20_000, 15_000), (256, 192), (100, 36), (64, 0), (10, 0)] {
            assert_eq!(room(files), connections, "of {files}");
        }
    }

    /// What a server ended with is said though a read hangs.
    #[test]
    fn a_read_that_hangs_holds_no_end_up() {
        for workers in [1, 2] {
            let (begun, begins) = oneshot::channel();
            let (release, hangs) = mpsc::channel::<()>();
            let (end, ended) = mpsc::channel();
            thread::spawn(move || {
                let runtime = runtime(workers).expect("there are threads");
                let done = end_with(runtime, async {
                    spawn_blocking(move || {
                        begun.send(()).expect("it is waited for");
                        hangs.recv()
                    });
                    begins.await
                });
                end.send(done)
            });
            let done = ended.recv_timeout(Duration::from_mins(1)).expect("it ends");
            assert_eq!(done, Ok(()));
            drop(release);
        }
    }
}
