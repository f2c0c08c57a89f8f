//! Writes down which statuses were seen, for the check that `openapi.yaml` declares them all.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, OnceLock};

/// Writes `METHOD PATH STATUS`, the path without its parameters, into a file of this process in
/// the directory that `AWAITD_TEST_SEEN` names, if it does.
pub fn record(method: &str, path: &str, status: u16) {
    static FILE: OnceLock<Option<Mutex<File>>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(open) else {
        return;
    };
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let line = format!("{method} {path} {status}\n");
    let mut file = file.lock().expect("no test dies while it writes a line");
    file.write_all(line.as_bytes()).expect("what was seen can be written down");
}

fn open() -> Option<Mutex<File>> {
    let folder = PathBuf::from(env::var_os("AWAITD_TEST_SEEN")?);
    std::fs::create_dir_all(&folder).expect("the folder of what was seen can be made");
    let name = format!("seen-{}-{:016x}.txt", process::id(), fastrand::u64(..));
    let file = OpenOptions::new().create(true).append(true).open(folder.join(name));
    Some(Mutex::new(file.expect("the file of what was seen can be made")))
}
