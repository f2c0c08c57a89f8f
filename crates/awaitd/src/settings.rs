//! `awaitd config show`: what `serve` would be told, and by whom; and what the environment may say.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, fmt};

use awaitd_client::{TOKEN_FILE_VARIABLE, TOKEN_VARIABLE};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use serde::Serialize;

use crate::exit::Exit;
use crate::flags::{self, Serve};
use crate::run::CHILD_VARIABLES;

/// What all variables of this program begin with.
const PREFIX: &str = "AWAITD_";

/// Variables that no flag stands for: of the Python package and of tests.
const OTHERS: [&str; 2] = ["AWAITD_BIN", "AWAITD_TEST_*"];

/// Below this part of letters in common a name is not what was meant.
const LIKE: f64 = 0.5;

/// Look at the configuration of `serve`.
#[derive(Debug, Subcommand)]
pub(crate) enum Look {
    Show(Show),
}

/// Print each setting of `serve` with its value, and where that comes from: a flag, the environment, or the default.
///
/// It takes the flags of `serve`, and nothing is started.
#[derive(Debug)]
pub(crate) struct Show {
    settings: Vec<Setting>,
    json: bool,
}

/// A setting, as it would hold.
#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    /// `None` if nothing was said: then the help tells what holds.
    value: Option<String>,
    source: Source,
    /// The variable that stands for it.
    variable: Option<String>,
}

/// Who said it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Flag,
    Environment,
    Default,
}

/// A variable that nothing of this program reads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    name: String,
    nearest: Option<String>,
}

impl Look {
    pub(crate) fn run(&self) -> ExitCode {
        let Self::Show(show) = self;
        let text = if show.json { show.document() } else { show.table() };
        match io::stdout().write_all(text.as_bytes()) {
            Ok(()) => Exit::Done.into(),
            Err(error) => {
                eprintln!("awaitd: failed to write: {error}");
                Exit::Io.into()
            }
        }
    }
}

impl Show {
    fn document(&self) -> String {
        let mut text = serde_json::to_string(&self.settings).expect("it is JSON");
        text.push('\n');
        text
    }

    fn table(&self) -> String {
        let width = |text: fn(&Setting) -> &str| {
            self.settings.iter().map(|setting| text(setting).len()).max().unwrap_or(0)
        };
        let (names, values) = (width(|it| &it.name), width(Setting::said));
        let line = |setting: &Setting| {
            let source = match (setting.source, &setting.variable) {
                (Source::Environment, Some(variable)) => format!("environment, {variable}"),
                (Source::Environment, None) => "environment".to_owned(),
                (Source::Flag, _) => "flag".to_owned(),
                (Source::Default, _) => "default".to_owned(),
            };
            format!("{:names$}  {:values$}  {source}\n", setting.name, setting.said())
        };
        self.settings.iter().map(line).collect()
    }
}

impl Setting {
    /// What clap knows of it.
    fn of(arg: &Arg, matches: &ArgMatches) -> Option<Self> {
        let name = arg.get_long()?.to_owned();
        let id = arg.get_id().as_str();
        let text = |texts: clap::parser::RawValues<'_>| {
            texts.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(",")
        };
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => Source::Flag,
            Some(ValueSource::EnvVariable) => Source::Environment,
            _ => Source::Default,
        };
        let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
        // A flag that takes no value has none that was written.
        let value = match arg.get_action() {
            ArgAction::SetTrue => Some(matches.get_flag(id).to_string()),
            _ => matches.get_raw(id).map(text).or_else(|| told_by(arg)),
        };
        Some(Self { name, value, source, variable })
    }

    fn said(&self) -> &str {
        self.value.as_deref().unwrap_or("-")
    }
}

/// A default that only the help tells, since it depends on the machine.
fn told_by(arg: &Arg) -> Option<String> {
    let help = arg.get_help()?.to_string();
    let (_, default) = help.split_once("[default: ")?;
    Some(default.split(']').next().unwrap_or_default().to_owned())
}

