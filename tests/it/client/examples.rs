//! The examples run as they stand.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use awaitd_tests::{Server, binary};
use tokio::process::Command;

/// Each of them is built, run against a server, and ends well.
#[tokio::test]
async fn they_run() {
    let server = Server::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/awaitd-client/examples");
    let mut ran = 0;
    for entry in std::fs::read_dir(folder).expect("there are examples") {
        let path = entry.expect("a folder can be read").path();
        let name = path.file_stem().expect("a file has a name").to_str().expect("ASCII");
        let mut example = example(name);
        example.env("AWAITD_URL", server.base()).stdin(Stdio::null()).kill_on_drop(true);
        let done = example.output().await.expect("it runs");
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(!done.stdout.is_empty(), "{name} tells what it does");
        ran += 1;
    }
    assert!(ran >= 2, "only {ran} examples were run");
}

/// The one in `AWAITD_TEST_EXAMPLES`, where whoever builds all tests has them already; else cargo builds it.
fn example(name: &str) -> Command {
    if let Some(built) = env::var_os("AWAITD_TEST_EXAMPLES") {
        return Command::new(PathBuf::from(built).join(name));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--package", "awaitd-client", "--example", name]);
    let profile = binary().parent().expect("a file lies in a folder");
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    cargo
}
