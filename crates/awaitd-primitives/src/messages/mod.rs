//! What crosses a boundary: commands in, answers out, records to the journal.

pub mod answer;
pub mod ask;
pub mod body;
pub mod checkpoint;
pub mod command;
pub mod configuration;
pub mod held;
pub mod id;
pub mod job;
pub mod name;
pub mod policy;
pub mod record;
pub mod remembrance;
pub mod schedule;
pub mod time;
pub mod view;
mod written;
