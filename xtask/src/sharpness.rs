//! `cargo xtask sharpness`: are the random histories sharp? For each rule of [`MUTANTS`] and [`SHARING`], the core is
//! copied without it, and the histories must break: by what they assert, not because it fails to
//! compile. A rule whose text is not found fails too, so that the table stays in step with the code.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::mutants::{MUTANTS, Mutant, SHARING};

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
    for mutant in MUTANTS.iter().chain(SHARING).filter(wanted) {
        let intact = copy.mutate(mutant)?;
        let played = copy.play(histories);
        copy.restore(mutant, &intact)?;
        let (broken, said) = played?;
        match broken {
            Some(0) => println!("{:>6}  {}: NOT NOTICED ({})", 0, mutant.name, mutant.rule),
            Some(broken) => println!("{broken:>6}  {}: {}", mutant.name, mutant.rule),
            None => {
                return Err(io::Error::other(format!(
                    "{}: no histories were played:\n{said}",
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

/// A workspace of its own with nothing but the core, below `target/`.
struct Copy {
    at: PathBuf,
}

impl Copy {
    fn of(root: &Path) -> io::Result<Self> {
        let at = root.join("target/sharpness");
        let core = at.join("crates/awaitd-primitives");
        if core.exists() {
            fs::remove_dir_all(&core)?;
        }
        copy_all(&root.join("crates/awaitd-primitives"), &core)?;
        fs::copy(root.join("Cargo.lock"), at.join("Cargo.lock"))?;
        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        let alone = manifest.lines().map(|line| match line.split('=').next().map(str::trim) {
            Some("members") => "members = [\"crates/awaitd-primitives\"]\n".to_owned(),
            Some("default-members") => String::new(),
            Some(_) | None => format!("{line}\n"),
        });
        fs::write(at.join("Cargo.toml"), alone.collect::<String>())?;
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
        let Output { status, stdout, stderr } = Command::new(env!("CARGO"))
            .args(["test", "--package", "awaitd-primitives", "--test", "histories", "histories"])
            .current_dir(&self.at)
            .env("CARGO_TARGET_DIR", self.at.join("target"))
            .env("AWAITD_HISTORIES", histories.to_string())
            .env_remove("AWAITD_SEED")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        let of = format!(" of {histories} histories broke");
        let broken = said.lines().find_map(|line| line.split_once(&of)?.0.trim().parse().ok());
        let broken = if status.success() { Some(0) } else { broken };
        Ok((broken, said))
    }
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
