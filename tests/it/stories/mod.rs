//! The three stories that awaitd exists for, told once with real curl and once with reqwest. In
//! the scripts `curl -f` alone tells right from wrong, as the contract promises.

mod events;
mod jobs;
mod locks;

use std::time::Duration;

use awaitd_tests::{Ran, Server, bash};
use tokio::task::JoinHandle;

fn script(server: &Server, text: &str) -> JoinHandle<Ran> {
    let (base, text) = (server.base(), text.to_owned());
    tokio::spawn(async move { bash(&base, &text).await })
}

/// A moment of up to 20 ms: the "random paces" of the stories.
async fn work() {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(..20))).await;
}
