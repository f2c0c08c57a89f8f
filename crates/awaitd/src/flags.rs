//! What can be said on the command line, and in the environment as `AWAITD_…`.

use std::path::PathBuf;
use std::{env, process};

use awaitd_journal::segment::SEGMENT_BYTES_MIN;
use awaitd_server::Config;
use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::client::{Check, Plain};
use crate::exit::Exit;
use crate::guard::Guard;
use crate::journal::Look;
use crate::load::Load;
use crate::logs;
use crate::pages::{Completions, Man};
use crate::restore::Restore;
use crate::run::Running;
use crate::settings;
use crate::socket::Encryption;
use crate::token::Token;
use crate::values::{Length, Part, Size};

/// Queues, events and locks to await over HTTP.
#[derive(Debug, Parser)]
#[command(name = "awaitd", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Flags {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve. This is what happens if no command is given.
    Serve(Box<Serve>),
    /// Look at the configuration of `serve`.
    #[command(subcommand)]
    Config(settings::Look),
    /// Make a data directory of a backup.
    Restore(Restore),
    /// Look into the journal of a data directory that no server uses.
    #[command(subcommand)]
    Journal(Look),
    /// Make, list and revoke tokens: who may do what.
    #[command(subcommand)]
    Token(Token),
    #[command(flatten)]
    Plain(Plain),
    Check(Check),
    #[command(flatten)]
    Running(Running),
    Completions(Completions),
    Man(Man),
}

