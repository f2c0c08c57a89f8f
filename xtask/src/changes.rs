//! `cargo xtask mutants`: are the tests of leases and of the journal sharp? cargo-mutants makes every small change
//! that it knows to their source, one at a time, and the tests of that crate must notice. The rules that are
//! taken out by hand are [`crate::sharpness`]'s.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;
use serde_json::Value;

use crate::{test, tools};

/// Of a hundred changes so many are to be noticed.
const NOTICED: f64 = 90.0;

/// `cargo xtask mutants`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this group
    #[arg(long)]
    only: Option<Group>,
    /// Only this part of the changes of each file: 0/8 is the first of eight
    #[arg(long, value_name = "K/N", default_value = "0/1")]
    shard: String,
    /// Minutes after which a group is stopped, done or not
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Random histories that are played on each change of the core
    #[arg(long, default_value_t = 400)]
    histories: u32,
    /// Of so many crashes of the journal one is tried; odd
    #[arg(long, default_value_t = 31)]
    one_of: u32,
    /// Only changes whose description matches this regular expression
    #[arg(long)]
    matching: Option<String>,
}

/// What is changed.
#[derive(Clone, Copy, ValueEnum)]
enum Group {
    /// Who holds what until when, in the core
    Leases,
    /// All of the journal
    Journal,
}

impl Group {
    fn name(self) -> String {
        let value = self.to_possible_value().expect("no group is hidden");
        value.get_name().to_owned()
    }

    fn package(self) -> &'static str {
        match self {
            Self::Leases => "awaitd-primitives",
            Self::Journal => "awaitd-journal",
        }
    }

    /// Globs below `crates/PACKAGE/src/`.
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Leases => &[
                "state/lease.rs",
                "state/ending.rs",
                "state/settled.rs",
                "state/jobs/*.rs",
                "engine/time.rs",
                "engine/start.rs",
                "engine/delivery.rs",
            ],
            Self::Journal => &["*.rs"],
        }
    }

    /// How fast code is to be made, which takes time as well: of the journal's tests most is to replay, by a
    /// core that does not change.
    fn speeds(self) -> &'static [(&'static str, u8)] {
        match self {
            Self::Leases => &[],
            Self::Journal => &[("awaitd-primitives", 2), ("awaitd-journal", 1)],
        }
    }
}

/// What became of the changes of a file.
#[derive(Clone, Copy, Default)]
struct Sum {
    caught: u32,
    /// The tests did not come to an end, which is noticed, too.
    timeout: u32,
    missed: u32,
    /// It does not compile, and says nothing.
    unviable: u32,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.caught += other.caught;
        self.timeout += other.timeout;
        self.missed += other.missed;
        self.unviable += other.unviable;
    }

    /// Of a hundred changes that compile, so many were noticed; `None` if there was none.
    fn noticed(self) -> Option<f64> {
        let noticed = self.caught + self.timeout;
        let all = noticed + self.missed;
        (all > 0).then(|| 100.0 * f64::from(noticed) / f64::from(all))
    }

    fn row(self, of: &str) -> String {
        let Self { caught, timeout, missed, unviable } = self;
        let noticed = self.noticed().map_or_else(|| "-".to_owned(), |it| format!("{it:.1} %"));
        format!("| {of} | {caught} | {timeout} | {missed} | {unviable} | {noticed} |")
    }
}

/// Runs it; an error if a group's tests notice too little.
pub(crate) fn run(args: &Args) -> Result<()> {
    let bin = tools::cargo_mutants(&test::target().join("tools"))?;
    let groups = args.only.map_or_else(|| Group::value_variants().to_vec(), |only| vec![only]);
    let mut dull = Vec::new();
    for group in groups {
        let folder = test::target().join("mutants").join(group.name());
        play(&bin, group, args, &folder)?;
        let noticed = tell(group, &folder.join("mutants.out"))?;
        if noticed < NOTICED {
            dull.push(format!("of {} {noticed:.1} % were noticed", group.name()));
        }
    }
    if dull.is_empty() { Ok(()) } else { Err(Error::other(dull.join(", "))) }
}

