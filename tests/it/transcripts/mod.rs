//! The corpus in `tests/scenarios`, which `awaitd-transcripts` plays on the core: over HTTP and on asyncio it
//! comes out the same, byte for byte.

mod configured;
mod heard;
mod http;
mod jobs;
mod oracle;
mod queues;
mod wire;

use awaitd_transcripts::{Places, difference, play, play_on_core, scripts};

use self::http::Http;

/// Over HTTP the same is told, each client on a connection of its own.
#[test]
fn over_http() {
    let mut wrong = String::new();
    for (_, script) in scripts() {
        if script.places == Places::Core {
            continue;
        }
        let stops = play_on_core(&script).stops;
        let played = play(&script, &mut Http::new(&script, stops));
        if played.text != script.text {
            wrong += &difference(&script, &played.text);
        }
    }
    assert!(wrong.is_empty(), "over HTTP something else is told:\n{wrong}");
}
