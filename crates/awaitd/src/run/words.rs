//! What a wrapper and the guard of its command say to each other: lines of JSON over a socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use clap::ValueEnum;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use super::clock::Moment;

/// The longest that a command has for its end, however long the lease is.
const GRACE_MAX: Duration = Duration::from_secs(10);

/// So long before the lease ends nothing of the command may be left: the kernel takes a moment to end a
/// process, and clocks of two machines do not run quite alike.
const MARGIN_MAX: Duration = Duration::from_millis(200);

/// What becomes of the command when what it was started under is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum OnLost {
    /// It gets SIGTERM while there is time to end in order, and SIGKILL when there is none left
    Term,
    /// It gets SIGKILL when there is no time left
    Kill,
    /// It runs on: a second one may run beside it
    Ignore,
}

/// Until when the command may run, and what happens then.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// When the lease ends.
    pub(crate) until: Moment,
    /// So long before that it is told to end.
    grace: Duration,
    /// So long before that it is ended.
    margin: Duration,
    pub(crate) on_lost: OnLost,
}

/// What the guard is told.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// The lease was renewed.
    Until(Moment),
    /// A signal for the command.
    Signal(i32),
    /// The lease is lost.
    Lost,
}

/// What the guard tells.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Fact {
    /// The command runs, and this is its process and its group.
    Started(i32),
    /// It was stopped by this signal, as Ctrl-Z does.
    Stopped(i32),
    /// It is being ended, since the lease is lost or soon will be.
    Ending,
    /// It is over, with this status of `wait`. If it was being ended, nothing that it started is left.
    Ended(i32),
}

impl Terms {
    /// For a lease of this length.
    pub(crate) fn new(length: Duration, until: Moment, on_lost: OnLost) -> Self {
        let (grace, margin) = ((length / 3).min(GRACE_MAX), (length / 10).min(MARGIN_MAX));
        Self { until, grace, margin, on_lost }
    }

    /// When it is told to end if the lease is not renewed; `None` if that is not to happen.
    pub(crate) fn ends(&self) -> Option<Moment> {
        match self.on_lost {
            OnLost::Term => Some(self.until.before(self.grace)),
            OnLost::Kill => Some(self.until.before(self.margin)),
            OnLost::Ignore => None,
        }
    }

    /// When it is ended if it is told to end now.
    pub(crate) fn killed(&self) -> Moment {
        (Moment::now() + self.grace).min(self.until.before(self.margin))
    }
}

/// Sends an open file along with the first byte: nothing else gets one that is not 0, 1 or 2 into
/// another program without anybody else inheriting it.
pub(crate) fn send_file(socket: &UnixStream, file: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut with = SendAncillaryBuffer::new(&mut space);
    let files = [file.as_fd()];
    with.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(socket, &[IoSlice::new(b"\n")], &mut with, SendFlags::empty())?;
    Ok(())
}

/// The file that came with the first byte.
pub(crate) fn receive_file(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut with = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut with, RecvFlags::CMSG_CLOEXEC)?;
    let file = with.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    file.ok_or_else(|| io::Error::other("this is for awaitd's own use: nobody sent its input"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Told first, ended then, and all before the lease ends, however short it is.
    #[test]
    fn ends_before_the_lease() {
        let millis = Duration::from_millis;
        for (length, told, ended) in [(300, 100, 30), (3_000, 1_000, 200), (60_000, 10_000, 200)] {
            let until = Moment::now() + Duration::from_hours(1);
            let ends = |on_lost| {
                let terms = Terms::new(millis(length), until, on_lost);
                assert!(terms.killed() < until, "{length}");
                terms.ends()
            };
            assert_eq!(ends(OnLost::Term).map(|at| at + millis(told)), Some(until), "{length}");
            assert_eq!(ends(OnLost::Kill).map(|at| at + millis(ended)), Some(until), "{length}");
            assert_eq!(ends(OnLost::Ignore), None, "{length}");
        }
    }
}
