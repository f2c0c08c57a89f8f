//! Queues: `asyncio.Queue` in a path.

use std::time::Duration;

use awaitd_primitives::{Command, JobState};

use super::call::{Asked, Call};
use super::many;
use super::parameters::NUMBER_MAX;
use super::problem::Problem;

/// `put()`, and without `wait` `put_nowait()`.
pub(super) fn put(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::Put {
        queue: call.name()?,
        delay: call.not_before()?,
        rank: call.rank()?,
        payload: call.payload()?,
        ttl: call.ttl()?,
        traits: call.traits()?,
    };
    Ok(Asked::waiting(call.wait()?, command))
}

/// Which jobs there are.
pub(super) fn list_jobs(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::ListJobs {
        queue: call.name()?,
        state: call.job_state(&JobState::ALL)?,
        key: call.job_key("key")?,
        cursor: call.job_cursor()?,
        limit: call.page_limit()?,
        bodies: call.flag("body")?,
    }))
}

/// How a job is.
pub(super) fn read_job(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::ReadJob { queue: call.name()?, job: call.job()? }))
}

/// What came of a job.
pub(super) fn result(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::WaitResult { queue: call.name()?, job: call.job()? };
    Ok(Asked::waiting(call.wait()?, command))
}

/// Takes a job back that was put.
pub(super) fn cancel(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::CancelJob {
        queue: call.name()?,
        job: call.job()?,
        force: call.flag("force")?,
    }))
}

/// `get()`, and without `wait` `get_nowait()`.
pub(super) fn get(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let most = many::most(call)?;
    let command = Command::Get {
        queue: call.name()?,
        mode: call.get_mode()?,
        settle: call.settle()?,
        most: most.unwrap_or(1),
    };
    let (empty, list) = (call.empty()?, most.is_some());
    Ok(Asked { empty, list, ..Asked::waiting(call.wait()?, command) })
}

/// `join()`.
pub(super) fn join(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::Join { queue: call.name()?, after: call.after()? };
    Ok(Asked::waiting(call.wait()?, command))
}

/// `shutdown()`.
pub(super) fn shutdown(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Shutdown {
        queue: call.name()?,
        immediate: call.flag("immediate")?,
    }))
}

/// Hands out nothing from now on.
pub(super) fn pause(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Pause { queue: call.name()?, paused: true }))
}

/// Hands out jobs again.
pub(super) fn resume(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Pause { queue: call.name()?, paused: false }))
}

/// Drops jobs that nobody holds.
pub(super) fn purge(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let state = call.job_state(&JobState::ALL)?;
    Ok(Asked::at_once(Command::Purge { queue: call.name()?, state }))
}

/// Puts jobs as new that wait or are dead.
pub(super) fn redrive(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let states = [JobState::Ready, JobState::Delayed, JobState::Leased, JobState::Dead];
    let (state, job) = (call.job_state(&states)?, call.job_number("id")?);
    if state.is_some() && job.is_some() {
        let both = "`id` and `state` both say which jobs are meant: leave one of them out";
        return Err(Problem::parameter(both));
    }
    Ok(Asked::at_once(Command::Redrive {
        queue: call.name()?,
        to: call.other_name("to")?,
        state,
        job,
        limit: call.integer("limit", 1, NUMBER_MAX)?.unwrap_or(NUMBER_MAX),
        delay: Duration::ZERO,
        spacing: call.spacing()?,
    }))
}
