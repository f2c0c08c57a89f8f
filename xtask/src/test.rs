//! `cargo xtask test`: the one command that passes all the tests. It brings what they need, goes on
//! after a failure so that one run tells all, and says at the end how each step went.

use std::env;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::tools::Tools;

/// `cargo xtask test`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs only this step; may be repeated
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
    /// Names the steps, and does nothing
    #[arg(long)]
    list: bool,
}

/// The steps in their order.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// The source is formatted
    Format,
    /// clippy has nothing to say, with all features
    Lint,
    /// The dependencies' licences, sources and versions are allowed
    Deny,
    /// No dependency has a known weakness, where the list of these can be reached
    Advisories,
    /// The binary that the tests ask is built
    Build,
    /// All tests of the workspace: the core, the server, and the binary from outside
    Tests,
    /// The random histories notice when a rule is taken out of the core
    Sharpness,
    /// What is not used costs nothing: instructions of the core, as valgrind counts them
    Counts,
    /// The Python client: its types, its tests, and Python's own for what it stands in for
    Python,
    /// The dashboard: each page and action in a browser, where there is one
    Ui,
    /// Every status that the tests saw is declared in openapi.yaml, and every declared one was seen
    Seen,
}

/// How a step ended that did not fail.
enum Outcome {
    /// What it is about is so.
    Passed,
    /// It was not done, and this is why.
    LeftOut(String),
}

/// What the steps share.
struct Run {
    tools: Tools,
    /// Where the binary is put that is asked.
    aside: PathBuf,
    /// Where tests write down what statuses they saw.
    seen: PathBuf,
}

/// Runs the steps; an error if any of them failed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let chosen = |step: &Step| args.only.is_empty() || args.only.contains(step);
    let steps: Vec<_> = Step::value_variants().iter().copied().filter(chosen).collect();
    if args.list {
        for step in steps {
            println!("{:<12}{}", step.name(), step.help());
        }
        return Ok(());
    }
    let target = target();
    let run = Run {
        tools: Tools::bring(&target.join("tools"))?,
        aside: target.join("tested/awaitd"),
        seen: target.join("seen"),
    };
    let mut results = Vec::new();
    for step in steps {
        println!("\n==> {}: {}", step.name(), step.help());
        let start = Instant::now();
        let outcome = run.take(step);
        if let Err(error) = &outcome {
            println!("{} failed: {error}", step.name());
        }
        results.push((step, outcome, start.elapsed()));
    }
    summarize(&run.tools, &results)
}

impl Step {
    fn name(self) -> String {
        let value = self.to_possible_value().expect("no step is hidden");
        value.get_name().to_owned()
    }

    fn help(self) -> String {
        let value = self.to_possible_value().expect("no step is hidden");
        value.get_help().map(ToString::to_string).unwrap_or_default()
    }
}

impl Run {
    fn take(&self, step: Step) -> Result<Outcome> {
        match step {
            Step::Format => passed(cargo(&["fmt", "--all", "--check"])),
            Step::Lint => {
                let what =
                    [&["clippy"], &WORKSPACE[..], &["--all-targets", "--", "-D", "warnings"]];
                passed(cargo(&what.concat()))?;
                // Alone it has fewer features than beside all that uses it.
                let client = ["--package", "awaitd-client", "--all-targets"];
                passed(cargo(&[&["clippy"], &client[..], &["--", "-D", "warnings"]].concat()))
            }
            Step::Deny => self.deny(&["bans", "licenses", "sources"]),
            Step::Advisories => self.advisories(),
            Step::Build => self.binary().map(|_| Outcome::Passed),
            Step::Tests => self.tests(),
            Step::Sharpness => {
                crate::sharpness::run(SHARPNESS_HISTORIES, None).map(|()| Outcome::Passed)
            }
            Step::Counts => {
                let left_out = crate::counts::run()?;
                Ok(left_out.map_or(Outcome::Passed, Outcome::LeftOut))
            }
            Step::Python => {
                let left_out = crate::python::run(root(), &target(), self.binary()?)?;
                Ok(left_out.map_or(Outcome::Passed, Outcome::LeftOut))
            }
            Step::Ui => {
                let left_out = crate::ui::run(root(), self.binary()?)?;
                Ok(left_out.map_or(Outcome::Passed, Outcome::LeftOut))
            }
            Step::Seen => self.seen(),
        }
    }

