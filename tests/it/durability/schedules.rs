//! Schedules while the server is away, is killed, or is lied to about the time: nothing is put twice, and
//! what was missed becomes what `catch_up` says.

use awaitd_tests::{Client, Data, End, until};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::clocks::{Hand, Liar};

/// What becomes of twenty times that were missed.
const CATCH_UPS: [(&str, u64); 3] = [("one", 1), ("all", 20), ("none", 0)];

async fn shown(client: &Client, schedule: &str) -> Value {
    client.get(&format!("/v1/schedules/{schedule}")).await.expect(200).json()
}

/// How many jobs were put by a schedule, whose queue has its name.
async fn put(client: &Client, schedule: &str) -> u64 {
    let heard = client.get(&format!("/v1/queues/{schedule}")).await;
    if heard.status == 404 { 0 } else { heard.json()["ready"].as_u64().expect("a number") }
}

/// A schedule of each kind, once a day, twelve hours from now: no test is that long.
async fn once_a_day(client: &Client) {
    let now = Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let cron = format!("{} {} * * *", now.minute(), (now.hour() + 12) % 24);
    for (catch_up, _) in CATCH_UPS {
        let schedule =
            json!({"cron": cron, "queue": catch_up, "body": "daily", "catch_up": catch_up});
        let path = format!("/v1/schedules/{catch_up}");
        client.put(&path, schedule.to_string()).await.expect(201);
    }
}

/// Goes on once all of them are worked off beyond this time.
async fn worked_off(client: &Client, beyond: &Value) {
    for (catch_up, jobs) in CATCH_UPS {
        until("what was missed is worked off", async || {
            let next = &shown(client, catch_up).await["next_at"];
            next.as_str() > beyond.as_str() && put(client, catch_up).await >= jobs
        })
        .await;
        assert_eq!(put(client, catch_up).await, jobs, "{catch_up}");
    }
}

#[tokio::test]
async fn what_came_due_while_the_server_was_stopped_is_caught_up_with_as_it_is_told() {
    let Some(liar) = Liar::new() else { return };
    for end in End::ALL {
        let data = Data::new();
        let server = data.start(&[]);
        once_a_day(&server.client()).await;
        let first = shown(&server.client(), "one").await["next_at"].clone();
        end.of(server).await;
        // Twenty days later, twice, and in between back to where it began.
        for off in ["+20d", "+0", "+20d"] {
            let server = liar.start(&data, off);
            worked_off(&server.client(), &first).await;
            end.of(server).await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_steps_puts_nothing_twice() {
    let Some(liar) = Liar::new() else { return };
    let data = Data::new();
    let hand = Hand::of(&data);
    let server = liar.start_by(&data, &hand);
    let client = server.client();
    once_a_day(&client).await;
    let first = shown(&client, "one").await["next_at"].clone();
    let mut ticks = 0;
    for step in ["+20d", "+0", "-20d", "+20d"] {
        hand.set(step);
        // It has looked at the clock since: a schedule that is made now is due each second.
        ticks += 1;
        let path = format!("/v1/schedules/tick{ticks}");
        let tick = json!({"cron": "* * * * * *", "queue": path[14..], "body": "tick"});
        client.put(&path, tick.to_string()).await.expect(201);
        let get = format!("/v1/queues/{}/get?wait=30s&ack=true", &path[14..]);
        client.post(&get, "").await.expect(200);
        client.delete(&path).await.expect(204);
        worked_off(&client, &first).await;
    }
}

/// Each second has its job, however often the server dies in the middle of it.
#[tokio::test]
async fn no_time_is_lost_or_has_two_jobs_if_the_server_is_killed() {
    let data = Data::new();
    let mut server = data.start(&[]);
    server.client().put("/v1/queues/all", r#"{"maxsize": 0}"#).await.expect(201);
    let schedule = json!({"cron": "* * * * * *", "queue": "all", "body": "b", "catch_up": "all"});
    let told = server.client().put("/v1/schedules/all", schedule.to_string()).await.expect(201);
    let began = seconds(&told.json()["next_at"]);
    for round in 1..=5 {
        until("some are put", async || put(&server.client(), "all").await >= round).await;
        End::Kill.of(server).await;
        server = data.start(&[]);
    }
    let client = server.client();
    let rests = json!({"cron": "0 0 29 2 *", "queue": "all", "body": "b"}).to_string();
    client.put("/v1/schedules/all", rests).await.expect(200);
    let times = seconds(&shown(&client, "all").await["last_at"]) + 1 - began;
    assert_eq!(put(&client, "all").await, u64::try_from(times).expect("it was due"));
}

/// What was told long ago is copied when the journal is compacted, and how far it is worked off.
#[tokio::test]
async fn it_outlives_the_journal_that_told_of_it() {
    let data = Data::new();
    let server = data.start(&[]);
    let client = server.client();
    let schedule = json!({"cron": "* * * * * *", "queue": "q", "body": "b"});
    client.put("/v1/schedules/s", schedule.to_string()).await.expect(201);
    client.post("/v1/queues/q/get?wait=30s&ack=true", "").await.expect(200);
    let rests = json!({"cron": "0 0 29 2 *", "queue": "q", "body": "leap day"}).to_string();
    client.put("/v1/schedules/s", rests).await.expect(200);
    let before = shown(&client, "s").await;
    let oldest = data.segments().first().cloned().expect("a journal has segments");
    let bytes = vec![b'x'; 64 * 1024];
    until("the segment that told of it is gone", async || {
        client.post("/v1/queues/other/jobs", bytes.clone()).await.expect(201);
        client.post("/v1/queues/other/get?ack=true", "").await.expect(200);
        data.segments().first() != Some(&oldest)
    })
    .await;
    End::Kill.of(server).await;
    let server = data.start(&[]);
    assert_eq!(shown(&server.client(), "s").await, before);
}

fn seconds(instant: &Value) -> i64 {
    let text = instant.as_str().expect("an instant");
    text.parse::<Timestamp>().expect(text).as_second()
}
