//! `awaitd worker`: a command for each job.

use std::fs;

use awaitd_tests::{Folder, Process, Server, until};
use serde_json::Value;

use super::is_gone;

fn worker(server: &Server, flags: &[&str], script: &str) -> Process {
    Process::awaitd(server, &[&["worker", "jobs"], flags, &["--", "sh", "-c", script]].concat())
}

async fn put(server: &Server, job: impl Into<Vec<u8>>) {
    server.client().post("/v1/queues/jobs/jobs", job).await.expect(201);
}

async fn state(server: &Server) -> Value {
    server.client().get("/v1/queues/jobs").await.expect(200).json()
}

/// Goes on once so many jobs are done or not, in the queue or not.
async fn until_unfinished(server: &Server, count: u64) {
    let what = format!("{count} jobs are not done");
    until(&what, async || state(server).await["unfinished"] == count).await;
}

/// Status 0 is done, any other is tried again; the command knows which time it is.
#[tokio::test(flavor = "multi_thread")]
async fn done_or_tried_again() {
    let server = Server::start();
    put(&server, "fails at first").await;
    put(&server, "").await;
    let script = r#"echo "$AWAITD_QUEUE $AWAITD_JOB $AWAITD_ATTEMPT <$(cat)>"
                    test -z "$AWAITD_ENQUEUED_AT" -o -z "$AWAITD_FENCE" -o -z "$AWAITD_LEASE" && exit 3
                    test $AWAITD_JOB.$AWAITD_ATTEMPT != 1.1"#;
    let worker = worker(&server, &[], script);
    until_unfinished(&server, 0).await;
    worker.signal("TERM");
    let ended = worker.end().await.with(0);
    let mut lines: Vec<_> = ended.out.lines().collect();
    lines.sort_unstable();
    let wanted = ["jobs 1 1 <fails at first>", "jobs 1 2 <fails at first>", "jobs 2 1 <>"];
    assert_eq!(lines, wanted);
}

/// A job is its command's input byte for byte, and need not be read.
#[tokio::test(flavor = "multi_thread")]
async fn the_job_is_the_input() {
    let server = Server::start();
    let folder = Folder::new();
    let job = b"\0\xff\r\n".repeat(100_000);
    put(&server, job.clone()).await;
    put(&server, job.clone()).await;
    let script = "cd \"$0\"; test $AWAITD_JOB = 2 || cat > job";
    let args = ["worker", "jobs", "--", "sh", "-c", script, &folder.inside("")];
    let worker = Process::awaitd(&server, &args);
    until_unfinished(&server, 0).await;
    worker.signal("TERM");
    worker.end().await.with(0);
    assert!(fs::read(folder.path().join("job")).expect("it was written") == job);
}

/// What a command says is passed on, where it was said.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_passed_on() {
    let server = Server::start();
    put(&server, "").await;
    let worker = worker(&server, &[], "echo out; echo complaint >&2");
    worker.prints("out\n").await;
    worker.complains("complaint\n").await;
    worker.signal("TERM");
    worker.end().await.with(0);
}

/// A lease is renewed as long as the command runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed() {
    let server = Server::start();
    put(&server, "").await;
    let worker = worker(&server, &["--lease", "1s"], "sleep 3; echo $AWAITD_ATTEMPT");
    until_unfinished(&server, 0).await;
    worker.signal("TERM");
    assert_eq!(worker.end().await.with(0).out, "1\n");
}

/// With `-j 2` two run at one time: each waits for the other.
#[tokio::test(flavor = "multi_thread")]
async fn several_at_one_time() {
    let server = Server::start();
    let folder = Folder::new();
    put(&server, "").await;
    put(&server, "").await;
    let script = "cd \"$0\"; touch $AWAITD_JOB; until test -e 1 -a -e 2; do sleep 0.02; done";
    let args = ["worker", "jobs", "-j", "2", "--", "sh", "-c", script, &folder.inside("")];
    let worker = Process::awaitd(&server, &args);
    until_unfinished(&server, 0).await;
    worker.signal("TERM");
    worker.end().await.with(0);
}

