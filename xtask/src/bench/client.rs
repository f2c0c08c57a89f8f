//! Just enough HTTP/1.1 to load a server cheaply.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::Server;

/// A keep-alive connection.
pub(super) struct Connection {
    stream: TcpStream,
    /// What has arrived; before `used` it has been told already.
    heard: Vec<u8>,
    used: usize,
}

/// As much of an answer as a benchmark needs.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// An error if the status is another one: figures of refusals would be worthless.
    pub(super) fn expect(self, status: u16) -> io::Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body);
        Err(io::Error::other(format!("the server answered {}, not {status}: {body}", self.status)))
    }

    /// Where the lease is that came with it.
    pub(super) fn lease(self) -> io::Result<String> {
        self.location.ok_or_else(|| io::Error::other("the answer has no Location"))
    }
}

impl Connection {
    pub(super) async fn open(server: &Server) -> io::Result<Self> {
        let stream = TcpStream::connect(server.address()).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, heard: Vec::with_capacity(1024), used: 0 })
    }

    /// Sends one request, or several in a pipeline.
    pub(super) async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// The next answer.
    pub(super) async fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let heard = &self.heard[self.used..];
            if let Some(found) = find(heard)? {
                let location = str::from_utf8(&heard[found.location]).map_err(io::Error::other)?;
                let answer = Answer {
                    status: found.status,
                    location: (!location.is_empty()).then(|| location.to_owned()),
                    body: heard[found.body.clone()].to_vec(),
                };
                self.used += found.body.end;
                if self.used == self.heard.len() {
                    self.heard.clear();
                    self.used = 0;
                }
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Err(io::Error::other("the server closed a connection"));
            }
        }
    }

    /// Sends one request and waits for its answer.
    pub(super) async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.send(request).await?;
        self.answer().await
    }
}

/// A request with a body, ready to be sent.
pub(super) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Where the parts of an answer lie in what has arrived.
pub(super) struct Found {
    pub(super) status: u16,
    /// Empty if there is none.
    pub(super) location: Range<usize>,
    /// Ends where the answer ends.
    pub(super) body: Range<usize>,
}

/// The first answer in `heard`, if it is there to its end.
pub(super) fn find(heard: &[u8]) -> io::Result<Option<Found>> {
    let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let top = str::from_utf8(&heard[..end]).map_err(io::Error::other)?;
    let status = top.split(' ').nth(1).and_then(|status| status.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("not an HTTP answer: {top}")))?;
    let mut length = (status == 204).then_some(0);
    let mut location = 0..0;
    let mut at = 0;
    for line in top.split("\r\n") {
        if let Some((name, value)) = line.split_once(": ") {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok();
            } else if name.eq_ignore_ascii_case("location") {
                location = at + line.len() - value.len()..at + line.len();
            }
        }
        at += line.len() + 2;
    }
    // Answers in chunks would cost the load more than they would tell.
    let length: usize =
        length.ok_or_else(|| io::Error::other(format!("no Content-Length: {top}")))?;
    let body = end + 4..end + 4 + length;
    Ok((heard.len() >= body.end).then_some(Found { status, location, body }))
}
