//! Queues: `asyncio.Queue` in a path.

use awaitd_primitives::{Command, limits};

use super::call::{Asked, Call};
use super::problem::Problem;

/// `Queue(maxsize)`.
pub(super) fn configure(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::ConfigureQueue {
        queue: call.name()?,
        config: call.queue_config()?,
        only_new: call.only_if_none()?,
    }))
}

/// `qsize()`, `empty()`, `full()`, `maxsize`.
pub(super) fn read(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::ReadQueue { queue: call.name()? }))
}

/// Which queues there are.
pub(super) fn list(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let limit = call.integer("limit", 1, limits::LIST_LIMIT_MAX as u64)?;
    Ok(Asked::at_once(Command::ListQueues {
        prefix: call.part_of_name("prefix")?.unwrap_or_default(),
        cursor: call.part_of_name("cursor")?,
        limit: limit.map_or(limits::LIST_LIMIT_DEFAULT, |limit| {
            usize::try_from(limit).expect("the limit of a list is small")
        }),
    }))
}

/// Removes the queue and all that it holds.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::DeleteQueue { queue: call.name()? }))
}

/// `put()`, and without `wait` `put_nowait()`.
pub(super) fn put(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command = Command::Put {
        queue: call.name()?,
        delay: call.delay()?.unwrap_or_default(),
        payload: call.payload()?,
    };
    Ok(Asked::waiting(call.wait()?, command))
}

/// `get()`, and without `wait` `get_nowait()`.
pub(super) fn get(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let command =
        Command::Get { queue: call.name()?, mode: call.get_mode()?, settle: call.settle()? };
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
