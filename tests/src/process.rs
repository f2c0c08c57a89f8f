//! A program that a test runs beside itself, and all that it says.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::binary::{attentive, binary};
use crate::server::Server;
use crate::until::until;

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    out: Said,
    complaints: Said,
}

/// What a program said that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, as a shell has it: 128 and the number of the signal that ended it.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub complaints: String,
}

#[derive(Debug)]
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Process {
    /// `awaitd` with these arguments, against this server, without input.
    pub fn awaitd(server: &Server, args: &[&str]) -> Self {
        let mut command = attentive(binary());
        command.args(args).env("AWAITD_URL", server.base());
        Self::start(command)
    }

    /// The same with this input.
    pub fn awaitd_fed(server: &Server, args: &[&str], input: &[u8]) -> Self {
        let mut command = attentive(binary());
        command.args(args).env("AWAITD_URL", server.base()).stdin(Stdio::piped());
        let mut process = Self::spawn(command);
        let mut stdin = process.child.stdin.take().expect("a pipe");
        let input = input.to_owned();
        thread::spawn(move || {
            // It need not read all of it.
            let _ = stdin.write_all(&input);
        });
        process
    }

    /// Any program, without input.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = Said::by(child.stdout.take().expect("a pipe"));
        let complaints = Said::by(child.stderr.take().expect("a pipe"));
        Self { child, out, complaints }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by its name: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    /// What it has printed so far.
    pub fn out(&self) -> String {
        self.out.so_far()
    }

    /// What it has complained of so far.
    pub fn complaints(&self) -> String {
        self.complaints.so_far()
    }

    /// Goes on once it has printed this.
    pub async fn prints(&self, text: &str) {
        let what = format!("{text:?} is printed");
        until(&what, async || self.out().contains(text)).await;
    }

    /// Goes on once it has complained of this.
    pub async fn complains(&self, text: &str) {
        let what = format!("there is a complaint with {text:?}");
        until(&what, async || self.complaints().contains(text)).await;
    }

    /// Goes on once it has ended, though what it started may still speak, and says how it ended.
    pub async fn code(&mut self) -> i32 {
        let child = &mut self.child;
        let mut ended = None;
        until("the program ends", async || {
            ended = child.try_wait().expect("a child can be awaited");
            ended.is_some()
        })
        .await;
        code(ended.expect("it ended"))
    }

    /// Goes on once it and all that it started have ended.
    pub async fn end(mut self) -> Ended {
        let code = self.code().await;
        let done = async || self.out.reader.is_finished() && self.complaints.reader.is_finished();
        until("all that it started has ended", done).await;
        Ended { code, out: self.out(), complaints: self.complaints() }
    }
}

impl Ended {
    /// Goes on only if it ended like this.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("it printed:\n{}\nand complained:\n{}", self.out(), self.complaints());
        }
    }
}

impl Said {
    fn by(mut stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4_096];
            while let Ok(read) = stream.read(&mut chunk) {
                if read == 0 {
                    return;
                }
                heard.lock().expect("nobody panics with it").extend(&chunk[..read]);
            }
        });
        Self { text, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("nobody panics with it")).into_owned()
    }
}

/// Sends a signal by its name to a process that is there.
pub fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "process {pid} was not there to hear {name}");
}

/// As a shell has it.
fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| Some(128 + status.signal()?)).expect("it was ended by something")
}
