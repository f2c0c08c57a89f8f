//! placeholder
use crate::engine::At;
use crate::limits::Limits;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::Ask;
use crate::messages::record::Record;
use crate::state::State;

/// What is to be done with a command.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Do this and tell that.
    Grant(Vec<Record>, Answer),
    /// Let it wait.
    Wait,
    /// Tell it no.
    Refuse(Refusal),
}

/// Decides, and changes nothing.
pub fn judge(_state: &State, _limits: &Limits, _at: At, _ask: &Ask) -> Verdict {
    todo!()
}
