//! Programs that some tests need and that not every machine has.

use std::env;
use std::path::PathBuf;

/// Where a program is: in the `PATH`, or where `cargo xtask test` puts what it brings. `None` only
/// if `cargo xtask test` has said in `AWAITD_TEST_WITHOUT` that it could not bring it; otherwise
/// a missing program is a failure, since a test that silently does nothing is none.
pub fn tool(name: &str) -> Option<PathBuf> {
    let brought = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin");
    let folders = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&folders).chain([PathBuf::from(brought)]);
    if let Some(found) =
        places.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
    {
        return Some(found);
    }
    let without = env::var("AWAITD_TEST_WITHOUT").unwrap_or_default();
    assert!(
        without.split(',').any(|left_out| left_out == name),
        "{name} is missing: `cargo xtask test` brings it"
    );
    println!("left out: this test needs {name}");
    None
}
