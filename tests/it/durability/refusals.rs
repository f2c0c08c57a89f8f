//! What a server does not go on from: it says what is wrong, where, and what to do, and changes nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use awaitd_tests::{Client, Data, End, Failed, Mounted};

use crate::tidy::root;

/// What a refusal is like.
#[track_caller]
fn is_clear(failed: &Failed, words: &[&str]) -> String {
    assert!(failed.code.is_some_and(|code| code != 0), "{failed:?}");
    assert!(!failed.log.contains("panicked"), "{failed:?}");
    let line = failed.log.lines().find(|line| line.starts_with("awaitd: "));
    let line = line.unwrap_or_else(|| panic!("no line for people: {failed:?}"));
    for word in words {
        assert!(line.contains(word), "{word} is not said: {line}");
    }
    line.to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

#[tokio::test]
async fn one_process_a_directory() {
    let data = Data::new();
    let server = data.start(&[]);
    let failed = data.refused(&[]);
    is_clear(&failed, &[text(data.dir())]);
    assert!(failed.log.contains(&server.pid().to_string()), "who has it is not said: {failed:?}");
    // The first is not disturbed, and the next is not held up by one that was killed.
    server.client().post("/v1/queues/q/jobs", "x").await.expect(201);
    End::Kill.of(server).await;
    let server = data.start(&[]);
    server.client().post("/v1/queues/q/get", "").await.expect(200);
}

#[test]
fn a_directory_that_is_a_file() {
    let data = Data::new();
    fs::write(data.dir(), "mine").expect("a file can be made");
    is_clear(&data.refused(&[]), &[text(data.dir())]);
    assert_eq!(fs::read_to_string(data.dir()).expect("it is there"), "mine");
}

#[test]
fn a_directory_that_cannot_be_written() {
    let data = Data::new();
    fs::create_dir(data.dir()).expect("a folder can be made");
    let root = fs::metadata("/proc/self").expect("there is /proc").uid() == 0;
    // Permissions mean nothing to root.
    let mounted = if root {
        let Some(mounted) = Mounted::new(data.dir(), "1m") else { return };
        mounted.remount("ro");
        Some(mounted)
    } else {
        fs::set_permissions(data.dir(), Permissions::from_mode(0o555)).expect("it is ours");
        None
    };
    is_clear(&data.refused(&[]), &[text(data.dir())]);
    drop(mounted);
}

/// A directory with some segments, all of them full of jobs that live.
async fn some_segments(end: End) -> Data {
    let mut data = Data::new();
    data.variables = vec![("AWAITD_SEGMENT_SIZE", "64KiB")];
    let server = data.start(&[]);
    let client = server.client();
    for number in 0..100 {
        put(&client, number).await;
    }
    end.of(server).await;
    assert!(data.segments().len() > 5, "{:?}", data.segments());
    data
}

async fn put(client: &Client, number: usize) {
    let body = format!("job-{number:03} {}", "x".repeat(4_000));
    client.post("/v1/queues/q/jobs", body).await.expect(201);
}

/// Where a text stands in the segments.
fn find(data: &Data, text: &str) -> (PathBuf, usize) {
    let found = data.segments().into_iter().find_map(|path| {
        let bytes = fs::read(&path).expect("a segment can be read");
        let at = bytes.windows(text.len()).position(|window| window == text.as_bytes())?;
        Some((path, at))
    });
    found.unwrap_or_else(|| panic!("{text} is in no segment"))
}

/// All files of a directory and what is in them.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir).expect("it is a folder");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    // Who had it open last is no part of the journal.
    let paths = paths.filter(|path| !path.ends_with("lock"));
    let mut all: Vec<_> =
        paths.map(|path| (path.clone(), fs::read(path).expect("it is a file"))).collect();
    all.sort();
    all
}

/// A server refuses to start and changes nothing, and the tool finds the same. What it said.
fn is_refused(data: &Data, words: &[&str]) -> String {
    let before = contents(data.dir());
    let words = [words, &["awaitd journal verify", text(data.dir())]].concat();
    let said = is_clear(&data.refused(&[]), &words);
    assert!(contents(data.dir()) == before, "a refused start changed something");
    let verified = data.tool(&["journal", "verify"]);
    assert!(verified.code.is_some_and(|code| code != 0), "{verified:?}");
    assert!(verified.log.contains(words[0]), "{verified:?}");
    assert!(contents(data.dir()) == before, "verify changed something");
    said
}

