//! Signals to the wrapper, in each state.

use std::fs;

use awaitd_tests::{Folder, Server, signal, until};

use super::{LOST, Witness, children, is_gone, lock, lock_script};

/// Who is told to end while he waits leaves the line, and runs nothing.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_waits() {
    let server = Server::start();
    let holder = lock_script(&server, &[], "echo in; exec sleep 1000");
    holder.prints("in").await;
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let waiter = lock_script(&server, &[], "echo never");
        server.until_waiting("lock", "it", "acquire", 1).await;
        // This is for those who have something to do with it.
        waiter.signal("WINCH");
        waiter.signal(name);
        let ended = waiter.end().await.with(code);
        assert_eq!(ended.out, "");
        server.until_waiting("lock", "it", "acquire", 0).await;
    }
    holder.signal("KILL");
}

/// The command gets the signal, and its status counts.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_command_runs() {
    let server = Server::start();
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131), ("USR1", 138)] {
        let holder = lock_script(&server, &[], "echo in; exec sleep 1000");
        holder.prints("in").await;
        holder.signal(name);
        holder.end().await.with(code);
    }
    let script = "trap 'echo heard; exit 7' INT; echo in; while :; do sleep 0.02; done";
    let holder = lock_script(&server, &[], script);
    holder.prints("in").await;
    holder.signal("INT");
    assert_eq!(holder.end().await.with(7).out, "in\nheard\n");
}

/// The same for what the command started: the signal goes to the group.
#[tokio::test(flavor = "multi_thread")]
async fn children_hear_it_too() {
    let server = Server::start();
    let witness = Witness::new();
    let holder = lock(&server, &[], &witness.seen("sleep 1000 & sleep 1000 & wait"));
    holder.prints("in").await;
    // Not SIGINT: jobs that a shell has put in the background ignore it.
    holder.signal("TERM");
    holder.end().await.with(143);
    assert!(witness.is_alone());
}

/// A second signal reaches a command that is busy with the first.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_command_ends() {
    let server = Server::start();
    let script = "trap 'n=x$n; echo $n; test $n = xx && exit 9' INT
                  echo in; while :; do sleep 0.02; done";
    let holder = lock_script(&server, &[], script);
    holder.prints("in").await;
    holder.signal("INT");
    holder.prints("x\n").await;
    holder.signal("INT");
    assert_eq!(holder.end().await.with(9).out, "in\nx\nxx\n");
}

/// Also one that is being ended since its lock is lost.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_command_is_ended() {
    let server = Server::start();
    let script = "trap 'echo told' TERM; trap 'echo heard; exit 0' INT
                  echo in; while :; do sleep 0.02; done";
    // Long enough between the two for a slow machine.
    let holder = lock_script(&server, &["--lease", "9s"], script);
    holder.prints("in").await;
    server.client().delete("/v1/locks/it?force=true").await.expect(204);
    holder.prints("told").await;
    holder.signal("INT");
    let ended = holder.end().await.with(LOST);
    assert_eq!(ended.out, "in\ntold\nheard\n");
}

/// When the command is over its status counts, and a server that says nothing holds nobody up for long.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_releases() {
    let server = Server::start();
    let folder = Folder::new();
    let go_on = folder.inside("go on");
    let script = "echo in; while ! test -e \"$0\"; do sleep 0.02; done; exit 5";
    let command = ["sh", "-c", script, &go_on].map(str::to_owned);
    let mut holder = lock(&server, &["--lease", "1h"], &command);
    holder.prints("in").await;
    server.signal("STOP");
    fs::write(&go_on, "").expect("the folder is ours");
    let code = holder.code().await;
    server.signal("CONT");
    assert_eq!(code, 5);
    assert!(holder.complaints().contains("could not be released"), "{}", holder.complaints());
}

/// A wrapper that is killed takes its command and all that it started with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_wrapper_leaves_nothing() {
    let server = Server::start();
    let witness = Witness::new();
    let script = "trap '' TERM; sleep 1000 & setsid sleep 1000 & wait; wait";
    let holder = lock(&server, &["--lease", "3s"], &witness.seen(script));
    holder.prints("in").await;
    let next = lock(&server, &[], &witness.sees());
    server.until_waiting("lock", "it", "acquire", 1).await;
    holder.signal("KILL");
    assert_eq!(next.end().await.with(0).out, "alone\n");
}

/// If its guard is killed at the same moment, by one who kills all that have its name, the kernel ends at
/// least the command itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_guard_leaves_no_command() {
    let server = Server::start();
    let mut holder = lock_script(&server, &[], "echo $$; exec sleep 1000");
    holder.prints("\n").await;
    let command: u32 = holder.out().trim().parse().expect("it is a process");
    let [guard] = children(holder.pid())[..] else { panic!("there is one guard") };
    assert_eq!(children(guard), [command]);
    // Stopped, it cannot act on the guard's end.
    holder.signal("STOP");
    signal("KILL", guard);
    until("the command is gone", async || is_gone(command)).await;
    holder.signal("KILL");
    holder.code().await;

    // A wrapper that sees it ends the group, and says so.
    let witness = Witness::new();
    let holder = lock(&server, &["--lease", "1s"], &witness.seen("sleep 1000 & sleep 1000; wait"));
    holder.prints("in").await;
    signal("KILL", children(holder.pid())[0]);
    let ended = holder.end().await.with(1);
    assert!(ended.complaints.contains("guard"), "{ended:?}");
    assert!(witness.is_alone());
}
