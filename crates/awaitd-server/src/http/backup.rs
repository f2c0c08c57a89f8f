//! The body of a backup: pieces that are read from a disk while the answer is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use awaitd_journal::{Backup, JournalError};
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::task::{JoinHandle, spawn_blocking};

/// What is left of a backup. A piece that cannot be read breaks the answer off.
pub(super) struct Pieces(State);

/// A piece, or why there is none.
type Piece = Result<Vec<u8>, JournalError>;

enum State {
    /// The next piece has not been asked for.
    Resting(Backup),
    /// It is being read.
    Reading(JoinHandle<(Backup, Option<Piece>)>),
    /// There are no more.
    Over,
}

impl Pieces {
    pub(super) fn of(backup: Backup) -> Self {
        Self(State::Resting(backup))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = JournalError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, JournalError>>> {
        if let State::Resting(_) = self.0
            && let State::Resting(mut backup) = std::mem::replace(&mut self.0, State::Over)
        {
            self.0 = State::Reading(spawn_blocking(move || {
                let piece = backup.next();
                (backup, piece)
            }));
        }
        let State::Reading(reading) = &mut self.0 else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        let (backup, piece) = read.expect("reading does not panic");
        self.0 = match piece {
            Some(Ok(_)) => State::Resting(backup),
            Some(Err(_)) | None => State::Over,
        };
        Poll::Ready(piece.map(|piece| piece.map(|bytes| Frame::data(Bytes::from(bytes)))))
    }
}
