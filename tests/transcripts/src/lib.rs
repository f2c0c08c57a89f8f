//! Transcripts: what was asked, line by line, and what was told, in words that anybody who knows
//! asyncio can read. The same files are played on the core, over HTTP and on asyncio itself.
//!
//! ```text
//! # The first line says what the file protects.
//! alice: get emails wait=10s
//! put emails "a"                          -> job 1
//!   alice                                 -> job 1 "a" lease 1 attempt 1
//! +30s
//! ```
//!
//! - Whoever waits has a name, and asks for nothing else meanwhile. A line without `->` waits.
//! - Below a line stands, indented, who was answered by it, in the order in which they began to wait.
//! - Job ids, leases and generations are numbered as they appear, since only their order is promised.
//! - What a verb is about stands behind it where that has to be said: `acquire semaphore pool`,
//!   `release semaphore pool` (adds a permit), `wait barrier start`, `wait condition db changed held=1`.
//! - `group=` is a job's `key=`, since `key=` is the `Idempotency-Key`; `rank=` is its `priority-key`.
//! - `configure jobs backoff=1s..1m`: from the first failure to any, without jitter unless that is said.
//! - `done lease 1 "42"` says what came of the job. `get any urgent usual` asks several queues.
//! - `+30s` moves time. `alice hangs up` cuts her connection. `close` tells the server to go.
//! - `undelivered` after a get or acquire: its answer is never taken. `slowly`: it is on its way until
//!   `alice takes it` or `alice hangs up`. `journal stalls`, `journal goes on`: nobody is told anything
//!   in between. These are for the core alone.
//! - `only core` or `only core and HTTP` says where a file is not played: on asyncio there are no leases
//!   that end, no keys and no delays. `python 3.13` says which asyncio has what the file needs.
//! - `limits waits=2` and the like say what the operator set.

mod asking;
mod core;
mod corpus;
mod jobs;
mod play;
mod policy;
mod queues;
mod said;
mod script;
mod told;
mod words;

pub use self::core::play_on_core;
pub use asking::{Asking, Hands, MAX_WAIT};
pub use corpus::{difference, folder, scripts};
pub use jobs::{Died, Looked, More, Taken};
pub use play::{Played, World, play};
pub use said::{Facts, Lease, Said};
pub use script::{Places, Script, What};
pub use told::{here, told};
