//! The corpus in `tests/scenarios` on the core. `awaitd-tests` plays it over HTTP and on asyncio, and it comes
//! out the same everywhere, byte for byte.
//!
//! `UPDATE_TRANSCRIPTS=1 cargo test -p awaitd-transcripts` writes the files anew, as the core
//! would have them. Read the difference before you keep it: the files say what is right, not the core.

use std::env;

use awaitd_transcripts::{difference, play_on_core, scripts};

/// The core tells what the corpus says, and its records give the same state again.
#[test]
fn on_the_core() {
    let update = env::var_os("UPDATE_TRANSCRIPTS").is_some();
    let mut wrong = String::new();
    for (path, script) in scripts() {
        let played = play_on_core(&script);
        if played.text == script.text {
            continue;
        }
        if update {
            std::fs::write(&path, &played.text).expect("the corpus can be written");
        } else {
            wrong += &difference(&script, &played.text);
        }
    }
    assert!(wrong.is_empty(), "the core tells something else:\n{wrong}");
}
