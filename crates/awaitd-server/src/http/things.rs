//! What is asked alike of things of every kind.

use awaitd_primitives::Command;

use super::call::{Asked, Call};
use super::problem::Problem;

/// Which things of a kind there are.
pub(super) fn list(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::List {
        kind: call.kind(),
        prefix: call.part_of_name("prefix")?.unwrap_or_default(),
        cursor: call.part_of_name("cursor")?,
        limit: call.page_limit()?,
    }))
}

/// How a thing is.
pub(super) fn read(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Read { thing: call.thing()? }))
}

/// Makes a thing what the body says.
pub(super) fn configure(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Configure {
        configuration: call.configuration()?,
        only_new: call.only_if_none()?,
    }))
}

/// Removes a thing that nobody holds as a whole.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Delete { thing: call.thing()?, force: false }))
}

/// Removes a thing that somebody may hold.
pub(super) fn delete_free(call: &mut Call<'_>) -> Result<Asked, Problem> {
    Ok(Asked::at_once(Command::Delete { thing: call.thing()?, force: call.flag("force")? }))
}
