//! The terminal: who of those that it controls may read from it, as a shell manages its jobs.
//!
//! The command has a group of its own, and only one group at a time is in the foreground: it may read,
//! and gets what Ctrl-C and Ctrl-Z send. The wrapper lends the command its own place.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use rustix::io::Errno;
use rustix::process::{Pid, getpgrp, test_kill_process_group};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};

/// The terminal that controls this process.
pub(crate) struct Terminal {
    tty: File,
    ours: Pid,
    /// How it was set when the foreground was lent.
    modes: Option<Termios>,
}

impl Terminal {
    /// `None` if there is none.
    pub(crate) fn controlling() -> Option<Self> {
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        Some(Self { tty, ours: getpgrp(), modes: None })
    }

    /// Whether this group is in the foreground, or may be put there.
    pub(crate) fn is_for(&self, group: Pid) -> bool {
        tcgetpgrp(&self.tty).is_ok_and(|foreground| foreground == self.ours || foreground == group)
    }

    /// Whether a command is to be in the foreground before it asks for it: not in a pipeline, whose other
    /// programs may read the terminal too.
    pub(crate) fn is_whole() -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Lends the foreground to a group, if this process has it.
    pub(crate) fn lend(&mut self, group: Pid) {
        if tcgetpgrp(&self.tty) == Ok(self.ours) {
            self.modes = tcgetattr(&self.tty).ok();
            // If it is over already, there is nobody to have it.
            _ = tcsetpgrp(&self.tty, group);
        }
    }

    /// Takes the foreground back from a group, if it has it, or from one that it gave it to and that is
    /// over. `abrupt` tells that it did not end in order: then the terminal may be left in a state that is
    /// of no use to others.
    pub(crate) fn take_back(&self, group: Pid, abrupt: bool) {
        let theirs = tcgetpgrp(&self.tty).is_ok_and(|foreground| {
            foreground == group || test_kill_process_group(foreground) == Err(Errno::SRCH)
        });
        if !theirs {
            return;
        }
        // Whoever does this in the background is stopped, unless the signal for that is blocked. That is a
        // thread's own affair, and what is started inherits it: so it is this thread's alone.
        thread::scope(|scope| {
            scope.spawn(|| {
                _ = SigSet::from(Signal::SIGTTOU).thread_block();
                _ = tcsetpgrp(&self.tty, self.ours);
                if let Some(modes) = self.modes.as_ref().filter(|_| abrupt) {
                    _ = tcsetattr(&self.tty, OptionalActions::Drain, modes);
                }
            });
        });
    }
}
