//! What the black-box tests share: the real binary, asked with real curl, with reqwest and over
//! bare sockets.
//!
//! Nothing here knows how the server works inside; it knows the contract, and holds every single
//! answer against the rules that hold everywhere (see [`Heard::keeps_the_rules`]).

// `expect(201)` is the whole statement in most tests.
#![allow(clippy::return_self_not_must_use)]

mod binary;
mod client;
mod curl;
mod data;
mod folder;
mod heard;
mod mount;
pub mod oracle;
mod package;
mod process;
mod raw;
mod scrape;
mod seen;
mod server;
mod tool;
mod until;

pub use binary::{attentive, binary};
pub use client::{Asked, Client, http};
pub use curl::{Curled, Ran, bash, curl};
pub use data::{Data, End};
pub use folder::Folder;
pub use heard::Heard;
pub use mount::{Mounted, Stall, Stalling};
pub use package::{leave_out, package};
pub use process::{Ended, Process, signal};
pub use raw::{HangUp, Raw};
pub use scrape::Scrape;
pub use seen::record;
pub use server::{Failed, Server};
pub use tool::tool;
pub use until::until;
