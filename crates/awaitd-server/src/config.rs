//! What an operator may set. The binary fills it from flags and the environment.

use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::Limits;

use crate::access::Access;
use crate::http::guard::Hosts;

/// Everything that an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The longest `wait=`; longer ones are cut to it.
    pub max_wait: Duration,
    /// The loop may be so far behind before it takes in nothing new.
    pub max_lag: Duration,
    /// Bytes of a request's body.
    pub max_body: usize,
    /// Calls with `wait=` of one token at one time.
    pub max_waits_per_token: usize,
    /// Bytes of the bodies of all requests that are here and not answered, those of waiting puts aside.
    pub max_incoming_bytes: usize,
    /// Bytes of all answers that are large and were not taken yet.
    pub max_outgoing_bytes: usize,
    /// Connections at one time.
    pub max_connections: usize,
    /// And from one address, or one network of IPv6.
    pub max_connections_per_address: usize,
    /// Names with metric series of their own.
    pub metrics_max_names: usize,
    /// Adds `POST /echo`, which answers its body: what a benchmark measures against.
    pub echo: bool,
    /// By which names it may be asked.
    pub hosts: Hosts,
    /// Bytes of jobs' bodies in memory; what is above is read from the journal when it is needed.
    pub memory_budget: u64,
    /// Who may do what.
    pub access: Arc<Access>,
    /// The core's own bounds.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // Proxies cut at 60 s.
            max_wait: Duration::from_secs(50),
            // More than a disk's hiccup, less than clients bear.
            max_lag: Duration::from_secs(5),
            max_body: 1024 * 1024,
            // Half of all that there may be: no token takes all places.
            max_waits_per_token: 50_000,
            // More than a disk writes in a second: what is beyond would only wait.
            max_incoming_bytes: 128 * 1024 * 1024,
            // As many: who reads at once has taken the largest in some milliseconds.
            max_outgoing_bytes: 128 * 1024 * 1024,
            max_connections: 100_000,
            max_connections_per_address: 50_000,
            metrics_max_names: 200,
            echo: false,
            hosts: Hosts::default(),
            memory_budget: u64::MAX,
            access: Arc::new(Access::open()),
            limits: Limits::default(),
        }
    }
}
