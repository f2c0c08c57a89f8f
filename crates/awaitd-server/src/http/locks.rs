//! Locks: `asyncio.Lock` in a path, for one or for many.

use awaitd_primitives::Command;

use super::call::{Asked, Call};
use super::problem::Problem;

/// `acquire()`.
pub(super) fn acquire(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::Acquire {
        thing: call.thing()?,
        share: call.mode()?,
        lease: call.lease_length()?,
        owner: call.owner()?,
    };
    Ok(Asked::waiting(call.wait()?, command))
}

/// Takes it from whoever has it.
pub(super) fn break_open(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Break { lock: call.name()? }))
}
