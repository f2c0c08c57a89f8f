//! Commands that ask a server: what asyncio calls by these names, for shells.
//!
//! What is asked for goes to stdout, words go to stderr, and the exit code says how it went.

mod check;
mod configure;
mod events;
mod get;
mod jobs;
mod lease;
mod options;
mod plain;
mod put;
mod queues;
mod schedules;
mod show;
mod told;
mod top;

use std::fs::{self, File};
use std::future::ready;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use awaitd_client::{
    Client, Code, DEFAULT_URL, Error, TLS_CA_VARIABLE, TLS_CLIENT_VARIABLE, URL_VARIABLE,
};
use clap::Args;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::exit::Exit;
use crate::values::Length;

pub(crate) use check::Check;
pub(crate) use get::Source;
pub(crate) use plain::Plain;
pub(crate) use show::table;

/// A server that does not answer is tried for so long if nothing is said.
const RETRY: Duration = Duration::from_secs(10);

/// At the end, what goes back in the background has so much time; then it goes back when its lease ends.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// Where a server is, and who says that it is the right one.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// Where the server is: `http://…`, `https://…`, or `unix:/path` of its socket.
    #[arg(long, env = URL_VARIABLE, default_value = DEFAULT_URL, value_name = "URL")]
    pub(crate) url: String,

    /// Who alone vouches for a server that is asked by https://: certificates as PEM [default: whom the system trusts]
    #[arg(long, env = TLS_CA_VARIABLE, value_name = "FILE")]
    tls_ca: Option<PathBuf>,

    /// What is shown to a server that wants to know by a certificate who asks: that and its key as PEM, in one file
    #[arg(long, env = TLS_CLIENT_VARIABLE, value_name = "FILE")]
    tls_client: Option<PathBuf>,
}

/// Who is asked, and how it is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct Server {
    #[command(flatten)]
    pub(crate) place: Place,

    /// How long to try a server that does not answer; a call that is repeated is done once all the same [default: 10s; of `health`: do not]
    #[arg(long, env = "AWAITD_RETRY", value_name = "DURATION")]
    retry: Option<Length>,

    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Waiting {
    /// Wait no longer than so [default: as long as it takes].
    #[arg(short, long, alias = "timeout", value_name = "DURATION")]
    wait: Option<Length>,

    /// Do not wait.
    #[arg(short, long, aliases = ["nonblock", "nb"], conflicts_with = "wait")]
    no_wait: bool,
}

/// A body, from wherever it comes.
#[derive(Clone, Debug, Args)]
struct Body {
    /// Read it from this file; `-` is stdin.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// What it is, for whoever gets it: `application/json`, for instance.
    #[arg(short = 't', long, value_name = "TYPE")]
    content_type: Option<String>,
}

/// Why it did not come to what was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server did not give it.
    Server(Error),
    /// It was lost, whatever the server calls it.
    Lost(Error),
    /// This file cannot be read, or not be written.
    File(PathBuf, io::Error),
    /// What is said cannot be written.
    Output(io::Error),
    /// The system did not give this.
    System(&'static str, io::Error),
}

type Done = Result<Exit, Failure>;

impl Server {
    /// The same, which is not tried again if nothing is said.
    fn impatient(mut self) -> Self {
        self.retry.get_or_insert(Length(Duration::ZERO));
        self
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        let retry = self.retry.map_or(RETRY, |retry| retry.0);
        let mut client = Client::builder(&self.place.url).retry_for(retry);
        if let Some(file) = &self.place.tls_ca {
            client = client.tls_ca(file);
        }
        if let Some(file) = &self.place.tls_client {
            client = client.tls_client(file);
        }
        client.token_of_env()?.build()
    }

    /// Says in JSON what went wrong, if JSON was asked for.
    pub(crate) fn document(&self, failure: &Failure) {
        if self.json {
            // If nobody can read it, the exit code says enough.
            _ = writeln!(io::stdout(), "{}", failure.document());
        }
    }
}

impl Waiting {
    /// The longest wait; `None` if it has no end.
    pub(crate) fn limit(self) -> Option<Duration> {
        if self.no_wait { Some(Duration::ZERO) } else { self.wait.map(|length| length.0) }
    }
}

impl Body {
    /// What was given as an argument, else what is in the file; `None` if neither was said.
    async fn read(&self, given: Option<&String>) -> Result<Option<Vec<u8>>, Failure> {
        match &self.file {
            Some(file) => read(file).await.map(Some),
            None => Ok(given.map(|text| text.clone().into_bytes())),
        }
    }
}

