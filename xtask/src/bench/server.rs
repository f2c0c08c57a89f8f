//! The server under test: a process of its own that ends with its handle, and what it used.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::Connection;

/// A running server. It is killed when this is dropped: what it keeps is worth no end.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts awaitd in memory and waits until it answers; without `workers` it chooses them itself.
    pub(super) async fn start(binary: &Path, workers: Option<usize>) -> io::Result<Self> {
        Self::start_in(None, binary, workers).await
    }

    /// The same with what it keeps in this folder, if there is one.
    pub(super) async fn start_in(
        folder: Option<&Path>,
        binary: &Path,
        workers: Option<usize>,
    ) -> io::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command.args(["serve", "--echo", "--listen", &address.to_string()]);
        match folder {
            Some(folder) => command.arg("--data-dir").arg(folder.join("data")),
            None => command.arg("--memory"),
        };
        if let Some(workers) = workers {
            command.args(["--workers", &workers.to_string()]);
        }
        let mut server = Self::spawn(&mut command, address)?;
        let begun = Instant::now();
        while !server.healthy().await? {
            server.expect_running()?;
            if begun.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::other("the server did not answer within 10 s"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(server)
    }

    /// Starts a program that is going to listen at this address, and does not wait until it does.
    pub(super) fn spawn(command: &mut Command, address: SocketAddr) -> io::Result<Self> {
        // Its log would tear the progress apart; what it says when it cannot start goes to stderr.
        command.env("AWAITD_LOG", "error").stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().map_err(|error| {
            io::Error::other(format!(
                "failed to start {}: {error}",
                command.get_program().display()
            ))
        })?;
        Ok(Self { child, address })
    }

    async fn healthy(&self) -> io::Result<bool> {
        let Ok(mut connection) = Connection::open(self).await else {
            return Ok(false);
        };
        let answer = connection.ask(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        Ok(answer.status == 200)
    }

    /// An error if it has ended.
    pub(super) fn expect_running(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                Err(io::Error::other(format!("the server ended at its start: {status}")))
            }
        }
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn terminate(mut self) -> io::Result<()> {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status()?;
        if !sent.success() {
            return Err(io::Error::other("a server could not be asked to end"));
        }
        self.child.wait().map(|_| ())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CPU time of each of its threads so far, user and system.
    pub(super) fn cpu(&self) -> io::Result<Cpu> {
        let mut threads = HashMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let task = task?;
            // The first number is nanoseconds on a CPU; /proc/PID/stat counts only hundredths of a second.
            let text = fs::read_to_string(task.path().join("schedstat"))?;
            let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
            let nanos = nanos.ok_or_else(|| io::Error::other("failed to read a schedstat"))?;
            threads.insert(task.file_name(), nanos);
        }
        Ok(Cpu(threads))
    }

    /// All its CPU time so far, in hundredths of a second, with that of threads that have ended.
    pub(super) fn cpu_since_start(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything; user and system time are the 12th and 13th after it.
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks = after_name.split(' ').skip(11).take(2).map(str::parse::<u64>);
        let ticks = ticks.sum::<Result<u64, _>>().map_err(io::Error::other)?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// How many descriptors it has open.
    pub(super) fn descriptors(&self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Bytes of its memory that are resident, without what the kernel holds for it.
    pub(super) fn resident(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib: Option<f64> = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|kib| kib.trim().parse().ok());
        kib.map(|kib| kib * 1024.0).ok_or_else(|| io::Error::other("failed to read VmRSS"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing to be done if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A reading of the server's clocks.
pub(super) struct Cpu(HashMap<std::ffi::OsString, u64>);

impl Cpu {
    /// CPU time between this reading and a later one. A thread that ended in between is not counted;
    /// the server's workers live as long as it does.
    pub(super) fn until(&self, later: &Self) -> Duration {
        let before = |thread: &OsStr| self.0.get(thread).copied().unwrap_or(0);
        let used = later.0.iter().map(|(thread, nanos)| nanos.saturating_sub(before(thread)));
        Duration::from_nanos(used.sum())
    }
}

/// A port that was free a moment ago. The server could choose one itself, but then we would depend on
/// how it words that.
pub(super) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