#[tokio::test]
async fn a_byte_that_is_not_what_it_was() {
    for end in End::ALL {
        let data = some_segments(end).await;
        for job in ["job-000", "job-030", "job-060"] {
            let (path, at) = find(&data, job);
            let whole = fs::read(&path).expect("a segment can be read");
            let mut damaged = whole.clone();
            damaged[at + 2_000] ^= 1;
            fs::write(&path, &damaged).expect("a segment can be written");
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let said = is_refused(&data, &[name, "at byte "]);
            // The frame that holds it begins there.
            let offset = said.split("at byte ").nth(1).and_then(|rest| rest.split(':').next());
            let offset: usize = offset.and_then(|text| text.parse().ok()).expect("an offset");
            assert!(
                (at.saturating_sub(500)..at).contains(&offset),
                "{offset} is said, {at} would be right"
            );
            // Whoever mends it has all of it back.
            fs::write(&path, &whole).expect("a segment can be written");
        }
        let server = data.start(&[]);
        let view = server.client().get("/v1/queues/q").await.expect(200).json();
        assert_eq!(view["ready"], 100);
    }
}

#[tokio::test]
async fn a_segment_that_is_not_there() {
    for end in End::ALL {
        let data = some_segments(end).await;
        let segments = data.segments();
        // The first, one in the middle, and the one before those that were written last.
        for path in [&segments[0], &segments[2], &segments[segments.len() - 4]] {
            let aside = data.folder.path().join("aside");
            fs::rename(path, &aside).expect("it can be moved");
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            is_refused(&data, &[name]);
            fs::rename(&aside, path).expect("it can be moved back");
        }
        let server = data.start(&[]);
        let view = server.client().get("/v1/queues/q").await.expect(200).json();
        assert_eq!(view["ready"], 100);
    }
}

/// An append that was not finished was never acknowledged: it is cut off, which is said, and all that
/// was told is there.
#[tokio::test]
async fn a_torn_end_is_cut_off() {
    let data = some_segments(End::Kill).await;
    // The last job that was put lies in the segment that was written last.
    let (path, _) = find(&data, "job-099");
    let mut bytes = fs::read(&path).expect("it can be read");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("it is not empty") + 1;
    assert!(bytes.len() > end + 2_000, "there is room for more: {end} of {}", bytes.len());
    // Half of a frame as it might look: a copy of what the frames begin with, cut in the middle.
    bytes.copy_within(64..1_064, end.next_multiple_of(8));
    fs::write(&path, &bytes).expect("it can be written");
    let verified = data.tool(&["journal", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let server = data.start(&[]);
    let log = server.log();
    assert!(log.contains("cut") && log.contains(name), "the cut is not said: {log}");
    let client = server.client();
    assert_eq!(client.get("/v1/queues/q").await.expect(200).json()["ready"], 100);
    // Once only.
    put(&client, 100).await;
    End::Kill.of(server).await;
    let server = data.start(&[]);
    let view = server.client().get("/v1/queues/q").await.expect(200).json();
    assert_eq!(view["ready"], 101);
}

/// The tools read, and say what they find, whoever has the journal open or not.
#[tokio::test]
async fn a_whole_journal_is_found_whole() {
    for end in End::ALL {
        let data = some_segments(end).await;
        let before = contents(data.dir());
        let verified = data.tool(&["journal", "verify"]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        let dumped = data.tool(&["journal", "dump"]);
        assert_eq!(dumped.code, Some(0), "{dumped:?}");
        assert!(dumped.log.lines().count() > 100, "a line a record at least: {dumped:?}");
        assert!(contents(data.dir()) == before, "a tool changed something");
    }
}

/// What a later version wrote is left to it: both versions are told, and what to do.
#[tokio::test]
async fn a_later_version_is_left_alone() {
    let data = some_segments(End::Kill).await;
    let path = &data.segments()[0];
    let mut bytes = fs::read(path).expect("it can be read");
    // Behind eight bytes that say what it is.
    bytes[8] = 2;
    fs::write(path, &bytes).expect("it can be written");
    let before = contents(data.dir());
    let failed = data.refused(&[]);
    assert_eq!(failed.code, Some(65), "{failed:?}");
    let versions = "has version 2 of the format; this awaitd knows version 1";
    is_clear(&failed, &[versions, "use the version that wrote it, or a newer one"]);
    assert!(contents(data.dir()) == before, "a refused start changed something");
}

/// Each version serves what every older one wrote: of each there is a journal, as it was written then.
#[tokio::test]
async fn what_older_versions_wrote_is_served() {
    let all = fs::read_dir(root().join("crates/awaitd-journal/tests/golden")).expect("a folder");
    let mut seen = 0;
    for one in all {
        let data = Data::new();
        fs::create_dir(data.dir()).expect("a folder can be made");
        for file in fs::read_dir(one.expect("it can be read").path()).expect("a folder") {
            let file = file.expect("it can be read");
            if file.path().extension().is_some_and(|ending| ending == "segment") {
                fs::copy(file.path(), data.dir().join(file.file_name())).expect("there is room");
            }
        }
        let server = data.start(&["--max-clock-jump", "36500d"]);
        let list = server.client().get("/v1/queues").await.expect(200).json();
        assert!(list["items"].as_array().is_some_and(|queues| !queues.is_empty()), "{list}");
        server.client().post("/v1/queues/new/jobs", "x").await.expect(201);
        seen += 1;
    }
    assert!(seen >= 3, "{seen}");
}
