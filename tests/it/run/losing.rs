//! Leases that are lost while the command runs: it is gone before somebody else begins.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use awaitd_tests::{Folder, Process, Server, binary, leave_out, signal, until};

use super::{LOST, Witness, lock, lock_script};

/// What ends in order when it is told to, and what does not; in the group, and away from it.
const COMMANDS: [&str; 3] = [
    "sleep 1000 & wait",
    "trap '' TERM; while :; do sleep 1000; done",
    "setsid sh -c 'trap \"\" TERM; while :; do sleep 1000; done' & wait",
];

/// The server is stopped: it says nothing, and goes on when the lease is over.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_stopped() {
    for script in COMMANDS {
        let server = Server::start();
        let witness = Witness::new();
        let mut holder = lock(&server, &["--lease", "2s"], &witness.seen(script));
        holder.prints("in").await;
        let next = lock(&server, &[], &witness.sees());
        server.until_waiting("lock", "it", "acquire", 1).await;
        server.signal("STOP");
        assert_eq!(holder.code().await, LOST, "{script}");
        assert!(witness.is_alone(), "{script}");
        assert!(holder.complaints().contains("could not be renewed"), "{}", holder.complaints());
        server.signal("CONT");
        assert_eq!(next.end().await.with(0).out, "alone\n", "{script}");
    }
}

/// The server is killed, and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_killed() {
    let folder = Folder::new();
    let data = folder.inside("data");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = port.expect("there are free ports").to_string();
    let args = ["serve", "--listen", &address, "--data-dir", &data];
    let mut server = Server::run(&args, &[]).expect("it starts");
    let witness = Witness::new();
    let holder = lock(&server, &["--lease", "2s"], &witness.seen(COMMANDS[1]));
    holder.prints("in").await;
    let next = lock(&server, &["--retry", "1m"], &witness.sees());
    server.until_waiting("lock", "it", "acquire", 1).await;
    server.signal("KILL");
    assert_eq!(server.exit_code().await, None);
    holder.end().await.with(LOST);
    assert!(witness.is_alone());
    let server = Server::run(&args, &[]).expect("it starts again");
    assert_eq!(next.end().await.with(0).out, "alone\n");
    drop(server);
}

/// A server that is killed and back in time is no loss.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_back_in_time() {
    let folder = Folder::new();
    let data = folder.inside("data");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = port.expect("there are free ports").to_string();
    let args = ["serve", "--listen", &address, "--data-dir", &data];
    let mut server = Server::run(&args, &[]).expect("it starts");
    let script = "echo in; while ! test -e \"$0\"; do sleep 0.02; done; echo out";
    let go_on = folder.inside("go on");
    let command = ["sh", "-c", script, &go_on].map(str::to_owned);
    let holder = lock(&server, &["--lease", "30s"], &command);
    holder.prints("in").await;
    server.signal("KILL");
    assert_eq!(server.exit_code().await, None);
    let server = Server::run(&args, &[]).expect("it starts again");
    fs::write(&go_on, "").expect("the folder is ours");
    assert_eq!(holder.end().await.with(0).out, "in\nout\n");
    // It was released, not left to its end.
    lock_script(&server, &["-n"], "true").end().await.with(0);
}

/// The network is cut, between programs that know nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_network_is_cut() {
    let tried = Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]).output();
    let tried = tried.map_err(|error| error.to_string()).and_then(|output| {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    });
    if let Err(why) = tried {
        leave_out(&format!("no network of its own: {why}"));
        return;
    }
    let script = r#"
        ip link set lo up
        awaitd=$0 witness=$1
        export AWAITD_URL=http://127.0.0.1:29248
        "$awaitd" serve --memory --log error & server=$!
        trap 'kill $server' EXIT
        until curl -fsS "$AWAITD_URL/readyz" > /dev/null 2>&1; do sleep 0.02; done
        "$awaitd" lock it --lease 2s -- flock "$witness" sh -c "echo in > $witness.in; $2" & holder=$!
        until test -e "$witness.in"; do sleep 0.02; done
        "$awaitd" lock it -- sh -c "flock -n $witness echo alone || echo together" & next=$!
        until curl -fsS "$AWAITD_URL/v1/locks/it" | grep -q '"waiters":1'; do sleep 0.02; done
        ip link set lo down
        code=0; wait $holder || code=$?
        echo "holder $code"
        flock -n "$witness" echo gone || echo there
        ip link set lo up
        wait $next
    "#;
    for command in COMMANDS {
        let witness = Witness::new();
        let mut cut = Command::new("unshare");
        cut.args(["--net", "bash", "-euc", script]).arg(binary()).arg(witness.path()).arg(command);
        let ended = Process::start(cut).end().await.with(0);
        assert_eq!(ended.out, format!("holder {LOST}\ngone\nalone\n"), "{ended:?}");
    }
}

/// The wrapper is stopped, and renews nothing: its guard does not need it.
#[tokio::test(flavor = "multi_thread")]
async fn the_wrapper_is_stopped() {
    let server = Server::start();
    let witness = Witness::new();
    let holder = lock(&server, &["--lease", "3s"], &witness.seen(COMMANDS[0]));
    holder.prints("in").await;
    let next = lock(&server, &[], &witness.sees());
    server.until_waiting("lock", "it", "acquire", 1).await;
    holder.signal("STOP");
    assert_eq!(next.end().await.with(0).out, "alone\n");
    holder.signal("CONT");
    holder.end().await.with(LOST);
}

/// A stopped command cannot end by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_is_stopped() {
    let server = Server::start();
    let witness = Witness::new();
    let script = "trap 'echo ended; exit' TERM; kill -STOP $$; while :; do sleep 0.02; done";
    let holder = lock(&server, &["--lease", "2s"], &witness.seen(script));
    holder.prints("in").await;
    server.signal("STOP");
    let ended = holder.end().await.with(LOST);
    server.signal("CONT");
    // It was let go on, so that it could end in order.
    assert_eq!(ended.out, "in\nended\n");
}

/// What becomes of the command is the user's choice.
#[tokio::test(flavor = "multi_thread")]
async fn on_lost() {
    let script =
        "trap 'echo told' TERM; echo in; while ! test -e \"$0\"; do sleep 0.02; done; exit 4";
    for on_lost in ["kill", "ignore"] {
        let server = Server::start();
        let folder = Folder::new();
        let go_on = folder.inside("go on");
        let command = ["sh", "-c", script, &go_on].map(str::to_owned);
        let flags = ["--lease", "1s", "--on-lost", on_lost];
        let mut holder = lock(&server, &flags, &command);
        holder.prints("in").await;
        server.signal("STOP");
        if on_lost == "ignore" {
            holder.complains("runs on").await;
            fs::write(&go_on, "").expect("the folder is ours");
            assert_eq!(holder.code().await, 4);
        } else {
            assert_eq!(holder.code().await, LOST);
        }
        assert_eq!(holder.out(), "in\n");
        server.signal("CONT");
    }
}

/// What a command leaves behind when it ends by itself is not the lock's affair.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_in_order_ends_nothing_else() {
    let server = Server::start();
    let witness = Witness::new();
    let mut holder = lock(&server, &[], &witness.seen("sleep 1000 & echo $!"));
    assert_eq!(holder.code().await, 0);
    until("the number is printed", async || holder.out().lines().count() == 2).await;
    assert!(!witness.is_alone());
    let left: u32 =
        holder.out().lines().last().and_then(|pid| pid.parse().ok()).expect("a process");
    signal("TERM", left);
    witness.until_alone().await;
}
