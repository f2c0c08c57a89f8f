//! Events: `asyncio.Event` in a path.

use awaitd_primitives::Command;

use super::call::{Asked, Call};
use super::problem::Problem;

/// `set()`, with a value for those who wait.
pub(super) fn set(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::SetEvent {
        event: call.name()?,
        value: call.payload()?,
        only_unset: call.only_if_none()?,
    }))
}

/// `clear()`.
pub(super) fn clear(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::ClearEvent { event: call.name()? }))
}

/// `wait()`, and without `wait` `is_set()`.
pub(super) fn wait(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::WaitEvent { event: call.name()?, after: call.after()? };
    Ok(Asked::waiting(call.wait()?, command))
}
