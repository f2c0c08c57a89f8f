//! A redrive of many jobs: one command moves no more than the loop does at one time, and another goes
//! on from there.

use std::time::Duration;

use awaitd_primitives::{Answer, Ask, Command, Key, limits};

use crate::desk::{Desk, Told};

/// Moves as many as there are and may be moved. Whoever hangs up leaves it where it is.
pub(super) async fn all(desk: &Desk, ask: Ask) -> Told {
    let Command::Redrive { limit, spacing, .. } = ask.command else {
        unreachable!("nobody else comes here");
    };
    let (mut moved, mut most, mut part) = (0, limit, 0);
    loop {
        let wanted = (most - moved).min(limits::REDRIVE_MAX);
        let spaced = spacing.saturating_mul(u32::try_from(moved).unwrap_or(u32::MAX));
        let mut told = desk.ask(one(&ask, part, wanted, spaced), Duration::ZERO).await;
        let (now, left) = match told.told {
            Ok(Answer::Redriven { moved: now, left }) => (now, left),
            // What was moved before stays so, whatever stands in the way of more.
            Err(_) if moved > 0 => (0, most - moved),
            Ok(_) | Err(_) => return told,
        };
        if part == 0 {
            // What was not there when it began is not meant: a job may come back while it goes on.
            most = limit.min(now + left);
        }
        moved += now;
        if now < wanted || moved >= most {
            told.told = Ok(Answer::Redriven { moved, left });
            return told;
        }
        part += 1;
    }
}

/// The next command of those. Each has a key of its own, so that a repeat does none of them twice; no
/// client can make one with a space in it.
fn one(ask: &Ask, part: u64, wanted: u64, spaced: Duration) -> Ask {
    let mut ask = ask.clone();
    if let Command::Redrive { limit, delay, .. } = &mut ask.command {
        (*limit, *delay) = (wanted, spaced);
    }
    if let Some(Key { text, .. }) = ask.key.as_mut().filter(|_| part > 0) {
        *text = format!("{text} {part}").into();
    }
    ask
}
