//! The tree itself: what the compiler cannot check about it, and the documents promise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the repository").to_owned()
}

/// The text of a file of the repository.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder of the repository whose names end so.
fn files(folder: impl AsRef<Path>, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a folder can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') && name != "__pycache__" {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A path as people name it: from the top of the repository.
fn named(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn assert_none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}\n{}", wrong.join("\n"));
}

/// The core can be replayed and tested without a world around it: what it depends on is counted here.
#[test]
fn the_core_depends_on_nothing_that_acts() {
    let allowed = ["foldhash", "rustc-hash", "serde"];
    let manifest = read("crates/awaitd-primitives/Cargo.toml");
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    let strange: Vec<_> = names
        .filter(|name| !name.is_empty() && !name.starts_with('#') && !allowed.contains(name))
        .map(str::to_owned)
        .collect();
    assert_none(
        &strange,
        "awaitd-primitives may depend on data structures, and on how they are written down",
    );
}

/// A client knows the wire and nothing else, so that the wire stays the contract.
#[test]
fn the_client_depends_on_none_of_ours() {
    let manifest = read("crates/awaitd-client/Cargo.toml");
    let sections = manifest.split("\n[").filter(|section| section.contains("dependencies]\n"));
    let lines: Vec<_> = sections.flat_map(str::lines).collect();
    assert!(lines.iter().any(|line| line.starts_with("reqwest")), "{lines:?}: read rightly?");
    let ours = lines.iter().filter(|line| line.starts_with("awaitd")).map(ToString::to_string);
    assert_none(&ours.collect::<Vec<_>>(), "awaitd-client depends on nothing of this workspace");
}

/// One place asks what time it is, so that tests can move it everywhere.
#[test]
fn only_the_clock_asks_what_time_it_is() {
    let asks = ["Instant::now", "SystemTime::now", "UNIX_EPOCH.elapsed"];
    let wrong: Vec<_> = files("crates", &[".rs"])
        .into_iter()
        .filter(|path| !path.ends_with("awaitd-server/src/clock.rs"))
        // A client is on no axis of the server's, and has one place of its own.
        .filter(|path| !path.ends_with("awaitd-client/src/clock.rs"))
        // A stopwatch in a test.
        .filter(|path| !path.ends_with("awaitd-server/src/access/timing.rs"))
        // How long a sync took is no moment: only the operator is told.
        .filter(|path| !path.ends_with("awaitd-journal/src/writer.rs"))
        .filter(|path| asks.iter().any(|ask| read(path).contains(ask)))
        .map(|path| named(&path))
        .collect();
    assert_none(&wrong, "only a clock.rs may ask what time it is");
}

/// The core is told what it needs: no I/O, no time of day, no threads, no output.
#[test]
fn the_core_reaches_for_nothing() {
    let reaches = ["std::fs", "std::net", "std::io", "std::env", "std::thread", "std::process"];
    let reaches = reaches.into_iter().chain(["Instant", "SystemTime", "println!", "eprintln!"]);
    let reaches: Vec<_> = reaches.collect();
    let mut wrong = Vec::new();
    for path in files("crates/awaitd-primitives/src", &[".rs"]) {
        let text = read(&path);
        let found = reaches.iter().filter(|reach| text.contains(**reach));
        wrong.extend(found.map(|reach| format!("{}: {reach}", named(&path))));
    }
    assert_none(&wrong, "awaitd-primitives is pure");
}

/// A file is a chapter.
#[test]
fn no_file_is_too_long() {
    let all = ["crates", "tests", "xtask"].map(|folder| files(folder, &[".rs"])).concat();
    let long = |path: &PathBuf| {
        let lines = read(path).lines().count();
        (lines > 400).then(|| format!("{}: {lines} lines", named(path)))
    };
    let wrong: Vec<_> = all.iter().filter_map(long).collect();
    assert_none(&wrong, "a file has 400 lines at most");
}

/// What is unfinished does not stand in the tree, and nobody's editor leaves traces.
#[test]
fn no_file_holds_what_was_left_behind() {
    let left = [["to", "do!("], ["unimple", "mented!("], ["db", "g!("]].map(|parts| parts.concat());
    let endings = [".rs", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".py", "Dockerfile"];
    let mut wrong = Vec::new();
    for path in files("", &endings) {
        let text = read(&path);
        if !text.ends_with('\n') || text.ends_with("\n\n") {
            wrong.push(format!("{}: must end with one newline", named(&path)));
        }
        for (number, line) in text.lines().enumerate() {
            let at = format!("{}:{}", named(&path), number + 1);
            if line.ends_with([' ', '\t', '\r']) {
                wrong.push(format!("{at}: blanks at the end"));
            }
            wrong.extend(
                left.iter().filter(|left| line.contains(*left)).map(|left| format!("{at}: {left}")),
            );
        }
    }
    assert_none(&wrong, "what was left behind");
}

