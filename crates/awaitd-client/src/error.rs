//! What may go wrong. Programs look at [`Code`], people read the text.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;

/// What goes wrong here goes wrong with this.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not give what was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server said no; what was asked for was not done.
    Refused(Box<Problem>),
    /// There was no answer, however often it was tried. The server may have done what was asked.
    Unreachable {
        /// Who was asked.
        url: String,
        /// What happened the last time.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// What was given cannot be sent: an address that is none, a header that is not visible ASCII.
    Input(String),
    /// The answer is none of this contract: something else listens there, or is in between.
    Odd(String),
}

/// A refusal, as the server told it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Problem {
    /// What programs look at.
    pub code: Code,
    /// The same as it stood in the answer: of use if this crate is older than the server.
    pub code_text: String,
    /// The status of HTTP.
    pub status: u16,
    /// What went wrong, in a few words.
    pub title: String,
    /// What was wrong, and what would be right.
    pub detail: String,
    /// When to ask again, where that helps.
    pub retry_after: Option<Duration>,
    /// Of [`Code::Locked`]: who has it, if the holder said so.
    pub owner: Option<String>,
    /// Of [`Code::Locked`]: when the holder's lease ends.
    pub expires_in: Option<Duration>,
    /// Of events and joins: the last generation that there was.
    pub generation: Option<u64>,
    /// Of [`Code::NotDrained`]: jobs that are not done.
    pub unfinished: Option<u64>,
    /// Of [`Code::Exists`]: what there is.
    pub configuration: Option<Value>,
}

/// The contract's stable names of what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A parameter is unknown, broken or out of its bounds.
    InvalidParameter,
    /// A name is none.
    InvalidName,
    /// There is no such thing, or the lease was never given out.
    NotFound,
    /// No token was shown, or one that the server does not know any more.
    Unauthorized,
    /// The token does not allow this.
    Forbidden,
    /// The path has no such method.
    MethodNotAllowed,
    /// No job came.
    Empty,
    /// There are jobs that are not done.
    NotDrained,
    /// The event is not set.
    NotSet,
    /// The job is not done.
    NotDone,
    /// Not all parties came to the barrier.
    NotTripped,
    /// Somebody else has it.
    Locked,
    /// A newer request has this one's place in line.
    Superseded,
    /// The lock is held, and was not to be deleted by force.
    Held,
    /// Somebody works on the job.
    Leased,
    /// It does not go together with what is there.
    Conflict,
    /// More permits than there are.
    OverBound,
    /// The barrier was aborted, or reset while somebody waited.
    Broken,
    /// A condition takes the lock for oneself, not a shared one.
    NotExclusive,
    /// It was deleted meanwhile.
    Deleted,
    /// The lease has ended otherwise: somebody else may have what it held.
    LeaseLost,
    /// The queue takes no more, or has nothing more to give.
    QueueShutDown,
    /// The job came to no result: it is dead, or was taken out of its queue.
    Failed,
    /// What was asked was taken back.
    Withdrawn,
    /// It is there already.
    Exists,
    /// The event is set already.
    AlreadySet,
    /// The body is larger than the server takes.
    TooLarge,
    /// The key belongs to another request.
    IdempotencyMismatch,
    /// The queue is at its bound.
    QueueFull,
    /// The server has as many jobs in its memory as it may.
    MemoryFull,
    /// What names that begin alike may take together is taken.
    OverQuota,
    /// The bodies of all puts that wait are as much as the server keeps.
    WaitingBytes,
    /// The head of the request is too large.
    HeadersTooLarge,
    /// The server has as much to do as it takes on.
    Overloaded,
    /// The server is on its way out.
    ShuttingDown,
    /// The server has as many things as it takes on.
    TooManyNames,
    /// There is no room on the server's disk.
    DiskFull,
    /// One that this crate does not know; see [`Problem::code_text`].
    Other,
}

/// Each code as it stands in an answer.
const CODES: &[(&str, Code)] = &[
    ("invalid_parameter", Code::InvalidParameter),
    ("invalid_name", Code::InvalidName),
    ("not_found", Code::NotFound),
    ("unauthorized", Code::Unauthorized),
    ("forbidden", Code::Forbidden),
    ("method_not_allowed", Code::MethodNotAllowed),
    ("empty", Code::Empty),
    ("not_drained", Code::NotDrained),
    ("not_done", Code::NotDone),
    ("not_set", Code::NotSet),
    ("not_tripped", Code::NotTripped),
    ("locked", Code::Locked),
    ("superseded", Code::Superseded),
    ("held", Code::Held),
    ("leased", Code::Leased),
    ("conflict", Code::Conflict),
    ("over_bound", Code::OverBound),
    ("broken", Code::Broken),
    ("not_exclusive", Code::NotExclusive),
    ("deleted", Code::Deleted),
    ("lease_lost", Code::LeaseLost),
    ("queue_shut_down", Code::QueueShutDown),
    ("failed", Code::Failed),
    ("withdrawn", Code::Withdrawn),
    ("exists", Code::Exists),
    ("already_set", Code::AlreadySet),
    ("too_large", Code::TooLarge),
    ("idempotency_mismatch", Code::IdempotencyMismatch),
    ("queue_full", Code::QueueFull),
    ("memory_full", Code::MemoryFull),
    ("over_quota", Code::OverQuota),
    ("waiting_bytes", Code::WaitingBytes),
    ("headers_too_large", Code::HeadersTooLarge),
    ("overloaded", Code::Overloaded),
    ("shutting_down", Code::ShuttingDown),
    ("too_many_names", Code::TooManyNames),
    ("disk_full", Code::DiskFull),
];

