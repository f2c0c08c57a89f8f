//! What the command of a worker finds out about its job, and what is kept of what it says.

use awaitd_tests::{Process, Server};
use serde_json::json;

/// A command knows what was put with its job, how it died before, and nothing of another job.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_knows_its_job() {
    let server = Server::start();
    let client = server.client();
    client
        .put("/v1/queues/jobs", r#"{"dead_letter": "dead", "max_attempts": 1}"#)
        .await
        .expect(201);
    let put = client.post("/v1/queues/jobs/jobs?key=%C3%A4%20b", "x");
    put.header("Job-Tenant-Id", "7").await.expect(201);
    let script = r#"echo "$AWAITD_QUEUE $AWAITD_KEY $AWAITD_HEADER_JOB_TENANT_ID <$AWAITD_DIED_IN>"
                    test -n "$AWAITD_DIED_IN" || { echo too hot >&2; exit 3; }
                    echo "$AWAITD_DIED_IN $AWAITD_DIED_OF $AWAITD_DIED_ATTEMPTS $AWAITD_DIED_ERROR""#;
    let worker = Process::awaitd(&server, &["worker", "jobs,dead", "--", "sh", "-c", script]);
    worker.prints("jobs max_attempts 1 exit status 3: too hot").await;
    client.post("/v1/queues/jobs/jobs", "").await.expect(201);
    worker.prints("jobs   <>\n").await;
    worker.signal("TERM");
    let ended = worker.end().await.with(0);
    assert!(ended.out.starts_with("jobs ä b 7 <>\ndead ä b 7 <jobs>\n"), "{ended:?}");
}

/// With `--result` what a command says to its stdout is kept, and too much of it is a failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_kept() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/jobs", r#"{"max_attempts": 1}"#).await.expect(201);
    client.post("/v1/queues/jobs/jobs", "x").await.expect(201);
    client.post("/v1/queues/jobs/jobs", "y").await.expect(201);
    let script = "cat; test $AWAITD_JOB = 1 || head -c 1000000 /dev/zero";
    let worker =
        Process::awaitd(&server, &["worker", "jobs", "--result", "--", "sh", "-c", script]);
    let result = client.get("/v1/queues/jobs/jobs/1/result?wait=40s").await.expect(200);
    assert_eq!(result.text(), "x");
    client.get("/v1/queues/jobs/jobs/2/result?wait=40s").await.refused(410, "failed");
    let dead = client.get("/v1/queues/jobs/jobs/2").await.expect(200).json();
    assert_eq!(dead["error"], json!("the result is larger than 256 KiB"));
    worker.signal("TERM");
    assert_eq!(worker.end().await.with(0).out, "");
}
