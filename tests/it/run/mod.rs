//! Commands that run another program: it runs under a lease, and never beyond it.

mod endings;
mod facts;
mod losing;
mod permits;
mod statuses;
mod terminal;
mod worker;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use awaitd_tests::{Folder, Process, Server, until};

/// Not obtained.
const NOT_OBTAINED: i32 = 75;

/// Lost while the command ran.
const LOST: i32 = 76;

/// A file that is locked as long as any process of a command has it open, however it is related to the
/// command. The kernel sees to that, so nothing has to be timed.
struct Witness {
    folder: Folder,
}

impl Witness {
    fn new() -> Self {
        Self { folder: Folder::new() }
    }

    fn path(&self) -> String {
        self.folder.inside("witness")
    }

    /// A command that is seen as long as anything of it lives, and says `in` when it begins.
    fn seen(&self, script: &str) -> Vec<String> {
        let words = ["flock", &self.path(), "sh", "-c", &format!("echo in; {script}")];
        words.map(str::to_owned).to_vec()
    }

    /// A command that says `alone`, or `together` if another one is seen.
    fn sees(&self) -> Vec<String> {
        let script = format!("flock -n '{}' echo alone || echo together", self.path());
        ["sh", "-c", &script].map(str::to_owned).to_vec()
    }

    /// Whether nothing is seen.
    fn is_alone(&self) -> bool {
        let mut flock = Command::new("flock");
        let status = flock.args(["-n", &self.path(), "true"]).stdin(Stdio::null()).status();
        status.expect("flock runs").success()
    }

    async fn until_alone(&self) {
        until("all that the command started is gone", async || self.is_alone()).await;
    }
}

/// `awaitd lock NAME FLAGS -- COMMAND`
fn lock(server: &Server, flags: &[&str], command: &[String]) -> Process {
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    Process::awaitd(server, &[&["lock", "it"], flags, &["--"], &command].concat())
}

/// `awaitd lock NAME FLAGS -- sh -c SCRIPT`
fn lock_script(server: &Server, flags: &[&str], script: &str) -> Process {
    lock(server, flags, &["sh", "-c", script].map(str::to_owned))
}

/// The processes that this one started and that live.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace().map(|pid| pid.parse().expect("it is a number")).collect()
}

/// Whether there is no such process, or only its remains.
fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}