/// What `serve` may be told.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen, unless systemd gives a socket: ADDRESS:PORT (beyond loopback only with tokens, or with
    /// --allow-anonymous) or unix:PATH, for its owner and group.
    #[arg(long, env = "AWAITD_LISTEN", default_value = "127.0.0.1:29248", value_name = "ADDRESS")]
    pub(crate) listen: String,

    #[command(flatten)]
    pub(crate) guard: Guard,

    #[command(flatten)]
    pub(crate) tls: Encryption,

    /// Where to keep what must survive. Made if it is not there; one server has it at a time.
    #[arg(long, env = "AWAITD_DATA_DIR", default_value = "./awaitd-data", value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,

    /// Keep everything in memory, whatever --data-dir says: it is gone when the process ends.
    #[arg(long, env = "AWAITD_MEMORY", value_parser = BoolishValueParser::new())]
    pub(crate) memory: bool,

    /// The file of tokens, as `awaitd token` makes it. If it is there, whoever asks for something shows one
    /// [default: `tokens` in the data directory].
    #[arg(long, env = "AWAITD_TOKENS", value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,

    /// How much of jobs' bodies is kept in memory. What is above it is read from the disk when it is handed
    /// out [default: a quarter of the machine's memory, or of the control group's if that is less].
    #[arg(long, env = "AWAITD_MEMORY_BUDGET", value_name = "SIZE")]
    pub(crate) memory_budget: Option<Size>,

    /// How much memory jobs may take, with their bodies as far as these are in memory: a size, or so many
    /// percent of the machine's memory, or of the control group's if that is less. A put that would need more
    /// is refused.
    #[arg(long, env = "AWAITD_MAX_MEMORY", default_value = "50%", value_name = "SIZE")]
    pub(crate) max_memory: Part,

    /// How long the server may have been away, by the clock, at a start. A longer time is more likely a
    /// wrong clock, by which leases and delays would end early: then it does not start.
    #[arg(long, env = "AWAITD_MAX_CLOCK_JUMP", default_value = "30d", value_name = "DURATION")]
    pub(crate) max_clock_jump: Length,

    /// The size of the journal's files, for tests.
    #[arg(
        long,
        env = "AWAITD_SEGMENT_SIZE",
        value_name = "SIZE",
        value_parser = segment_size,
        hide = true
    )]
    pub(crate) segment_size: Option<Size>,

    /// The longest that a request may wait; a longer `wait=` is cut to it.
    #[arg(
        long,
        env = "AWAITD_MAX_WAIT",
        default_value_t = Length(config().max_wait),
        value_name = "DURATION"
    )]
    max_wait: Length,

    #[command(flatten)]
    load: Load,

    /// The largest body of a request, up to 512MiB.
    #[arg(
        long,
        env = "AWAITD_MAX_BODY",
        default_value_t = Size(config().max_body),
        value_name = "SIZE",
        value_parser = max_body
    )]
    pub(crate) max_body: Size,

    /// The bodies of all puts that wait, together; above it a put is refused at once.
    #[arg(
        long,
        env = "AWAITD_MAX_WAITING_BYTES",
        default_value_t = Size(config().limits.waiting_bytes_max),
        value_name = "SIZE"
    )]
    max_waiting_bytes: Size,

    /// Requests that wait at one time.
    #[arg(
        long,
        env = "AWAITD_MAX_WAITS",
        default_value_t = config().limits.waits_max,
        value_name = "NUMBER",
        value_parser = at_most(10_000_000)
    )]
    max_waits: usize,

    /// `None` if nobody asked for so many: that fewer are possible is no news then.
    #[arg(
        long,
        env = "AWAITD_MAX_CONNECTIONS",
        help = format!(
            "Connections at one time [default: {}, or three quarters of the open files that the system allows if that is less]",
            config().max_connections,
        ),
        value_name = "NUMBER",
        value_parser = at_most(10_000_000)
    )]
    pub(crate) max_connections: Option<usize>,

    /// Connections at one time from one address, or from one /64 of IPv6.
    #[arg(
        long,
        env = "AWAITD_MAX_CONNECTIONS_PER_ADDRESS",
        default_value_t = config().max_connections_per_address,
        value_name = "NUMBER",
        value_parser = at_most(10_000_000)
    )]
    max_connections_per_address: usize,

    /// Idempotency keys that are remembered at one time.
    #[arg(
        long,
        env = "AWAITD_MAX_KEYS",
        default_value_t = config().limits.keys_max,
        value_name = "NUMBER",
        value_parser = at_most(100_000_000)
    )]
    max_keys: usize,

    /// Queues, events, locks, semaphores and barriers at one time.
    #[arg(
        long,
        env = "AWAITD_MAX_NAMES",
        default_value_t = config().limits.names_max,
        value_name = "NUMBER",
        value_parser = at_most(100_000_000)
    )]
    max_names: usize,

    /// Queues and events are made by PUT alone, not by their first use.
    #[arg(long, env = "AWAITD_NO_AUTO_CREATE", value_parser = BoolishValueParser::new())]
    pub(crate) no_auto_create: bool,

    /// Names of each kind that have metrics of their own; the rest is summed.
    #[arg(
        long,
        env = "AWAITD_METRICS_MAX_NAMES",
        default_value_t = config().metrics_max_names,
        value_name = "NUMBER"
    )]
    metrics_max_names: usize,

    /// Threads that serve connections.
    #[arg(
        long,
        env = "AWAITD_WORKERS",
        default_value_t = 1,
        value_name = "NUMBER",
        value_parser = at_most(1_024)
    )]
    pub(crate) workers: usize,

    /// What to log: `error`, `warn`, `info`, `debug`, or so by module; libraries that tell of each request only if named, as in
    /// `debug,h2=debug`.
    #[arg(
        long,
        env = "AWAITD_LOG",
        default_value = "info",
        value_name = "FILTER",
        value_parser = logs::filter
    )]
    pub(crate) log: String,

    /// In which form to log.
    #[arg(long, env = "AWAITD_LOG_FORMAT", default_value = "auto", value_name = "FORM")]
    pub(crate) log_format: LogFormat,

    /// Answer `POST /echo` with its body, for benchmarks.
    #[arg(long, env = "AWAITD_ECHO", hide = true, value_parser = BoolishValueParser::new())]
    echo: bool,
}

/// In which form to log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people on a terminal, else JSON.
    Auto,
    /// For people.
    Human,
    /// One object a line.
    Json,
}

/// All that can be said, with the exit codes at the end of each page of help.
pub(crate) fn command() -> clap::Command {
    let table = Exit::table();
    let command = Flags::command().after_long_help(table.clone());
    command.mut_subcommands(|command| match command.get_after_long_help() {
        None => command.after_long_help(table.clone()),
        // It has a table of its own.
        Some(_) => command,
    })
}

