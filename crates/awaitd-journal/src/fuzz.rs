//! Random bytes for all that reads them, as bolero makes them.

use std::panic::AssertUnwindSafe;

use crate::frame::{self, HEAD, Head, Home};
use crate::segment;

fn bytes(check: impl Fn(&[u8])) {
    let check = AssertUnwindSafe(check);
    let check = &check;
    bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| check(bytes));
}

fn home(number: u64) -> Home {
    Head { number, key: [7; 32] }.home()
}

/// What was never written is no frame, wherever it lies.
#[test]
fn any_bytes_are_no_frame() {
    bytes(|bytes| {
        assert_eq!(frame::read(bytes, home(1), 64), None);
        assert_eq!(frame::find_later(bytes, home(1), 64, 0), None);
        assert!(Head::decode(bytes).is_err());
    });
}

/// An entry that is read from any bytes, records of checkpoints among them, is written so that it is
/// read again as it was, in a frame that is good only where it lies.
#[test]
fn any_entry() {
    bytes(|bytes| {
        let Some(entry) = frame::entry(bytes) else { return };
        let mut written = Vec::new();
        frame::write(&mut written, home(1), 64, 5, &entry);
        let read = frame::read(&written, home(1), 64).expect("it was written here");
        assert_eq!((read.append, read.last, read.bytes), (5, false, written.len()));
        assert_eq!(frame::entry(read.payload.expect("no seal")), Some(entry));
        assert_eq!(frame::find_later(&written, home(1), 64, 4), Some(64));
        for (number, offset) in [(2, 64), (1, 65)] {
            assert_eq!(frame::read(&written, home(number), offset), None);
        }
        for at in 0..written.len() {
            written[at] ^= 1 << (at % 8);
            assert_eq!(frame::read(&written, home(1), 64), None, "byte {at}");
            written[at] ^= 1 << (at % 8);
        }
    });
}

/// A head is read as it was written, or not at all.
#[test]
fn any_head() {
    bytes(|bytes| {
        let Some((number, rest)) = bytes.split_first_chunk() else { return };
        let mut key = [0; 32];
        key.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let head = Head { number: u64::from_le_bytes(*number), key };
        let mut written = head.encode();
        assert_eq!(Head::decode(&written), Ok(head));
        let bit = usize::from(rest.last().copied().unwrap_or(0)) * 2 % (HEAD * 8);
        written[bit / 8] ^= 1 << (bit % 8);
        assert!(Head::decode(&written).is_err(), "bit {bit}");
    });
}

/// A segment's name is that of its number alone.
#[test]
fn any_segment_name() {
    bytes(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Some(number) = segment::number(&text) {
            assert_eq!(segment::name(number), text);
        }
        if let Some(number) = bytes.first_chunk() {
            let number = u64::from_le_bytes(*number);
            assert_eq!(segment::number(&segment::name(number)), Some(number));
        }
    });
}
