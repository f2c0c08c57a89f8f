//! awaitd from outside: the real binary, asked over HTTP.

mod alerts;
mod backup;
mod bad_input;
mod cli;
mod client;
mod deploy;
mod docs;
mod durability;
mod guard;
mod hangups;
mod lifecycle;
mod metrics;
mod openapi;
mod operations;
mod quotas;
mod readme;
mod receipts;
mod run;
mod schemathesis;
mod stories;
mod tidy;
mod transcripts;
mod ui;
mod wakeups;
mod watch;
mod wire;
