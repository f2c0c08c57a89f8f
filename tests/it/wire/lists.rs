//! "Lists": of every kind, in pages.

use awaitd_tests::Server;
use serde_json::{Value, json};

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|item| item["name"].as_str().expect("a name")).collect()
}

/// An item is what the `GET` of the thing shows.
#[tokio::test]
async fn things_of_every_kind_are_listed_as_they_show_themselves() {
    let server = Server::start();
    let client = server.client();
    for kind in ["queues", "events", "locks", "semaphores", "barriers", "schedules"] {
        let page = client.get(&format!("/v1/{kind}")).await.expect(200).json();
        assert_eq!(page, json!({"items": [], "cursor": null}));
        let head = client.ask("HEAD", &format!("/v1/{kind}")).await.expect(200);
        assert!(head.body.is_empty());
    }
    client.put("/v1/queues/q", r#"{"order": "priority"}"#).await.expect(201);
    client.post("/v1/locks/l/acquire?mode=shared", "").await.expect(201);
    client.put("/v1/semaphores/s", r#"{"permits": 2}"#).await.expect(201);
    client.put("/v1/barriers/b", r#"{"parties": 2}"#).await.expect(201);
    let wait = client.post("/v1/barriers/b/wait?wait=40s", "").spawn();
    server.until_waiting("barrier", "b", "wait", 1).await;
    for (kind, name) in [("queues", "q"), ("locks", "l"), ("semaphores", "s"), ("barriers", "b")] {
        let steady = |mut state: Value| {
            // What is left of a lease grows less.
            let holders = state["holders"].as_array_mut();
            holders.into_iter().flatten().for_each(|holder| holder["expires_in"] = Value::Null);
            if state.get("expires_in").is_some() {
                state["expires_in"] = Value::Null;
            }
            state
        };
        let state = client.get(&format!("/v1/{kind}/{name}")).await.expect(200).json();
        let page = client.get(&format!("/v1/{kind}")).await.expect(200).json();
        assert_eq!(steady(page["items"][0].clone()), steady(state), "{kind}");
        assert_eq!(names(&page), [name]);
    }
    client.delete("/v1/barriers/b").await.expect(204);
    wait.await.expect("no panic").refused(410, "deleted");

    let set = client.put("/v1/events/e", "value").await.expect(200).number("awaitd-generation");
    client.put("/v1/events/f", "value").await.expect(200);
    client.delete("/v1/events/f").await.expect(204);
    let events = client.get("/v1/events").await.expect(200).json();
    assert_eq!(events["items"][0], json!({"name": "e", "set": true, "generation": set}));
    assert_eq!(events["items"][1]["set"], false);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let server = Server::start();
    let client = server.client();
    for number in 0..5 {
        client.put(&format!("/v1/events/e:{number}"), "").await.expect(200);
        let path = format!("/v1/semaphores/s:{number}");
        client.put(&path, r#"{"permits": 1}"#).await.expect(201);
        client.put(&format!("/v1/barriers/b:{number}"), r#"{"parties": 1}"#).await.expect(201);
        let times = r#"{"cron": "@yearly", "queue": "q", "body": "b"}"#;
        client.put(&format!("/v1/schedules/t:{number}"), times).await.expect(201);
        client.post(&format!("/v1/locks/l:{number}/acquire"), "").await.expect(201);
    }
    client.put("/v1/events/other", "").await.expect(200);
    let kinds = [
        ("events", "e"),
        ("semaphores", "s"),
        ("barriers", "b"),
        ("locks", "l"),
        ("schedules", "t"),
    ];
    for (kind, prefix) in kinds {
        let mut path = format!("/v1/{kind}?prefix={prefix}:&limit=2");
        let mut seen = Vec::new();
        loop {
            let page = client.get(&path).await.expect(200).json();
            assert!(names(&page).len() <= 2);
            seen.extend(names(&page).into_iter().map(str::to_owned));
            let Some(cursor) = page["cursor"].as_str() else { break };
            path = format!("/v1/{kind}?prefix={prefix}:&limit=2&cursor={cursor}");
        }
        let all: Vec<_> = (0..5).map(|number| format!("{prefix}:{number}")).collect();
        assert_eq!(seen, all, "{kind}");
        for wrong in ["limit=0", "limit=1001", "prefix=-", "cursor=%20", "surprise=1"] {
            let path = format!("/v1/{kind}?{wrong}");
            client.get(&path).await.refused(400, "invalid_parameter");
        }
    }
}
