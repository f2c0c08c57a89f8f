//! A socket that systemd hands over is as guarded as one that the server makes.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

use awaitd_tests::{Client, Folder, Heard, Raw, attentive, binary, curl};

use super::tokens::Tokens;

/// As systemd does it: the socket is the fourth file, and two variables say so.
const HAND_OVER: &str =
    r#"exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" serve --memory "$@""#;

/// A server that was given a socket; killed when it is dropped.
struct Given(Child);

impl Drop for Given {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// What starts on this socket, with these flags; or what it says instead.
fn given(socket: impl Into<OwnedFd>, flags: &[&str]) -> Result<Given, String> {
    let mut command: Command = attentive("sh");
    command.args(["-c", HAND_OVER]).arg(binary()).args(flags);
    let child = command.stdin(socket.into()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut given = Given(child.expect("sh runs"));
    let mut said = String::new();
    for line in BufReader::new(given.0.stderr.take().expect("a pipe")).lines() {
        said.extend([&line.expect("it says texts"), "\n"]);
        if said.contains("listening on ") {
            return Ok(given);
        }
    }
    let ended = given.0.wait().expect("a child can be awaited");
    assert_eq!(ended.code(), Some(1), "{said}");
    Err(said)
}

/// Beyond loopback it starts only with tokens, or if that is what the operator says.
#[tokio::test]
async fn beyond_loopback_it_is_refused_without_tokens() {
    let socket = |address: &str| TcpListener::bind(address).expect("some port is free");
    let refused = given(socket("0.0.0.0:0"), &[]).err().expect("anybody could connect");
    assert!(refused.contains("--allow-anonymous"), "{refused}");
    for (address, flags) in [("127.0.0.1:0", &[][..]), ("0.0.0.0:0", &["--allow-anonymous"])] {
        // It says nothing of the socket that there is.
        let flags = [flags, &["--listen", "unix:/nowhere"]].concat();
        let socket = socket(address);
        let port = socket.local_addr().expect("it is bound").port();
        let _given = given(socket, &flags).unwrap_or_else(|said| panic!("{said}"));
        for (host, status) in [("localhost", 200), ("evil.example", 421)] {
            let mut raw = Raw::connect(([127, 0, 0, 1], port).into()).await.expect("it listens");
            let head = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
            raw.send(head.as_bytes()).await.expect("it reads");
            raw.answer("GET", "/healthz").await.expect(status);
        }
    }
    let tokens = Tokens::new();
    let token = tokens.add("all", &["*:*:*"]);
    let socket = socket("0.0.0.0:0");
    let port = socket.local_addr().expect("it is bound").port();
    let flags = ["--tokens", tokens.path()];
    let _given = given(socket, &flags).unwrap_or_else(|said| panic!("{said}"));
    let client = Client::new(&format!("http://127.0.0.1:{port}"));
    client.get("/metrics").await.refused(401, "unauthorized");
    client.get("/metrics").header("authorization", &token).await.expect(200);
}

async fn put(path: &str, token: &str) -> Heard {
    let (url, shown) = ("http://q.example/v1/queues/q/jobs", format!("Authorization: {token}"));
    curl(&["--unix-socket", path, "-H", &shown, "-d", "job", url], b"").await.heard
}

/// A socket in a folder is for its owner and group, whoever made it, unless tokens are asked for.
#[tokio::test]
async fn a_file_for_everybody_is_refused_without_tokens() {
    let folder = Folder::new();
    let tokens = Tokens::new();
    let token = tokens.add("put", &["queue:q:put"]);
    let tokens = ["--tokens", tokens.path()];
    let cases =
        [(0o660, &[][..], true), (0o666, &[], false), (0o666, &["--allow-anonymous"], true)];
    for (number, (mode, flags, starts)) in cases.into_iter().enumerate() {
        let path = folder.inside(&number.to_string());
        let socket = UnixListener::bind(&path).expect("there is none");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
        match given(socket, flags) {
            Ok(_given) => {
                assert!(starts, "{mode:o} {flags:?}");
                // No page of a browser comes there, so that any name will do.
                put(&path, "").await.expect(201);
            }
            Err(said) => {
                assert!(!starts && said.contains("SocketMode=0660"), "{mode:o} {flags:?}: {said}");
            }
        }
    }
    let path = folder.inside("tokens");
    let socket = UnixListener::bind(&path).expect("there is none");
    let _given = given(socket, &tokens).unwrap_or_else(|said| panic!("{said}"));
    put(&path, "").await.refused(401, "unauthorized");
    put(&path, &token).await.expect(201);
}
