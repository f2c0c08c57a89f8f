//! Two producers put five items each into a queue that holds three; three consumers work.

use std::collections::BTreeSet;
use std::fs;

use awaitd_tests::{Client, Folder, Server, bash};

use super::{script, work};

/// Two producers of five items each and a bound of three.
const MAXSIZE_3: &str = r#"{"maxsize": 3}"#;

fn ten_items() -> BTreeSet<String> {
    let five = |producer| (1..=5).map(move |item| format!("{producer}-{item}"));
    ["a", "b"].into_iter().flat_map(five).collect()
}

/// What must be true at the end of the first story, however it was told.
async fn all_ten_were_done(server: &Server, done: &str) {
    assert_eq!(done.lines().count(), 10, "each item once: {done}");
    let items: BTreeSet<_> = done.lines().map(str::to_owned).collect();
    assert_eq!(items, ten_items());
    let scrape = server.scrape().await;
    let emails = [("queue", "emails")];
    assert!(scrape.sum("awaitd_put_blocked_seconds_sum", &emails) > 0.0, "the bound slows down");
    let done = [("queue", "emails"), ("event", "done")];
    assert_eq!(scrape.count("awaitd_jobs_total", &done), 10);
    assert_eq!(scrape.count("awaitd_queue_unfinished", &emails), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn producers_and_consumers_with_curl() {
    let server = Server::start();
    let folder = Folder::new();
    let queue = format!("Q=$BASE/v1/queues/emails; cd {}; ", folder.path().display());
    let configure = format!("{queue} curl -fsS -X PUT -d '{MAXSIZE_3}' $Q");
    bash(&server.base(), &configure).await.well();

    let produce = |name: &str| {
        let text = format!(
            r#"for i in 1 2 3 4 5; do
                 sleep 0.0$((RANDOM % 3))
                 curl -fsS --data-binary "{name}-$i" "$Q/jobs?wait=30s"
               done"#
        );
        script(&server, &(queue.clone() + &text))
    };
    let producers = [produce("a"), produce("b")];
    // The consumers come when the bound has been felt; it is what this story is about.
    server.until_waiting("queue", "emails", "put", 2).await;

    let consume = |name: u8| {
        let text = format!(
            r#"while job=$(curl -fsS -D head{name} -X POST "$Q/get?wait=30s&empty=408"); do
                 sleep 0.0$((RANDOM % 3))
                 echo "$job" >> done
                 lease=$(tr -d '\r' < head{name} | sed -n 's/^location: //Ip')
                 curl -fsS -X DELETE "$BASE$lease"
               done"#
        );
        script(&server, &(queue.clone() + &text))
    };
    let consumers = [consume(1), consume(2), consume(3)];
    for producer in producers {
        let placed = producer.await.expect("no panic").well();
        assert_eq!(placed.out.lines().count(), 5, "each put says where its job is: {placed:?}");
    }
    bash(&server.base(), &(queue.clone() + "curl -fsS \"$Q/join?wait=30s\"")).await.well();
    // A queue that is shut down sends its idle workers home: their curl -f fails with 410.
    bash(&server.base(), &(queue + "curl -fsS -X POST $Q/shutdown")).await.well();
    for consumer in consumers {
        consumer.await.expect("no panic").well();
    }
    let done = fs::read_to_string(folder.path().join("done")).expect("there were ten");
    all_ten_were_done(&server, &done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producers_and_consumers_with_reqwest() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/emails", MAXSIZE_3).await.expect(201);
    let produce = |name: &'static str| {
        let client = server.client();
        tokio::spawn(async move {
            for item in 1..=5 {
                work().await;
                let job = format!("{name}-{item}");
                client.post("/v1/queues/emails/jobs?wait=30s", job).await.expect(201);
            }
        })
    };
    let producers = [produce("a"), produce("b")];
    server.until_waiting("queue", "emails", "put", 2).await;
    let consumers = [(); 3].map(|()| tokio::spawn(consume(server.client())));
    for producer in producers {
        producer.await.expect("a producer is content");
    }
    client.get("/v1/queues/emails/join?wait=30s").await.expect(200);
    client.post("/v1/queues/emails/shutdown", "").await.expect(200);
    let mut done = String::new();
    for consumer in consumers {
        done += &consumer.await.expect("a consumer is content");
    }
    all_ten_were_done(&server, &done).await;
}

/// Works until the queue is shut down; says what it did, a line an item.
async fn consume(client: Client) -> String {
    let mut done = String::new();
    loop {
        let got = client.post("/v1/queues/emails/get?wait=30s", "").await;
        if got.status == 410 {
            got.refused(410, "queue_shut_down");
            return done;
        }
        let got = got.expect(200);
        work().await;
        done.extend([got.text(), "\n"]);
        client.delete(&got.location()).await.expect(204);
    }
}
