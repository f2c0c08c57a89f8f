//! Barriers: `asyncio.Barrier` in a path.

use awaitd_primitives::Command;

use super::call::{Asked, Call};
use super::problem::Problem;

/// `wait()`.
pub(super) fn wait(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::WaitBarrier { barrier: call.name()? };
    Ok(Asked::waiting(call.wait()?, command))
}

/// `reset()`.
pub(super) fn reset(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::ResetBarrier { barrier: call.name()? }))
}

/// `abort()`.
pub(super) fn abort(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::AbortBarrier { barrier: call.name()? }))
}