/// At the first signal it takes no more, and what runs is finished.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_signal_lets_jobs_finish() {
    let server = Server::start();
    let folder = Folder::new();
    put(&server, "").await;
    put(&server, "").await;
    let script = "echo in; until test -e \"$0\"; do sleep 0.02; done; echo out";
    let go_on = folder.inside("go on");
    let worker = Process::awaitd(&server, &["worker", "jobs", "--", "sh", "-c", script, &go_on]);
    worker.prints("in").await;
    worker.signal("INT");
    worker.complains("no more jobs are taken").await;
    fs::write(&go_on, "").expect("the folder is ours");
    assert_eq!(worker.end().await.with(0).out, "in\nout\n");
    let state = state(&server).await;
    assert_eq!((&state["ready"], &state["unfinished"]), (&1.into(), &1.into()), "{state}");
}

/// A second one is passed on, and the job goes back, to be tried as if it had not been.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_is_passed_on() {
    let server = Server::start();
    put(&server, "").await;
    let worker = worker(&server, &["--lease", "1h"], "echo in; exec sleep 1000");
    worker.prints("in").await;
    worker.signal("TERM");
    worker.complains("no more jobs are taken").await;
    worker.signal("TERM");
    worker.end().await.with(0);
    let job = server.client().post("/v1/queues/jobs/get", "").await.expect(200);
    assert_eq!(job.number("awaitd-attempt"), 1);
}

/// A worker that waits ends at once, and leaves no line behind.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_ends() {
    let server = Server::start();
    let worker = worker(&server, &["-j", "3"], "true");
    server.until_waiting("queue", "jobs", "get", 3).await;
    worker.signal("TERM");
    worker.end().await.with(0);
    server.until_waiting("queue", "jobs", "get", 0).await;
}

/// A worker that is killed takes its command with it, and its job goes to another.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_gives_its_jobs_back() {
    let server = Server::start();
    put(&server, "").await;
    let first = worker(&server, &["--lease", "2s"], "echo $$; exec sleep 1000");
    first.prints("\n").await;
    let command = first.out().trim().parse().expect("it is a process");
    first.signal("KILL");
    let script = format!("kill -0 {command} 2> /dev/null && echo alive; echo $AWAITD_ATTEMPT");
    let second = worker(&server, &[], &script);
    until_unfinished(&server, 0).await;
    assert!(is_gone(command));
    second.signal("TERM");
    assert_eq!(second.end().await.with(0).out, "2\n");
}

/// A job that is lost is stopped before somebody else begins with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_job_is_stopped() {
    let server = Server::start();
    put(&server, "").await;
    let worker = worker(&server, &["--lease", "1s"], "echo $$; exec sleep 1000");
    worker.prints("\n").await;
    let command = worker.out().trim().parse().expect("it is a process");
    server.signal("STOP");
    worker.complains("job 1 of the queue jobs is lost").await;
    until("the command is gone", async || is_gone(command)).await;
    server.signal("CONT");
    // It takes the next one: the same, once more.
    until("it is begun again", async || worker.out().lines().count() == 2).await;
    worker.signal("KILL");
}

/// What has no jobs left and takes none ends the work.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_shut_down_ends_the_work() {
    let server = Server::start();
    put(&server, "last").await;
    server.client().post("/v1/queues/jobs/shutdown", "").await.expect(200);
    assert_eq!(worker(&server, &["-j", "2"], "cat").end().await.with(0).out, "last");
}

/// A program that is not there fails no job.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_takes_no_job() {
    let server = Server::start();
    put(&server, "").await;
    let args = ["worker", "jobs", "--", "no-such-program"];
    let ended = Process::awaitd(&server, &args).end().await.with(127);
    assert!(ended.complaints.contains("no-such-program"), "{ended:?}");
    assert_eq!(state(&server).await["ready"], 1);
}
