//! On a terminal: the command reads from it, Ctrl-C and Ctrl-Z reach it, and a shell sees one job.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;

use awaitd_tests::{Server, attentive, binary, until};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::lock_script;

/// A program on a terminal of its own. Dropped, it is killed.
struct Terminal {
    keys: File,
    screen: Arc<Mutex<String>>,
    child: Child,
}

impl Terminal {
    fn with(server: &Server, program: &str, args: &[&str]) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
        grantpt(&keys).and_then(|()| unlockpt(&keys)).expect("it is ours");
        let name = ptsname(&keys, Vec::new()).expect("it has a name").into_string();
        let mut terminal = OpenOptions::new();
        let flags = OFlags::NOCTTY.bits().cast_signed();
        let terminal = terminal.read(true).write(true).custom_flags(flags);
        let terminal = terminal.open(name.expect("in ASCII")).expect("it is ours");
        let copy = || terminal.try_clone().expect("a file can be open twice");
        let mut command = attentive("setsid");
        command.args(["--ctty", program]).args(args);
        command.env("AWAITD_URL", server.base()).env("AWAITD", binary()).env("PS1", "> ");
        let child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn();
        let child = child.expect("setsid runs");
        let keys = File::from(keys);
        let mut shown = keys.try_clone().expect("a file can be open twice");
        let screen = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&screen);
        // It ends with an error when nobody has the terminal any more.
        thread::spawn(move || {
            let mut chunk = [0; 1_024];
            while let Ok(read) = shown.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..read]);
                written.lock().expect("nobody panics with it").push_str(&text);
            }
        });
        Self { keys, screen, child }
    }

    /// Presses keys: `\x03` is Ctrl-C.
    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("somebody has the terminal");
    }

    async fn shows(&self, text: &str) {
        let screen = || self.screen.lock().expect("nobody panics with it").clone();
        until(&format!("{text:?} is shown"), async || screen().contains(text)).await;
    }

    async fn code(&mut self) -> Option<i32> {
        let mut ended = None;
        until("the program on the terminal ends", async || {
            ended = self.child.try_wait().expect("a child can be awaited");
            ended.is_some()
        })
        .await;
        ended.and_then(|status| status.code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the screen:\n{}", self.screen.lock().expect("nobody panics with it"));
        }
    }
}

fn wrapper(server: &Server, script: &str) -> Terminal {
    let binary = binary().to_str().expect("its path is text");
    Terminal::with(server, binary, &["lock", "it", "--", "sh", "-c", script])
}

/// The command is in the foreground: nothing stops it when it reads.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_reads() {
    let server = Server::start();
    let mut terminal = wrapper(&server, "read line; echo \"<$line>\"");
    terminal.types("hello\n");
    terminal.shows("<hello>").await;
    assert_eq!(terminal.code().await, Some(0));
}

/// In a pipeline the others keep the foreground, until the command asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_reads_in_a_pipeline() {
    let server = Server::start();
    let script = r#""$AWAITD" lock it -- sh -c 'read line; echo "<$line>"' | cat"#;
    let mut terminal = Terminal::with(&server, "sh", &["-c", script]);
    terminal.types("hello\n");
    terminal.shows("<hello>").await;
    assert_eq!(terminal.code().await, Some(0));
}

/// Ctrl-C is the command's, and the wrapper's while there is none.
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c() {
    let server = Server::start();
    let script = "trap 'echo heard; exit 7' INT; echo in; while :; do sleep 0.02; done";
    let mut terminal = wrapper(&server, script);
    terminal.shows("in").await;
    terminal.types("\x03");
    terminal.shows("heard").await;
    assert_eq!(terminal.code().await, Some(7));

    let holder = lock_script(&server, &[], "echo in; exec sleep 1000");
    holder.prints("in").await;
    let mut waiter = wrapper(&server, "echo never");
    server.until_waiting("lock", "it", "acquire", 1).await;
    waiter.types("\x03");
    assert_eq!(waiter.code().await, Some(130));
    server.until_waiting("lock", "it", "acquire", 0).await;
}

/// Ctrl-Z stops what the shell calls a job, `fg` lets it go on in the foreground, and at its end the shell
/// has the terminal again.
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_z_and_fg() {
    let server = Server::start();
    let mut shell = Terminal::with(&server, "bash", &["--norc", "--noprofile", "-i"]);
    shell.types(
        "\"$AWAITD\" lock it --lease 1h -- sh -c 'read go; echo i\"\"n; read line; echo \"<$line>\"'\n",
    );
    // What has read from the terminal has it, and nothing is on its way to it that would undo a stop.
    shell.types("go\n");
    shell.shows("in\r").await;
    shell.types("\x1a");
    shell.shows("Stopped").await;
    shell.types("echo $((6 * 7))\n");
    shell.shows("42").await;
    shell.types("fg\n");
    shell.types("hello\n");
    shell.shows("<hello>").await;
    shell.types("echo $((7 * 8))\n");
    shell.shows("56").await;
    shell.types("exit 3\n");
    assert_eq!(shell.code().await, Some(3));
}
