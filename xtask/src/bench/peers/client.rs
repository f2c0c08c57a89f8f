//! One connection to whatever target, and the few calls that each of them knows.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is asked of every target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Whether it serves; until then the answer is an error.
    Ready,
    /// Makes the queue that is measured, once.
    Prepare,
    Put,
    Get,
    /// A get that waits for a job.
    GetAndWait,
    /// Finishes the job that is held and gets another.
    GetAndSettle,
    /// Finishes the job that is held.
    Done,
}

/// How a target is spoken to. It does no I/O: what drives it is the same for all.
pub(super) trait Protocol: Send {
    /// Writes the request. `held` is what the last get told.
    fn request(&self, call: Call, held: &[u8], out: &mut Vec<u8>);

    /// Looks for the answer at the beginning of what has arrived; `None` if it is not there to its
    /// end. An answer that is not the one hoped for is an error: figures of refusals are worthless.
    fn answer(&self, call: Call, heard: &[u8]) -> io::Result<Option<Heard>>;
}

/// An answer that has arrived.
pub(super) struct Heard {
    pub(super) length: usize,
    /// Where in it lies that by which the job is finished.
    pub(super) held: Range<usize>,
}

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    protocol: Box<dyn Protocol>,
    out: Vec<u8>,
    /// What has arrived; before `used` it has been told already.
    heard: Vec<u8>,
    used: usize,
    held: Vec<u8>,
}

impl Client {
    pub(super) async fn open(address: SocketAddr, protocol: Box<dyn Protocol>) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (out, heard) = (Vec::with_capacity(8192), Vec::with_capacity(8192));
        Ok(Self { stream, protocol, out, heard, used: 0, held: Vec::new() })
    }

    /// Whether it has got a job and not finished it.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Asks and waits for the answer.
    pub(super) async fn call(&mut self, call: Call) -> io::Result<()> {
        self.send(call, 1).await?;
        self.hear(call).await
    }

    /// Asks, several times in a pipeline if need be.
    pub(super) async fn send(&mut self, call: Call, times: usize) -> io::Result<()> {
        self.out.clear();
        for _ in 0..times {
            self.protocol.request(call, &self.held, &mut self.out);
        }
        self.stream.write_all(&self.out).await
    }

    /// Waits for the next answer, which is that of `call`.
    pub(super) async fn hear(&mut self, call: Call) -> io::Result<()> {
        let heard = loop {
            if let Some(heard) = self.protocol.answer(call, &self.heard[self.used..])? {
                break heard;
            }
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Err(io::Error::other("a server closed a connection"));
            }
        };
        match call {
            Call::Get | Call::GetAndWait | Call::GetAndSettle => {
                self.held.clear();
                let told = &self.heard[self.used..];
                self.held.extend_from_slice(&told[heard.held]);
            }
            Call::Done => self.held.clear(),
            Call::Ready | Call::Prepare | Call::Put => {}
        }
        self.used += heard.length;
        if self.used == self.heard.len() {
            self.heard.clear();
            self.used = 0;
        }
        Ok(())
    }
}

/// The error of an answer that was not hoped for.
pub(super) fn unexpected(heard: &[u8]) -> io::Error {
    let beginning = String::from_utf8_lossy(&heard[..heard.len().min(400)]);
    io::Error::other(format!("a server answered {beginning:?}"))
}