impl FromArgMatches for Show {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let serve = Serve::augment_args(Command::new("serve"));
        // Hidden ones are for tests.
        let shown = serve.get_arguments().filter(|arg| !arg.is_hide_set());
        let settings = shown.filter_map(|arg| Setting::of(arg, matches)).collect();
        Ok(Self { settings, json: matches.get_flag("json") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Show {
    fn augment_args(command: Command) -> Command {
        let json = Arg::new("json").long("json").action(ArgAction::SetTrue);
        Serve::augment_args(command).arg(json.help("Answer in JSON: an array of objects"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The first variable that seems to be for this program and that nothing of it reads: a setting misspelt is a setting that
/// does not hold, and nobody would know.
pub(crate) fn unknown_variable() -> Option<Unknown> {
    stranger(&known(), env::vars_os())
}

/// Variables that any command reads.
fn known() -> Vec<String> {
    let mut known = read(&flags::command());
    // No flag stands for these: what is said in a command line, all users of a machine can see.
    known.extend([TOKEN_VARIABLE, TOKEN_FILE_VARIABLE].map(str::to_owned));
    known
}

/// Those that flags stand for.
fn read(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(Arg::get_env);
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.chain(command.get_subcommands().flat_map(read)).collect()
}

fn stranger(
    known: &[String],
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Option<Unknown> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let ours = variables.map(|(name, value)| (text(name), text(value)));
    let mut ours = ours.filter(|(name, _)| name.starts_with(PREFIX));
    let (name, _) = ours.find(|(name, value)| {
        let set_by_us = OTHERS.iter().chain(&CHILD_VARIABLES).any(|set| fits(set, name));
        !known.contains(name) && !set_by_us && !is_of_a_service(name, value)
    })?;
    let likeness = |known: &str| {
        let (one, other) = (known.strip_prefix(PREFIX), name.strip_prefix(PREFIX));
        strsim::normalized_levenshtein(one.unwrap_or(known), other.unwrap_or(&name))
    };
    let like = known.iter().map(|known| (likeness(known), known));
    let nearest = like.max_by(|(one, _), (other, _)| one.total_cmp(other));
    let nearest = nearest.filter(|(likeness, _)| *likeness >= LIKE).map(|(_, known)| known.clone());
    Some(Unknown { name, nearest })
}

/// Whether a name is that one; `*` at the end stands for anything.
fn fits(known: &str, name: &str) -> bool {
    match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == known,
    }
}

/// Kubernetes tells every pod where each service is, so that one which is called `awaitd` has variables that look like ours:
/// `AWAITD_SERVICE_HOST=10.0.0.1`, `AWAITD_PORT=tcp://10.0.0.1:29248`, `AWAITD_PORT_29248_TCP_ADDR=10.0.0.1`.
fn is_of_a_service(name: &str, value: &str) -> bool {
    let port = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.split_once("_PORT_").is_some_and(|(_, rest)| port(rest))
}

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, nearest } = self;
        write!(out, "the variable {name} is none that awaitd knows")?;
        match nearest {
            Some(nearest) => write!(out, "; is {nearest} meant? Correct it, or unset it"),
            None => out.write_str(": unset it. `awaitd serve --help` names those that there are"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger_of(variables: &[(&str, &str)]) -> Option<Unknown> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        stranger(&known(), variables)
    }

    /// What is misspelt is found, and what may have been meant is named.
    #[test]
    fn misspelt_variables_are_found() {
        for (name, meant) in [
            ("AWAITD_LISTN", Some("AWAITD_LISTEN")),
            ("AWAITD_MAX_WAITING_BYTE", Some("AWAITD_MAX_WAITING_BYTES")),
            ("AWAITD_DATADIR", Some("AWAITD_DATA_DIR")),
            ("AWAITD_URI", Some("AWAITD_URL")),
            ("AWAITD_PORT", None),
        ] {
            let found = stranger_of(&[("AWAITD_URL", ""), ("PATH", ""), (name, "29248")]);
            let nearest = meant.map(str::to_owned);
            assert_eq!(found, Some(Unknown { name: name.to_owned(), nearest }));
        }
    }

    /// A server may be started by a command of a worker, in a test, or beside a service of its name.
    #[test]
    fn what_others_set_is_no_mistake() {
        for (name, value) in [
            ("AWAITD_URL", "http://127.0.0.1:29248"),
            ("AWAITD_RETRY", "1s"),
            ("AWAITD_TOKEN", "awd_"),
            ("AWAITD_TOKEN_FILE", "/run/secrets/token"),
            ("AWAITD_JOB", "7"),
            ("AWAITD_HEADER_JOB_TENANT", "a"),
            ("AWAITD_DIED_OF", "ttl"),
            ("AWAITD_SEMAPHORE", "s"),
            ("AWAITD_BIN", "/usr/bin/awaitd"),
            ("AWAITD_TEST_SEED", "7"),
            ("AWAITD_SERVICE_HOST", "10.0.0.1"),
            ("AWAITD_SERVICE_PORT_HTTP", "29248"),
            ("AWAITD_PORT", "tcp://10.0.0.1:29248"),
            ("AWAITD_HEADLESS_PORT_29248_TCP_PROTO", "tcp"),
            ("AWAIT", "x"),
        ] {
            assert_eq!(stranger_of(&[(name, value)]), None, "{name}");
        }
    }
}
