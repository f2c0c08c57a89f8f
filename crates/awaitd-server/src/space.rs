//! Space: what lives of the oldest part of the journal is written anew, a slice at a time, and then the
//! part goes.

use std::future::pending;
use std::ops::RangeInclusive;

use awaitd_journal::{Journal, JournalError, Slice, Sweep, Trimming, Usage};
use awaitd_primitives::{Engine, Position, Room, Step};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::outbox;

/// So much may be copied of a slice: it fits into one append without holding it up…
const COPIED_BYTES: u64 = 128 * 1024;

/// … and so much may be read to find it.
const SLICE_BYTES: RangeInclusive<u64> = 256 * 1024..=2 * 1024 * 1024;

/// What was not spent is saved up to here: enough for what most servers do meanwhile…
const CREDIT_MAX: i64 = 1024 * 1024;

/// … but not above the bound.
const CREDIT_MAX_ABOVE: i64 = 256 * 1024;

/// How far this is with the oldest part.
#[derive(Debug, Default)]
pub(crate) struct Space {
    stage: Stage,
    /// So many bytes of the last slice were asked for…
    slice: u64,
    /// … and so many were copied.
    copied: u64,
    /// The parts take more than twice what lives, by the last look: what else may be there is little.
    late: bool,
    /// They take nearly what they may.
    above: bool,
    /// So many bytes may be judged while this is late: a part of those that were swept.
    credit: i64,
    /// Bytes that were appended since the last pass, but for copies.
    fresh: u64,
    /// With hardly any room left, everything up to this segment is swept once, whatever lives of it:
    /// what is dead may lie in the newest.
    pass: Option<u64>,
}

type Read = (Box<dyn Sweep>, Result<Slice, JournalError>);

#[derive(Default)]
enum Stage {
    /// There is nothing to do.
    #[default]
    Idle,
    /// A slice is being read.
    Reading(JoinHandle<Read>),
    /// What lives of a slice has been judged; the next one comes once that is durable.
    Copying(Box<dyn Sweep>, Position),
    /// Everything has been copied: the checkpoint comes once that is durable.
    Copied(u64, Position),
    /// The checkpoint has been judged: the part goes once that is durable.
    Ending(u64, Position),
    /// The part is going.
    Trimming(Trimming),
}

/// What this waited for.
pub(crate) enum Event {
    /// A slice has been read.
    Read(Read),
    /// A part has gone.
    Gone,
}

impl Space {
    /// Whether copies are on their way.
    pub(crate) fn is_copying(&self) -> bool {
        !matches!(self.stage, Stage::Idle)
    }

    /// How many bytes may be judged now; `None`: any number. While this is late, it is half of what is
    /// swept, and near the bound a quarter: at least half of that is dead, so the parts become less.
    pub(crate) fn credit(&self) -> Option<usize> {
        let late = self.late && !matches!(self.stage, Stage::Idle);
        late.then(|| usize::try_from(self.credit).unwrap_or(0))
    }

    /// So many bytes were judged.
    pub(crate) fn spend(&mut self, bytes: usize) {
        if self.late {
            self.credit -= i64::try_from(bytes).unwrap_or(i64::MAX);
        }
    }

    /// So many bytes were appended, and so many of them were copies.
    pub(crate) fn appended(&mut self, bytes: u64, copied: u64) {
        self.fresh += bytes - copied;
        self.copied += copied;
    }

    /// Until a slice has been read or a part has gone; for ever if neither is on its way.
    pub(crate) async fn event(&mut self) -> Event {
        match &mut self.stage {
            // A task that is not cancelled ends, unless it panics.
            Stage::Reading(reading) => Event::Read(reading.await.expect("reading does not panic")),
            Stage::Trimming(trimming) => {
                trimming.await;
                self.stage = Stage::Idle;
                Event::Gone
            }
            Stage::Idle | Stage::Copying(..) | Stage::Copied(..) | Stage::Ending(..) => {
                pending().await
            }
        }
    }

