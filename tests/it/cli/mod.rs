//! The commands of the binary that ask a server: data on stdout, words on stderr, and an exit code.

mod check;
mod config;
mod events;
mod jobs;
mod pages;
mod queues;
pub(crate) mod reach;
mod show;
mod token;
mod waits;

use std::process::Stdio;

use awaitd_tests::{Ran, Server, attentive, binary};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// Not obtained, or not yet.
const NOT_YET: i32 = 75;

/// The lease was lost.
const LOST: i32 = 76;

/// `awaitd` with these arguments, for this server.
fn command(server: &Server, args: &[&str]) -> Command {
    let mut command = Command::from(attentive(binary()));
    command.args(args).env("AWAITD_URL", server.base()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
async fn awaitd(server: &Server, args: &[&str]) -> Ran {
    let child = command(server, args).spawn().expect("the binary runs");
    ended(child).await
}

/// Runs it to its end, with this on stdin.
async fn awaitd_with(server: &Server, args: &[&str], stdin: &[u8]) -> Ran {
    let mut child = command(server, args).stdin(Stdio::piped()).spawn().expect("the binary runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(stdin).await.expect("it reads to the end");
    drop(input);
    ended(child).await
}

async fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().await.expect("it ends");
    Ran {
        exit: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaints: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What it said is one line of JSON.
#[track_caller]
fn json(ran: &Ran) -> Value {
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}
