//! What is told to repeats under a key, whatever the model thinks.

use std::time::Duration;

use awaitd_primitives::*;

use crate::model::{Told, granted};
use crate::oracle::{Oracle, ensure};

const FIVE_MINUTES: Duration = Duration::from_mins(5);

impl Oracle {
    /// A repeat under a key is told what the first was told, for five minutes at least.
    pub(crate) fn check_key(
        &mut self,
        request: &Request,
        told: &Told,
        repeat: bool,
    ) -> Result<(), String> {
        let key = request.ask.key.as_ref().zip(request.ask.command.owner());
        let Some((key, thing)) = key else { return Ok(()) };
        let of = (thing, key.text.to_string());
        let known = self.keys.get(&of);
        if let Some((first, _)) = known.filter(|(_, at)| request.arrived < *at + FIVE_MINUTES) {
            let same = match (first, told) {
                (Answer::Got(one), Ok(Answer::Got(other))) => {
                    (one.lease, one.job, &one.payload) == (other.lease, other.job, &other.payload)
                }
                (Answer::Acquired(one), Ok(Answer::Acquired(other)))
                | (Answer::Woken { grant: one, .. }, Ok(Answer::Woken { grant: other, .. })) => {
                    one.lease == other.lease
                }
                // As it is now.
                (Answer::State(_), Ok(Answer::State(_)) | Err(Refusal::NotFound)) => true,
                (Answer::Got(_) | Answer::Acquired(_) | Answer::Woken { .. }, Err(why)) => {
                    matches!(why, Refusal::LeaseLost | Refusal::Deleted | Refusal::KeyMismatch)
                }
                (_, Err(why)) => *why == Refusal::KeyMismatch,
                (first, Ok(other)) => first == other,
            };
            // One that was superseded, or asked before, is told something of its own.
            let before = request.arrived < known.expect("it is there").1;
            return ensure(same || before, &format!("a repeat of {first:?}"), told);
        }
        // Of a repeat whose first answer was lost it is not known when it was done.
        if let Ok(answer) = told
            && !repeat
            && granted(told).is_none()
        {
            self.keys.insert(of, (answer.clone(), request.arrived));
        } else {
            self.keys.remove(&of);
        }
        Ok(())
    }
}
