//! `cargo xtask sharpness`: are the tests of the core sharp? For each rule of [`MUTANTS`] and [`SHARING`] the core
//! is copied without it, and the random histories must break: by what they assert, not because it fails to
//! compile. Those of [`WORK`] a transcript may notice instead. A rule whose text is not found fails
//! too, so that the table stays in step with the code.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::mutants::{MUTANTS, Mutant, SHARING, WORK};

/// Copies of the core that are worked on side by side, each of which is built on its own.
const COPIES: usize = 2;

/// Plays so many histories on each mutant, until one breaks, and says which; `only` names those to play.
pub(crate) fn run(histories: u64, only: Option<&str>) -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let copies = (0..COPIES.min(cores)).map(|number| Copy::of(root, number));
    let copies = copies.collect::<io::Result<Vec<_>>>()?;
    println!("{histories} histories on the core as it is");
    let wanted = |mutant: &&Mutant| only.is_none_or(|only| mutant.name.contains(only));
    let mutants = Mutex::new(MUTANTS.iter().chain(SHARING).chain(WORK).filter(wanted));
    let next = || mutants.lock().expect("nobody panics with it").next();
    let work = &|number: usize| {
        // One copy is as good as the other, and has to show it once.
        if number == 0 {
            copies[number].passes(histories)?;
        }
        work_off(&copies[number], histories, next)
    };
    let dull = thread::scope(|scope| {
        let begin = |number| scope.spawn(move || work(number));
        let all: Vec<_> = (0..copies.len()).map(begin).collect();
        let dull = all.into_iter().map(|it| it.join().expect("a worker does not panic"));
        dull.collect::<io::Result<Vec<_>>>()
    })?;
    let dull = dull.concat();
    if dull.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(format!("not noticed: {}", dull.join(", "))))
    }
}

/// Plays histories on one mutant after the other; the names of those that nothing noticed.
fn work_off<'a>(
    copy: &Copy,
    histories: u64,
    next: impl Fn() -> Option<&'a Mutant>,
) -> io::Result<Vec<&'a str>> {
    let mut dull = Vec::new();
    while let Some(mutant) = next() {
        let may = WORK.iter().any(|it| it.name == mutant.name);
        let noticed = copy.with(mutant, |copy| {
            Ok(match copy.first_broken(histories)? {
                Some(number) => Some(format!("history {number}")),
                None if may && copy.break_transcripts()? => Some("a transcript".to_owned()),
                None => None,
            })
        })?;
        if noticed.is_none() {
            dull.push(mutant.name);
        }
        tell(mutant, noticed.as_deref().unwrap_or("NOT NOTICED"));
    }
    Ok(dull)
}

/// One line for a mutant, and what noticed it.
fn tell(mutant: &Mutant, noticed: &str) {
    println!("{noticed:>12}  {}: {}", mutant.name, mutant.rule);
}

/// A workspace of its own, below `target/`.
struct Copy {
    at: PathBuf,
}

impl Copy {
    fn of(root: &Path, number: usize) -> io::Result<Self> {
        let at = root.join(format!("target/sharpness/{number}"));
        for folder in ["crates", "tests", "xtask"] {
            if at.join(folder).exists() {
                fs::remove_dir_all(at.join(folder))?;
            }
            copy_all(&root.join(folder), &at.join(folder))?;
        }
        for file in ["Cargo.toml", "Cargo.lock"] {
            fs::copy(root.join(file), at.join(file))?;
        }
        Ok(Self { at })
    }

    /// Plays something while the rule is taken out.
    fn with<T>(&self, mutant: &Mutant, play: impl Fn(&Self) -> io::Result<T>) -> io::Result<T> {
        let intact = self.mutate(mutant)?;
        let played = play(self);
        fs::write(self.path(mutant), intact)?;
        played.map_err(|error| io::Error::other(format!("{}: {error}", mutant.name)))
    }

    fn path(&self, mutant: &Mutant) -> PathBuf {
        self.at.join("crates/awaitd-primitives/src").join(mutant.file)
    }

    /// Takes the rule out; gives back the text of the file as it was.
    fn mutate(&self, mutant: &Mutant) -> io::Result<String> {
        let intact = fs::read_to_string(self.path(mutant))?;
        let times = intact.matches(mutant.text).count();
        if times != 1 {
            let (name, file, text) = (mutant.name, mutant.file, mutant.text);
            return Err(io::Error::other(format!(
                "{name}: stands {times} times in {file}, not once:\n{text}"
            )));
        }
        fs::write(self.path(mutant), intact.replace(mutant.text, mutant.instead))?;
        Ok(intact)
    }

    /// An error if a history breaks on the core as it is.
    fn passes(&self, histories: u64) -> io::Result<()> {
        let Some(number) = self.first_broken(histories)? else { return Ok(()) };
        let why = format!("the core as it is does not pass: AWAITD_SEED={number} tells how");
        Err(io::Error::other(why))
    }

    /// Plays histories until one breaks, and gives its number; an error if none was played.
    fn first_broken(&self, histories: u64) -> io::Result<Option<u64>> {
        let mut test = self.test(&["awaitd-primitives", "--test", "histories", "histories"]);
        test.env("AWAITD_HISTORIES", histories.to_string()).env_remove("AWAITD_SEED");
        test.env("AWAITD_FIRST_BROKEN", "1");
        failed(&mut test, |said| {
            let number =
                |line: &str| line.strip_prefix("history ")?.strip_suffix(" broke")?.parse().ok();
            said.lines().find_map(number)
        })
    }

    /// Whether any transcript broke; an error if none was played.
    fn break_transcripts(&self) -> io::Result<bool> {
        let mut test = self.test(&["awaitd-transcripts", "--test", "on_the_core"]);
        let failure = "on_the_core ... FAILED";
        failed(&mut test, |said| said.contains(failure).then_some(())).map(|it| it.is_some())
    }

    fn test(&self, what: &[&str]) -> Command {
        let mut test = Command::new(env!("CARGO"));
        // A mutant is built for a handful of histories: to make them fast takes far longer than to play them.
        let slowly = "profile.test.package.awaitd-primitives.opt-level=0";
        test.args(["test", "--config", slowly, "--package"]).args(what).current_dir(&self.at);
        test.env("CARGO_TARGET_DIR", self.at.join("target")).env("RUST_BACKTRACE", "0");
        // Nobody debugs a mutant, and without it each is built sooner.
        test.env("CARGO_PROFILE_DEV_DEBUG", "0");
        test
    }
}

/// Nothing if the test passed, or how it failed, found in what it said: that it did not compile is an error.
fn failed<T>(test: &mut Command, how: impl Fn(&str) -> Option<T>) -> io::Result<Option<T>> {
    let Output { status, stdout, stderr } = test.stdin(Stdio::null()).output()?;
    if status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    let found = how(&said).map(Some);
    found.ok_or_else(|| io::Error::other(format!("nothing was played:\n{said}")))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of each rule stands once in the core: whoever changes it hears so long before the histories play.
    #[test]
    fn each_rule_is_found() {
        let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/awaitd-primitives/src");
        for Mutant { name, file, text, .. } in MUTANTS.iter().chain(SHARING).chain(WORK) {
            let source = fs::read_to_string(core.join(file)).expect("the core is there");
            assert_eq!(source.matches(text).count(), 1, "{name}, in {file}");
        }
    }
}
