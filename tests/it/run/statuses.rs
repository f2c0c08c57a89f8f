//! What the command is given, and what its caller gets.

use std::fs;
use std::process::Command;

use awaitd_tests::{Folder, Process, Server, attentive, binary, until};
use serde_json::Value;

use super::{LOST, NOT_OBTAINED, lock, lock_script};

/// The command's exit status is the wrapper's, as a shell has it.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_the_commands() {
    let server = Server::start();
    for (script, code) in
        [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137), ("kill -15 $$", 143)]
    {
        lock_script(&server, &[], script).end().await.with(code);
    }
    let missing = lock(&server, &[], &["no-such-program".into()]).end().await.with(127);
    assert!(missing.complaints.contains("no-such-program"), "{missing:?}");
    let folder = Folder::new();
    let closed = folder.inside("closed");
    fs::write(&closed, "#!/bin/sh\n").expect("the folder is ours");
    let refused = lock(&server, &[], std::slice::from_ref(&closed)).end().await.with(126);
    assert!(refused.complaints.contains(&closed), "{refused:?}");
    // After all that it is free.
    lock_script(&server, &["-n"], "true").end().await.with(0);
}

/// What is held is not had at once, nor in time; with the exit code that was asked for, if one was.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_not_had() {
    let server = Server::start();
    let holder = lock_script(&server, &["--owner", "somebody"], "echo in; exec sleep 1000");
    holder.prints("in").await;
    for (flags, code) in [
        (&["-n"][..], NOT_OBTAINED),
        (&["-w", "0.1"], NOT_OBTAINED),
        (&["-w", "100ms", "-E", "9"], 9),
        (&["-n", "-E", "0"], 0),
    ] {
        let refused = lock_script(&server, flags, "echo never").end().await.with(code);
        assert_eq!(refused.out, "", "{flags:?}");
        assert!(refused.complaints.contains("held by somebody"), "{refused:?}");
    }
    let told = lock_script(&server, &["-n", "--json"], "true").end().await.with(NOT_OBTAINED).out;
    assert!(told.contains(r#""code":"locked""#), "{told}");
    holder.signal("TERM");
    holder.end().await.with(143);
    lock_script(&server, &["-w", "50"], "true").end().await.with(0);
}

/// Who waits is let on when the holder ends, in the order of arrival.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_let_on() {
    let server = Server::start();
    let holder = lock_script(&server, &[], "echo in; exec sleep 1000");
    holder.prints("in").await;
    let first = lock_script(&server, &[], "echo first; exec sleep 1000");
    server.until_waiting("lock", "it", "acquire", 1).await;
    let second = lock_script(&server, &[], "echo second");
    server.until_waiting("lock", "it", "acquire", 2).await;
    holder.signal("TERM");
    first.prints("first").await;
    assert_eq!(second.out(), "");
    first.signal("TERM");
    assert_eq!(second.end().await.with(0).out, "second\n");
}

/// The command has the wrapper's input, to its end, and no shell has read its arguments.
#[tokio::test(flavor = "multi_thread")]
async fn input_and_arguments_pass_unchanged() {
    let server = Server::start();
    let input = b"a line\n\0 and \xff bytes".repeat(10_000);
    let process = Process::awaitd_fed(&server, &["lock", "it", "--", "cksum"], &input);
    let alone = Process::awaitd_fed(&server, &["lock", "it", "cat"], b"");
    let told = process.end().await.with(0).out;
    assert!(told.contains(&format!(" {}\n", input.len())), "{told}");
    assert_eq!(alone.end().await.with(0).out, "");

    let arguments = ["printf", "%s\n", "two words", "$HOME", "-n", "--", "*"].map(str::to_owned);
    let printed = lock(&server, &[], &arguments).end().await.with(0).out;
    assert_eq!(printed, "two words\n$HOME\n-n\n--\n*\n");
}

/// The command is told what it holds, by names that the server knows.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_knows_what_it_holds() {
    let server = Server::start();
    let script = r#"echo "$AWAITD_LOCK $AWAITD_FENCE $AWAITD_LEASE $AWAITD_URL"; exec sleep 1000"#;
    let holder = lock_script(&server, &["--lease", "1h", "--owner", "me"], script);
    holder.prints("\n").await;
    let out = holder.out();
    let [name, fence, lease, url] = out.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{out}");
    };
    assert_eq!((name, url), ("it", &*server.base()));
    let client = server.client();
    let state: Value = client.get("/v1/locks/it").await.expect(200).json();
    assert_eq!(
        (state["owner"].as_str(), state["fence"].to_string()),
        (Some("me"), fence.to_owned())
    );
    assert!(state["expires_in"].as_f64().is_some_and(|left| left > 60.0), "{state}");
    client.get(lease).await.expect(200);
    holder.signal("KILL");
}

/// A lease is renewed as long as the command runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed() {
    let server = Server::start();
    let holder = lock_script(&server, &["--lease", "1s"], "echo in; sleep 3; echo out");
    holder.prints("in").await;
    let other = lock_script(&server, &[], "echo other");
    holder.prints("out").await;
    holder.end().await.with(0);
    other.end().await.with(0);
}

/// A lock that an operator took away is lost, and its command with it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_is_lost() {
    let server = Server::start();
    let holder = lock_script(&server, &["--lease", "1s"], "echo in; exec sleep 1000");
    holder.prints("in").await;
    server.client().delete("/v1/locks/it?force=true").await.expect(204);
    let ended = holder.end().await.with(LOST);
    assert!(ended.complaints.contains("the lock it is lost"), "{ended:?}");
}

/// A server that is not there is no lock.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_nothing_runs() {
    let server = Server::start();
    let base = server.base();
    drop(server);
    let mut command = Command::new(binary());
    command.args(["lock", "it", "--retry", "0", "--url", &base, "--", "echo", "never"]);
    let ended = Process::start(command).end().await.with(69);
    assert_eq!(ended.out, "");
    assert!(ended.complaints.contains(&base), "{ended:?}");
}

/// What the wrapper was told to ignore is ignored by the command too: `nohup` works.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_ignored_stays_ignored() {
    let server = Server::start();
    let script =
        r#"trap "" HUP; exec "$0" lock it -- sh -c 'echo in; kill -HUP $$; exec sleep 1000'"#;
    let mut command = attentive("sh");
    command.args(["-c", script]).arg(binary()).env("AWAITD_URL", server.base());
    let holder = Process::start(command);
    holder.prints("in").await;
    holder.signal("HUP");
    // It went by unheard: the next one is the one that counts.
    holder.signal("TERM");
    holder.end().await.with(143);
    let free =
        async || server.client().get("/v1/locks/it").await.expect(200).json()["locked"] == false;
    until("the lock is free", free).await;
}
