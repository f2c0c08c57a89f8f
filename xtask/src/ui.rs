//! The dashboard's checks: a Chromium without a window goes through its pages.

use std::env;
use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::tools::{find, install};

/// Programs, and the packages of Debian's that have them.
const NEEDED: [(&str, &str); 3] =
    [("python3", "python3"), ("chromium", "chromium"), ("chromedriver", "chromium-driver")];

/// Runs the tests of `tests/ui` against `binary`; says why if they were left out.
pub(crate) fn run(root: &Path, binary: &Path) -> Result<Option<String>> {
    for (program, package) in NEEDED {
        if find(program, None).is_some() {
            continue;
        }
        // A browser is much to put onto somebody's machine unasked.
        if env::var_os("CI").is_none_or(|ci| ci != "true") {
            return Ok(Some(format!("there is no {program}; with CI=true it is installed")));
        }
        install(package)?;
    }
    let mut tests = Command::new("python3");
    tests.args(["-m", "unittest", "discover", "--start-directory", "tests/ui"]);
    tests.env("AWAITD_BIN", binary).env("PYTHONDONTWRITEBYTECODE", "1");
    let status = tests.current_dir(root).stdin(Stdio::null()).status()?;
    if status.success() {
        return Ok(None);
    }
    Err(Error::other(format!("tests/ui: {status}")))
}
