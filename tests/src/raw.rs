//! A bare HTTP/1.1 connection, for what no client library would send, and for hanging up.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::heard::Heard;
use crate::seen;

/// How a client goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUp {
    /// Closes the socket: a FIN.
    Fin,
    /// Resets the connection: an RST.
    Rst,
    /// Closes its own half and stays to read.
    Half,
}

/// A connection and what was read from it and not yet looked at.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    /// Connects.
    pub async fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a well-formed request.
    pub async fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}");
        self.send(format!("{head}\r\n\r\n{body}").as_bytes()).await
    }

    /// The next whole answer, interim ones (`100 Continue`) too; `None` if the connection ends
    /// before it does.
    pub async fn hear(&mut self) -> Option<Heard> {
        loop {
            if let Some((heard, length)) = parse(&self.read) {
                self.read.drain(..length);
                return Some(heard);
            }
            if self.stream.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Reads until this text has come, and keeps all that did: what is heard of an answer without an end.
    pub async fn read_until(&mut self, text: &str) -> String {
        loop {
            let read = String::from_utf8_lossy(&self.read).into_owned();
            if read.contains(text) {
                return read;
            }
            let more = self.stream.read_buf(&mut self.read).await.unwrap_or(0);
            assert!(more > 0, "{text:?} did not come, but: {read}");
        }
    }

    /// The next answer of a well-formed request that was sent before, held against the rules.
    pub async fn answer(&mut self, method: &str, path: &str) -> Heard {
        let heard = self.hear().await.unwrap_or_else(|| panic!("{method} {path}: hung up"));
        seen::record(method, path, heard.status);
        heard.keeps_the_rules(&format!("{method} {path}"));
        heard
    }

    /// Goes on when the server has ended the connection, and keeps what came before.
    pub async fn ended(&mut self) {
        while self.stream.read_buf(&mut self.read).await.unwrap_or(0) > 0 {}
    }

    /// Closes our half: nothing more will be asked.
    pub async fn half_close(&mut self) {
        // The server may have gone first, which is as good.
        let _ = self.stream.shutdown().await;
    }

    /// Hangs up, and says whether a whole answer had come until then (for a half-close: until the
    /// server ended its half).
    pub async fn hang_up(mut self, how: HangUp) -> Option<Heard> {
        // What the kernel has already is ours: without this, an answer that came just now would
        // pass for one that never did.
        while self.stream.try_read_buf(&mut self.read).is_ok_and(|read| read > 0) {}
        match how {
            HangUp::Fin => {}
            HangUp::Rst => {
                // A socket that the server closed first cannot be reset any more.
                let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
            }
            HangUp::Half => {
                self.half_close().await;
                self.ended().await;
            }
        }
        parse(&self.read).map(|(heard, _)| heard)
    }
}

/// One whole answer at the beginning of these bytes, and its length.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Heard, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..end]).expect("heads of awaitd are ASCII");
    let mut lines = text.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status is a number");
    let headers = lines
        .map(|line| line.split_once(':').expect("a header has a colon"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Heard { status, headers, body: Vec::new() };
    let rest = &bytes[end..];
    let length = if answer.find("transfer-encoding").is_some() {
        let (body, length) = chunks(rest)?;
        answer.body = body;
        length
    } else {
        let length =
            answer.find("content-length").map_or(0, |text| text.parse().expect("a length"));
        answer.body = rest.get(..length)?.to_vec();
        length
    };
    Some((answer, end + length))
}

fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("a chunk's size is ASCII");
        let size = usize::from_str_radix(size, 16).expect("a chunk's size is hexadecimal");
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        bytes.get(at + size..at + size + 2)?;
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
