//! The log goes to stderr: for people on a terminal, as JSON otherwise.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::flags::LogFormat;

/// Checks a filter before anything starts.
pub(crate) fn filter(text: &str) -> Result<String, ParseError> {
    EnvFilter::try_new(text).map(|_| text.to_owned())
}

/// Logs from here on.
pub(crate) fn begin(filter: &str, format: LogFormat) {
    let terminal = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        // A log that nobody reads any more must not end what it tells of: where a line cannot be
        // written, the library would complain on stderr, and that panics.
        .log_internal_errors(false)
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(terminal)
        .with_target(false);
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    if json { log.json().flatten_event(true).init() } else { log.init() }
}
