//! Leases of jobs and locks, and what was asked under a key: the same for every kind of thing.

use awaitd_primitives::{Command, Thing, limits};

use super::call::{Asked, Call};
use super::problem::Problem;

/// `task_done()` and `release()`.
pub(super) fn done(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Done { lease: call.lease()? }))
}

/// `task_done()` with a result.
pub(super) fn finish(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let result = call.said(limits::RESULT_BYTES_MAX, "result")?;
    Ok(Asked::at_once(Command::Finish { lease: call.lease()?, result }))
}

/// How far the work is.
pub(super) fn progress(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let progress = call.said(limits::PROGRESS_BYTES_MAX, "progress")?;
    Ok(Asked::at_once(Command::Progress { lease: call.lease()?, progress }))
}

/// Keeps a lease.
pub(super) fn extend(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Extend { lease: call.lease()?, length: call.lease_length()? }))
}

/// Is it still held?
pub(super) fn watch(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::Watch { lease: call.lease()? };
    Ok(Asked::waiting(call.wait()?, command))
}

/// Gives a job back.
pub(super) fn nack(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let (lease, delay) = (call.lease()?, call.delay()?);
    let (defer, dead) = (call.flag("defer")?, call.flag("dead")?);
    if dead && (defer || delay.is_some()) {
        return Err(Problem::parameter(format!("a nack {DEAD}")));
    }
    let error = call.error_text();
    Ok(Asked::at_once(Command::Nack { lease, delay, defer, dead, error }))
}

/// What is wrong with a job that is both dead and tried again.
pub(super) const DEAD: &str = "with `dead` true ends the job's tries, so it has neither `delay` nor \
                               `defer`: leave them out, or `dead`";

/// Takes back what was asked under a key.
pub(super) fn withdraw(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Withdraw { thing: call.thing()?, key: call.key_at(5)? }))
}

/// Takes back what was asked under a key that belongs to the server.
pub(super) fn withdraw_any(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Withdraw { thing: Thing::server(), key: call.key_at(3)? }))
}
