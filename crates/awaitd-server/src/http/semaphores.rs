//! Semaphores: `asyncio.Semaphore` and `asyncio.BoundedSemaphore` in a path.

use awaitd_primitives::{Command, Share};

use super::call::{Asked, Call};
use super::problem::Problem;

/// `acquire()`.
pub(super) fn acquire(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::Acquire {
        thing: call.thing()?,
        share: Share::Permits(call.permits()?),
        lease: call.lease_length()?,
        owner: call.owner()?,
    };
    Ok(Asked::waiting(call.wait()?, command))
}

/// `release()` of what was not acquired.
pub(super) fn release(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Release { semaphore: call.name()?, permits: call.permits()? }))
}
