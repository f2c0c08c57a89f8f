//! A command as it was asked.

use std::sync::Arc;

use crate::messages::command::Command;

/// A command, and the `Idempotency-Key` that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is asked.
    pub command: Command,
    /// Under which key, if any. A key belongs to the thing of the command.
    pub key: Option<Key>,
}

/// An `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// 1 to 255 visible ASCII characters.
    pub text: Arc<str>,
    /// A hash of method, path, body and all parameters but `wait`: what makes two requests the same.
    pub fingerprint: u128,
}
