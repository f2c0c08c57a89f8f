//! What `await` makes of a call.

use std::future::Future;
use std::pin::Pin;

/// A future that may go to any thread and lives by itself.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
