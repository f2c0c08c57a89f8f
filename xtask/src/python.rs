//! The Python client's checks: its types, its tests, and Python's own tests of what it stands in for.

use std::env;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// The oldest that the client runs on.
const OLDEST: (u32, u32) = (3, 11);

/// The one whose own tests are run.
const OWN_TESTS: (u32, u32) = (3, 13);

/// A Python, and a folder for an environment of its own.
struct Python {
    program: PathBuf,
    version: (u32, u32),
}

/// Runs everything with each Python that is of use; says what was left out.
pub(crate) fn run(root: &Path, target: &Path, binary: &Path) -> Result<Option<String>> {
    let client = &root.join("clients/python");
    let mut pythons: Vec<Python> = find().into_iter().filter(|it| it.version >= OLDEST).collect();
    pythons.sort_by_key(|it| it.version);
    pythons.dedup_by_key(|it| it.version);
    // The oldest one shows what the client needs, the other one has the tests.
    let own = pythons.iter().position(|it| it.version == OWN_TESTS);
    let mut chosen: Vec<&Python> = pythons.first().into_iter().collect();
    chosen.extend(own.map(|at| &pythons[at]).filter(|_| own != Some(0)));
    if chosen.is_empty() {
        return Ok(Some(format!("there is no Python from {}.{} on", OLDEST.0, OLDEST.1)));
    }
    // Side by side: what they do most is to wait for the ends of leases.
    let results = thread::scope(|scope| {
        let begin =
            |(at, python)| scope.spawn(move || with(python, at == 0, client, target, binary));
        let all: Vec<_> = chosen.into_iter().enumerate().map(begin).collect();
        let ends = all.into_iter().map(|it| it.join().expect("a Python's checks do not panic"));
        ends.collect::<Vec<_>>()
    });
    let mut left_out = Vec::new();
    for result in results {
        left_out.extend(result?);
    }
    if own.is_none() {
        let (major, minor) = OWN_TESTS;
        left_out.push(format!("Python {major}.{minor} is not there, nor are its own tests"));
    }
    let whole = left_out.is_empty();
    Ok((!whole).then(|| format!("{}; the rest passed", left_out.join("; "))))
}

/// The tests with one Python, and before them types and style if they are `checked`; what was left out.
fn with(
    python: &Python,
    checked: bool,
    client: &Path,
    target: &Path,
    binary: &Path,
) -> Result<Option<String>> {
    let bin = environment(python, client, target)?;
    let left_out = if checked { check(&bin, client)? } else { None };
    let mut pytest = Command::new(bin.join("pytest"));
    // A wheel is built where all else is, so that nothing is compiled twice.
    pytest.args(["-q", "-p", "no:cacheprovider"]);
    // What tests do most is to wait, so there are more at a time than the machine has cores.
    pytest.args(["--numprocesses", "3", "--dist", "worksteal"]);
    pytest.env("AWAITD_BIN", binary).env("CARGO_TARGET_DIR", target);
    let output = pytest.current_dir(client).stdin(Stdio::null()).output()?;
    let said = [output.stdout, output.stderr].concat();
    // At once, or another Python would speak in between.
    let (major, minor) = python.version;
    println!("pytest with Python {major}.{minor}\n{}", String::from_utf8_lossy(&said).trim_end());
    if output.status.success() {
        return Ok(left_out);
    }
    Err(Error::other(format!("pytest with Python {major}.{minor}: {}", output.status)))
}

/// Types and style; what of it was left out.
fn check(bin: &Path, client: &Path) -> Result<Option<String>> {
    for (tool, args) in
        [("ruff", &["check", "."][..]), ("ruff", &["format", "--check", "."]), ("mypy", &[])]
    {
        visibly(Command::new(bin.join(tool)).args(args).current_dir(client))?;
    }
    // What pip installs brings the program itself from npm when it is first called.
    let pyright = || {
        let mut command = Command::new(bin.join("pyright"));
        command.env("PYRIGHT_PYTHON_IGNORE_WARNINGS", "1").current_dir(client);
        command
    };
    let brought = pyright().arg("--version").stdin(Stdio::null()).output()?;
    if !brought.status.success() {
        return Ok(Some("pyright, which could not be brought".to_owned()));
    }
    visibly(pyright().arg("--pythonpath").arg(bin.join("python")))?;
    Ok(None)
}

/// An environment with what the client needs and what its tests need; the client itself is read where
/// it stands in the tree.
fn environment(python: &Python, client: &Path, target: &Path) -> Result<PathBuf> {
    let (major, minor) = python.version;
    let folder = target.join(format!("python/{major}.{minor}"));
    let bin = folder.join("bin");
    if !bin.join("pip").is_file() {
        fs::create_dir_all(&folder)?;
        visibly(Command::new(&python.program).args(["-m", "venv"]).arg(&folder))?;
    }
    let install = ["install", "--quiet", "--disable-pip-version-check", "--requirement"];
    let what = client.join("requirements-test.txt");
    visibly(Command::new(bin.join("pip")).args(install).arg(what))?;
    Ok(bin)
}

/// Every Python that answers: those in the `PATH`, and those that pyenv keeps.
fn find() -> Vec<Python> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv"));
    let pyenv = env::var_os("PYENV_ROOT").map(PathBuf::from).or(home);
    let kept = pyenv.and_then(|root| fs::read_dir(root.join("versions")).ok());
    folders.extend(kept.into_iter().flatten().flatten().map(|version| version.path().join("bin")));
    let names = (OLDEST.1..OLDEST.1 + 9).map(|minor| format!("python3.{minor}"));
    let names: Vec<String> = names.chain(["python3".to_owned()]).collect();
    let programs = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
    programs.filter(|program| program.is_file()).filter_map(ask).collect()
}

/// What it says of itself; nothing of one that does not run.
fn ask(program: PathBuf) -> Option<Python> {
    // Debian's has its ensurepip in a package apart, and makes no environment without it.
    let print = "import ensurepip, sys, venv; print(*sys.version_info[:2])";
    let output = Command::new(&program).args(["-c", print]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some(Python { program, version: (major.parse().ok()?, minor.parse().ok()?) })
}

fn visibly(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status()?;
    if status.success() {
        return Ok(());
    }
    Err(Error::other(format!("{}: {status}", command.get_program().display())))
}