/// What was said; if that is nothing that can be done, this is the end.
pub(crate) fn asked() -> Command {
    let matches = command().try_get_matches();
    let flags = matches.and_then(|matches| Flags::from_arg_matches(&matches));
    flags.unwrap_or_else(|error| wrong(&error)).asked()
}

/// Says what is wrong, or what was asked for, and ends.
fn wrong(error: &clap::Error) -> ! {
    if error.use_stderr() && env::args_os().nth(1).is_some_and(|command| command == "check") {
        // 2 would tell a monitoring system that the server is down.
        _ = error.print();
        process::exit(Check::UNKNOWN);
    }
    error.exit()
}

impl Flags {
    /// What to do.
    fn asked(self) -> Command {
        self.command.unwrap_or_else(|| Command::Serve(Box::new(self.serve)))
    }
}

/// A size that holds entries, and whose offsets fit into the journal's addresses.
fn segment_size(text: &str) -> Result<Size, &'static str> {
    let size: Size = text.parse()?;
    let fits = (SEGMENT_BYTES_MIN..=1 << 30).contains(&(size.0 as u64));
    if fits { Ok(size) } else { Err("4KiB to 1GiB are possible") }
}

/// A body in an entry that the journal can hold: it counts bytes of an entry in 30 bits.
fn max_body(text: &str) -> Result<Size, &'static str> {
    let size: Size = text.parse()?;
    if size.0 <= 512 << 20 { Ok(size) } else { Err("512MiB is the most that is possible") }
}

/// A number from 1 to this.
pub(crate) fn at_most(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}

impl From<&Serve> for Config {
    fn from(flags: &Serve) -> Self {
        let mut config = config();
        config.max_wait = flags.max_wait.0;
        flags.load.bound(&mut config);
        config.max_body = flags.max_body.0;
        config.max_connections = flags.max_connections.unwrap_or(config.max_connections);
        config.max_connections_per_address = flags.max_connections_per_address;
        config.metrics_max_names = flags.metrics_max_names;
        config.echo = flags.echo;
        config.limits.waits_max = flags.max_waits;
        config.limits.waiting_bytes_max = flags.max_waiting_bytes.0;
        config.limits.keys_max = flags.max_keys;
        config.limits.names_max = flags.max_names;
        config.limits.auto_create = !flags.no_auto_create;
        config
    }
}

/// What holds if nothing is said.
pub(crate) fn config() -> Config {
    Config::default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Box<Serve>, clap::Error> {
        let arguments = ["awaitd"].iter().chain(arguments);
        match Flags::try_parse_from(arguments)?.asked() {
            Command::Serve(serve) => Ok(serve),
            other => panic!("this is not to serve: {other:?}"),
        }
    }

    /// Names, defaults and parsers fit each other.
    #[test]
    fn flags_are_sound() {
        Flags::command().debug_assert();
    }

    /// `serve` may be left out.
    #[test]
    fn serve_is_what_happens() {
        for arguments in [&["serve", "--max-wait", "2m"][..], &["--max-wait", "2m"]] {
            let serve = parse(arguments).unwrap();
            assert_eq!(Config::from(&*serve).max_wait, Duration::from_mins(2), "{arguments:?}");
            assert_eq!(serve.listen, "127.0.0.1:29248");
        }
    }

    /// If nothing is said, the server's own defaults hold.
    #[test]
    fn nothing_said_changes_nothing() {
        let config = Config::from(&*parse(&[]).unwrap());
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    /// The largest body that there can be.
    #[test]
    fn a_body_has_512_mebibytes_at_most() {
        assert_eq!(parse(&["--max-body", "512MiB"]).unwrap().max_body, Size(512 << 20));
    }

    /// What is said wrongly is refused by name.
    #[test]
    fn nonsense_is_refused() {
        for (flag, value) in [
            ("--max-wait", "soon"),
            ("--max-body", "1MiBs"),
            ("--max-body", "536870913"),
            ("--max-body", "1GiB"),
            ("--workers", "0"),
            ("--max-memory", "101%"),
            ("--max-names", "-1"),
            ("--allowed-hosts", "awaitd:29248"),
            ("--log", "=,="),
            ("--log-format", "xml"),
        ] {
            let error = parse(&[&format!("{flag}={value}")]).unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