    /// Has what lives of a slice written anew. An error: the disk has lost something.
    pub(crate) fn copy(
        &mut self,
        (sweep, slice): Read,
        engine: &mut Engine,
        step: &mut Step,
    ) -> Result<(), JournalError> {
        let Slice { candidates, bytes, end } = slice?;
        let (part, most) = if self.above { (4, CREDIT_MAX_ABOVE) } else { (2, CREDIT_MAX) };
        self.credit = (self.credit + i64::try_from(bytes / part).unwrap_or(0)).min(most);
        let before = step.entries.len();
        for (part, body) in &candidates {
            engine.copy(part, body.as_ref(), step);
        }
        if self.late {
            // The copies are weighed with all that is judged, and are not what the credit is for: beside a part of
            // which all lives nobody would be heard.
            self.credit += i64::try_from(outbox::weight(&step.entries[before..])).unwrap_or(0);
        }
        let judged = engine.judged();
        self.stage = match end {
            Some(from) => Stage::Copied(from, judged),
            None => Stage::Copying(sweep, judged),
        };
        Ok(())
    }

    /// Goes on as far as is durable. The room that is taken is what lives, and as much again; with
    /// little room left it is less.
    pub(crate) fn go_on<J: Journal>(
        &mut self,
        journal: &mut J,
        engine: &mut Engine,
        durable: Position,
        step: &mut Step,
    ) {
        let usage = journal.usage();
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Copying(sweep, until) if until <= durable => self.read(sweep),
            Stage::Copied(from, until) if until <= durable => {
                engine.end_checkpoint(from, step);
                Stage::Ending(from, engine.judged())
            }
            Stage::Ending(from, until) if until <= durable => Stage::Trimming(journal.trim(from)),
            Stage::Idle => match usage {
                Some(usage) if self.is_due(&usage, engine, journal.room()) => {
                    journal.sweep().map_or(Stage::Idle, |sweep| self.read(sweep))
                }
                _ => Stage::Idle,
            },
            other => other,
        };
        // Beside what lives, twice, there may be four segments. The active one and those that are made
        // in advance are three; copies of a part that has not gone yet are one.
        let (taken, segment) = usage
            .map_or((0, 0), |usage| (usage.closed_bytes + usage.active_bytes, usage.segment_bytes));
        let may = 2 * engine.state().live_bytes();
        (self.late, self.above) = (taken > may, taken > may + segment / 2);
    }

    /// Reads the next slice. The less lives of what was read, the more may be read.
    fn read(&mut self, mut sweep: Box<dyn Sweep>) -> Stage {
        let (least, most) = (*SLICE_BYTES.start(), *SLICE_BYTES.end());
        let before = self.slice.max(least);
        let fitting = before * COPIED_BYTES / std::mem::take(&mut self.copied).max(1);
        self.slice = fitting.clamp(least, most.min(2 * before));
        let most = usize::try_from(self.slice).unwrap_or(usize::MAX);
        Stage::Reading(spawn_blocking(move || {
            let slice = sweep.read(most);
            (sweep, slice)
        }))
    }

    /// Whether the closed parts take more than they may, and the oldest can go: with little room only
    /// if what lives of it surely fits into what was set aside.
    fn is_due(&mut self, usage: &Usage, engine: &Engine, room: Room) -> bool {
        let live = engine.state().live_bytes();
        if room == Room::Enough {
            self.pass = None;
            return usage.closed_bytes + usage.segment_bytes > 2 * live;
        }
        let (oldest, active) = usage.numbers;
        self.pass = self.pass.filter(|last| oldest <= *last);
        if room != Room::Low && self.pass.is_none() && self.fresh >= usage.segment_bytes / 4 {
            (self.pass, self.fresh) = (Some(active), 0);
        }
        let copies = usage.oldest_bytes.min(live) + usage.segment_bytes / 16;
        let gains = usage.closed_bytes > live + live / 8 || self.pass.is_some();
        gains && copies <= usage.set_aside
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Idle => "Idle",
            Self::Reading(_) => "Reading",
            Self::Copying(..) => "Copying",
            Self::Copied(..) => "Copied",
            Self::Ending(..) => "Ending",
            Self::Trimming(_) => "Trimming",
        })
    }
}
