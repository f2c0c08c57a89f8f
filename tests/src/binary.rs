//! Where the binary is that the tests run against.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `awaitd` to be tested: `AWAITD_BIN` if that is set, else the one beside this very test,
/// built once so that it is not older than the source.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("AWAITD_BIN").map_or_else(build, PathBuf::from))
}

/// A program that ignores no signal, whatever whoever started the tests ignores: a shell lets what it runs in
/// the background ignore Ctrl-C.
pub fn attentive(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(program);
    command
}

fn build() -> PathBuf {
    let test = env::current_exe().expect("a running test has an executable");
    let profile = test.ancestors().nth(2).expect("cargo puts tests into target/PROFILE/deps");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "awaitd"]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the binary to be tested does not build");
    profile.join("awaitd")
}
