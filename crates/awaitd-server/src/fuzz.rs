//! Random input for parsers, as bolero makes it: a thousand inputs at each run, or as many as
//! `BOLERO_RANDOM_ITERATIONS` says, for as long as `BOLERO_RANDOM_TEST_TIME_MS` says. What fails is told as short as it gets,
//! with its seed.

use std::panic::AssertUnwindSafe;

/// Holds any bytes against a property.
pub(crate) fn bytes(check: impl Fn(&[u8])) {
    let check = AssertUnwindSafe(check);
    let check = &check;
    bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| check(bytes));
}

/// The same with texts of these pieces, of which what is read consists: other bytes seldom get far.
pub(crate) fn texts(pieces: &[&str], check: impl Fn(&str)) {
    bytes(|bytes| {
        let piece = |byte: &u8| pieces[usize::from(*byte) % pieces.len()];
        check(&bytes.iter().map(piece).collect::<String>());
    });
}

/// What is taken as a name is written as it was read, and can stand in a path as it is.
#[test]
fn any_name() {
    use awaitd_primitives::{Name, limits};

    texts(&["a", "Z", "0", ".", "_", ":", "-", "/", " ", "é", "aaaaaaaaaaaaaaaa"], |text| {
        if let Ok(name) = text.parse::<Name>() {
            assert_eq!(name.to_string(), text);
            assert!((1..=limits::NAME_BYTES_MAX).contains(&text.len()));
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'), "{text}");
        }
    });
}
