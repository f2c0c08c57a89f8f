//! Backups from outside: taken of a service that goes on, restored elsewhere, refused if they are not
//! whole; and looking into a journal.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use awaitd_tests::{Client, End, Folder, Server, bash, binary, until};
use serde_json::Value;
use tokio::task::JoinHandle;

/// What a command of the binary did.
#[derive(Debug)]
struct Did {
    code: Option<i32>,
    out: String,
    complaints: String,
}

fn awaitd(args: &[&str]) -> Did {
    let mut command = Command::new(binary());
    command.args(args).env_remove("AWAITD_DATA_DIR").stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it says UTF-8");
    Did { code: status.code(), out: text(stdout), complaints: text(stderr) }
}

impl Did {
    /// Goes on only if it was content.
    #[track_caller]
    fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Goes on only if it failed with this code, said so on stderr with all these words, and no panic.
    #[track_caller]
    fn failed(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let missing: Vec<_> = words.iter().filter(|it| !self.complaints.contains(**it)).collect();
        assert!(missing.is_empty(), "{missing:?} is not said: {self:?}");
        assert!(!self.complaints.contains("panicked"), "{self:?}");
    }
}

/// A server with small segments, so that there are several.
fn serve(folder: &str) -> Server {
    // The largest body fits into one.
    let small = ["--segment-size", "16KiB", "--max-body", "4KiB"];
    let listen = ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder];
    let server = Server::run(&[&listen[..], &small].concat(), &[]);
    server.unwrap_or_else(|failed| panic!("no server: {failed:?}"))
}

/// A stopped service's folder with some jobs in it.
async fn some_jobs(folder: &str) {
    let server = serve(folder);
    let client = server.client();
    for number in 0..40 {
        let body = format!("job {number} {}", "x".repeat(2_000));
        client.post("/v1/queues/q/jobs", body).await.expect(201);
    }
    End::Term.of(server).await;
}

/// Takes a backup.
async fn copy(server: &Server, file: &str) {
    let script = format!("curl -q -f -sS --noproxy '*' $BASE/v1/backup -o {file}");
    bash(&server.base(), &script).await.well();
}

/// The segments of a folder, the oldest first.
fn segments(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let segments: BTreeSet<_> = paths.filter(|path| path.extension().is_some()).collect();
    segments.into_iter().collect()
}

/// The names and bytes of all files.
fn everything(folder: &str) -> BTreeSet<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.map(|path| (path.clone(), fs::read(path).expect("it can be read"))).collect()
}

fn flip(path: impl AsRef<Path>, at: usize) {
    let mut bytes = fs::read(&path).expect("it can be read");
    bytes[at] ^= 0x10;
    fs::write(&path, bytes).expect("it can be written");
}

/// The end of what was written to a segment.
fn used(path: &Path) -> usize {
    let bytes = fs::read(path).expect("it can be read");
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Producers that put until they are told to stop, and note what was acknowledged.
struct Producers {
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Producers {
    fn start(server: &Server) -> Self {
        let (acknowledged, over) = (Arc::<Mutex<BTreeSet<_>>>::default(), Arc::default());
        let tasks = (0..4).map(|producer| {
            let (client, acknowledged) = (server.client(), Arc::clone(&acknowledged));
            let over: Arc<AtomicBool> = Arc::clone(&over);
            tokio::spawn(async move {
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let body = format!("{producer}-{number}");
                    client.post("/v1/queues/jobs/jobs", body.clone()).await.expect(201);
                    acknowledged.lock().expect("nobody panics with it").insert(body);
                }
            })
        });
        let tasks = tasks.collect();
        Self { acknowledged, over, tasks }
    }

    fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().expect("nobody panics with it").clone()
    }

    async fn until_more(&self, more: usize) {
        let enough = self.acknowledged().len() + more;
        until("the producers go on", async || self.acknowledged().len() >= enough).await;
    }

    async fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("every put was answered");
        }
    }
}

