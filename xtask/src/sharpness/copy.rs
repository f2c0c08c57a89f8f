//! A workspace of its own, below `target/`, in whose core all mutants are, and what of it is run.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::mutants::Mutant;
use crate::sharpness::switch;

/// Where the core is.
const CORE: &str = "crates/awaitd-primitives/src";

/// The workspace.
pub(super) struct Copy {
    at: PathBuf,
    /// The numbers of the mutants that are not in it, since each needs a build of its own.
    pub(super) alone: Vec<usize>,
}

/// What notices a mutant.
pub(super) struct Tests {
    histories: PathBuf,
    transcripts: PathBuf,
    /// The number of the mutant that acts, if one does.
    mutant: Option<usize>,
}

impl Copy {
    /// The tree with all mutants, each with its place among them as its number.
    pub(super) fn of(root: &Path, mutants: &[&Mutant]) -> Result<Self> {
        let mut files = BTreeMap::<&str, Vec<_>>::new();
        for (number, mutant) in mutants.iter().enumerate() {
            files.entry(mutant.file).or_default().push((number, *mutant));
        }
        let mut alone = Vec::new();
        let mut changed = BTreeMap::new();
        for (file, mutants) in files {
            let mut source = String::new();
            for (_, mutant) in &mutants {
                source = read(root, mutant)?;
            }
            let source = switch::with_all(&source, &mutants, |number| alone.push(number))?;
            changed.insert(root.join(CORE).join(file), source.into_bytes());
        }
        let top = root.join(CORE).join("lib.rs");
        let source = fs::read_to_string(&top)? + &switch::taken_out();
        changed.insert(top, source.into_bytes());

        let at = root.join("target/sharpness");
        for name in ["crates", "tests", "xtask", "Cargo.toml", "Cargo.lock"] {
            copy(&root.join(name), &at.join(name), &changed)?;
        }
        Ok(Self { at, alone })
    }

    /// Builds what notices mutants.
    pub(super) fn build(&self) -> Result<Tests> {
        let mut build = Command::new(env!("CARGO"));
        build.args(["test", "--no-run", "--message-format", "json"]);
        build.args(["--package", "awaitd-primitives", "--test", "histories"]);
        build.args(["--package", "awaitd-transcripts", "--test", "on_the_core"]);
        build.current_dir(&self.at).env("CARGO_TARGET_DIR", self.at.join("target"));
        // Nobody debugs a mutant, and without it each is built sooner.
        build.env("CARGO_PROFILE_DEV_DEBUG", "0").stdin(Stdio::null());
        let Output { status, stdout, stderr } = build.output()?;
        let said: Vec<Value> = String::from_utf8_lossy(&stdout)
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if !status.success() {
            let wrong: String = said.iter().filter_map(|it| self.wrong(&it["message"])).collect();
            let stderr = String::from_utf8_lossy(&stderr);
            return Err(Error::other(format!("no core to play on:\n{wrong}{stderr}")));
        }
        let program = |name: &str| {
            let of = said
                .iter()
                .find(|it| it["target"]["name"] == name && it["profile"]["test"] == true);
            let path = of.and_then(|it| it["executable"].as_str()).map(PathBuf::from);
            path.ok_or_else(|| Error::other(format!("cargo built no {name}")))
        };
        let (histories, transcripts) = (program("histories")?, program("on_the_core")?);
        Ok(Tests { histories, transcripts, mutant: None })
    }

    /// What the compiler says of what it could not compile, and of which mutant that is.
    fn wrong(&self, message: &Value) -> Option<String> {
        let said = message["rendered"].as_str().filter(|_| message["level"] == "error")?;
        let at = message["spans"].get(0);
        let whose = at.and_then(|at| {
            let source = fs::read_to_string(self.at.join(at["file_name"].as_str()?)).ok()?;
            let line = usize::try_from(at["line_start"].as_u64()?).ok()?;
            switch::whose(&source, line).map(|name| format!("what is taken out: {name}\n"))
        });
        Some(whose.unwrap_or_default() + said)
    }

    /// Builds them with nothing but this mutant; the tree is as before when they are built.
    pub(super) fn build_alone(&self, mutant: &Mutant) -> Result<Tests> {
        let path = self.at.join(CORE).join(mutant.file);
        let all = fs::read(&path)?;
        let source = read(crate::test::root(), mutant)?;
        fs::write(&path, source.replace(mutant.text, mutant.instead))?;
        let tests = self.build();
        fs::write(&path, all)?;
        tests.map_err(|error| Error::other(format!("{}: {error}", mutant.name)))
    }
}

impl Tests {
    /// The same, with this mutant.
    pub(super) fn with(&self, mutant: usize) -> Self {
        let (histories, transcripts) = (self.histories.clone(), self.transcripts.clone());
        Self { histories, transcripts, mutant: Some(mutant) }
    }

    /// Plays histories until one breaks, and gives its number; an error if none was played.
    pub(super) fn first_broken(&self, histories: u64) -> Result<Option<u64>> {
        let mut test = self.test(&self.histories);
        test.arg("histories").env("AWAITD_HISTORIES", histories.to_string());
        test.env("AWAITD_FIRST_BROKEN", "1").env_remove("AWAITD_SEED");
        failed(&mut test, |said| {
            let number =
                |line: &str| line.strip_prefix("history ")?.strip_suffix(" broke")?.parse().ok();
            said.lines().find_map(number)
        })
    }

    /// Whether any transcript broke; an error if none was played.
    pub(super) fn break_transcripts(&self) -> Result<bool> {
        let failure = "on_the_core ... FAILED";
        let mut test = self.test(&self.transcripts);
        failed(&mut test, |said| said.contains(failure).then_some(())).map(|it| it.is_some())
    }

    fn test(&self, program: &Path) -> Command {
        let mut test = Command::new(program);
        test.env("RUST_BACKTRACE", "0");
        match self.mutant {
            Some(number) => test.env(switch::VARIABLE, number.to_string()),
            None => test.env_remove(switch::VARIABLE),
        };
        test
    }
}

/// Nothing if the test passed, or how it failed, found in what it said.
fn failed<T>(test: &mut Command, how: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    let Output { status, stdout, stderr } = test.stdin(Stdio::null()).output()?;
    if status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    let found = how(&said).map(Some);
    found.ok_or_else(|| Error::other(format!("nothing was played:\n{said}")))
}

/// The file of the core that a mutant is in; an error if its text is not there once.
pub(super) fn read(root: &Path, Mutant { name, file, text, .. }: &Mutant) -> Result<String> {
    let source = fs::read_to_string(root.join(CORE).join(file))?;
    match source.matches(text).count() {
        1 => Ok(source),
        times => {
            Err(Error::other(format!("{name}: stands {times} times in {file}, not once:\n{text}")))
        }
    }
}

/// Makes `to` what `from` is, but for files that are `changed`. What is so already is not touched, or it would be
/// built again.
fn copy(from: &Path, to: &Path, changed: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    if !from.is_dir() {
        let text = changed.get(from).map_or_else(|| fs::read(from), |text| Ok(text.clone()))?;
        let same = fs::read(to).is_ok_and(|there| there == text);
        return if same { Ok(()) } else { fs::write(to, text) };
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let gone = !from.join(entry.file_name()).exists();
        if gone && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if gone {
            fs::remove_file(entry.path())?;
        }
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name), changed)?;
    }
    Ok(())
}
