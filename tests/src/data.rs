//! A data directory, and the servers that live on it, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::binary::binary;
use crate::folder::Folder;
use crate::server::{Failed, Server};

/// How a server comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is told to (SIGTERM), and ends by itself with 0.
    Term,
    /// It is shot (SIGKILL), whatever it was doing.
    Kill,
}

impl End {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Term, Self::Kill];

    /// Ends this server, and goes on when its process is no more.
    pub async fn of(self, mut server: Server) {
        match self {
            Self::Term => {
                server.signal("TERM");
                assert_eq!(server.exit_code().await, Some(0), "{}", server.log());
            }
            Self::Kill => {
                server.signal("KILL");
                assert_eq!(server.exit_code().await, None, "{}", server.log());
            }
        }
    }
}

/// A start reads all segments from end to end, and an unoptimised binary takes its time for a large one.
const SMALL: (&str, &str) = ("AWAITD_SEGMENT_SIZE", "256KiB");

/// A data directory.
#[derive(Debug)]
pub struct Data {
    /// What it lies in.
    pub folder: Folder,
    /// Variables that its servers are started with: at first one that makes segments small.
    pub variables: Vec<(&'static str, &'static str)>,
    dir: PathBuf,
}

impl Data {
    /// One that is not there yet: the first server makes it.
    #[expect(clippy::new_without_default)] // it makes a folder on a disk
    pub fn new() -> Self {
        let folder = Folder::new();
        let dir = folder.path().join("data");
        Self { folder, variables: vec![SMALL], dir }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A server that goes on from what is there, with these flags besides.
    pub fn start(&self, flags: &[&str]) -> Server {
        self.start_under(&[], flags)
    }

    /// The same, started by another program; see [`Server::under`].
    pub fn start_under(&self, program: &[&str], flags: &[&str]) -> Server {
        self.try_start(program, flags).unwrap_or_else(|failed| panic!("no server: {failed:?}"))
    }

    /// A server that cannot start.
    #[track_caller]
    pub fn refused(&self, flags: &[&str]) -> Failed {
        let started = self.try_start(&[], flags);
        started.expect_err("a server started on what it must not go on from")
    }

    /// A server that may start or not.
    pub fn try_start(&self, program: &[&str], flags: &[&str]) -> Result<Server, Failed> {
        let dir = self.dir.display().to_string();
        let args = [&["serve", "--listen", "127.0.0.1:0", "--data-dir", &dir], flags].concat();
        Server::under(program, &args, &self.variables)
    }

    /// Starts a server and shoots it after this time, whether it was ready by then or not.
    pub async fn start_and_kill(&self, after: Duration) {
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0"]).arg("--data-dir").arg(&self.dir);
        command.envs(self.variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        tokio::time::sleep(after).await;
        child.kill().expect("it is ours");
        child.wait().expect("a child can be awaited");
    }

    /// `awaitd` with these arguments, and the directory at their end: what it said and its code.
    pub fn tool(&self, args: &[&str]) -> Failed {
        let output = Command::new(binary()).args(args).arg(&self.dir).stdin(Stdio::null()).output();
        let output = output.expect("the binary runs");
        let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Failed { code: output.status.code(), log }
    }

    /// The journal's files, the oldest first.
    pub fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).expect("the directory is there");
        let paths = entries.map(|entry| entry.expect("a folder can be read").path());
        let mut segments: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "segment")).collect();
        segments.sort();
        segments
    }
}
