//! Queues: `asyncio.Queue` in a path.

use awaitd_primitives::Command;

use super::call::{Asked, Call};
use super::problem::Problem;

/// `put()`, and without `wait` `put_nowait()`.
pub(super) fn put(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::Put {
        queue: call.name()?,
        delay: call.delay()?.unwrap_or_default(),
        rank: call.rank()?,
        payload: call.payload()?,
        ttl: None,
        traits: Vec::new(),
    };
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
    let command = Command::Get {
        queue: call.name()?,
        mode: call.get_mode()?,
        settle: call.settle()?,
        most: 1,
    };
    Ok(Asked { empty: call.empty()?, ..Asked::waiting(call.wait()?, command) })
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
