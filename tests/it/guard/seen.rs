//! What a token lets see: lists and metrics are as if there were nothing else.

use awaitd_tests::{Client, Raw, Scrape};

use super::tokens::Tokens;

/// The names of a whole list, page by page.
async fn names(client: &Client, token: &str, query: &str, limit: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/queues?limit={limit}{query}{cursor}");
        let page = client.get(&path).header("authorization", token).await.expect(200).json();
        let items = page["items"].as_array().expect("a page has items");
        assert!(items.len() <= limit, "{page}");
        let name = |item: &serde_json::Value| item["name"].as_str().expect("a name").to_owned();
        names.extend(items.iter().map(name));
        match page["cursor"].as_str() {
            Some(next) => {
                assert_eq!(items.len(), limit, "a page before the last is full: {page}");
                cursor = format!("&cursor={next}");
            }
            None => return names,
        }
    }
}

/// Pages hold what may be seen, all of it and in its order, and no cursor names anything else.
#[tokio::test]
async fn lists_show_what_may_be_seen() {
    let tokens = Tokens::new();
    let wide = tokens.add("wide", &["*:*:*"]);
    let some = ["queue:b-*:look", "queue:a:look", "queue:b-1:look", "queue:c-2:*", "queue:b-:look"];
    let some = tokens.add("some", &[&some[..], &["queue:a-*:put", "event:c-*:look"]].concat());
    let every = tokens.add("every", &["queue:*:look"]);
    let none = tokens.add("none", &["queue:a-*:put"]);
    let server = tokens.server(&[]);
    let client = server.client();
    let mut all = vec!["a".to_owned()];
    for family in ["a", "b", "c"] {
        all.extend((1..=5).map(|number| format!("{family}-{number}")));
    }
    for queue in &all {
        let path = format!("/v1/queues/{queue}");
        client.put(&path, "").header("authorization", &wide).await.expect(201);
    }
    let expected = ["a", "b-1", "b-2", "b-3", "b-4", "b-5", "c-2"];
    for limit in [1, 2, 3, 6, 7, 8, 1000] {
        for (query, kept) in [
            ("", &expected[..]),
            ("&prefix=a", &expected[..1]),
            ("&prefix=b", &expected[1..6]),
            ("&prefix=b-3", &expected[3..4]),
            ("&prefix=c-2", &expected[6..]),
            ("&prefix=c-3", &[]),
            ("&prefix=c-22", &[]),
        ] {
            assert_eq!(names(&client, &some, query, limit).await, kept, "{limit} {query}");
        }
        assert_eq!(names(&client, &wide, "", limit).await, all);
        assert_eq!(names(&client, &every, "", limit).await, all);
        assert_eq!(names(&client, &none, "", limit).await, Vec::<String>::new());
    }
}

/// Of metrics each sees those of what it may look at; the server's, and sums, only who may look at that.
#[tokio::test]
async fn metrics_show_what_may_be_seen() {
    let tokens = Tokens::new();
    let wide = tokens.add("wide", &["*:*:*"]);
    let mine = tokens.add("mine", &["queue:mine:look", "lock:mine:look", "queue:rest-*:look"]);
    let scraper = tokens.add("scraper", &["server:*:look"]);
    let blind = tokens.add("blind", &["queue:mine:put"]);
    let server = tokens.server(&["--metrics-max-names", "2"]);
    let client = server.client();
    let ask = |method: &str, path: &str| client.ask(method, path).header("authorization", &wide);
    for queue in ["mine", "theirs", "rest-1"] {
        ask("POST", &format!("/v1/queues/{queue}/jobs")).body("job").await.expect(201);
        ask("POST", &format!("/v1/locks/{queue}/acquire")).await.expect(201);
    }
    let page = async |token: &str| {
        let heard = client.get("/metrics").header("authorization", token).await.expect(200);
        heard.text().to_owned()
    };
    let full = page(&scraper).await;
    for part in [r#""mine""#, r#""theirs""#, r#""_other""#, "process_", "awaitd_http_"] {
        assert!(full.contains(part), "{part} is missing: {full}");
    }
    let own = page(&mine).await;
    let scrape = Scrape::parse(&own);
    assert_eq!(scrape.count("awaitd_jobs_total", &[("queue", "mine"), ("event", "put")]), 1);
    for line in own.lines().filter(|line| !line.starts_with('#')) {
        let mine = [r#"queue="mine""#, r#"lock="mine""#].iter().any(|label| line.contains(label));
        assert!(mine, "{line}");
    }
    assert_eq!(page(&blind).await, "");
}

/// Who watches is told of what he may look at, for as long as his token is good.
#[tokio::test]
async fn watches_show_what_may_be_seen_and_end_with_the_token() {
    let tokens = Tokens::new();
    let wide = tokens.add("wide", &["*:*:*"]);
    let mine = tokens.add("mine", &["queue:mine:look"]);
    let server = tokens.server(&[]);
    let client = server.client();
    for queue in ["mine", "theirs"] {
        let path = format!("/v1/queues/{queue}/jobs");
        client.post(&path, "job").header("authorization", &wide).await.expect(201);
    }
    let other = client.get("/v1/watch?queue=theirs").header("authorization", &mine);
    let no = other.await.refused(403, "forbidden");
    assert!(no.text().contains("queue:theirs:look"), "{}", no.shown());
    let mut watch = Raw::connect(server.at()).await.expect("the server listens");
    let asked = "GET /v1/watch HTTP/1.1\r\nHost: localhost\r\nAuthorization:";
    watch.send(format!("{asked} {mine}\r\n\r\n").as_bytes()).await.expect("the server reads");
    watch.read_until(r#""mine""#).await;
    tokens.revoke("mine");
    let told = watch.answer("GET", "/v1/watch").await.expect(200);
    assert!(told.text().contains("event: state") && !told.text().contains("theirs"));
}
