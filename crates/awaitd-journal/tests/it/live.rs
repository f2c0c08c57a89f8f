//! How many bytes it takes to write anew all that lives: no more than the core says.

use std::collections::{BTreeMap, BTreeSet};

use awaitd_journal::frame::{self, Home};
use awaitd_journal::recover;
use awaitd_journal::sweep::Sweep;
use awaitd_primitives::*;

use crate::play::options;
use crate::script;
use crate::twin::World;

#[test]
fn what_lives_takes_no_more_than_is_said() {
    for turns in [20, 60, 100, 140] {
        let twin = script::play(World::default(), turns).twin;
        let opened = recover::open(&twin, &options(), |_| ()).map_err(|error| error.to_string());
        let found = opened.expect("it opens");
        let (mut parts, mut jobs) = (BTreeSet::new(), BTreeMap::new());
        for segment in found.log.segments() {
            let slice = Sweep::new(segment.clone()).read(1 << 20).expect("it is read");
            for (part, body) in slice.candidates {
                match part {
                    // At whatever place it was told of, it is one job.
                    Part::Job { job, .. } => _ = jobs.insert(job, (part, body)),
                    part => _ = parts.insert(part),
                }
            }
        }
        let mut engine = Engine::new(found.state, Limits::default());
        let (said, mut step) = (engine.state().live_bytes(), Step::default());
        for (part, body) in parts.into_iter().map(|part| (part, None)).chain(jobs.into_values()) {
            engine.copy(&part, body.as_ref(), &mut step);
        }
        let mut bytes = Vec::new();
        for entry in &step.entries {
            frame::write(&mut bytes, Home::default(), 0, 1, entry);
        }
        let (took, of) = (bytes.len() as u64, step.entries.len());
        assert!(of > 15 && took <= said, "{took} bytes for {of} entries, but {said} were said");
    }
}
