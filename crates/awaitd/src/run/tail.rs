//! What a command says to its stderr: passed on, and the last of it kept.

use std::collections::VecDeque;
use std::io::{self, PipeReader};

use tokio::io::{AsyncReadExt, AsyncWriteExt, Stderr, stderr};
use tokio::net::unix::pipe;

/// So much is kept: an error's text is for people, and has to fit into a request.
const KEPT: usize = 2_000;

/// So much is passed on at one time.
const CHUNK: usize = 8_192;

/// The end of what was said.
pub(crate) struct Tail {
    from: pipe::Receiver,
    /// Where it is passed on, by a thread of its own: a terminal that is held up must hold up nothing else.
    to: Stderr,
    /// Read, and not passed on yet.
    chunk: Vec<u8>,
    kept: VecDeque<u8>,
}

impl Tail {
    /// Of what comes from there. Nothing is passed on before it is followed.
    pub(crate) fn new(from: PipeReader) -> io::Result<Self> {
        let from = pipe::Receiver::from_owned_fd(from.into())?;
        Ok(Self { from, to: stderr(), chunk: Vec::with_capacity(CHUNK), kept: VecDeque::new() })
    }

    /// Passes on what comes until nobody is there to say anything. Dropped and called again, it goes on.
    pub(crate) async fn follow(&mut self) {
        loop {
            self.pass_on().await;
            match self.from.read_buf(&mut self.chunk).await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.keep(),
            }
        }
    }

    /// The last that was said. Something that the command left behind may say more; it is not waited for.
    pub(crate) async fn last(&mut self) -> String {
        self.pass_on().await;
        while self.from.try_read_buf(&mut self.chunk).is_ok_and(|read| read > 0) {
            self.keep();
            self.pass_on().await;
        }
        String::from_utf8_lossy(self.kept.make_contiguous()).trim().to_owned()
    }

    fn keep(&mut self) {
        self.kept.extend(&self.chunk);
        let above = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..above);
    }

    async fn pass_on(&mut self) {
        while !self.chunk.is_empty() {
            // If nobody wants to hear it, it is kept all the same.
            let written = self.to.write(&self.chunk).await.unwrap_or(self.chunk.len());
            self.chunk.drain(..written);
        }
        _ = self.to.flush().await;
    }
}
