//! The journal on a disk that fails, loses, tears and flips: nothing that anybody was told is lost,
//! nothing that was finished comes back, and damage is reported.

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