    /// The binary that is asked, not older than the source. Put aside, since tests of what has more
    /// features build another one where cargo puts this.
    fn binary(&self) -> Result<&Path> {
        passed(cargo(&["build", "--package", "awaitd"]))?;
        fs::create_dir_all(self.aside.parent().expect("it lies in a folder"))?;
        // Not written over: one that runs cannot be.
        if self.aside.exists() {
            fs::remove_file(&self.aside)?;
        }
        fs::copy(target().join("debug/awaitd"), &self.aside)?;
        Ok(&self.aside)
    }

    fn deny(&self, checks: &[&str]) -> Result<Outcome> {
        let Some(deny) = &self.tools.deny else {
            return Ok(Outcome::LeftOut("there is no cargo-deny".to_owned()));
        };
        // Called by its path it has to be told which subcommand of cargo it is.
        passed(Command::new(deny).arg("check").args(checks))
    }

    /// The list of known weaknesses lies on the network, which not every machine reaches; that is
    /// no failure of this tree. So it is fetched first, and only then what it says counts.
    fn advisories(&self) -> Result<Outcome> {
        let Some(deny) = &self.tools.deny else {
            return Ok(Outcome::LeftOut("there is no cargo-deny".to_owned()));
        };
        let fetched = Command::new(deny).args(["fetch", "db"]).stdin(Stdio::null()).output()?;
        if !fetched.status.success() {
            let why = "the list of known weaknesses cannot be reached from here";
            return Ok(Outcome::LeftOut(why.to_owned()));
        }
        self.deny(&["--disable-fetch", "advisories"])
    }

    fn tests(&self) -> Result<Outcome> {
        self.binary()?;
        // What an earlier run saw says nothing about this one.
        if self.seen.exists() {
            fs::remove_dir_all(&self.seen)?;
        }
        let tests = [&["test"], &WORKSPACE[..], &["--no-fail-fast"]].concat();
        passed(self.equip(&mut cargo(&tests)))
    }

    fn seen(&self) -> Result<Outcome> {
        if !self.seen.exists() {
            return Ok(Outcome::LeftOut("no tests ran before that could have seen any".to_owned()));
        }
        // Of all tests, since cargo would build anew for a choice among them.
        let last = ["--tests", "--", "--ignored", "all_that_was_seen_is_declared"];
        let last = [&["test"], &WORKSPACE[..], &last].concat();
        passed(self.equip(&mut cargo(&last)))
    }

    /// What a test finds in its environment.
    fn equip<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::split_paths(&path).chain([self.tools.bin.clone()]);
        command
            .env("PATH", env::join_paths(path).expect("a PATH with one more folder is one"))
            .env("AWAITD_BIN", &self.aside)
            // Cargo builds those with the tests; one at a time it would build all below them anew.
            .env("AWAITD_TEST_EXAMPLES", target().join("debug/examples"))
            .env("AWAITD_TEST_SEEN", &self.seen)
            .env("AWAITD_TEST_WITHOUT", self.tools.missing().join(","))
    }
}

/// Everything, with what the binary leaves out unless it is asked for: always the same, or cargo would build
/// all again for what a step has more or less of.
const WORKSPACE: [&str; 3] = ["--workspace", "--features", "awaitd/otlp"];

/// Histories for each rule that is taken out: enough for the rarest to be noticed.
const SHARPNESS_HISTORIES: u64 = 1_000;

/// Everything that cargo builds and that this command brings lies here.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The top of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// Runs a command at the top of the repository, where all may see what it prints.
fn passed(mut command: impl std::borrow::BorrowMut<Command>) -> Result<Outcome> {
    let command: &mut Command = command.borrow_mut();
    let status = command.current_dir(root()).stdin(Stdio::null()).status()?;
    if status.success() { Ok(Outcome::Passed) } else { Err(Error::other(status.to_string())) }
}

fn summarize(tools: &Tools, results: &[(Step, Result<Outcome>, Duration)]) -> Result<()> {
    println!();
    for (step, outcome, took) in results {
        let said = match outcome {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::LeftOut(why)) => format!("left out: {why}"),
            Err(error) => format!("FAILED: {error}"),
        };
        println!("{:<12}{:>7.1} s  {said}", step.name(), took.as_secs_f64());
    }
    for tool in tools.missing() {
        println!("left out: what needs {tool}, which could not be brought here");
    }
    let failed = results.iter().filter(|(_, outcome, _)| outcome.is_err()).count();
    if failed == 0 { Ok(()) } else { Err(Error::other(format!("{failed} steps failed"))) }
}
