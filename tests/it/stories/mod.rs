//! The three stories that awaitd exists for, told once with real curl and once with reqwest. In
//! the scripts `curl -f` alone tells right from wrong, as the contract promises.

mod events;
mod jobs;
mod locks;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use awaitd_tests::{Ran, Server, bash};
use tokio::task::JoinHandle;

fn script(server: &Server, text: &str) -> JoinHandle<Ran> {
    let (base, text) = (server.base(), text.to_owned());
    tokio::spawn(async move { bash(&base, &text).await })
}

/// A folder for files that scripts share; removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("awaitd-test-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).expect("a folder of this name is new");
        Self(path)
    }

    fn shown(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A moment of up to 20 ms: the "random paces" of the stories.
async fn work() {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(..20))).await;
}
