//! redis in the two ways in which it is used as a queue that loses no job of a dead worker.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use super::client::{Call, Heard, Protocol, unexpected};

/// The server; with `sync` each change waits for the disk, else it writes nothing at all.
pub(super) fn command(address: SocketAddr, data: &Path, sync: bool) -> Command {
    let mut command = Command::new("redis-server");
    command.args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()]);
    command.arg("--dir").arg(data).args(["--save", "", "--loglevel", "warning"]);
    if sync {
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    } else {
        command.args(["--appendonly", "no"]);
    }
    command
}

/// A job moves from the queue's list into one of the worker's own, and is removed there when it is done.
pub(super) struct List {
    put: Vec<u8>,
    get: Vec<u8>,
    own: String,
}

impl List {
    pub(super) fn new(worker: usize, size: usize) -> Self {
        let own = format!("bench:worker:{worker}");
        Self {
            put: written(&[b"LPUSH", b"bench", &vec![b'x'; size]]),
            get: written(&[b"BLMOVE", b"bench", own.as_bytes(), b"RIGHT", b"LEFT", b"0"]),
            own,
        }
    }
}

impl Protocol for List {
    fn request(&self, call: Call, held: &[u8], out: &mut Vec<u8>) {
        match call {
            Call::Ready | Call::Prepare => write(out, &[b"PING"]),
            Call::Put => out.extend_from_slice(&self.put),
            Call::Get | Call::GetAndWait | Call::GetAndSettle => out.extend_from_slice(&self.get),
            Call::Done => write(out, &[b"LREM", self.own.as_bytes(), b"1", held]),
        }
    }

    fn answer(&self, call: Call, heard: &[u8]) -> io::Result<Option<Heard>> {
        let Some(reply) = reply(heard)? else {
            return Ok(None);
        };
        match call {
            Call::Ready | Call::Prepare | Call::Put => Ok(Some(reply.heard(0..0))),
            Call::Get | Call::GetAndWait | Call::GetAndSettle => {
                let body = reply.bulks.first().ok_or_else(|| unexpected(heard))?.clone();
                Ok(Some(reply.heard(body)))
            }
            // That many were removed.
            Call::Done if heard.starts_with(b":1\r") => Ok(Some(reply.heard(0..0))),
            Call::Done => Err(unexpected(heard)),
        }
    }
}

/// A stream that is read by a group of consumers. What is done is deleted, as a queue would.
pub(super) struct Stream {
    put: Vec<u8>,
    get: Vec<u8>,
}

impl Stream {
    pub(super) fn new(worker: usize, size: usize) -> Self {
        let worker = worker.to_string();
        let body = vec![b'x'; size];
        Self {
            put: written(&[b"XADD", b"bench", b"*", b"body", &body]),
            get: written(&[
                b"XREADGROUP",
                b"GROUP",
                b"workers",
                worker.as_bytes(),
                b"COUNT",
                b"1",
                b"BLOCK",
                b"0",
                b"STREAMS",
                b"bench",
                b">",
            ]),
        }
    }
}

impl Protocol for Stream {
    fn request(&self, call: Call, held: &[u8], out: &mut Vec<u8>) {
        match call {
            Call::Ready => write(out, &[b"PING"]),
            Call::Prepare => {
                write(out, &[b"XGROUP", b"CREATE", b"bench", b"workers", b"$", b"MKSTREAM"]);
            }
            Call::Put => out.extend_from_slice(&self.put),
            Call::Get | Call::GetAndWait | Call::GetAndSettle => out.extend_from_slice(&self.get),
            // Two commands on one way.
            Call::Done => {
                write(out, &[b"XACK", b"bench", b"workers", held]);
                write(out, &[b"XDEL", b"bench", held]);
            }
        }
    }

    fn answer(&self, call: Call, heard: &[u8]) -> io::Result<Option<Heard>> {
        let Some(first) = reply(heard)? else {
            return Ok(None);
        };
        match call {
            Call::Ready | Call::Prepare | Call::Put => Ok(Some(first.heard(0..0))),
            Call::Get | Call::GetAndWait | Call::GetAndSettle => {
                // The stream's name, the entry's id, the field, the body.
                let id = first.bulks.get(1).ok_or_else(|| unexpected(heard))?.clone();
                Ok(Some(first.heard(id)))
            }
            Call::Done => {
                let Some(second) = reply(&heard[first.length..])? else {
                    return Ok(None);
                };
                let length = first.length + second.length;
                if heard[..length] == *b":1\r\n:1\r\n" {
                    Ok(Some(Heard { length, held: 0..0 }))
                } else {
                    Err(unexpected(heard))
                }
            }
        }
    }
}

/// A command in the form that redis reads.
fn write(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

fn written(words: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, words);
    out
}

/// One reply, and where its strings lie, whatever lists they are in.
struct Reply {
    length: usize,
    bulks: Vec<Range<usize>>,
}

impl Reply {
    fn heard(&self, held: Range<usize>) -> Heard {
        Heard { length: self.length, held }
    }
}

fn reply(heard: &[u8]) -> io::Result<Option<Reply>> {
    let mut bulks = Vec::with_capacity(4);
    let mut at = 0;
    let mut expected = 1;
    while expected > 0 {
        let Some(line) = heard[at..].windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let text = str::from_utf8(&heard[at..at + line]).map_err(io::Error::other)?;
        let (kind, rest) = text.split_at_checked(1).ok_or_else(|| unexpected(heard))?;
        at += line + 2;
        expected -= 1;
        // A number below zero stands for nothing.
        let number = rest.parse::<i64>().ok().and_then(|number| usize::try_from(number).ok());
        match (kind, number) {
            ("*", Some(items)) => expected += items,
            ("$", Some(bytes)) => {
                if heard.len() < at + bytes + 2 {
                    return Ok(None);
                }
                bulks.push(at..at + bytes);
                at += bytes + 2;
            }
            ("+" | ":", _) | ("*" | "$", None) => {}
            _ => return Err(unexpected(heard)),
        }
    }
    Ok(Some(Reply { length: at, bulks }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket gives what has arrived, which may end anywhere.
    #[test]
    fn an_answer_is_taken_only_when_it_is_whole() {
        let entry = b"*1\r\n*2\r\n$5\r\nbench\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\nbody\r\n$2\r\n\r\n\r\n";
        let stream = Stream::new(0, 2);
        for end in 0..entry.len() {
            assert!(stream.answer(Call::Get, &entry[..end]).unwrap().is_none(), "at byte {end}");
        }
        let told = [entry, &b"+OK\r\n"[..]].concat();
        let heard = stream.answer(Call::Get, &told).unwrap().unwrap();
        assert_eq!((heard.length, &entry[heard.held]), (entry.len(), &b"1-0"[..]));
    }

    /// Figures of a server that refuses, or has no job, would be worthless.
    #[test]
    fn a_refusal_is_an_error() {
        let list = List::new(0, 2);
        assert!(list.answer(Call::Ready, b"-LOADING\r\n").is_err());
        assert!(list.answer(Call::Get, b"*-1\r\n").is_err());
        assert!(list.answer(Call::Done, b":0\r\n").is_err());
    }
}
