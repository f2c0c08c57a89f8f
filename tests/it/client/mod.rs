//! The client for Rust, against the real server: what its callers are promised.

mod cancelled;
mod examples;
mod hand_off;
mod knobs;
mod leases;
mod many;
mod operating;
mod peer;
mod permits;
pub(crate) mod restarts;
mod tokens;

use std::time::Duration;

use awaitd_client::Client;
use awaitd_tests::Server;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(40);

fn client(server: &Server) -> Client {
    Client::new(server.base()).expect("a server's address is good")
}
