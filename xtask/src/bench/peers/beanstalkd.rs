//! beanstalkd, whose words are put, reserve and delete.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::client::{Call, Heard, Protocol, unexpected};

/// The server; with a folder it keeps its log there, and with `sync` each change waits for the disk.
pub(super) fn command(address: SocketAddr, data: Option<&Path>, sync: bool) -> Command {
    let mut command = Command::new("beanstalkd");
    command.args(["-l", &address.ip().to_string(), "-p", &address.port().to_string()]);
    if let Some(folder) = data {
        command.arg("-b").arg(folder);
    }
    if sync {
        command.arg("-f0");
    }
    command
}

/// The tube is the default one.
pub(super) struct Beanstalkd {
    put: Vec<u8>,
}

impl Beanstalkd {
    pub(super) fn new(size: usize) -> Self {
        // Priority 0, no delay, a minute to work on it.
        let head = format!("put 0 0 60 {size}\r\n");
        Self { put: [head.as_bytes(), &vec![b'x'; size], b"\r\n"].concat() }
    }
}

impl Protocol for Beanstalkd {
    fn request(&self, call: Call, held: &[u8], out: &mut Vec<u8>) {
        match call {
            Call::Ready | Call::Prepare => out.extend_from_slice(b"use default\r\n"),
            Call::Put => out.extend_from_slice(&self.put),
            // It has no call that settles and gets.
            Call::Get | Call::GetAndWait | Call::GetAndSettle => {
                out.extend_from_slice(b"reserve\r\n");
            }
            Call::Done => {
                out.extend_from_slice(b"delete ");
                out.extend_from_slice(held);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn answer(&self, call: Call, heard: &[u8]) -> io::Result<Option<Heard>> {
        let Some(line) = heard.windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let text = str::from_utf8(&heard[..line]).map_err(io::Error::other)?;
        let mut words = text.split(' ');
        let (word, id, bytes) = (words.next(), words.next(), words.next());
        let after = line + 2;
        match (call, word) {
            (Call::Ready | Call::Prepare, Some("USING"))
            | (Call::Put, Some("INSERTED"))
            | (Call::Done, Some("DELETED")) => Ok(Some(Heard { length: after, held: 0..0 })),
            (Call::Get | Call::GetAndWait | Call::GetAndSettle, Some("RESERVED")) => {
                let (Some(id), Some(Ok(bytes))) = (id, bytes.map(str::parse::<usize>)) else {
                    return Err(unexpected(heard));
                };
                let begins = "RESERVED ".len();
                let length = after + bytes + 2;
                let whole = Heard { length, held: begins..begins + id.len() };
                Ok((heard.len() >= length).then_some(whole))
            }
            _ => Err(unexpected(heard)),
        }
    }
}
