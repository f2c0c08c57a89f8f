//! What can be said of how much the server takes upon itself before it refuses what is new.

use awaitd_server::Config;
use clap::Args;

use crate::flags::{at_most, config};
use crate::values::{Length, Size};

/// The bounds of what is taken in.
#[derive(Debug, Args)]
#[allow(clippy::struct_field_names)] // they are those of the flags
pub(crate) struct Load {
    /// How far the server or its disk may be behind before it refuses what is new; what is held can be given
    /// back all the same.
    #[arg(
        long,
        env = "AWAITD_MAX_LAG",
        default_value_t = Length(config().max_lag),
        value_name = "DURATION"
    )]
    max_lag: Length,

    /// The bodies of all requests that are on their way here or not answered yet, together, those of waiting
    /// puts aside; above it what is new is refused.
    #[arg(
        long,
        env = "AWAITD_MAX_INCOMING_BYTES",
        default_value_t = Size(config().max_incoming_bytes),
        value_name = "SIZE"
    )]
    max_incoming_bytes: Size,

    /// Answers of more than 16 KiB that their clients have not taken yet, together; above it one more is refused, and
    /// what was to be handed out goes back.
    #[arg(
        long,
        env = "AWAITD_MAX_OUTGOING_BYTES",
        default_value_t = Size(config().max_outgoing_bytes),
        value_name = "SIZE"
    )]
    max_outgoing_bytes: Size,

    /// Requests that wait at one time for the same of one name: its puts, its gets, its holders to be.
    #[arg(
        long,
        env = "AWAITD_MAX_WAITS_PER_NAME",
        default_value_t = config().limits.line_max,
        value_name = "NUMBER",
        value_parser = at_most(10_000_000)
    )]
    max_waits_per_name: usize,

    /// Calls of one token that may wait, at one time; nothing without tokens.
    #[arg(
        long,
        env = "AWAITD_MAX_WAITS_PER_TOKEN",
        default_value_t = config().max_waits_per_token,
        value_name = "NUMBER",
        value_parser = at_most(10_000_000)
    )]
    max_waits_per_token: usize,
}

impl Load {
    /// Bounds what is taken in.
    pub(crate) fn bound(&self, config: &mut Config) {
        config.max_lag = self.max_lag.0;
        config.max_incoming_bytes = self.max_incoming_bytes.0;
        config.max_outgoing_bytes = self.max_outgoing_bytes.0;
        config.max_waits_per_token = self.max_waits_per_token;
        config.limits.line_max = self.max_waits_per_name;
    }
}
