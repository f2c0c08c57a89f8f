//! Conditions of a lock: `asyncio.Condition` in a path.

use awaitd_primitives::Command;

use super::call::{Asked, Call};
use super::problem::Problem;

/// `wait()`.
pub(super) fn wait(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::WaitCondition {
        lock: call.name()?,
        condition: call.second_name()?,
        held: call.held()?,
        lease: call.lease_length()?,
        owner: call.owner()?,
        patience: call.patience(),
        notified: None,
    };
    Ok(Asked::waiting(call.wait()?, command))
}

/// `notify(n)` and `notify_all()`.
pub(super) fn notify(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Notify {
        lock: call.name()?,
        condition: call.second_name()?,
        held: call.held()?,
        most: call.how_many()?,
    }))
}

/// How many wait for it.
pub(super) fn read(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let (lock, condition) = (call.name()?, call.second_name()?);
    Ok(Asked::at_once(Command::ReadCondition { lock, condition }))
}
