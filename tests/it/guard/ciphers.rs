//! What testssl.sh says of a server with TLS: protocols, ciphers, and known weaknesses of them.

use std::fs;
use std::process::{Command, Stdio};

use awaitd_tests::{Folder, Process, binary, tool};
use serde_json::Value;

use crate::cli::reach::certify;

/// Protocols, kinds of ciphers, forward secrecy, who chooses among them, and weaknesses that have a name. Not
/// the certificate, which is the operator's.
const ASPECTS: [&str; 5] = ["-p", "-s", "-f", "-P", "-U"];

/// What is worth no mention.
const HARMLESS: [&str; 5] = ["OK", "INFO", "WARN", "LOW", "MEDIUM"];

#[tokio::test]
async fn testssl_finds_nothing_of_weight() {
    let Some(program) = tool("testssl") else { return };
    let folder = Folder::new();
    certify(&folder, "localhost");
    let (cert, key) = (folder.inside("cert.pem"), folder.inside("key.pem"));
    let mut serve = Command::new(binary());
    serve.args(["serve", "--memory", "--listen", "127.0.0.1:0"]);
    serve.args(["--tls-cert", &cert, "--tls-key", &key]);
    let server = Process::start(serve);
    server.complains("listening on https://").await;
    let log = server.complaints();
    let at = log.split("https://").nth(1).and_then(|rest| rest.split('"').next());
    let at = at.and_then(|rest| rest.split_whitespace().next()).expect("it says where it listens");
    let found = folder.inside("found.json");
    let mut command = tokio::process::Command::new(program);
    command.args(["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--fast"]);
    command.args(ASPECTS).args(["--jsonfile", &found, at]).stdin(Stdio::null());
    let ended = command.kill_on_drop(true).output().await.expect("it runs");
    let text = fs::read_to_string(&found).unwrap_or_else(|_| panic!("{ended:?}"));
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let all = all.as_array().expect("findings");
    let ids: Vec<_> = all.iter().filter_map(|one| one["id"].as_str()).collect();
    for id in
        ["TLS1", "TLS1_2", "TLS1_3", "cipherlist_NULL", "LUCKY13", "cipher_order", "heartbleed"]
    {
        assert!(ids.contains(&id), "nothing is said of {id}: {ids:?}");
    }
    let heavy = |one: &&Value| !HARMLESS.contains(&one["severity"].as_str().unwrap_or("none"));
    let heavy: Vec<_> = all.iter().filter(heavy).collect();
    assert!(heavy.is_empty(), "{heavy:#?}");
}
