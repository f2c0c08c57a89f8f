//! What is counted and measured: a fold over the records, and gauges gathered at scrape.

use std::time::Duration;

use awaitd_primitives::{Census, Record, Reply, Time};

use crate::config::Config;

/// Everything that `/metrics` shows.
#[derive(Debug)]
pub struct Metrics {}

impl Metrics {
    /// Nothing counted yet.
    pub fn new(_config: &Config) -> Self {
        todo!()
    }

    /// Counts what happened in a step.
    pub fn fold(&self, _records: &[Record], _replies: &[Reply]) {
        todo!()
    }

    /// Counts an HTTP request; `route` is the template.
    pub fn request(&self, _route: &'static str, _method: &str, _status: u16, _took: Duration) {
        todo!()
    }

    /// The text for Prometheus.
    pub fn render(&self, _census: &Census, _now: Time) -> String {
        todo!()
    }
}
