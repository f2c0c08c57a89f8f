//! Awaiting a condition that only asking can tell.

use std::time::{Duration, Instant};

/// Long enough for any machine; whoever meets it has found a hang, not a slow moment.
const PATIENCE: Duration = Duration::from_secs(50);

/// Asks again and again until it holds. `what` is for the message if it never does.
#[track_caller]
pub fn until(what: &str, holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    asking(what.to_owned(), holds)
}

async fn asking(what: String, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}
