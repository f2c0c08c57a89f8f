//! schemathesis makes requests of `openapi.yaml`, right ones and wrong ones, and holds the answers
//! against it. It takes longest of all tests, and its name has it begin among the first.

use std::env;
use std::process::{Command, Stdio};

use awaitd_tests::{Server, tool};

use crate::guard::tokens::Tokens;
use crate::tidy::root;

/// How often each operation is asked at random where it is about tokens: what they change is in the answers
/// to all requests alike.
const FEW: [&str; 2] = ["--max-examples", "5"];

/// No request that the contract allows is answered with what it does not declare, and none that it
/// forbids is taken. `AWAITD_TEST_SEED` repeats a run.
#[test]
fn finds_no_difference() {
    run(&Server::with_args(&["--max-wait", "50ms"]), &[]);
}

/// Nor to who shows a token that allows everything.
#[test]
fn finds_none_with_a_token() {
    let tokens = Tokens::new();
    let wide = format!("Authorization: {}", tokens.add("wide", &["*:*:*"]));
    let server = tokens.server(&["--max-wait", "50ms"]);
    run(&server, &[&FEW[..], &["--header", &wide]].concat());
}

/// Nor to who shows one that allows little, or none: the contract says so of each refusal.
#[test]
fn finds_none_with_too_little() {
    let tokens = Tokens::new();
    let narrow = format!("Authorization: {}", tokens.add("narrow", &["queue:*:get"]));
    let server = tokens.server(&["--max-wait", "50ms"]);
    // These two want more than a refusal.
    let unasked = "positive_data_acceptance,negative_data_rejection";
    let refused = [&FEW[..], &["--exclude-checks", unasked, "--phases"]].concat();
    run(&server, &[&refused[..], &["examples,coverage,fuzzing", "--header", &narrow]].concat());
    run(&server, &[&refused[..], &["coverage"]].concat());
}

fn run(server: &Server, args: &[&str]) {
    let Some(schemathesis) = tool("schemathesis") else { return };
    let seed = env::var("AWAITD_TEST_SEED").unwrap_or_else(|_| fastrand::u32(..).to_string());
    eprintln!("schemathesis: AWAITD_TEST_SEED={seed}");
    let mut command = Command::new(schemathesis);
    command.arg("--config-file").arg(root().join("tests/schemathesis.toml"));
    command.arg("run").arg(root().join("openapi.yaml"));
    command.args(["--url", &server.base(), "--seed", &seed]).args(args);
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
