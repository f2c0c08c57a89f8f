//! The alerts, worked out by a real Prometheus: each fires in the situation that it is about, and none
//! where all is well.

mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use awaitd_tests::{Client, Folder, Process, Server, http, tool, until};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::tidy::read;

/// A running Prometheus, and where it keeps its things.
struct Prometheus {
    base: String,
    _process: Process,
    _folder: Folder,
}

impl Prometheus {
    /// Scrapes these servers, with the rules in a hurry.
    async fn watching(program: &Path, servers: &[&Server]) -> Self {
        let folder = Folder::new();
        let targets: Vec<_> = servers.iter().map(|server| server.at().to_string()).collect();
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}\n\
             rule_files: [rules.yml]\n\
             scrape_configs: [{{job_name: awaitd, static_configs: [{{targets: {targets:?}}}]}}]\n"
        );
        let rules = hurried(&read("deploy/prometheus/rules.yml"));
        fs::write(folder.inside("prometheus.yml"), config).expect("a folder of ours");
        fs::write(folder.inside("rules.yml"), rules).expect("a folder of ours");
        loop {
            // It does not say which port it was given, so it is given one; another if that is taken.
            let at = format!("127.0.0.1:{}", fastrand::u16(20_000..30_000));
            let mut command = Command::new(program);
            command.args(["--config.file", &folder.inside("prometheus.yml")]);
            command.args(["--storage.tsdb.path", &folder.inside("data")]);
            command.args(["--web.listen-address", &at]);
            let process = Process::start(command);
            let base = format!("http://{at}");
            let taken = || process.complaints().contains("address already in use");
            let ready = async || heard(&format!("{base}/-/ready")).await.is_some();
            until("Prometheus is ready", async || taken() || ready().await).await;
            if !taken() {
                return Self { base, _process: process, _folder: folder };
            }
        }
    }

    /// What fires.
    async fn firing(&self) -> Vec<Value> {
        let heard = heard(&format!("{}/api/v1/alerts", self.base)).await.expect("it answers");
        let heard: Value = serde_json::from_str(&heard).expect("it speaks JSON");
        let all = heard["data"]["alerts"].as_array().expect("there may be alerts").clone();
        all.into_iter().filter(|alert| alert["state"] == "firing").collect()
    }

    /// What it says to a query: how many lines, and the first one's number.
    async fn asked(&self, query: &str) -> (usize, f64) {
        let bytes: Vec<_> = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = format!("{}/api/v1/query?query={}", self.base, bytes.concat());
        let heard = heard(&path).await.expect("it answers");
        let heard: Value = serde_json::from_str(&heard).expect("it speaks JSON");
        let lines = heard["data"]["result"].as_array().expect("lines");
        let number = lines.first().and_then(|line| line["value"][1].as_str()?.parse().ok());
        (lines.len(), number.unwrap_or_default())
    }

    /// Whether it has seen that metric of that server's queue.
    async fn has_seen(&self, server: &Server, queue: &str) -> bool {
        let at = server.at();
        let of_it = format!("awaitd_jobs_total{{instance=\"{at}\",queue=\"{queue}\"}}");
        self.asked(&of_it).await.0 > 0
    }

    /// Goes on when it has seen so many servers.
    async fn until_up(&self, many: usize) {
        until("all were scraped", async || self.asked("up == 1").await.0 == many).await;
    }

    /// Goes on when it has seen a server begin anew so often.
    async fn until_begun_anew(&self, server: &Server, times: usize) {
        let at = server.at();
        let begun = format!("changes(process_start_time_seconds{{instance=\"{at}\"}}[2m])");
        until("it was scraped", async || self.asked(&begun).await.1 >= times as f64).await;
    }

    /// Goes on when an alert about a server fires.
    async fn until_fires(&self, name: &str, server: &Server) {
        let at = server.at().to_string();
        until(&format!("{name} fires"), async || {
            let firing = self.firing().await;
            firing.iter().any(|alert| {
                alert["labels"]["alertname"] == name && alert["labels"]["instance"] == at
            })
        })
        .await;
    }
}

/// The same rules, for a test that does not take an hour: what was to last does so for moments.
fn hurried(rules: &str) -> String {
    let hurries = [
        ("for: 1m\n", "for: 5s\n"),
        ("for: 5m\n", "for: 2s\n"),
        ("for: 10m\n", "for: 2s\n"),
        ("for: 15m\n", "for: 2s\n"),
        ("for: 1h\n", "for: 2s\n"),
        ("[1m]", "[5s]"),
        ("[5m]", "[30s]"),
        ("[15m]", "[2m]"),
        ("> 900\n", "> 3\n"),
    ];
    hurries.iter().fold(rules.to_owned(), |rules, (slow, fast)| {
        assert!(rules.contains(slow), "no rule has {slow:?} any more");
        rules.replace(slow, fast)
    })
}

async fn heard(url: &str) -> Option<String> {
    let client = http().build().ok()?;
    let answer = client.get(url).send().await.ok()?.error_for_status().ok()?;
    answer.text().await.ok()
}

