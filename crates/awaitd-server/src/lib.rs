//! What is heard and said: awaitd's HTTP front and the loop behind it.

pub mod access;
mod addresses;
mod batch;
pub mod clock;
pub mod config;
mod cron;
pub mod desk;
mod driver;
#[cfg(test)]
mod fuzz;
pub mod history;
pub mod http;
mod inbox;
mod listen;
pub mod metrics;
mod outbox;
mod schedules;
mod serve;
mod shares;
mod space;
pub mod stamp;
pub mod tls;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use awaitd_primitives::Time;
pub use clock::Clock;
pub use config::Config;
pub use listen::Listener;
pub use serve::{ServeError, Server};

/// What every handler may use.
#[derive(Clone)]
pub struct App {
    /// Where to ask.
    pub desk: desk::Desk,
    /// What time it is.
    pub clock: Clock,
    /// What became of queues.
    pub history: history::History,
    /// What is counted and measured.
    pub metrics: Arc<metrics::Metrics>,
    /// What the operator set.
    pub config: Arc<Config>,
    /// The secret of the tokens.
    pub key: [u8; 32],
}

impl App {
    /// The loop or its disk does not keep up: nothing new is taken in.
    fn is_overloaded(&self) -> bool {
        self.desk.lag() > self.config.max_lag
    }
}

/// What is behind a mutex, whoever panicked with it: what is kept so is whole at each step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
