//! The journal on a disk that fails, loses, tears and flips: nothing that anybody was told is lost,
//! nothing that was finished comes back, and damage is reported.

mod appends;
mod crashes;
mod damage;
mod golden;
mod golden_shared;
mod golden_work;
mod live;
mod oracle;
mod play;
mod script;
mod threads;
mod twin;
mod verify;

/// One of how many crashes, failures and flips is tried: each, unless `AWAITD_ONE_OF` says that time is short.
/// An odd number hits all bits of a byte.
fn one_of() -> usize {
    std::env::var("AWAITD_ONE_OF").map_or(1, |said| said.parse().expect("a number"))
}
