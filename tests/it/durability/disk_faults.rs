//! A disk that fails from outside, by libfiu: the process ends with 74 and says why, nothing that was
//! withheld is sent, and after a start without faults all that was told is there.

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

use awaitd_tests::{Data, End, Server, package};

use super::torture::{Ending, Torture};

/// `EX_IOERR`.
const BROKEN: i32 = 74;

/// What can fail, and with which error: EIO and, as if out of nowhere, ENOSPC.
const FAULTS: [(&str, u8); 3] =
    [("posix/io/sync/fdatasync", 5), ("posix/io/rw/pwrite", 5), ("posix/io/rw/pwrite", 28)];

/// `fiu-run -x`, with this command for libfiu, and its pipes in the directory's folder.
fn fiu_run(data: &Data, command: &str) -> Option<Vec<String>> {
    let program = package("fiu-utils", "fiu-run")?;
    let pipes = data.folder.inside("fiu");
    let words = [program.to_str().expect("a path is text"), "-x", "-f", &pipes];
    let mut words: Vec<_> = words.iter().map(ToString::to_string).collect();
    if !command.is_empty() {
        words.extend(["-c".to_owned(), command.to_owned()]);
    }
    Some(words)
}

/// From now on it fails.
fn break_disk(data: &Data, server: &Server, fault: &str, errno: u8) {
    let enable = format!("enable name={fault},failinfo={errno}");
    let pipes = data.folder.inside("fiu");
    let mut command = Command::new("fiu-ctrl");
    command.args(["-f", &pipes, "-c", &enable]).arg(server.pid().to_string());
    let output = command.output().expect("fiu-ctrl runs");
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

/// It ended as it should, and said so in one line.
async fn is_broken(server: &mut Server) {
    assert_eq!(server.exit_code().await, Some(BROKEN), "{}", server.log());
    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.starts_with("awaitd: ")).collect();
    assert!(!log.contains("panicked"), "{log}");
    assert!(matches!(lines[..], [line] if line.contains("failed to ")), "one clear line: {log}");
}

#[tokio::test]
async fn what_was_withheld_is_not_sent() {
    for (fault, errno) in FAULTS {
        let data = Data::new();
        let Some(program) = fiu_run(&data, "") else { return };
        let program: Vec<_> = program.iter().map(String::as_str).collect();
        let mut server = data.start_under(&program, &[]);
        let client = server.client();
        for number in 0..10 {
            let body = format!("told-{number}");
            client.post("/v1/queues/q/jobs", body).await.expect(201);
        }
        let lock = client.post("/v1/locks/l/acquire?lease=1h", "").await.expect(201);
        break_disk(&data, &server, fault, errno);
        // Some at one time, of which one is the first to fail; nobody is told that it went well.
        let asked = [
            tokio::spawn(client.post("/v1/queues/q/jobs", "withheld").attempt()),
            tokio::spawn(client.post("/v1/queues/q/get", "").key("k").attempt()),
            tokio::spawn(client.post("/v1/queues/q/get?ack=true", "").attempt()),
            tokio::spawn(client.delete(&lock.location()).attempt()),
            tokio::spawn(client.put("/v1/events/e", "x").attempt()),
        ];
        for asked in asked {
            let heard = asked.await.expect("no panic");
            let well = heard.as_ref().is_some_and(|heard| heard.status < 300);
            assert!(!well, "{fault}: {heard:?}");
        }
        is_broken(&mut server).await;

        let server = data.start(&[]);
        let client = server.client();
        let held = client.get(&lock.location()).await;
        // Nobody was told that it was released. It may be, if that had been written already.
        assert!(matches!(held.status, 200 | 410), "{}", held.shown());
        let mut bodies = Vec::new();
        loop {
            let heard = client.post("/v1/queues/q/get?wait=1s&lease=1h", "").await;
            if heard.status == 204 {
                break;
            }
            bodies.push(heard.expect(200).text().to_owned());
        }
        bodies.retain(|body| body != "withheld");
        bodies.sort();
        bodies.dedup();
        let told: Vec<_> = (0..10).map(|number| format!("told-{number}")).collect();
        assert!(bodies.len() >= 8 && bodies.iter().all(|body| told.contains(body)), "{bodies:?}");
    }
}

