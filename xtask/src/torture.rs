//! `cargo xtask torture`: the test that kills the real binary among its clients, for as many rounds as
//! one has time for.

use std::env;
use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// The test, by its whole name.
const TEST: &str = "durability::torture::what_was_told_holds_however_often_it_is_killed";

/// `cargo xtask torture`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many times the server is killed
    #[arg(long, default_value_t = 300)]
    rounds: u64,
    /// Repeats what was drawn in another run
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs it; a line a round tells how it goes.
pub(crate) fn run(args: &Args) -> Result<()> {
    // The runner is content with a name that is none, and runs nothing.
    let listed = test().arg("--list").stderr(Stdio::inherit()).output()?;
    if !String::from_utf8_lossy(&listed.stdout).contains(TEST) {
        return Err(Error::other(format!("there is no test {TEST}")));
    }
    let mut command = test();
    command.arg("--nocapture").env("AWAITD_TORTURE_ROUNDS", args.rounds.to_string());
    if let Some(seed) = args.seed {
        command.env("AWAITD_TEST_SEED", seed.to_string());
    }
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(Error::other("the server did not keep its word")) }
}

fn test() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--quiet", "--package", "awaitd-tests", "--test", "it"]);
    command.args(["--", "--exact", TEST]).current_dir(root);
    command
}
