//! `cargo xtask counts`: instructions that the core takes, counted by valgrind. They are the same on a busy
//! machine and on a quiet one, so that ratios of them can be held to bounds.

use std::env;
use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// What is done how often, so that a count divided by it is that of one.
const TIMES: u64 = 500;

/// What may take how much of what: a scenario, its yardstick, the most that the ratio may be, and what that says.
const BOUNDS: [(&str, &str, f64, &str); 4] = [
    ("cycle-beside-features", "cycle", 1.02, "what a queue does not use costs it nothing"),
    ("cycle-among-delayed", "cycle", 1.02, "jobs that are delayed cost the ready ones nothing"),
    ("get-among-keys", "get", 2.0, "a get passes over blocked keys without looking at them"),
    // A tree finds its last keys a little later in their nodes than its first ones.
    ("last-page", "first-page", 1.3, "the last page is as near as the first"),
];

/// Counts; what cannot be counted here, if anything.
pub(crate) fn run() -> Result<Option<String>> {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        return Ok(Some("there is no valgrind".to_owned()));
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--release", "--package", "awaitd-primitives", "--example", "counts"];
    if !Command::new(cargo).args(build).status()?.success() {
        return Err(Error::other("the scenarios were not built"));
    }
    let program = crate::test::target().join("release/examples/counts");
    let mut broken = Vec::new();
    for (scenario, yardstick, most, why) in BOUNDS {
        let (one, other) = (each(&program, scenario)?, each(&program, yardstick)?);
        let ratio = one / other;
        println!(
            "{scenario}: {one:.0} instructions, {ratio:.3} × {yardstick} (at most {most}): {why}"
        );
        if ratio > most {
            broken.push(scenario);
        }
    }
    if broken.is_empty() { Ok(None) } else { Err(Error::other(broken.join(", "))) }
}

/// Instructions of one time, without those of the beginning.
fn each(program: &Path, scenario: &str) -> Result<f64> {
    let (none, all) = (count(program, scenario, 0)?, count(program, scenario, TIMES)?);
    Ok((all - none) as f64 / TIMES as f64)
}

fn count(program: &Path, scenario: &str, times: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([scenario, &times.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counted =
        said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    counted.filter(|_| output.status.success()).ok_or_else(|| Error::other(said.into_owned()))
}
