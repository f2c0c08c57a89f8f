//! The examples run as they stand.

use std::path::Path;
use std::process::Stdio;

use awaitd_tests::{Server, binary};
use tokio::process::Command;

/// Each of them is built, run against a server, and ends well.
#[tokio::test]
async fn they_run() {
    let server = Server::start();
    let profile = Path::new(binary()).parent().expect("a file lies in a folder");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/awaitd-client/examples");
    let mut ran = 0;
    for entry in std::fs::read_dir(folder).expect("there are examples") {
        let path = entry.expect("a folder can be read").path();
        let name = path.file_stem().expect("a file has a name").to_str().expect("ASCII");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["run", "--quiet", "--package", "awaitd-client", "--example", name]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        cargo.env("AWAITD_URL", server.base()).stdin(Stdio::null()).kill_on_drop(true);
        let done = cargo.output().await.expect("cargo runs");
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(!done.stdout.is_empty(), "{name} tells what it does");
        ran += 1;
    }
    assert!(ran >= 2, "only {ran} examples were run");
}
