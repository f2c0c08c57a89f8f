//! schemathesis makes requests of `openapi.yaml`, right ones and wrong ones, and holds the answers
//! against it.

use std::env;
use std::process::{Command, Stdio};

use awaitd_tests::{Server, tool};

use crate::tidy::root;

/// No request that the contract allows is answered with what it does not declare, and none that it
/// forbids is taken. `AWAITD_TEST_SEED` repeats a run.
#[test]
fn finds_no_difference() {
    let Some(schemathesis) = tool("schemathesis") else { return };
    let seed = env::var("AWAITD_TEST_SEED").unwrap_or_else(|_| fastrand::u32(..).to_string());
    eprintln!("schemathesis: AWAITD_TEST_SEED={seed}");
    let server = Server::with_args(&["--max-wait", "50ms"]);
    let config = root().join("tests/schemathesis.toml");
    let mut command = Command::new(schemathesis);
    command.arg("--config-file").arg(config);
    command.args(["run", &format!("{}/v1/openapi.json", server.base())]);
    command.args(["--url", &server.base(), "--seed", &seed]);
    // Nothing of a run is kept in the tree.
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).stdin(Stdio::null());
    let output = command.output().expect("schemathesis runs");
    assert!(
        output.status.success(),
        "AWAITD_TEST_SEED={seed}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}