impl Error {
    /// The refusal's code; `None` if the server did not refuse.
    pub fn code(&self) -> Option<Code> {
        self.problem().map(|problem| problem.code)
    }

    /// The refusal; `None` if the server did not refuse.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            Self::Unreachable { .. } | Self::Input(_) | Self::Odd(_) => None,
        }
    }

    /// Whether the condition just does not hold yet: ask again, or later.
    pub fn is_not_yet(&self) -> bool {
        self.code().is_some_and(Code::is_not_yet)
    }

    /// Whether a lease was lost: stop what it was held for.
    pub fn is_lost(&self) -> bool {
        self.code() == Some(Code::LeaseLost)
    }

    pub(crate) fn odd(answer: &Answer, what: &str) -> Self {
        Self::Odd(format!("an answer with status {} has {what}", answer.status.as_u16()))
    }
}

impl Code {
    /// As it stands in an answer; `other` if it is not known.
    pub fn as_str(self) -> &'static str {
        let found = CODES.iter().find(|(_, code)| *code == self);
        found.map_or("other", |(text, _)| text)
    }

    /// Whether a condition does not hold yet.
    pub fn is_not_yet(self) -> bool {
        matches!(
            self,
            Self::Empty
                | Self::NotDrained
                | Self::NotDone
                | Self::NotSet
                | Self::NotTripped
                | Self::Locked
                | Self::QueueFull
                | Self::MemoryFull
                | Self::OverQuota
                | Self::WaitingBytes
        )
    }

    fn parse(text: &str) -> Self {
        let found = CODES.iter().find(|(known, _)| *known == text);
        found.map_or(Self::Other, |(_, code)| *code)
    }
}

impl Problem {
    /// What an answer says that is no success.
    pub(crate) fn of(answer: &Answer) -> Self {
        let told = serde_json::from_slice(&answer.body).unwrap_or_default();
        let mut problem = Self {
            retry_after: answer.seconds("retry-after"),
            owner: answer.text("awaitd-owner").map(str::to_owned),
            expires_in: answer.seconds("awaitd-expires-in"),
            generation: answer.number("awaitd-generation"),
            unfinished: answer.number("awaitd-unfinished"),
            ..Self::told(answer.status, &told)
        };
        if told["title"].as_str().is_none_or(str::is_empty) {
            // Not of this server: something in between, or something else.
            let body = String::from_utf8_lossy(&answer.body);
            problem.detail = body.trim().chars().take(DETAIL_CHARS_MAX).collect();
        }
        problem
    }

    /// What an answer says of one of many, and of itself.
    pub(crate) fn told(status: StatusCode, told: &Value) -> Self {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let (code, title) = (text("code"), text("title"));
        let unnamed = || status.canonical_reason().unwrap_or("refused").to_owned();
        Self {
            code: Code::parse(&code),
            code_text: code,
            status: status.as_u16(),
            title: if title.is_empty() { unnamed() } else { title },
            detail: text("detail"),
            retry_after: None,
            owner: None,
            expires_in: None,
            generation: None,
            unfinished: None,
            configuration: told.get("configuration").filter(|value| !value.is_null()).cloned(),
        }
    }

    /// As the server says it, for what is known here.
    pub(crate) fn lease_lost() -> Self {
        let code = Code::LeaseLost.as_str();
        let detail = "the lease ran out before it could be renewed";
        let told = json!({ "code": code, "title": "The lease was lost", "detail": detail });
        Self::told(StatusCode::GONE, &told)
    }
}

/// Of an answer that is no problem of this contract so much is shown.
const DETAIL_CHARS_MAX: usize = 200;

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code_text, status, title, detail, .. } = self;
        let text = if detail.is_empty() { title } else { detail };
        if code_text.is_empty() {
            write!(out, "{text} (status {status})")
        } else {
            write!(out, "{text} ({code_text})")
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(problem) => problem.fmt(out),
            Self::Unreachable { url, source } => {
                write!(out, "no answer from {url}: {}", root(source.as_ref()))
            }
            Self::Input(why) | Self::Odd(why) => out.write_str(why),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unreachable { source, .. } => Some(source.as_ref()),
            Self::Refused(_) | Self::Input(_) | Self::Odd(_) => None,
        }
    }
}

/// What is at the bottom of an error: "connection refused" rather than "error sending request".
fn root<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    error.source().map_or(error, root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read is what is shown.
    #[test]
    fn codes_have_one_text_each() {
        for (text, code) in CODES {
            assert_eq!((Code::parse(text), code.as_str()), (*code, *text));
        }
        assert_eq!(Code::parse("of_tomorrow"), Code::Other);
        assert_eq!(Code::Other.as_str(), "other");
    }
}
