//! Ways around a token that were tried: what is spelt otherwise, named elsewhere, or reached by a number.

use awaitd_tests::Raw;

use super::tokens::Tokens;

/// Who may do all with one queue and one lock has nothing of another one, however he names it.
#[tokio::test]
async fn no_spelling_leads_to_what_belongs_to_others() {
    let tokens = Tokens::new();
    let wide = tokens.add("wide", &["*:*:*"]);
    let mine = tokens.add("mine", &["queue:mine:*", "lock:mine:*", "queue:my-*:*"]);
    let server = tokens.server(&[]);
    let client = server.client();
    let ask = |method: &str, path: &str, token: &str| {
        client.ask(method, path).header("authorization", token)
    };
    ask("POST", "/v1/queues/mine/jobs", &wide).body("mine").await.expect(201);
    ask("POST", "/v1/queues/theirs/jobs", &wide).body("first").await.expect(201);
    ask("POST", "/v1/queues/theirs/jobs", &wide).body("other").await.expect(201);
    let get = "/v1/queues/theirs/get?lease=1h";
    let lease = ask("POST", get, &wide).await.expect(200).location();
    let lock = ask("POST", "/v1/locks/theirs/acquire?lease=1h", &wide).await.expect(201);
    let lock = lock.location();
    let before = ask("GET", "/v1/queues/theirs", &wide).await.expect(200).json();

    for start in [
        "POST /v1/queues/%74heirs/jobs",
        "POST /v1/queues/%2574heirs/jobs",
        "POST /v1/queues/mine/../theirs/jobs",
        "POST /v1/queues/mine%2F..%2Ftheirs/jobs",
        "POST /v1/queues/mine/%2e%2e/theirs/jobs",
        "POST //v1/queues/theirs/jobs",
        "POST /v1//queues/theirs/jobs",
        "POST /V1/queues/theirs/jobs",
        "POST /v1/Queues/theirs/jobs",
        "POST /v1/queues/theirs./jobs",
        "POST /v1/queues/Theirs/jobs",
        "POST /v1/queues/theirs;mine/jobs",
        "POST /v1/queues/mine,theirs/jobs",
        "POST /v1/queues/theirs%20/jobs",
        "POST /v1/queues/theirs%00/jobs",
        "POST /v1/queues/my*/jobs",
        "POST /v1/queues/*/jobs",
        "POST /v1/queues/my/jobs",
        "POST http://localhost/v1/queues/theirs/jobs",
        "GET /v1/queues/theirs/jobs",
        "OPTIONS /v1/queues/theirs",
        "GET /v1/queues/theirs?queue=mine",
        "POST /v1/get?queues=mine,theirs",
        "POST /v1/get?queues=mine%2Ctheirs",
        "POST /v1/queues/theirs/jobs/batch",
        "POST /v1/queues/theirs/settle",
    ] {
        let mut raw = Raw::connect(server.at()).await.expect("the server listens");
        let override_ = "X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /v1/queues/mine/jobs";
        let lines = format!("{start} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {mine}\r\n");
        let text = format!("{lines}{override_}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        raw.send(text.as_bytes()).await.expect("the server reads");
        let (method, path) = start.split_once(' ').expect("a method and a path");
        let heard = raw.answer(method, path).await;
        assert!([400, 403, 404, 405].contains(&heard.status), "{start}: {}", heard.shown());
        assert!(!heard.text().contains("first"), "{start}: {}", heard.shown());
    }
    assert_eq!(ask("HEAD", "/v1/queues/theirs", &mine).await.status, 403);
    // A number or a lease of theirs, under a name of mine.
    let lease_token = lease.rsplit('/').next().expect("a path has an end");
    let lock_token = lock.rsplit('/').next().expect("a path has an end");
    for (method, path) in [
        ("GET", "/v1/queues/mine/jobs/2".to_owned()),
        ("DELETE", "/v1/queues/mine/jobs/2?force=true".to_owned()),
        ("GET", "/v1/queues/mine/jobs/3/result".to_owned()),
        ("POST", "/v1/queues/mine/redrive?id=3".to_owned()),
        ("DELETE", format!("/v1/queues/mine/leases/{lease_token}")),
        ("PATCH", format!("/v1/queues/mine/leases/{lease_token}?length=1s")),
        ("GET", format!("/v1/queues/mine/leases/{lease_token}")),
        ("DELETE", format!("/v1/locks/mine/leases/{lock_token}")),
        ("POST", format!("/v1/locks/mine/conditions/c/wait?held={lock}")),
        ("POST", format!("/v1/locks/mine/conditions/c/wait?held={lock_token}")),
        ("POST", format!("/v1/locks/mine/conditions/c/notify?held={lock_token}")),
    ] {
        let heard = ask(method, &path, &mine).await;
        assert!([400, 403, 404, 409, 410].contains(&heard.status), "{path}: {}", heard.shown());
    }
    let body = format!(r#"{{"done": ["{lease}", "{lease_token}"]}}"#);
    let told = ask("POST", "/v1/queues/mine/settle", &mine).body(body).await.expect(200).json();
    assert_eq!(
        (&told["done"][0]["status"], &told["done"][1]["status"]),
        (&404.into(), &404.into())
    );
    // All is as it was.
    let after = ask("GET", "/v1/queues/theirs", &wide).await.expect(200).json();
    for count in ["ready", "leased", "unfinished"] {
        assert_eq!(after[count], before[count], "{count}");
    }
    ask("GET", &lease, &wide).await.expect(200);
    ask("GET", &lock, &wide).await.expect(200);
}
