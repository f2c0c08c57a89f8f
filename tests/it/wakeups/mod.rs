//! Each cause of a wake-up, and each kind of waiter: who is answered with what, and who goes on
//! waiting. A cause that wakes too few leaves somebody waiting for what is there; one that wakes too
//! many answers with what is not so.

mod permits;
mod queues;
mod work;

use std::fmt::Debug;

use awaitd_transcripts::{Script, play_on_core};

/// What happens, among those who wait for such things.
struct Cause<K: 'static> {
    name: &'static str,
    /// After the scene and before anybody waits.
    before: &'static [&'static [&'static str]],
    /// How whoever waits does so.
    how: &'static str,
    /// The line that may wake.
    act: &'static str,
    /// Who is answered, and how.
    answered: &'static [(K, &'static str)],
    /// Who could not wait here: there would be nothing to wait for.
    cannot: &'static [K],
}

/// Where all of them can wait, and how each does.
struct Scene<K: 'static> {
    lines: &'static [&'static str],
    kinds: &'static [(K, &'static str)],
}

/// Plays one pair: what the one who waits was told by the cause, if anything.
fn told<K: Debug>(scene: &Scene<K>, cause: &Cause<K>, (kind, line): &(K, &str)) -> Option<String> {
    let name = format!("{} and {kind:?}", cause.name);
    let waits = format!("eve: {line} {}", cause.how);
    let mut lines = vec!["# One cause, one waiter."];
    lines.extend(scene.lines);
    lines.extend(cause.before.iter().copied().flatten());
    lines.extend([&*waits, cause.act]);
    let script = Script::parse(name.clone(), lines.join("\n") + "\n");
    let played = play_on_core(&script).text;
    let (_, after) = played.split_once(&waits).expect("she asked");
    assert!(after.starts_with('\n'), "{name}: there was nothing to wait for:\n{played}");
    let own = after.lines().find(|line| line.starts_with("  eve "));
    own.map(|line| line.split_once(" -> ").expect("a row has an answer").1.to_owned())
}

/// Every cause and every kind of waiter.
fn check<K: Copy + Debug + PartialEq>(scene: &Scene<K>, causes: &[&[Cause<K>]]) {
    let mut wrong = Vec::new();
    for cause in causes.iter().copied().flatten() {
        for kind in scene.kinds.iter().filter(|(kind, _)| !cause.cannot.contains(kind)) {
            let wanted = cause.answered.iter().find(|(answered, _)| *answered == kind.0);
            let wanted = wanted.map(|(_, answer)| (*answer).to_owned());
            let told = told(scene, cause, kind);
            if told != wanted {
                wrong.push(format!("{} and {:?}: {wanted:?}, but {told:?}", cause.name, kind.0));
            }
        }
    }
    assert!(wrong.is_empty(), "wanted, but told:\n{}", wrong.join("\n"));
}