/// Runs cargo-mutants, which writes what it found into `folder` as it goes.
fn play(bin: &Path, group: Group, args: &Args, folder: &Path) -> Result<()> {
    if folder.join("mutants.out").exists() {
        fs::remove_dir_all(folder.join("mutants.out"))?;
    }
    fs::create_dir_all(folder)?;
    // Asked to stop, it puts away the copy that it works on.
    let mut command = Command::new("timeout");
    command.arg("--signal=INT").arg(format!("{}m", args.minutes)).arg(bin);
    command.args(["mutants", "--package", group.package(), "--profile", "mutants"]);
    for file in group.files() {
        command.arg("--file").arg(format!("crates/{}/src/{file}", group.package()));
    }
    for (package, speed) in group.speeds() {
        let set = format!("profile.mutants.package.{package}.opt-level={speed}");
        command.arg(format!("--cargo-arg=--config={set}"));
    }
    if let Some(matching) = &args.matching {
        command.args(["--re", matching]);
    }
    // Every n-th, so that a part is a sample of every file.
    command.args(["--shard", &args.shard, "--sharding", "round-robin", "--jobs", "1"]);
    // By far longer than it takes: only what never ends shall be cut off, however busy the machine is.
    command.args(["--timeout", "300", "--build-timeout", "600", "--cap-lints", "true"]);
    command.arg("--output").arg(folder).args(["--", "--lib", "--tests"]);
    command.env("CARGO_TARGET_DIR", folder.join("target")).env("RUST_BACKTRACE", "0");
    command.env("AWAITD_HISTORIES", args.histories.to_string()).env("AWAITD_FIRST_BROKEN", "1");
    command.env("AWAITD_ONE_OF", args.one_of.to_string());
    let status = command.current_dir(test::root()).stdin(Stdio::null()).status()?;
    // 2: some were missed, 3: some never ended, 124: time was up. All of it is told in `folder`.
    match status.code() {
        Some(0 | 2 | 3 | 124) => Ok(()),
        _ => Err(Error::other(format!("cargo-mutants: {status}"))),
    }
}

/// Prints what became of each file's changes, those that nobody noticed, and how many there was no time for.
fn tell(group: Group, out: &Path) -> Result<f64> {
    let (mut files, mut all) = (BTreeMap::<String, Sum>::new(), Sum::default());
    let mut missed = Vec::new();
    let outcomes = read(&out.join("outcomes.json"))?;
    for outcome in outcomes["outcomes"].as_array().into_iter().flatten() {
        let (Some(name), Some(file)) = (
            outcome["scenario"]["Mutant"]["name"].as_str(),
            outcome["scenario"]["Mutant"]["file"].as_str(),
        ) else {
            continue;
        };
        let sum = match outcome["summary"].as_str() {
            Some("CaughtMutant") => Sum { caught: 1, ..Sum::default() },
            Some("Timeout") => Sum { timeout: 1, ..Sum::default() },
            Some("MissedMutant") => Sum { missed: 1, ..Sum::default() },
            Some("Unviable") => Sum { unviable: 1, ..Sum::default() },
            // It was at this one when time was up.
            Some(_) | None => continue,
        };
        if sum.missed > 0 {
            missed.push(name);
        }
        files.entry(file.to_owned()).or_default().add(sum);
        all.add(sum);
    }
    let planned = read(&out.join("mutants.json"))?.as_array().map_or(0, Vec::len);
    println!("\n| file | caught | timeout | missed | unviable | noticed |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (file, sum) in &files {
        println!("{}", sum.row(file.strip_prefix("crates/").unwrap_or(file)));
    }
    println!("{}", all.row(&format!("**{}**", group.name())));
    let Sum { caught, timeout, missed: _, unviable } = all;
    let tried = caught + timeout + unviable + u32::try_from(missed.len()).unwrap_or(u32::MAX);
    println!("\n{tried} of {planned} were tried");
    for name in missed {
        println!("missed: {name}");
    }
    all.noticed().ok_or_else(|| Error::other("nothing was tried"))
}

fn read(path: &PathBuf) -> Result<Value> {
    let text = fs::read(path)?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::other(format!("{}: {error}", path.display())))
}
