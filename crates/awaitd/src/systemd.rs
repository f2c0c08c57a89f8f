//! What systemd is told, if it asks: `Type=notify`, and `WatchdogSec=`.

use std::time::Duration;

use awaitd_server::desk::Desk;
use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::time::sleep;
use tracing::warn;

/// Requests are answered from now on. If there is a watchdog it hears so twice in its time, as long as the
/// loop answers: a stalled disk holds no such answer up, and is no reason to be killed.
pub(crate) fn begun(desk: Desk) {
    tell(NotifyState::Ready);
    if let Some(length) = watchdog_enabled() {
        tokio::spawn(feed(desk, length / 2));
    }
}

/// The end has begun.
pub(crate) fn ending() {
    tell(NotifyState::Stopping);
}

async fn feed(desk: Desk, every: Duration) {
    loop {
        desk.census().await;
        tell(NotifyState::Watchdog);
        sleep(every).await;
    }
}

/// Says nothing unless systemd listens.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = notify(&[state]) {
        warn!(%error, "failed to tell systemd");
    }
}
