//! A folder of a test's own.

use std::path::{Path, PathBuf};
use std::{env, fs, thread};

/// A new folder below the system's temporary one. It is removed at the end, unless the test failed:
/// then it is evidence.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    #[expect(clippy::new_without_default)] // it makes something on a disk
    pub fn new() -> Self {
        let path = env::temp_dir().join(format!("awaitd-test-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).expect("a folder of this name is new");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path inside, as text.
    pub fn inside(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("kept: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
