//! `check`: one look, told as monitoring systems want it.

use std::fmt::{Display, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use awaitd_client::{Client, Code, Error, QueueState};
use clap::Args;
use tokio::time::timeout;

use super::show::age;
use super::{Ended, Failure, Place, Server, conclude, told};
use crate::run::Moment;
use crate::values::Length;

/// Its codes are not those of the other commands: they are what Nagios and all that came after it know.
const EXIT_CODES: &str = "Exit codes, which are those of monitoring plugins and not of the other commands:
  0    OK: the server takes in what is new, and no queue is above its thresholds
  1    WARNING: a queue is above its first threshold
  2    CRITICAL: a queue is above its second threshold, or the server does not answer or takes in nothing new
  3    UNKNOWN: an option is wrong, or the server does not let this be seen";

/// Look once, for Nagios and its like: one line with performance data, and an exit code of 0 to 3.
///
/// Without `--queue` it asks whether the server takes in what is new. A queue that is not there is empty: one that was never
/// configured goes when it is at rest.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Check {
    /// Look at this queue, too; again for more of them.
    #[arg(short, long, value_name = "NAME")]
    queue: Vec<String>,

    /// Ready jobs of each of these queues: more than this is a warning, and more than the second number is critical.
    #[arg(long, value_name = "N[,M]", requires = "queue")]
    max_ready: Option<Threshold<u64>>,

    /// For how long the oldest ready job could be got: longer is a warning, and longer than the second one is critical.
    #[arg(long, value_name = "DURATION[,DURATION]", requires = "queue")]
    max_age: Option<Threshold<Length>>,

    /// Likewise, dead jobs.
    #[arg(long, value_name = "N[,M]", requires = "queue")]
    max_dead: Option<Threshold<u64>>,

    /// A server that has not answered by then is critical.
    #[arg(long, default_value = "10s", value_name = "DURATION")]
    timeout: Length,

    #[command(flatten)]
    place: Place,
}

/// How it is, the worse the greater; but nobody knows whether the unknown is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Ok,
    Warning,
    Critical,
    Unknown,
}

/// More than the first is a warning, and more than the second is critical.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Threshold<T> {
    warning: T,
    critical: Option<T>,
}

/// What is found, while it is looked at.
#[derive(Debug)]
struct Found {
    status: Status,
    words: Vec<String>,
    data: String,
}

impl Check {
    /// The exit code of what was said wrongly.
    pub(crate) const UNKNOWN: i32 = Status::Unknown as i32;

    /// Looks, and says how it is.
    pub(crate) fn run(&self) -> ExitCode {
        // Whoever looks each minute has no use for patience.
        let retry = Some(Length(Duration::ZERO));
        let server = Server { place: self.place.clone(), retry, json: false };
        conclude(&server, async {
            let found = match server.client() {
                Ok(client) => self.look(client).await,
                Err(error) => Found::only(Status::Unknown, error.to_string()),
            };
            told::line(found.line()).await?;
            Ok(Ended::As(found.status as u8))
        })
    }

    async fn look(&self, client: Client) -> Found {
        let begun = Moment::now();
        let url = client.url().to_owned();
        let looking = async {
            client.ready().await?;
            let mut found = Found::only(Status::Ok, format!("{url} is ready"));
            found.datum("time", "s", begun.elapsed().as_secs_f64(), None::<(f64, Option<f64>)>);
            for name in &self.queue {
                let state = match client.queue(name).state().await {
                    Ok(state) => Some(state),
                    Err(error) if error.code() == Some(Code::NotFound) => None,
                    Err(error) => return Err(error),
                };
                self.judge(&mut found, name, state.as_ref());
            }
            Ok(found)
        };
        match timeout(self.timeout.0, looking).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => Found::only(status(&error), Failure::Server(error).to_string()),
            Err(_) => {
                let silence = format!("no answer from {url} within {}", self.timeout);
                Found::only(Status::Critical, silence)
            }
        }
    }

    /// Holds a queue against the thresholds; `None` if it is not there, and so empty.
    fn judge(&self, found: &mut Found, name: &str, state: Option<&QueueState>) {
        let (ready, dead) = state.map_or((0, 0), |state| (state.ready, state.dead));
        let oldest = state.and_then(|state| state.oldest_ready_age).unwrap_or_default();
        let max_age = self.max_age.map(Threshold::seconds);
        let mut words = format!("{name}: {ready} ready");
        words += &found.weigh(ready, self.max_ready, |most| format!("more than {most}"));
        // The word is with the age, since it is that which is too great.
        let older = found.weigh(oldest, max_age, |most| format!("more than {}", age(most)));
        write!(words, ", the oldest for {}{older}, {dead} dead", age(oldest))
            .expect("it is a text");
        words += &found.weigh(dead, self.max_dead, |most| format!("more than {most}"));
        if state.is_none() {
            words += " (it is not there)";
        }
        found.words.push(words);
        found.datum(&format!("{name} ready"), "", ready, self.max_ready.map(Threshold::pair));
        found.datum(&format!("{name} age"), "s", oldest, max_age.map(Threshold::pair));
        found.datum(&format!("{name} dead"), "", dead, self.max_dead.map(Threshold::pair));
    }
}

