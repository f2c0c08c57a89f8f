//! A real server: the binary as a process of its own on a port of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::binary::binary;
use crate::client::Client;
use crate::folder::Folder;
use crate::scrape::Scrape;
use crate::until::until;

/// A running server; killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    at: SocketAddr,
    log: Arc<Mutex<String>>,
    /// Who reads what it says.
    readers: Vec<JoinHandle<()>>,
    /// What is removed with it.
    folder: Option<Folder>,
}

/// A server that ended instead of listening.
#[derive(Debug)]
pub struct Failed {
    /// Its exit code.
    pub code: Option<i32>,
    /// All that it said.
    pub log: String,
}

impl Server {
    /// With the defaults.
    pub fn start() -> Self {
        Self::with_args(&[])
    }

    /// With these flags after `awaitd serve --listen 127.0.0.1:0 --data-dir …`, in a new folder.
    pub fn with_args(args: &[&str]) -> Self {
        let folder = Folder::new();
        let data = folder.inside("data");
        let args = [&["serve", "--listen", "127.0.0.1:0", "--data-dir", &data], args].concat();
        let server = Self::run(&args, &[]);
        let mut server = server.unwrap_or_else(|failed| panic!("no server: {failed:?}"));
        server.folder = Some(folder);
        server
    }

    /// `awaitd` with exactly these arguments and these variables and no other `AWAITD_…`; ready
    /// for requests, unless it ended before it listened.
    pub fn run(args: &[&str], variables: &[(&str, &str)]) -> Result<Self, Failed> {
        Self::under(&[], args, variables)
    }

    /// The same with another binary than the others have.
    pub fn of(binary: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<Self, Failed> {
        let mut command = shell();
        command.arg(binary).args(args);
        Self::begin(command, variables)
    }

    /// The same, started by a program that does something to it: `fiu-run -x`, for instance. The
    /// program must become awaitd (`exec`), since signals go to it.
    pub fn under(
        program: &[&str],
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self, Failed> {
        let mut command = shell();
        command.args(program).arg(binary()).args(args);
        Self::begin(command, variables)
    }

    fn begin(mut command: Command, variables: &[(&str, &str)]) -> Result<Self, Failed> {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWAITD_") || text.starts_with("OTEL_") {
                command.env_remove(&name);
            }
        }
        command.envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("sh runs");
        let log = Arc::new(Mutex::new(String::new()));
        let (told, listening) = channel();
        let out = follow(child.stdout.take().expect("a pipe"), &log, told.clone());
        let err = follow(child.stderr.take().expect("a pipe"), &log, told);
        let at = first_address(&listening);
        // Without an address it has ended.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (at_once, readers) = (at.unwrap_or(nowhere), vec![out, err]);
        let mut server = Self { child, at: at_once, log, readers, folder: None };
        if at.is_some() && server.wait_until_ready() {
            return Ok(server);
        }
        let code = server.child.wait().expect("a child can be awaited").code();
        Err(Failed { code, log: server.whole_log() })
    }

    /// Its address as a URL without a path.
    pub fn base(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Its address.
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// A client with connections of its own.
    pub fn client(&self) -> Client {
        Client::new(&self.base())
    }

    /// All that it has printed so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("a reader does not panic").clone()
    }

    /// Sends a signal by its name: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success(), "the server was not there to hear {name}");
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit code, once it has ended; `None` if a signal ended it.
    pub async fn exit_code(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let mut code = None;
        until("the server ends", async || {
            let ended = child.try_wait().expect("a child can be awaited");
            code = ended.map(|status| status.code());
            code.is_some()
        })
        .await;
        self.whole_log();
        code.flatten()
    }

    /// All that it ever said; it has ended.
    fn whole_log(&mut self) -> String {
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        self.log()
    }

    /// What `/metrics` says now.
    pub async fn scrape(&self) -> Scrape {
        let heard = self.client().get("/metrics").await.expect(200);
        Scrape::parse(heard.text())
    }

    /// Goes on once exactly so many wait there. `kind` is `queue`, `event` or `lock`; `op` is
    /// `put`, `get`, `join`, `wait` or `acquire`.
    pub async fn until_waiting(&self, kind: &str, name: &str, op: &str, count: u64) {
        let labels = [("kind", kind), ("name", name), ("op", op)];
        let what = format!("{count} wait at the {kind} {name} to {op}");
        until(&what, async || self.scrape().await.count("awaitd_waiters", &labels) == count).await;
    }

    /// `false` if it ended before it was ready.
    fn wait_until_ready(&mut self) -> bool {
        for _ in 0..1_000 {
            // A full disk is no reason not to begin: there is work to be finished.
            let ready = answer_of(self.at, "/readyz").is_some_and(|answer| {
                answer.starts_with("HTTP/1.1 200 ") || answer.contains("disk_full")
            });
            if ready {
                return true;
            }
            if self.child.try_wait().expect("a child can be awaited").is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the server listens and is never ready: {}", self.log());
    }
}

/// Runs what follows it, with as many files as there may be: a thousand parked waits are more than some
/// shells allow at first.
fn shell() -> Command {
    let all_files = r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", all_files]);
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which some tests are about.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

/// Keeps what a stream says, and passes on each line.
fn follow(
    stream: impl Read + Send + 'static,
    log: &Arc<Mutex<String>>,
    told: Sender<String>,
) -> JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            log.lock().expect("nobody panics with the log").extend([line.as_str(), "\n"]);
            // Once the address is known nobody listens any more.
            let _ = told.send(line);
        }
    })
}

/// The first URL with a port that is printed; `None` if all ends before. Not any address: that a
/// port is in use is said with its address too.
fn first_address(lines: &Receiver<String>) -> Option<SocketAddr> {
    lines.iter().find_map(|line| {
        let port = line.split("http://127.0.0.1:").nth(1)?;
        let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
        let port = port[..digits].parse().ok().filter(|port| *port != 0)?;
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    })
}

/// The answer to a `GET`, asked without any runtime.
fn answer_of(at: SocketAddr, path: &str) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(at).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