/// Whoever chooses names and keys cannot choose them so that a table becomes a list: where the hash can be
/// guessed, keys are our own numbers and words.
#[test]
fn what_users_choose_is_hashed_with_a_seed() {
    let ours = ["JobId,", "LeaseId,", "Ticket,", "(&'static str, &'static str, u16),"];
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in files("crates", &[".rs"]) {
        let text = read(&path);
        for table in text.split("FxHash").skip(1).filter_map(|rest| rest.split_once('<')) {
            // Anything but a name of a table is an import.
            let ("Map" | "Set", keys) = table else { continue };
            seen += 1;
            if !ours.iter().any(|key| keys.starts_with(key)) {
                wrong.push(format!(
                    "{}: {}",
                    named(&path),
                    keys.lines().next().unwrap_or_default()
                ));
            }
        }
    }
    assert!(seen > 5, "only {seen} tables: are they found rightly?");
    assert_none(&wrong, "rustc-hash for what is not our own number");
}

/// A number without a reason is a guess.
#[test]
fn every_limit_says_why() {
    let limits = read("crates/awaitd-primitives/src/limits.rs");
    let lines: Vec<_> = limits.lines().map(str::trim).collect();
    let is_limit = |line: &str| {
        line.starts_with("pub const ") || (line.starts_with("pub ") && line.ends_with(','))
    };
    let mut seen = 0;
    let mut wrong = Vec::new();
    for pair in lines.windows(2).filter(|pair| is_limit(pair[1])) {
        seen += 1;
        if !pair[0].starts_with("/// ") {
            wrong.push(pair[1].to_owned());
        }
    }
    assert!(seen > 20, "limits.rs has only {seen} limits: is it read rightly?");
    assert_none(&wrong, "every limit has a doc comment with its reason");
}

/// Who looks for what is new finds it.
#[test]
fn the_changelog_knows_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read("CHANGELOG.md");
    assert!(changelog.contains("\n## [Unreleased]\n"), "CHANGELOG.md has no place for what comes");
    assert!(
        changelog.contains(&format!("\n## [{version}] - ")),
        "CHANGELOG.md has no entry for {version}"
    );
    let openapi = read("openapi.yaml");
    assert!(
        openapi.contains(&format!("\n  version: {version}\n")),
        "openapi.yaml is of another version than {version}"
    );
}

/// What people read first is short.
#[test]
fn the_first_pages_are_short() {
    for (page, most) in [("CONTRIBUTING.md", 40), ("ARCHITECTURE.md", 150)] {
        let lines = read(page).lines().count();
        assert!(lines <= most, "{page} has {lines} lines, and may have {most}");
    }
}

/// Links between the pages lead somewhere.
#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in files("", &[".md"]) {
        let text = read(&page);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.contains("://") && !target.is_empty()) {
            let folder = page.parent().expect("a file lies in a folder");
            if !folder.join(target).exists() {
                wrong.push(format!("{}: {target}", named(&page)));
            }
        }
    }
    assert_none(&wrong, "links that lead nowhere");
}

/// The map shows what is there: every file and folder of the crates, and none that is not.
#[test]
fn the_map_shows_the_land() {
    let page = read("ARCHITECTURE.md");
    let map = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
    let shown = paths(map.expect("ARCHITECTURE.md has a map"));
    let gone: Vec<_> = shown.iter().filter(|path| !root().join(path).exists()).cloned().collect();
    assert_none(&gone, "ARCHITECTURE.md shows what does not exist");

    let files_shown = || shown.iter().map(Path::new).filter(|path| path.extension().is_some());
    let opened = |folder: &Path| files_shown().any(|path| path.parent() == Some(folder));
    let mut missing = BTreeSet::new();
    for file in files("crates", &[".rs"]) {
        let path = PathBuf::from(named(&file));
        let inside = path.components().any(|part| part.as_os_str() == "src");
        // A folder may stand for its files, if none of them is shown.
        let stands = |path: &Path| shown.contains(path.to_str().expect("names are ASCII"));
        let parent = path.parent().expect("a file lies in a folder");
        if inside && !stands(&path) && (opened(parent) || !stands(parent)) {
            missing.insert(path.display().to_string());
        }
    }
    assert_none(&missing.into_iter().collect::<Vec<_>>(), "ARCHITECTURE.md does not show");
}

/// The paths in a map that is drawn by indentation, two blanks a level.
fn paths(map: &str) -> BTreeSet<String> {
    let mut above: Vec<&str> = Vec::new();
    let mut all = BTreeSet::new();
    for line in map.lines().filter(|line| !line.trim().is_empty()) {
        let level = (line.len() - line.trim_start().len()) / 2;
        let name = line.split_whitespace().next().expect("the line is not blank");
        // A description that goes on stands far to the right.
        if level > above.len() {
            continue;
        }
        above.truncate(level);
        above.push(name.trim_end_matches('/'));
        all.insert(above.join("/"));
    }
    all
}
