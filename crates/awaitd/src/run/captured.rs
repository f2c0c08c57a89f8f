//! What a command says to its stdout, where that is its result.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// A server takes no larger one.
pub(crate) const RESULT_BYTES_MAX: usize = 256 * 1024;

/// What was said so far; `None` if it goes where the wrapper's goes.
pub(crate) struct Captured(Option<(pipe::Receiver, Vec<u8>)>);

impl Captured {
    /// What comes in is kept, if it is wanted. The command gets the other end.
    pub(crate) fn pipe(wanted: bool) -> io::Result<(Option<OwnedFd>, Self)> {
        if !wanted {
            return Ok((None, Self(None)));
        }
        let (output, stdout) = io::pipe()?;
        let output = pipe::Receiver::from_owned_fd(output.into())?;
        Ok((Some(stdout.into()), Self(Some((output, Vec::new())))))
    }

    /// Goes on until nobody is there to say anything. Dropped and called again, it goes on.
    pub(crate) async fn follow(&mut self) {
        let Some((output, kept)) = &mut self.0 else { return pending().await };
        while let Ok(1..) = output.read_buf(kept).await {
            // Enough to know that it is too much; the rest is read, so that nobody is held up.
            kept.truncate(RESULT_BYTES_MAX + 1);
        }
    }

    /// All that was said. Something that the command left behind may say more; it is not waited for.
    pub(crate) fn whole(self) -> Option<Vec<u8>> {
        let (output, mut kept) = self.0?;
        while kept.len() <= RESULT_BYTES_MAX
            && output.try_read_buf(&mut kept).is_ok_and(|read| read > 0)
        {}
        Some(kept)
    }
}