/// Takes every job that is there.
async fn drain(client: &Client, queue: &str) -> BTreeSet<String> {
    let mut bodies = BTreeSet::new();
    loop {
        let got = client.post(&format!("/v1/queues/{queue}/get?ack=true"), "").await;
        if got.status == 204 {
            return bodies;
        }
        bodies.insert(got.expect(200).text().to_owned());
    }
}

/// Whatever was acknowledged before the backup began is in it, though the service goes on; who held
/// something then still holds it, and no number that was told since is told again.
#[tokio::test]
async fn a_backup_of_a_busy_service_is_restored_elsewhere() {
    let scratch = Folder::new();
    let server = serve(&scratch.inside("here"));
    let client = server.client();
    client.put("/v1/queues/jobs", r#"{"maxsize": 0}"#).await.expect(201);
    client.post("/v1/queues/held/jobs", "mine").await.expect(201);
    let mine = client.post("/v1/queues/held/get?lease=1h", "").await.expect(200).location();
    let lock = client.post("/v1/locks/l/acquire?lease=1h", "").await.expect(201);
    let generation = client.put("/v1/events/e", "value").await.expect(200);
    let generation = generation.number("awaitd-generation");

    let producers = Producers::start(&server);
    producers.until_more(100).await;
    let before = producers.acknowledged();
    copy(&server, &scratch.inside("b")).await;
    producers.until_more(50).await;
    let late = client.post("/v1/queues/jobs/get?lease=1h", "").await.expect(200);
    producers.stop().await;
    End::Term.of(server).await;

    let there = scratch.inside("there");
    let restored = awaitd(&["restore", &scratch.inside("b"), "--data-dir", &there]).well();
    assert_eq!(restored.out.lines().count(), 1, "{restored:?}");
    assert!(restored.out.contains("2 leases"), "{restored:?}");

    let server = serve(&there);
    let client = server.client();
    // What is new has numbers that nobody was told yet.
    client.post("/v1/queues/new/jobs", "new").await.expect(201);
    let new = client.post("/v1/queues/new/get", "").await.expect(200);
    for header in ["awaitd-fence", "awaitd-job"] {
        let (told, number) = (late.number(header), new.number(header));
        assert!(number > told + 1_000_000, "{header}: {number} comes too soon after {told}");
    }
    let set = client.put("/v1/events/e", "again").await.expect(200);
    assert!(set.number("awaitd-generation") > generation + 1_000_000);
    // Who held something before the backup holds it still; who was told of a lease since does not.
    client.patch(&format!("{}?lease=2h", lock.location())).await.expect(200);
    client.post("/v1/locks/l/acquire", "").await.refused(423, "locked");
    client.delete(&mine).await.expect(204);
    client.delete(&late.location()).await.refused(410, "lease_lost");
    let there = drain(&client, "jobs").await;
    let lost: Vec<_> = before.difference(&there).collect();
    assert!(lost.is_empty(), "{} were acknowledged before, lost are {lost:?}", before.len());
    End::Term.of(server).await;
}

/// What is restored can be served, copied and restored again, also through a pipe.
#[tokio::test]
async fn a_backup_can_be_piped() {
    let scratch = Folder::new();
    let (here, there) = (scratch.inside("here"), scratch.inside("there"));
    some_jobs(&here).await;
    let server = serve(&here);
    let awaitd = binary().display();
    let copy = "curl -q -f -sS --noproxy '*' $BASE/v1/backup";
    let script = format!("{copy} | {awaitd} restore - --data-dir {there}");
    let ran = bash(&server.base(), &script).await.well();
    assert!(ran.out.contains("40 jobs"), "{ran:?}");
    assert_eq!(ran.complaints, "", "there is no terminal for a bar");
    drop(server);

    let server = serve(&there);
    let again = scratch.inside("again");
    let script = format!("{copy} | {awaitd} restore - --data-dir {again}");
    bash(&server.base(), &script).await.well();
    drop(server);
    assert_eq!(drain(&serve(&again).client(), "q").await.len(), 40);
}

/// A backup that is not whole, not a backup, or has no place: said what and where, and nothing is left.
#[tokio::test]
async fn what_cannot_be_restored_is_refused() {
    let scratch = Folder::new();
    let [here, file, target] = ["here", "b", "target"].map(|name| scratch.inside(name));
    let server = serve(&here);
    for _ in 0..20 {
        server.client().post("/v1/queues/q/jobs", "x".repeat(1_000)).await.expect(201);
    }
    copy(&server, &file).await;
    let restore = |target: &str| awaitd(&["restore", &file, "--data-dir", target]);

    restore(&here).failed(1, &[&here, "not empty"]);
    End::Term.of(server).await;
    let before = everything(&here);
    restore(&here).failed(1, &[&here, "not empty"]);
    assert_eq!(everything(&here), before, "it is as it was");

    let whole = fs::read(&file).expect("the backup is there");
    let cut = whole.len() - 1;
    fs::write(&file, &whole[..cut]).expect("there is room");
    restore(&target).failed(65, &["cut off", &format!("byte {cut}")]);
    fs::write(&file, &whole).expect("there is room");
    flip(&file, whole.len() / 2);
    restore(&target).failed(65, &["damaged at byte", "not what was written"]);
    fs::write(&file, "hello\n".repeat(100)).expect("there is room");
    restore(&target).failed(65, &["no backup"]);
    awaitd(&["restore", &scratch.inside("none"), "--data-dir", &target]).failed(74, &["none"]);
    assert!(!Path::new(&target).exists(), "something is left");

    fs::write(&file, &whole).expect("there is room");
    restore(&target).well();
}

/// What a power loss leaves of a restore, wherever it was, is not served, least of all as an empty service;
/// the same restore is run again, without anything being removed by hand.
#[tokio::test]
async fn what_is_left_of_a_restore_is_not_served() {
    let scratch = Folder::new();
    let [here, file, target] = ["here", "b", "target"].map(|name| scratch.inside(name));
    some_jobs(&here).await;
    let server = serve(&here);
    copy(&server, &file).await;
    drop(server);
    let restore = || awaitd(&["restore", &file, "--data-dir", &target]);
    let start = || awaitd(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &target]);
    let staging = Path::new(&target).join("restoring");
    // Nothing was written yet.
    fs::create_dir_all(&staging).expect("there is room");
    start().failed(65, &["broken off"]);
    restore().well();
    let whole = segments(&target);
    // So many were moved up, the newest first, when the power failed.
    for moved in 0..whole.len() {
        fs::create_dir(&staging).expect("there is room");
        for path in &whole[..whole.len() - moved] {
            let name = path.file_name().expect("it has a name");
            fs::rename(path, staging.join(name)).expect("it is there");
        }
        let left = segments(&target);
        start().failed(65, &["restore", "broken off", "again", &target]);
        assert_eq!(segments(&target), left, "it is as it was");
        restore().well();
        assert_eq!((segments(&target), staging.exists()), (whole.clone(), false));
    }
    // All were moved, and only the folder is left: that is a journal, and no place for another one.
    fs::create_dir(&staging).expect("there is room");
    restore().failed(1, &["not empty"]);
    assert_eq!(drain(&serve(&target).client(), "q").await.len(), 40);
}

