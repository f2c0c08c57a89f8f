//! The body of a backup: pieces that are read from a disk while the answer is sent.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use awaitd_journal::{Backup, JournalError};
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc::{Permit, Receiver, Sender, channel};
use tokio::task::spawn_blocking;

use crate::clock::real_sleep;

/// A backup of which nobody took a piece for so long is given up: it keeps the space of segments that
/// were removed since.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is left of a backup. A piece that cannot be read breaks the answer off, and so does a client
/// that takes none.
pub(super) struct Pieces {
    pieces: Receiver<Told>,
    ended: bool,
}

/// A piece, why there is none, or that there are no more.
type Told = Option<Result<Vec<u8>, JournalError>>;

impl Pieces {
    /// To be called on a runtime, on which the pieces are read.
    pub(super) fn of(backup: Backup) -> Self {
        Self::with_patience(backup, PATIENCE)
    }

    /// One piece is read in advance, by a task of its own: a body is not asked for anything as long as
    /// nobody reads it, and could not give itself up.
    fn with_patience(backup: Backup, patience: Duration) -> Self {
        let (sender, pieces) = channel(1);
        tokio::spawn(async move {
            let left = read(backup, &sender, patience).await;
            // To close files that were removed is to free their space, which takes its time.
            spawn_blocking(move || drop(left));
        });
        Self { pieces, ended: false }
    }
}

/// Reads one piece after the other, until there are no more or nobody wants them. The backup comes back.
async fn read(mut backup: Backup, pieces: &Sender<Told>, patience: Duration) -> Backup {
    while let Some(place) = place(pieces, patience).await {
        let read = spawn_blocking(move || {
            let piece = backup.next();
            (backup, piece)
        });
        let (back, piece) = read.await.expect("reading does not panic");
        backup = back;
        let more = matches!(piece, Some(Ok(_)));
        place.send(piece);
        if !more {
            break;
        }
    }
    backup
}

/// Room for a piece, once the one before was taken; `None` if it is not, or nobody is there any more.
async fn place(pieces: &Sender<Told>, patience: Duration) -> Option<Permit<'_, Told>> {
    tokio::select! {
        place = pieces.reserve() => place.ok(),
        () = real_sleep(patience) => None,
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = JournalError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, JournalError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.pieces.poll_recv(context).map(|told| {
            let given_up = || Some(Err(JournalError("nobody took the backup's pieces".into())));
            let piece = told.unwrap_or_else(given_up);
            self.ended = !matches!(piece, Some(Ok(_)));
            piece.map(|piece| piece.map(|bytes| Frame::data(Bytes::from(bytes))))
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::sync::oneshot::{self, error::TryRecvError};
    use tokio::time::timeout;

    use super::*;

    const AGES: Duration = Duration::from_hours(1);

    /// A backup of so many pieces, and word of its end: the sender goes with it.
    fn backup(pieces: u8) -> (Backup, oneshot::Receiver<()>) {
        let (held, mut gone) = oneshot::channel::<()>();
        let pieces = (0..pieces).map(move |number| {
            let _ = &held;
            Ok(vec![number])
        });
        assert_eq!(gone.try_recv(), Err(TryRecvError::Empty), "it is still there");
        (Box::new(pieces), gone)
    }

    /// Goes on when the backup was dropped.
    async fn until_gone(gone: oneshot::Receiver<()>) {
        let gone = timeout(Duration::from_mins(1), gone).await.expect("it is let go of");
        gone.expect_err("nobody sends");
    }

    /// All of it, in order, and its files are closed.
    #[tokio::test]
    async fn pieces_come_in_order() {
        let (backup, gone) = backup(100);
        let all = Pieces::with_patience(backup, AGES).collect().await.expect("it is whole");
        assert_eq!(all.to_bytes(), (0..100).collect::<Vec<_>>());
        until_gone(gone).await;
    }

    /// Whoever takes no more pieces does not keep the files open, and never has what looks whole.
    #[tokio::test]
    async fn a_backup_that_nobody_reads_is_given_up() {
        for taken in [0, 1] {
            let (backup, gone) = backup(3);
            let mut body = Pieces::with_patience(backup, Duration::from_millis(5));
            for _ in 0..taken {
                body.frame().await.expect("there is more").expect("it can be read");
            }
            until_gone(gone).await;
            body.collect().await.expect_err("it was broken off");
        }
    }

    /// Nor does a client that is gone.
    #[tokio::test]
    async fn a_backup_goes_with_its_client() {
        let (backup, gone) = backup(3);
        drop(Pieces::with_patience(backup, AGES));
        until_gone(gone).await;
    }

    /// What cannot be read breaks it off.
    #[tokio::test]
    async fn a_piece_that_cannot_be_read_breaks_it_off() {
        let pieces = [Ok(vec![1]), Err(JournalError("failed to read".into())), Ok(vec![2])];
        let body = Pieces::with_patience(Box::new(pieces.into_iter()), AGES);
        let error = body.collect().await.expect_err("it is not whole");
        assert_eq!(error, JournalError("failed to read".into()));
    }
}
