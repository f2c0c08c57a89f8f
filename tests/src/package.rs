//! Debian's packages that some tests need.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::{env, fs, io};

/// Where a file of a package is; the package is installed if it is not there. `None` where it cannot
/// be had, which is said: only root may install, and not every machine is Debian's.
///
/// `file` is a program's name, or the end of the path of another file.
pub fn package(name: &str, file: &str) -> Option<PathBuf> {
    // Two at a time would get in each other's way.
    static ONE: Mutex<()> = Mutex::new(());
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = find(name, file).or_else(|| {
        let install = ["install", "--yes", "--no-install-recommends", name];
        let installed = apt(&install) || (apt(&["update"]) && apt(&install));
        installed.then(|| find(name, file)).flatten()
    });
    drop(one);
    if found.is_none() {
        leave_out(&format!("{file} is missing, and Debian's package {name} could not be had"));
    }
    found
}

/// Says that something was not tested, and why, past the runner, which shows nothing of what a test
/// prints that passes.
pub fn leave_out(why: &str) {
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    // If nobody can hear it, nobody can.
    let _ = writeln!(io::stderr(), "left out: {test}: {why}");
}

fn find(package: &str, file: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let programs = env::split_paths(&path).map(|folder| folder.join(file));
    let listed = ["", ":amd64", ":arm64"].map(|arch| {
        let list = Path::new("/var/lib/dpkg/info").join(format!("{package}{arch}.list"));
        fs::read_to_string(list).unwrap_or_default()
    });
    let files = listed.iter().flat_map(|list| list.lines()).map(PathBuf::from);
    programs.chain(files.filter(|path| path.ends_with(file))).find(|path| path.is_file())
}

fn apt(args: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}