/// A disk that fails now and then, among all who use the server: after each death the oracle holds the
/// next life to what was told before.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_holds_however_the_disk_fails() {
    let mut torture = Torture::new(fastrand::u64(..));
    for (round, (fault, errno)) in FAULTS.into_iter().cycle().take(9).enumerate() {
        let sizes = ["64KiB", "16MiB"];
        torture.data.variables = vec![("AWAITD_SEGMENT_SIZE", sizes[round % 2])];
        let probability = [0.2, 0.02, 0.01][round % 3];
        let enable = format!("enable_random name={fault},probability={probability}");
        let enable = format!("{enable},failinfo={errno}");
        let Some(program) = fiu_run(&torture.data, &enable) else { return };
        let program: Vec<_> = program.iter().map(String::as_str).collect();
        torture.live(&program, &[], Ending::ByItself(BROKEN)).await;
        torture.content();
        let kill = Ending::End(End::Kill, Duration::from_millis(50));
        torture.live(&[], &[], kill).await;
        torture.content();
    }
    torture.drain().await;
    torture.content();
}

/// Calls that do less than they were asked for are no faults: they are asked again for the rest.
#[tokio::test(flavor = "multi_thread")]
async fn short_writes_and_reads_change_nothing() {
    let mut torture = Torture::new(fastrand::u64(..));
    torture.data.variables =
        vec![("AWAITD_SEGMENT_SIZE", "64KiB"), ("AWAITD_MEMORY_BUDGET", "4KiB")];
    for fault in ["posix/io/rw/pwrite/reduce", "posix/io/rw/pread/reduce"].repeat(2) {
        let enable = format!("enable_random name={fault},probability=0.5");
        let Some(program) = fiu_run(&torture.data, &enable) else { return };
        let program: Vec<_> = program.iter().map(String::as_str).collect();
        let kill = Ending::End(End::Kill, Duration::from_millis(150));
        torture.live(&program, &[], kill).await;
        torture.content();
    }
    torture.drain().await;
    torture.content();
}

/// A body that cannot be read back as it was written is not handed out, and nothing else is in its place.
#[tokio::test]
async fn a_body_that_cannot_be_read_is_not_handed_out() {
    let mut data = Data::new();
    data.variables.push(("AWAITD_MEMORY_BUDGET", "4KiB"));
    let mut server = data.start(&[]);
    let client = server.client();
    let bodies = ["a", "b", "c"].map(|letter| letter.repeat(10_000));
    for body in &bodies {
        client.post("/v1/queues/q/jobs", body.as_bytes()).await.expect(201);
    }
    // What is damaged at the very end looks like an append that was never finished.
    client.put("/v1/events/later", "").await.expect(200);
    let segment = data.segments().remove(0);
    let whole = fs::read(&segment).expect("it is there");
    let mut damaged = whole.clone();
    let at = whole.windows(100).position(|window| window == &bodies[0].as_bytes()[..100]);
    damaged[at.expect("it was written") + 5_000] ^= 1;
    let write = |bytes: &[u8]| {
        let file = fs::OpenOptions::new().write(true).open(&segment).expect("it is there");
        file.write_all_at(bytes, 0).expect("it can be written");
    };
    write(&damaged[..40_000]);
    let heard = client.post("/v1/queues/q/get", "").attempt().await;
    assert!(heard.as_ref().is_none_or(|heard| heard.status >= 500), "{heard:?}");
    is_broken(&mut server).await;
    assert_eq!(data.refused(&[]).code, Some(65));
    write(&whole[..40_000]);
    let server = data.start(&[]);
    let client = server.client();
    for body in &bodies {
        let heard = client.post("/v1/queues/q/get?wait=1s", "").await.expect(200);
        assert_eq!(heard.text(), body);
    }
}

/// A disk that fails while a server starts: it does not start, says why, and the next one does.
#[tokio::test]
async fn a_disk_that_fails_at_a_start() {
    let data = Data::new();
    let Some(program) = fiu_run(&data, "enable name=posix/io/sync/fdatasync,failinfo=5") else {
        return;
    };
    let program: Vec<_> = program.iter().map(String::as_str).collect();
    let failed = data.try_start(&program, &[]).expect_err("it cannot promise anything");
    assert!(failed.code.is_some_and(|code| code != 0), "{failed:?}");
    assert!(!failed.log.contains("panicked"), "{failed:?}");
    let dir = data.dir().to_str().expect("a path is text");
    let line = failed.log.lines().find(|line| line.starts_with("awaitd: "));
    assert!(line.is_some_and(|line| line.contains(dir)), "{failed:?}");
    let server = data.start(&[]);
    server.client().post("/v1/queues/q/jobs", "x").await.expect(201);
}
