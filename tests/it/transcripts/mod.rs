//! The corpus in `tests/scenarios`: played on the core, over HTTP and on asyncio, it comes out the
//! same everywhere, byte for byte.
//!
//! `UPDATE_TRANSCRIPTS=1 cargo test -p awaitd-tests transcripts` writes the files anew, as the core
//! would have them. Read the difference before you keep it: the files say what is right, not the core.

mod configured;
mod core;
mod heard;
mod http;
mod jobs;
mod oracle;
mod queues;
mod wire;

use std::env;
use std::path::{Path, PathBuf};

use awaitd_tests::transcript::{Places, Played, Script, play};

use self::core::Core;
use self::http::Http;

/// Fewer files than this, and somebody has lost some.
const FILES_MIN: usize = 300;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn scripts() -> Vec<(PathBuf, Script)> {
    let files = std::fs::read_dir(folder()).expect("the corpus is there");
    let paths = files.map(|file| file.expect("a file can be listed").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "txt")).collect();
    paths.sort();
    assert!(paths.len() >= FILES_MIN, "{} files are too few", paths.len());
    paths.into_iter().map(|path| (path.clone(), Script::read(&path))).collect()
}

/// Plays a script on the core, and its records again.
pub(crate) fn play_on_core(script: &Script) -> Played {
    let mut core = Core::new(script);
    let played = play(script, &mut core);
    core.check_replay(&script.name);
    played
}

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

/// The lines that differ: as the file has them (-), and as they came (+).
fn difference(script: &Script, played: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (script.text.lines().collect(), played.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = (old.len() - same).min(new.len() - same);
    let tail = (0..rest).take_while(|back| old[old.len() - 1 - back] == new[new.len() - 1 - back]);
    let tail = tail.count();
    let mut text = format!("{}:{}\n", script.name, same + 1);
    for (sign, lines) in [("-", &old), ("+", &new)] {
        for line in &lines[same..lines.len() - tail] {
            text.extend([sign, " ", line, "\n"]);
        }
    }
    text
}
