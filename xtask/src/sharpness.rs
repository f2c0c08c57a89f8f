//! `cargo xtask sharpness`: are the tests of the core sharp? For each rule of [`MUTANTS`] and [`SHARING`] the core
//! is copied without it, and the random histories must break: by what they assert, not because it fails to
//! compile. Those of [`WORK`] a transcript may notice instead. A rule whose text is not found fails
//! too, so that the table stays in step with the code.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::mutants::{MUTANTS, Mutant, SHARING, WORK};

/// Plays so many histories on each mutant, and says how many broke; `only` names those to play.
pub(crate) fn run(histories: u64, only: Option<&str>) -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let copy = Copy::of(root)?;
    println!("{histories} histories on the core as it is");
    let (broken, said) = copy.play(histories)?;
    if broken != Some(0) {
        return Err(io::Error::other(format!("the core as it is does not pass:\n{said}")));
    }
    let mut dull = Vec::new();
    let wanted = |mutant: &&Mutant| only.is_none_or(|only| mutant.name.contains(only));
    for mutant in MUTANTS.iter().chain(SHARING).chain(WORK).filter(wanted) {
        let intact = copy.mutate(mutant)?;
        let mut played = copy.play(histories);
        if WORK.iter().any(|it| it.name == mutant.name) && matches!(played, Ok((Some(0), _))) {
            played = copy.play_transcripts();
        }
        copy.restore(mutant, &intact)?;
        let (broken, said) = played?;
        match broken {
            Some(0) => println!("{:>6}  {}: NOT NOTICED ({})", 0, mutant.name, mutant.rule),
            Some(broken) => println!("{broken:>6}  {}: {}", mutant.name, mutant.rule),
            None => {
                return Err(io::Error::other(format!(
                    "{}: nothing was played:\n{said}",
                    mutant.name
                )));
            }
        }
        if broken == Some(0) {
            dull.push(mutant.name);
        }
    }
    if dull.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(format!("not noticed: {}", dull.join(", "))))
    }
}

/// A workspace of its own, below `target/`.
struct Copy {
    at: PathBuf,
}

impl Copy {
    fn of(root: &Path) -> io::Result<Self> {
        let at = root.join("target/sharpness");
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

    fn restore(&self, mutant: &Mutant, intact: &str) -> io::Result<()> {
        fs::write(self.path(mutant), intact)
    }

    /// How many histories broke, and all that was said; `None` if none was played.
    fn play(&self, histories: u64) -> io::Result<(Option<u64>, String)> {
        let mut test = self.test(&["awaitd-primitives", "--test", "histories", "histories"]);
        test.env("AWAITD_HISTORIES", histories.to_string()).env_remove("AWAITD_SEED");
        let (passed, said) = heard(&mut test)?;
        let of = format!(" of {histories} histories broke");
        let broken = said.lines().find_map(|line| line.split_once(&of)?.0.trim().parse().ok());
        Ok((if passed { Some(0) } else { broken }, said))
    }

    /// The same of all transcripts together.
    fn play_transcripts(&self) -> io::Result<(Option<u64>, String)> {
        let mut test = self.test(&["awaitd-tests", "--test", "it", "transcripts::on_the_core"]);
        let (passed, said) = heard(&mut test)?;
        let broke = said.contains("transcripts::on_the_core ... FAILED").then_some(1);
        Ok((if passed { Some(0) } else { broke }, said))
    }

    fn test(&self, what: &[&str]) -> Command {
        let mut test = Command::new(env!("CARGO"));
        test.args(["test", "--package"]).args(what).current_dir(&self.at);
        test.env("CARGO_TARGET_DIR", self.at.join("target")).env("RUST_BACKTRACE", "0");
        test
    }
}

fn heard(test: &mut Command) -> io::Result<(bool, String)> {
    let Output { status, stdout, stderr } = test.stdin(Stdio::null()).output()?;
    Ok((status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()))
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