/// A journal that is good, also one whose process was killed in the middle of an append.
#[tokio::test]
async fn verify_says_what_is_there_and_changes_nothing() {
    let scratch = Folder::new();
    let here = scratch.inside("here");
    some_jobs(&here).await;
    let before = everything(&here);
    let said = awaitd(&["journal", "verify", &here]).well().out;
    for words in ["40 jobs", "1 queue,", "closed in order: yes", "good"] {
        assert!(said.contains(words), "{words} is not said: {said}");
    }
    assert!(!said.contains("torn"), "{said}");
    assert_eq!(everything(&here), before);

    // The newest thing in it is the seal, and now it is not whole. The spare has nothing but its head.
    let newest = segments(&here).into_iter().rfind(|path| used(path) > 64).expect("there are some");
    flip(&newest, used(&newest) - 1);
    let before = everything(&here);
    let said = awaitd(&["journal", "verify", &here]).well().out;
    let name = newest.file_name().expect("it has a name").to_string_lossy().into_owned();
    assert!(said.contains("torn") && said.contains(&name), "{said}");
    assert!(said.contains("closed in order: no"), "{said}");
    assert_eq!(everything(&here), before);
    let server = serve(&here);
    assert_eq!(drain(&server.client(), "q").await.len(), 40, "a start cuts it off");
}

