//! Locks: `asyncio.Lock` in a path.

use awaitd_primitives::Command;

use super::call::{Asked, Call};
use super::problem::Problem;

/// `acquire()`.
pub(super) fn acquire(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command =
        Command::Acquire { lock: call.name()?, lease: call.lease_length()?, owner: call.owner()? };
    Ok(Asked::waiting(call.wait()?, command))
}

/// `locked()`.
pub(super) fn read(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::ReadLock { lock: call.name()? }))
}

/// Removes the lock.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::DeleteLock { lock: call.name()?, force: call.flag("force")? }))
}
