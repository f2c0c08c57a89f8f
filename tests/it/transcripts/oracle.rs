//! Python's own asyncio, asked the same: the oracle of how the corpus reads it.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use awaitd_transcripts::{Places, Script, folder, scripts};

/// Fewer files than this on asyncio, and it is no oracle any more.
const FILES_MIN: usize = 40;

/// Whatever needs no lease's end, no key and no delay holds for asyncio's own objects.
#[test]
fn on_asyncio() {
    let Some(python) = python() else {
        say("left out: the transcripts on asyncio, since there is no Python 3.11 or newer");
        return;
    };
    let folder = folder();
    let everywhere =
        |(path, script): (PathBuf, Script)| (script.places == Places::Everywhere).then_some(path);
    let files: Vec<_> = scripts().into_iter().filter_map(everywhere).collect();
    assert!(files.len() >= FILES_MIN, "{} files are too few", files.len());
    let program = folder.with_file_name("oracle").join("asyncio_oracle.py");
    let Output { status, stdout, stderr } =
        Command::new(&python).arg(program).args(&files).output().expect("Python can be run");
    let (said, wrong) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "asyncio does something else:\n{said}{wrong}");
    let last = said.lines().last().unwrap_or_default();
    let played = last.strip_prefix("played ").and_then(|count| count.parse::<usize>().ok());
    assert!(played.is_some_and(|played| played >= FILES_MIN), "{said}");
    // What an older asyncio does not have is left out.
    said.lines().filter(|line| line.starts_with("left out")).for_each(say);
}

/// A Python by its name, or one of those that pyenv keeps; with 3.13's queues if there is one.
fn python() -> Option<PathBuf> {
    let mut found = ["python3", "python3.14", "python3.13"].map(PathBuf::from).to_vec();
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv"));
    let pyenv = env::var_os("PYENV_ROOT").map(PathBuf::from).or(home);
    if let Some(versions) = pyenv.and_then(|pyenv| pyenv.join("versions").read_dir().ok()) {
        found.extend(versions.flatten().map(|version| version.path().join("bin/python3")));
    }
    let is_at_least = |python: &PathBuf, version: &str| {
        let check = format!("import sys; sys.exit(sys.version_info < {version})");
        let ran = Command::new(python).args(["-c", &check]).output();
        ran.is_ok_and(|ran| ran.status.success())
    };
    let newest = found.iter().find(|python| is_at_least(python, "(3, 13)"));
    newest.or_else(|| found.iter().find(|python| is_at_least(python, "(3, 11)"))).cloned()
}

/// Past the test harness, which keeps to itself what a test prints that passes.
fn say(what: &str) {
    writeln!(io::stderr(), "{what}").expect("standard error is open");
}