/// Damage: which file, where in it, and what to do.
#[tokio::test]
async fn verify_says_where_a_journal_is_damaged() {
    let scratch = Folder::new();
    let here = scratch.inside("here");
    some_jobs(&here).await;
    let first = &segments(&here)[0];
    let name = first.display().to_string();
    flip(first, 5_000);
    awaitd(&["journal", "verify", &here]).failed(65, &[&name, "damaged at byte", "restore"]);
    flip(first, 5_000);
    awaitd(&["journal", "verify", &here]).well();

    let second = &segments(&here)[1];
    fs::remove_file(second).expect("it is there");
    let missing = second.display().to_string();
    awaitd(&["journal", "verify", &here]).failed(65, &[&missing, "missing", "restore"]);

    let empty = scratch.inside("empty");
    awaitd(&["journal", "verify", &empty]).failed(1, &["no journal", &empty]);
    assert!(!Path::new(&empty).exists(), "looking makes nothing");
}

/// What is written to is neither judged nor shown.
#[tokio::test]
async fn a_journal_in_use_is_said_to_be_in_use() {
    let scratch = Folder::new();
    let here = scratch.inside("here");
    let server = serve(&here);
    server.client().post("/v1/queues/q/jobs", "x").await.expect(201);
    for look in ["verify", "dump"] {
        awaitd(&["journal", look, &here]).failed(1, &["used by another", &here]);
    }
    server.client().post("/v1/queues/q/jobs", "y").await.expect(201);
    End::Term.of(server).await;
    awaitd(&["journal", "verify", &here]).well();
}

/// Every entry is a line of JSON, up to a damage if there is one; who reads only the first is content.
#[tokio::test]
async fn dump_is_lines_of_json() {
    let scratch = Folder::new();
    let here = scratch.inside("here");
    some_jobs(&here).await;
    let dumped = awaitd(&["journal", "dump", &here]).well();
    let lines = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    };
    let all = lines(&dumped.out);
    let places: Vec<_> =
        all.iter().map(|line| (line["segment"].as_u64(), line["offset"].as_u64())).collect();
    assert!(places.is_sorted() && places[0].1.is_some(), "{places:?}");
    let records = all.iter().flat_map(|line| line["records"].as_array().expect("records"));
    let bodies = records.filter_map(|record| record["Placed"]["payload"]["body"].as_str());
    let jobs: Vec<_> = bodies.map(|body| body.split(" x").next().unwrap_or_default()).collect();
    assert_eq!(jobs, (0..40).map(|number| format!("job {number}")).collect::<Vec<_>>());

    // All of it is more than a pipe holds, so whoever closes it early is noticed.
    assert!(dumped.out.len() > 64 * 1024);
    let script = format!("{} journal dump {here} | head -n 1", binary().display());
    let first = bash("", &script).await.well();
    assert_eq!(lines(&first.out), all[..1]);
    assert_eq!(first.complaints, "");

    let last = segments(&here).into_iter().nth(1).expect("there are several");
    flip(&last, 1_000);
    let damaged = awaitd(&["journal", "dump", &here]);
    assert!(lines(&damaged.out).len() > 5, "what is good before the damage is shown");
    damaged.failed(65, &["damaged at byte"]);
}
