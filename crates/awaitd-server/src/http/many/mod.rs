//! Many jobs in one request: got, settled, and put one by one as they arrive.

pub(super) mod batch;
mod got;
pub(super) mod line;
mod object;
pub(super) mod pieces;
pub(super) mod settle;
mod upload;

use awaitd_primitives::{Command, Name, limits};

use super::call::{Asked, Call};
use super::key;
use super::parameters::bad;
use super::problem::Problem;

pub(in crate::http) use got::{Listing, list};
pub(in crate::http) use object::Object;

/// Jobs of one batch that are asked for at one time, and things that are settled by one request.
const MOST: usize = limits::BATCH_MAX;

/// `max=` of a get: a list of so many is wanted.
pub(super) fn most(call: &mut Call<'_>) -> Result<Option<u64>, Problem> {
    let most = call.integer("max", 1, limits::BATCH_MAX as u64)?;
    if most.is_some() {
        without_key(call, "`max`")?;
    }
    Ok(most)
}

/// `get()` from whichever of several queues has a job.
pub(super) fn get_any(call: &mut Call<'_>) -> Result<Asked, Problem> {
    let (queues, fair) = (queues(call)?, fair(call)?);
    let (mode, most) = (call.get_mode()?, most(call)?);
    let command = Command::GetAny { queues, fair, mode, most: most.unwrap_or(1) };
    let (empty, list) = (call.empty()?, most.is_some());
    Ok(Asked { empty, list, ..Asked::waiting(call.wait()?, command) })
}

/// `queues=`: names between commas.
fn queues(call: &mut Call<'_>) -> Result<Vec<Name>, Problem> {
    let given = call.query.take("queues")?.unwrap_or_default();
    let names: Vec<&str> = given.split(',').collect();
    let mut queues = Vec::with_capacity(names.len().min(limits::QUEUES_MAX));
    for name in names {
        let queue = name.parse::<Name>().ok().filter(|queue| !queues.contains(queue));
        let Some(queue) = queue.filter(|_| queues.len() < limits::QUEUES_MAX) else {
            let most = limits::QUEUES_MAX;
            let right = format!("1 to {most} names, no two the same, with commas between them");
            return Err(bad("queues", &given, &right));
        };
        queues.push(queue);
    }
    Ok(queues)
}

/// `order=`: whether queues take turns.
fn fair(call: &mut Call<'_>) -> Result<bool, Problem> {
    match call.query.take("order")?.as_deref() {
        None | Some("strict") => Ok(false),
        Some("fair") => Ok(true),
        Some(text) => Err(bad("order", text, "fair, or strict as if it were left out")),
    }
}

/// Refuses an `Idempotency-Key` where no repeat could be answered as the request was.
fn without_key(call: &Call<'_>, what: &str) -> Result<(), Problem> {
    if !key::is_given(&call.head.headers) {
        return Ok(());
    }
    Err(Problem::parameter(format!(
        "{what} and an `Idempotency-Key` exclude each other: what it did is not remembered; leave \
         one of them out"
    )))
}
