//! How appends lie in segments.

use awaitd_journal::frame::{self, HEAD, Head};
use awaitd_journal::log::Log;
use awaitd_journal::recover;
use awaitd_primitives::*;

use crate::play::{KEY, name, options, payload};
use crate::twin::Twin;

fn log(twin: &Twin) -> Log<Twin> {
    let opened = recover::open(twin, &options(), |_| ());
    opened.map_err(|error| error.to_string()).expect("it opens").log
}

fn put(job: u64, length: usize) -> Entry {
    let payload = payload(&vec![b'x'; length]);
    let (queue, job, ready_at) = (name("q"), JobId(job), Time::ZERO);
    Entry { at: ready_at, records: vec![Record::Placed { queue, job, ready_at, payload }] }
}

/// What fills a segment to its last byte is one append, which is there as a whole or not at all; with a byte
/// more it is two.
#[test]
fn what_fills_a_segment_is_one_append() {
    let append = |length| {
        let twin = Twin::default();
        let mut log = log(&twin);
        let before = twin.world().calls;
        let outcome = log.append(&[put(1, 3_000), put(2, length)], false).expect("it is durable");
        (outcome.bytes, log.segments().count(), twin.world().calls - before)
    };
    let (some, ..) = append(3_000);
    let all = options().segment_bytes - HEAD as u64;
    let length = 3_000 + usize::try_from(all - some).expect("it is small");
    // It is written and synced once.
    assert_eq!(append(length), (all, 1, 2));
    let (bytes, segments, _) = append(length + 1);
    assert_eq!((bytes, segments), (all + 1, 2));
}

/// What does not fit into a segment is told as one append: all of it, and how much of it are copies.
#[test]
fn all_of_a_large_append_is_told() {
    let copy = |of: usize| {
        let (event, last) = (name(&format!("e{of}")), Some((1, payload(&[b'x'; 300]))));
        let copied = Copied::Event { event, set: true, last, touched: Time::ZERO };
        Entry { at: Time::ZERO, records: vec![Record::Copied(Box::new(copied))] }
    };
    let copies: Vec<Entry> = (100..140).map(copy).collect();
    let mut log = log(&Twin::default());
    let alone = log.append(&copies, true).expect("it is durable");
    assert!(alone.bytes > options().segment_bytes && log.segments().count() > 1);
    assert_eq!((alone.copied_bytes, alone.written.len()), (alone.bytes, 0));
    let puts: Vec<Entry> = (1..=20).map(|job| put(job, 300)).collect();
    let both = log.append(&[puts, copies].concat(), true).expect("it is durable");
    assert!(both.bytes > both.copied_bytes + 20 * 300);
    assert_eq!((both.copied_bytes, both.written.len()), (alone.bytes, 20));
}

/// However far a history may begin: the segment that is written to stays.
#[test]
fn the_segment_that_is_written_to_stays() {
    let mut log = log(&Twin::default());
    for job in 1..=3 {
        log.append(&[put(job, 5_000)], false).expect("it is durable");
    }
    assert_eq!(log.trim(u64::MAX), [1, 2]);
    assert_eq!((log.active().number, log.segments().count()), (3, 1));
    log.append(&[put(4, 5_000)], false).expect("it is durable");
    assert_eq!(log.trim(4), [3]);
}

/// Behind however many zeros a frame of a later append is found where it is, and no other is.
#[test]
fn a_later_frame_is_found_where_it_is() {
    let home = Head { number: 1, key: KEY }.home();
    for zeros in 0..100 {
        let mut bytes = vec![0; zeros];
        frame::write(&mut bytes, home, 64, 5, &put(1, 1_000));
        assert_eq!(frame::find_later(&bytes, home, 64, 4), Some(64 + zeros as u64));
        assert_eq!(frame::find_later(&bytes, home, 64, 5), None);
    }
}

/// After each segment it is told how far a start is.
#[test]
fn it_is_told_how_far_a_start_is() {
    let twin = Twin::default();
    let mut log = log(&twin);
    for job in 1..=3 {
        log.append(&[put(job, 5_000), put(10 + job, 10)], false).expect("it is durable");
    }
    let mut told = Vec::new();
    let found = recover::open(&twin, &options(), |progress| told.push(progress));
    told.extend(found.map(|found| found.read).ok());
    let told = told.iter().map(|progress| (progress.bytes, progress.of, progress.entries));
    let size = options().segment_bytes;
    let expected = [(1, 2), (2, 4), (3, 6), (3, 6)];
    assert!(told.eq(expected.map(|(segments, entries)| (segments * size, 3 * size, entries))));
}
