//! The log goes to stderr: for people on a terminal, as JSON otherwise.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::flags::LogFormat;

/// Libraries that say at debug what they do with each request: nobody means these who says no more than `debug`.
const TALKATIVE: &str = "h2=info,hyper=info,hyper_util=info,rustls=info,tokio_rustls=info";

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
        .with_env_filter(EnvFilter::new(of_ours(filter)))
        .with_ansi(terminal)
        .with_target(false);
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    if json { log.json().flatten_event(true).init() } else { log.init() }
}

/// The same filter, by which talkative libraries are heard of only if it names them.
fn of_ours(filter: &str) -> String {
    let levels = ["debug", "trace"];
    let is_of_all =
        |part: &str| levels.into_iter().any(|level| part.trim().eq_ignore_ascii_case(level));
    // What comes later holds.
    if filter.split(',').any(is_of_all) { format!("{TALKATIVE},{filter}") } else { filter.into() }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing::{Level, enabled};

    use super::*;

    /// At debug there is what the server has to say; what a library says only if it is named.
    #[test]
    fn libraries_are_heard_of_if_they_are_named() {
        for (filter, ours, of_library) in [
            ("info", false, false),
            ("debug", true, false),
            ("DEBUG", true, false),
            ("info,awaitd_server=debug", true, false),
            ("debug,h2=debug", true, true),
            ("h2=debug,debug", true, true),
            ("h2=debug", false, true),
            ("off", false, false),
        ] {
            let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(of_ours(filter)));
            with_default(log.finish(), || {
                assert_eq!(enabled!(target: "awaitd_server::http", Level::DEBUG), ours, "{filter}");
                let heard = enabled!(target: "h2::codec", Level::DEBUG);
                assert_eq!(heard, of_library, "{filter}");
            });
        }
    }
}
