//! Real curl, alone and in scripts.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::heard::Heard;
use crate::seen;

/// What curl did and what it heard.
#[derive(Debug)]
pub struct Curled {
    /// 0, or 22 if `-f` found a status of 400 or more.
    pub exit: i32,
    /// The last answer; with `-f` a refusal has no body.
    pub heard: Heard,
    /// The version of HTTP that was spoken: `1.1` or `2`.
    pub version: String,
}

/// What a script did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub exit: i32,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub complaints: String,
}

impl Ran {
    /// Goes on only if the script was content.
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.exit, 0, "the script failed: {self:?}");
        self
    }
}

/// Runs curl with these arguments, the URL among them, and `stdin` for `--data-binary @-`.
pub async fn curl(args: &[&str], stdin: &[u8]) -> Curled {
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "-i", "--noproxy", "*"]).args(args);
    command.args(["-w", "%{stderr}\n%{method} %{url_effective} %{http_code} %{http_version}"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().expect("curl is installed");
    let mut input = child.stdin.take().expect("its input is a pipe");
    // curl may refuse to read it all, which is its good right.
    let _ = input.write_all(stdin).await;
    drop(input);
    let Output { status, stdout, stderr } = child.wait_with_output().await.expect("curl ends");
    let complaints = String::from_utf8_lossy(&stderr).into_owned();
    let mut words = complaints.lines().last().unwrap_or_default().split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (method, url, code, version) = (word(), word(), word(), word().to_owned());
    let heard = last_answer(&stdout, code.parse().unwrap_or(0));
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    seen::record(method, &format!("/{path}"), heard.status);
    Curled { exit: status.code().unwrap_or(-1), heard, version }
}

/// Runs a bash script (`set -euo pipefail`) with the server's address as `$BASE`.
pub async fn bash(base: &str, script: &str) -> Ran {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).env("BASE", base);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = command.output().await.expect("bash is installed");
    Ran {
        exit: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaints: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `-i` prints the heads of interim answers too; the last head is the one that counts.
fn last_answer(mut bytes: &[u8], status: u16) -> Heard {
    let mut heard = Heard { status, headers: Vec::new(), body: Vec::new() };
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes = &bytes[end + 4..];
        let fields = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let field = |(name, value): (&str, &str)| (name.to_lowercase(), value.trim().to_owned());
        heard.headers = fields.map(field).collect();
        let interim = text.split(' ').nth(1).is_some_and(|status| status.starts_with('1'));
        if !interim {
            break;
        }
    }
    heard.body = bytes.to_vec();
    heard
}
