//! The corpus in `tests/scenarios`.

use std::path::{Path, PathBuf};

use super::script::Script;

/// Fewer files than this, and somebody has lost some.
const FILES_MIN: usize = 300;

/// Where its files lie.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("scenarios")
}

/// All of it, in the order of the files' names.
pub fn scripts() -> Vec<(PathBuf, Script)> {
    let files = std::fs::read_dir(folder()).expect("the corpus is there");
    let paths = files.map(|file| file.expect("a file can be listed").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "txt")).collect();
    paths.sort();
    assert!(paths.len() >= FILES_MIN, "{} files are too few", paths.len());
    paths.into_iter().map(|path| (path.clone(), Script::read(&path))).collect()
}

/// The lines that differ: as the file has them (-), and as they came (+).
pub fn difference(script: &Script, played: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (script.text.lines().collect(), played.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = (old.len() - same).min(new.len() - same);
    let tail = (0..rest).take_while(|back| old[old.len() - 1 - back] == new[new.len() - 1 - back]);
    let tail = tail.count();
    let mut text = format!("{}:{}\n", script.name, same + 1);
    for (sign, lines) in [("-", &old), ("+", &new)] {
        for line in &lines[same..lines.len() - tail] {
            text.extend([sign, " ", line, "\n"]);
        }
    }
    text
}