/// The whole file; `-` is stdin. Signals are heard meanwhile.
async fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let path = file.to_owned();
    let reading = spawn_blocking(move || {
        let mut bytes = Vec::new();
        if path.as_os_str() == "-" {
            io::stdin().lock().read_to_end(&mut bytes)?;
        } else {
            File::open(&path)?.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    });
    let read = reading.await.expect("to read does not panic");
    read.map_err(|error| Failure::File(file.to_owned(), error))
}

/// Writes a line, or bytes, where somebody else will read it.
fn write(file: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    fs::write(file, bytes).map_err(|error| Failure::File(file.to_owned(), error))
}

/// Asks the server, until it is done or a signal ends it: then what was asked is taken back.
fn perform(server: &Server, work: impl AsyncFnOnce(Client) -> Done) -> ExitCode {
    conclude(server, asking(server, work))
}

/// Does it, and says with which code to end, and what went wrong if something did.
pub(crate) fn conclude(
    server: &Server,
    work: impl Future<Output = Result<Ended, Failure>>,
) -> ExitCode {
    let done = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let done = runtime.block_on(work);
            // Nobody needs any more what a thread may still read.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(Failure::System("threads", error)),
    };
    match done {
        Ok(Ended::With(exit)) => exit.into(),
        Ok(Ended::By(signal)) => ExitCode::from(128 + signal),
        Ok(Ended::As(code)) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("awaitd: {failure}");
            server.document(&failure);
            failure.exit().into()
        }
    }
}

/// How a command came to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    With(Exit),
    /// By a signal.
    By(u8),
    /// As another program did, or as the user said.
    As(u8),
}

async fn asking(server: &Server, work: impl AsyncFnOnce(Client) -> Done) -> Result<Ended, Failure> {
    let failed = |error| Failure::System("signals", error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let client = server.client()?;
    let ended = select! {
        done = work(client.clone()) => done.map(Ended::With),
        _ = interrupt.recv() => Ok(Ended::By(2)),
        _ = terminate.recv() => Ok(Ended::By(15)),
    };
    // Whom nobody reaches cannot be told that something goes back.
    let away = matches!(ended, Err(Failure::Server(Error::Unreachable { .. })));
    // A second signal has no patience with that.
    select! {
        () = ready(()), if away => {}
        _ = timeout(FAREWELL, client.settled()) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    ended
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Server(error) => match (error, error.problem()) {
                _ if error.is_not_yet() => Exit::NotYet,
                _ if error.is_lost() => Exit::Lost,
                (Error::Unreachable { .. }, _) => Exit::Unavailable,
                (Error::Input(_), _) => Exit::Usage,
                (_, Some(problem)) if problem.status == 503 => Exit::Unavailable,
                _ => Exit::Failed,
            },
            Self::Lost(_) => Exit::Lost,
            Self::File(..) | Self::Output(_) => Exit::Io,
            Self::System(..) => Exit::Failed,
        }
    }

    /// For machines: the code is the contract's where there is one.
    fn document(&self) -> Value {
        let code = match self {
            Self::Server(error) | Self::Lost(error) => match error.problem() {
                Some(problem) => problem.code_text.as_str(),
                None => "unreachable",
            },
            Self::File(..) | Self::Output(_) | Self::System(..) => "io",
        };
        let code = if code.is_empty() { Code::Other.as_str() } else { code };
        json!({ "error": { "code": code, "detail": self.to_string() } })
    }
}

/// What to look at if there was no answer. Other libraries tell why, and in nothing but words.
fn what_then(said: &str) -> &'static str {
    let hints = [
        ("CaUsedAsEndEntity", "it shows an authority's certificate, not a server's (CA:FALSE)"),
        (
            "invalid peer certificate",
            "--tls-ca (AWAITD_TLS_CA) names a file with who vouches for it",
        ),
        (
            "CertificateRequired",
            "--tls-client (AWAITD_TLS_CLIENT) names a file with the certificate that it wants of whoever asks",
        ),
        ("InvalidContentType", "it speaks no TLS, it seems: is it at http://?"),
        ("invalid HTTP version", "it speaks TLS, it seems: is it at https://?"),
    ];
    let hint = hints.iter().find(|(words, _)| said.contains(words));
    hint.map_or("is `awaitd serve` running there?", |(_, hint)| hint)
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server(error @ Error::Unreachable { .. }) => {
                let said = error.to_string();
                write!(out, "{said}; {}", what_then(&said))
            }
            Self::Server(error) | Self::Lost(error) => error.fmt(out),
            Self::File(file, error) => write!(out, "{}: {error}", file.display()),
            Self::Output(error) => write!(out, "failed to write: {error}"),
            Self::System(what, error) => write!(out, "failed to get {what}: {error}"),
        }
    }
}
