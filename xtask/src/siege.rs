//! `cargo xtask siege`: how long a client's requests take beside a thousand slow connections, as the test
//! of this has it with the release binary, and with rounds enough for a figure.

use std::env;
use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

use crate::test::target;
use crate::tools::{find, install};

/// The tests, by their whole names.
const TESTS: [&str; 1] = ["guard::slow::a_client_is_served_beside_a_thousand_slow_ones"];

/// `cargo xtask siege`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds without and with each attack
    #[arg(long, default_value_t = 10)]
    rounds: u64,
}

/// Runs it; a line an attack says what came of it.
pub(crate) fn run(args: &Args) -> Result<()> {
    if find("slowhttptest", None).is_none() {
        install("slowhttptest")?;
    }
    cargo(&["build", "--release", "--package", "awaitd"], &[])?;
    let binary = target().join("release/awaitd").display().to_string();
    let variables = [("AWAITD_BIN", binary), ("AWAITD_SIEGE_ROUNDS", args.rounds.to_string())];
    let test =
        ["test", "--quiet", "--package", "awaitd-tests", "--test", "it", "--", "--nocapture"];
    // One that has another name by now is not left out in silence.
    let mut list = command(&[&test[..7], &["--list", "--exact"], &TESTS].concat(), &[]);
    let there = String::from_utf8_lossy(&list.output()?.stdout)
        .lines()
        .filter(|it| it.ends_with(": test"))
        .count();
    if there != TESTS.len() {
        return Err(Error::other("the tests of this have other names by now"));
    }
    cargo(&[&test[..], &["--exact"], &TESTS].concat(), &variables)
}

fn cargo(args: &[&str], variables: &[(&str, String)]) -> Result<()> {
    let status = command(args, variables).status()?;
    if status.success() { Ok(()) } else { Err(Error::other("a client was not served")) }
}

fn command(args: &[&str], variables: &[(&str, String)]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).envs(variables.iter().cloned()).current_dir(root);
    command
}