/// What an error says of the server.
fn status(error: &Error) -> Status {
    match (error, error.problem()) {
        (Error::Unreachable { .. }, _) => Status::Critical,
        (_, Some(problem)) if problem.status >= 500 => Status::Critical,
        _ => Status::Unknown,
    }
}

impl Found {
    fn only(status: Status, words: String) -> Self {
        Self { status, words: vec![words], data: String::new() }
    }

    /// What is to be added to a number that is above its threshold; the status is as bad as it is.
    fn weigh<T: PartialOrd + Copy>(
        &mut self,
        is: T,
        most: Option<Threshold<T>>,
        words: impl FnOnce(T) -> String,
    ) -> String {
        let Some(Threshold { warning, critical }) = most else { return String::new() };
        let exceeded = match critical.filter(|most| is > *most) {
            Some(most) => Some((Status::Critical, most)),
            None if is > warning => Some((Status::Warning, warning)),
            None => None,
        };
        let Some((status, most)) = exceeded else { return String::new() };
        self.status = self.status.max(status);
        format!(" ({})", words(most))
    }

    /// `'label'=value[unit];[warning];[critical];0`
    fn datum<T: Display>(&mut self, label: &str, unit: &str, is: T, most: Option<(T, Option<T>)>) {
        let text = |number: Option<T>| number.map_or_else(String::new, |it| it.to_string());
        let (warning, critical) =
            most.map_or((None, None), |(warning, critical)| (Some(warning), critical));
        let (warning, critical) = (text(warning), text(critical));
        write!(self.data, " '{label}'={is}{unit};{warning};{critical};0").expect("it is a text");
    }

    fn line(&self) -> String {
        let Self { status, words, data } = self;
        let status = match status {
            Status::Ok => "OK",
            Status::Warning => "WARNING",
            Status::Critical => "CRITICAL",
            Status::Unknown => "UNKNOWN",
        };
        // What a `|` or a new line would begin is not for whoever answered to say.
        let words = words.join("; ").replace(['|', '\n', '\r'], " ");
        let mark = if data.is_empty() { "" } else { " |" };
        format!("AWAITD {status} - {words}{mark}{data}")
    }
}

impl<T> Threshold<T> {
    fn pair(self) -> (T, Option<T>) {
        (self.warning, self.critical)
    }
}

impl Threshold<Length> {
    fn seconds(self) -> Threshold<f64> {
        let seconds = |length: Length| length.0.as_secs_f64();
        Threshold { warning: seconds(self.warning), critical: self.critical.map(seconds) }
    }
}

impl<T: FromStr<Err: Display> + PartialOrd> FromStr for Threshold<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |text: &str| text.parse::<T>().map_err(|error| error.to_string());
        let (warning, critical) = match text.split_once(',') {
            None => (parse(text)?, None),
            Some((warning, critical)) => (parse(warning)?, Some(parse(critical)?)),
        };
        if critical.as_ref().is_some_and(|critical| *critical < warning) {
            return Err("what is critical is not less than what is a warning".into());
        }
        Ok(Self { warning, critical })
    }
}
