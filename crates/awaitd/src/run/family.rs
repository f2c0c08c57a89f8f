//! A command, and all that descends from it, whatever group or session it went to.

use std::collections::HashMap;
use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group, set_child_subreaper};

/// All that descends from this process: it adopts what loses its parent, so nothing gets away from it.
#[derive(Debug)]
pub(crate) struct Family {
    /// The command's process, whose number is that of its group. `None` once it is over: then the
    /// number may become another's.
    pub(crate) leader: Option<Pid>,
}

/// What a signal reached.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// How many got it.
    pub(crate) count: usize,
    /// These may not be sent signals: they belong to another user.
    pub(crate) forbidden: Vec<Pid>,
}

struct Process {
    pid: Pid,
    group: Option<Pid>,
}

impl Family {
    /// Adopts, from now on, whatever loses its parent.
    pub(crate) fn adopting() -> Self {
        // Without it (a very old kernel), what hides in another group and loses its parent gets away.
        _ = set_child_subreaper(Some(getpid()));
        Self { leader: None }
    }

    /// Passes a signal on to the command's group, as a terminal does.
    pub(crate) fn pass(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // What is over needs no signals.
            _ = kill_process_group(leader, signal);
        }
    }

    /// Sends a signal to all: to the command's group at once, and to the others one by one.
    pub(crate) fn signal(&self, signal: Signal) -> Reached {
        let mut reached = Reached::default();
        let grouped = self.leader.is_some_and(|leader| kill_process_group(leader, signal).is_ok());
        for Process { pid, group } in descendants() {
            let has_it = grouped && group == self.leader && signal != Signal::KILL;
            match if has_it { Ok(()) } else { kill_process(pid, signal) } {
                Ok(()) => reached.count += 1,
                Err(Errno::PERM) => reached.forbidden.push(pid),
                // It is over.
                Err(_) => {}
            }
        }
        reached
    }
}

/// The living that descend from this process, as `/proc` shows them.
fn descendants() -> Vec<Process> {
    let mut children: HashMap<Pid, Vec<Process>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        // What is over meanwhile cannot be read.
        let Some(pid) = pid else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some((parent, process)) = read(pid, &stat) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found = children.remove(&getpid()).unwrap_or_default();
    let mut next = 0;
    while let Some(Process { pid, .. }) = found.get(next) {
        let more = children.remove(pid).unwrap_or_default();
        found.extend(more);
        next += 1;
    }
    found
}

/// `PID (NAME) STATE PARENT GROUP …`, where a name may hold anything. `None` for what is over, which has
/// no children any more.
fn read(pid: Pid, stat: &str) -> Option<(Pid, Process)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let mut number = || fields.next()?.parse().ok().and_then(Pid::from_raw);
    let (parent, group) = (number()?, number());
    (!matches!(state, "Z" | "X")).then_some((parent, Process { pid, group }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of programs are no obstacle.
    #[test]
    fn stat_is_read() {
        let pid = Pid::from_raw(7).unwrap();
        let (parent, process) = read(pid, "7 (a) S 1 (b) R 3 9 9 0 -1").unwrap();
        assert_eq!((parent, process.group), (Pid::from_raw(3).unwrap(), Pid::from_raw(9)));
        for gone in ["7 (sh) Z 3 9 9 0 -1", "7 (sh) X 3 9", "7 (sh)", ""] {
            assert!(read(pid, gone).is_none(), "{gone}");
        }
    }
}
