//! `awaitd token`: makes, lists and revokes tokens. It changes a file, which a running server reads again by itself.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use awaitd_journal::disk::Folder;
use awaitd_primitives::Name;
use awaitd_server::Clock;
use awaitd_server::access::{Allow, Book, BookError, Entry, Secret, Stamp};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::client::table;
use crate::exit::Exit;
use crate::guard::TOKENS;
use crate::values::Length;

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token, and print it. It is not kept: nobody can print it again.
///
/// From the first one on the server asks everybody for one. A running server knows it within a second.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What people call it; the log names it so.
    #[arg(short, long)]
    name: Name,

    /// What it allows, as KIND:NAME:VERBS: `queue:emails-*:put,get`; again for more. KIND is queue, event, lock, semaphore, barrier,
    /// schedule, server or `*`, VERBS are put, get, look, manage or `*`.
    #[arg(short, long, required = true, value_name = "WHAT")]
    allow: Vec<Allow>,

    /// It is worth nothing after so long [default: it does not end].
    #[arg(short, long, value_name = "DURATION", value_parser = some_time)]
    expires: Option<Length>,

    /// Let in whoever connects with a certificate of this name, instead of making a token.
    #[arg(long, value_name = "NAME")]
    certificate: Option<String>,

    #[command(flatten)]
    place: Place,
}

/// List the tokens: what each allows, but not the tokens themselves, which nobody knows.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Answer in JSON: an object a line.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

/// Revoke a token. A running server knows it within a second.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The token's name, or its id.
    #[arg(value_name = "NAME|ID")]
    which: String,

    #[command(flatten)]
    place: Place,
}

/// Where the tokens are.
#[derive(Debug, Args)]
struct Place {
    /// The server's data directory, in which they are if nothing else is said.
    #[arg(long, env = "AWAITD_DATA_DIR", default_value = "./awaitd-data", value_name = "FOLDER")]
    data_dir: PathBuf,

    /// The file of tokens [default: `tokens` in the data directory].
    #[arg(long, env = "AWAITD_TOKENS", value_name = "FILE")]
    tokens: Option<PathBuf>,
}

/// Why it did not come to it.
enum Failure {
    Book(BookError),
    /// It cannot be told.
    Output(io::Error),
}

type Done = Result<(), Failure>;

/// A time that is not over at once.
fn some_time(text: &str) -> Result<Length, String> {
    let length: Length = text.parse()?;
    if length.0.is_zero() { Err("it would be over at once".to_owned()) } else { Ok(length) }
}

impl Token {
    /// Does it, and says how it went.
    pub(crate) fn run(&self) -> ExitCode {
        let done = match self {
            Self::Create(create) => create.make(),
            Self::List(list) => list.show(),
            Self::Revoke(revoke) => revoke.strike(),
        };
        match done {
            Ok(()) => Exit::Done.into(),
            Err(failure) => failure.tell().into(),
        }
    }
}

impl Create {
    fn make(&self) -> Done {
        let Self { name, allow, expires, certificate, place } = self;
        let now = now();
        // What is beyond all time has no end.
        let expires = expires.and_then(|Length(length)| now.checked_add(length)).map(Stamp::of);
        let (secret, allow) = (Secret::new(), allow.clone());
        let entry = match certificate {
            None => Entry::of_token(name.as_str(), &secret, allow, now, expires),
            Some(whose) => Entry::of_certificate(name.as_str(), whose, allow, now, expires),
        };
        let id = entry.id().map_or_else(String::new, |id| format!(" ({id})"));
        let file = place.file();
        if place.tokens.is_none() {
            // As the server does: there can be tokens before it is first started.
            Folder::at(&place.data_dir)
                .map_err(|error| BookError::Io(place.data_dir.clone(), error))?;
        }
        Book::edit(&file, |book| {
            if book.find(name.as_str()).is_some() {
                return Err(format!(
                    "there is a token {name} already: revoke it, or take another name"
                ));
            }
            book.entries.push(entry);
            Ok(())
        })?;
        if certificate.is_none() {
            say(&format!("{}\n", secret.reveal()))?;
            eprintln!("awaitd: {name}{id} is in {}; the token is not told again", file.display());
        } else {
            eprintln!("awaitd: {name} is in {}", file.display());
        }
        Ok(())
    }
}

impl List {
    fn show(&self) -> Done {
        let (book, now) = (self.place.read()?, now());
        if self.json {
            let object = |entry: &Entry| {
                let (created, expires) = (entry.created.to_string(), entry.expires);
                let object = json!({
                    "name": entry.name,
                    "id": entry.id(),
                    "certificate": entry.certificate,
                    "allow": entry.allow,
                    "created": created,
                    "expires": expires,
                    "expired": entry.expired(now),
                });
                format!("{object}\n")
            };
            return say(&book.entries.iter().map(object).collect::<String>());
        }
        let row = |entry: &Entry| {
            let id = entry.id().map(str::to_owned);
            let id =
                id.or_else(|| entry.certificate.as_ref().map(|name| format!("certificate {name}")));
            let over = if entry.expired(now) { " (over)" } else { "" };
            let expires = entry.expires.map_or("never".to_owned(), |end| format!("{end}{over}"));
            let allow: Vec<_> = entry.allow.iter().map(ToString::to_string).collect();
            vec![
                entry.name.clone(),
                id.unwrap_or_default(),
                entry.created.to_string(),
                expires,
                allow.join(" "),
            ]
        };
        let headings = ["NAME", "ID", "CREATED", "EXPIRES", "ALLOW"];
        say(&table(&headings, book.entries.iter().map(row).collect()))
    }
}

impl Revoke {
    fn strike(&self) -> Done {
        let file = self.place.file();
        // An edit would make a file, from which on nobody gets in.
        self.place.read()?;
        let (name, left) = Book::edit(&file, |book| {
            let entry = book.find(&self.which).map(|entry| entry.name.clone());
            let name = entry.ok_or_else(|| format!("there is no token {:?}", self.which))?;
            book.entries.retain(|entry| entry.name != name);
            Ok((name, book.entries.len()))
        })?;
        let nobody = if left == 0 { "; no token is left, so nobody gets in" } else { "" };
        eprintln!("awaitd: {name} is revoked{nobody}");
        Ok(())
    }
}

impl Place {
    fn file(&self) -> PathBuf {
        self.tokens.clone().unwrap_or_else(|| self.data_dir.join(TOKENS))
    }

    fn read(&self) -> Result<Book, BookError> {
        let file = self.file();
        match Book::read(&file) {
            Err(BookError::Io(_, error)) if error.kind() == ErrorKind::NotFound => {
                let none = format!("there are no tokens: {} is not there", file.display());
                Err(BookError::Refused(none))
            }
            read => read,
        }
    }
}

/// The wall clock's time, to the second: nobody wants to read more of it.
fn now() -> SystemTime {
    let seconds = Clock::new().time_of_day() / 1_000_000;
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn say(text: &str) -> Done {
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

impl From<BookError> for Failure {
    fn from(error: BookError) -> Self {
        Self::Book(error)
    }
}

impl Failure {
    fn tell(&self) -> Exit {
        match self {
            Self::Output(error) => {
                eprintln!(
                    "awaitd: failed to write: {error}; a token that was made and not told is to be revoked"
                );
                Exit::Io
            }
            Self::Book(error) => {
                eprintln!("awaitd: {error}");
                match error {
                    BookError::Io(..) => Exit::Io,
                    BookError::Line(..) => Exit::Damaged,
                    BookError::Refused(_) => Exit::Failed,
                }
            }
        }
    }
}
