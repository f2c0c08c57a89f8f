//! awaitd, and the echo that is the yardstick, over HTTP.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::client::{Call, Heard, Protocol, unexpected};
use crate::bench::client::{find, post};
use crate::bench::load::done;

/// The server, durable if there is a folder for it.
pub(super) fn command(binary: &Path, address: SocketAddr, data: Option<&Path>) -> Command {
    let mut command = Command::new(binary);
    command.args(["serve", "--echo", "--listen", &address.to_string()]);
    match data {
        Some(folder) => command.arg("--data-dir").arg(folder),
        None => command.arg("--memory"),
    };
    command
}

/// Requests to a queue, written in advance where they do not change.
pub(super) struct Awaitd {
    configure: Vec<u8>,
    put: Vec<u8>,
    get: Vec<u8>,
    get_and_wait: Vec<u8>,
    get_and_settle: String,
}

impl Awaitd {
    pub(super) fn new(queue: &str, size: usize) -> Self {
        const UNBOUNDED: &str = r#"{"maxsize": 0}"#;
        let configure = format!(
            "PUT /v1/queues/{queue} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{UNBOUNDED}",
            UNBOUNDED.len(),
        );
        Self {
            configure: configure.into_bytes(),
            put: post(&format!("/v1/queues/{queue}/jobs"), &vec![b'x'; size]),
            get: post(&format!("/v1/queues/{queue}/get"), b""),
            get_and_wait: post(&format!("/v1/queues/{queue}/get?wait=50s"), b""),
            get_and_settle: format!("/v1/queues/{queue}/get?settle="),
        }
    }
}

impl Protocol for Awaitd {
    fn request(&self, call: Call, held: &[u8], out: &mut Vec<u8>) {
        // A lease's path is ASCII.
        let held = || String::from_utf8_lossy(held);
        match call {
            Call::Ready => {
                out.extend_from_slice(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
            }
            Call::Prepare => out.extend_from_slice(&self.configure),
            Call::Put => out.extend_from_slice(&self.put),
            Call::Get => out.extend_from_slice(&self.get),
            Call::GetAndWait => out.extend_from_slice(&self.get_and_wait),
            Call::GetAndSettle => {
                out.extend_from_slice(&post(&format!("{}{}", self.get_and_settle, held()), b""));
            }
            Call::Done => out.extend_from_slice(&done(&held())),
        }
    }

    fn answer(&self, call: Call, heard: &[u8]) -> io::Result<Option<Heard>> {
        let expected: &[u16] = match call {
            Call::Ready | Call::Get | Call::GetAndWait | Call::GetAndSettle => &[200],
            Call::Prepare => &[200, 201],
            Call::Put => &[201],
            Call::Done => &[204],
        };
        answer(heard, expected)
    }
}

/// Whatever is asked, it is an echo.
pub(super) struct Echo(Vec<u8>);

impl Echo {
    pub(super) fn new(size: usize) -> Self {
        Self(post("/echo", &vec![b'x'; size]))
    }
}

impl Protocol for Echo {
    fn request(&self, _: Call, _: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn answer(&self, _: Call, heard: &[u8]) -> io::Result<Option<Heard>> {
        answer(heard, &[200])
    }
}

fn answer(heard: &[u8], expected: &[u16]) -> io::Result<Option<Heard>> {
    match find(heard)? {
        Some(found) if expected.contains(&found.status) => {
            Ok(Some(Heard { length: found.body.end, held: found.location }))
        }
        Some(_) => Err(unexpected(heard)),
        None => Ok(None),
    }
}