/// What an alert is about: its name, and the queue.
fn about(alert: &Value) -> (String, String) {
    let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
    (label("alertname"), label("queue") + &label("name"))
}

/// Jobs that come and are done.
fn work(client: &Client) -> [JoinHandle<()>; 2] {
    let (producer, consumer) = (client.clone(), client.clone());
    let puts = tokio::spawn(async move {
        let mut often = interval(Duration::from_millis(50));
        loop {
            often.tick().await;
            producer.post("/v1/queues/busy/jobs?wait=30s", "x").await.expect(201);
        }
    });
    let gets = tokio::spawn(async move {
        loop {
            let got = consumer.post("/v1/queues/busy/get?wait=30s", "").await.expect(200);
            consumer.delete(&got.location()).await.expect(204);
        }
    });
    [puts, gets]
}

/// Whoever wants to put into a full queue, for ever.
fn insist(client: &Client) -> JoinHandle<()> {
    let client = client.clone();
    tokio::spawn(async move {
        loop {
            client.post("/v1/queues/full/jobs?wait=30s", "x").await;
        }
    })
}

#[tokio::test]
async fn alerts_fire_where_something_is_wrong_and_nowhere_else() {
    let Some(program) = tool("prometheus") else { return };
    let (well, gone) = (Server::start(), Server::start());
    let ill = Server::with_args(&["--metrics-max-names", "5"]);
    let working = work(&well.client());
    let client = ill.client();
    client.put("/v1/queues/full", r#"{"maxsize": 1}"#).await.expect(201);
    client.post("/v1/queues/full/jobs", "x").await.expect(201);
    let insisting = insist(&client);
    client.put("/v1/queues/poison", r#"{"max_attempts": 1}"#).await.expect(201);
    client.post("/v1/queues/poison/jobs", "x").await.expect(201);
    client.put("/v1/queues/crashes", r#"{"backoff": {"min": "0s"}}"#).await.expect(201);
    client.post("/v1/queues/crashes/jobs", "x").await.expect(201);
    client.post("/v1/queues/forgotten/jobs", "x").await.expect(201);
    client.post("/v1/queues/forgotten/pause", "").await.expect(200);
    for number in 0..6 {
        client.put(&format!("/v1/events/e{number}"), "").await.expect(200);
    }

    let prometheus = Prometheus::watching(&program, &[&well, &ill, &gone]).await;
    // An increase is seen only by who has seen what was before.
    for queue in ["poison", "crashes"] {
        until("a queue was seen", async || prometheus.has_seen(&ill, queue).await).await;
    }
    let poison = client.post("/v1/queues/poison/get", "").await.expect(200).location();
    client.post(&format!("{poison}/nack"), "").await.expect(204);
    for _ in 0..4 {
        let path = "/v1/queues/crashes/get?lease=100ms&wait=30s";
        let lease = client.post(path, "").await.expect(200).location();
        client.get(&format!("{lease}?wait=30s")).await.refused(410, "lease_lost");
    }
    let (gone_at, well_at) = (gone.at().to_string(), well.at().to_string());
    drop(gone);

    let expected = [
        ("AwaitdDown", ""),
        ("AwaitdMetricsOverflow", ""),
        ("AwaitdQueueFull", "full"),
        ("AwaitdQueueStale", "full"),
        ("AwaitdNoConsumers", "full"),
        ("AwaitdQueuePaused", "forgotten"),
        ("AwaitdLeaseExpiries", "crashes"),
        ("AwaitdDeadLettersGrowing", "poison"),
    ];
    let expected = BTreeSet::from(expected.map(|(name, of)| (name.to_owned(), of.to_owned())));
    until("all of them fire", async || {
        let firing = prometheus.firing().await;
        for alert in &firing {
            let (name, _) = about(alert);
            let texts = alert["annotations"].to_string();
            assert!(!texts.contains("error expanding") && !texts.contains("no value"), "{texts}");
            // How full and how fast the disk is that tests run on is none of their affair.
            if ["AwaitdDiskLow", "AwaitdFsyncSlow", "AwaitdBehind"].contains(&&*name) {
                continue;
            }
            assert_ne!(alert["labels"]["instance"], well_at, "nothing is wrong there: {alert}");
            assert_eq!(name == "AwaitdDown", alert["labels"]["instance"] == gone_at, "{alert}");
        }
        firing.iter().map(about).collect::<BTreeSet<_>>().is_superset(&expected)
    })
    .await;

    // Somebody works it off.
    insisting.abort();
    let working_off = tokio::spawn(async move {
        loop {
            let got = client.post("/v1/queues/full/get?wait=30s&ack=true", "").await;
            assert!([200, 204, 408].contains(&got.status), "{got:?}");
        }
    });
    until("what was full is well again", async || {
        let firing = prometheus.firing().await;
        !firing.iter().any(|alert| about(alert).1 == "full")
    })
    .await;
    working_off.abort();
    for worker in working {
        assert!(!worker.is_finished(), "there was work all the time");
        worker.abort();
    }
}
