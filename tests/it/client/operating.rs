//! What whoever runs a service does with queues: looks, waits for results, pauses, drops, tries again.

use std::time::Duration;

use awaitd_client::{
    CatchUp, Code, JobFilter, JobStage, JobState, NewJob, Queue, QueueConfig, ScheduleConfig,
};
use awaitd_tests::Server;

use super::{LONG, client};

async fn all(queue: &Queue, filter: &JobFilter) -> Vec<JobState> {
    let (mut jobs, mut read) = (queue.jobs(filter), Vec::new());
    while let Some(job) = jobs.next().await.expect("an answer") {
        read.push(job);
    }
    read
}

/// Jobs are seen in any state, in their order, over more pages than one.
#[tokio::test]
async fn jobs_are_listed() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let jobs =
        (0..250).map(|number| NewJob::new(number.to_string()).key(format!("k{}", number % 5)));
    queue.put_many(jobs).await.expect("an answer");
    let listed = all(&queue, &JobFilter::default()).await;
    assert_eq!(listed.len(), 250);
    assert!(
        listed.windows(2).all(|pair| pair[0].job < pair[1].job),
        "in the order of their numbers"
    );
    assert_eq!(
        (listed[0].state, listed[0].bytes, &listed[0].payload.body),
        (JobStage::Ready, Some(1), &None)
    );
    let keyed = JobFilter { key: Some("k3".into()), bodies: true, ..JobFilter::default() };
    let keyed = all(&queue, &keyed).await;
    assert_eq!((keyed.len(), keyed[0].payload.body.as_deref()), (50, Some(&b"3"[..])));
    let job = queue.try_get().await.expect("it is there");
    let held = JobFilter { state: Some(JobStage::Leased), ..JobFilter::default() };
    let held = all(&queue, &held).await;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].leased.map(|leased| leased.fence), Some(job.facts().fence));
}

/// A worker says how far it is and what came of it; whoever waits for that has it.
#[tokio::test]
async fn results_are_waited_for() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let id = queue.put("job").await.expect("there is room").id;
    let early = queue.result(id).within(Duration::ZERO).await.expect_err("it is not done");
    assert_eq!((early.code(), early.is_not_yet()), (Some(Code::NotDone), true));
    let waiting = tokio::spawn(queue.result(id).within(LONG).into_future());
    let job = queue.try_get().await.expect("it is there");
    job.progress(&b"\xffhalf"[..]).content_type("image/x").await.expect("it is ours");
    let seen = queue.job(id).await.expect("it is there");
    assert_eq!((seen.state, seen.payload.body.as_deref()), (JobStage::Leased, Some(&b"job"[..])));
    let progress = seen.progress.expect("it was said");
    assert_eq!(progress.body.as_deref(), Some(&b"\xffhalf"[..]));
    assert_eq!(progress.content_type.as_deref(), Some("image/x"));
    job.done_with("{}").content_type("application/json").await.expect("it is ours");
    let result = waiting.await.expect("no panic").expect("it is done");
    assert_eq!(result.body.as_deref(), Some(&b"{}"[..]));
    assert_eq!(result.content_type.as_deref(), Some("application/json"));
    assert_eq!(queue.job(id).await.expect("it is kept").state, JobStage::Done);
}

/// Who waits for the result of what nobody will do is told so.
#[tokio::test]
async fn what_failed_has_no_result() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let dead = queue.put("x").max_attempts(1).await.expect("there is room").id;
    queue.try_get().await.expect("it is there").nack().await.expect("it is ours");
    let failed = queue.result(dead).await.expect_err("it is dead");
    assert_eq!(failed.code(), Some(Code::Failed));
    let none = queue.result(dead + 1_000).await.expect_err("there is none");
    assert_eq!(none.code(), Some(Code::NotFound));
}

/// A paused queue hands out nothing; what is cancelled or dropped is gone.
#[tokio::test]
async fn queues_are_paused_and_emptied() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let id = queue.put("x").await.expect("there is room").id;
    queue.pause().await.expect("it is there");
    assert!(queue.state().await.expect("it is there").paused);
    queue.try_get().await.expect_err("it is paused");
    queue.resume().await.expect("it is there");
    let job = queue.try_get().await.expect("it goes on");
    let held = queue.cancel(id, false).await.expect_err("somebody works on it");
    assert_eq!(held.code(), Some(Code::Leased));
    queue.cancel(id, true).await.expect("by force");
    assert!(job.done().await.expect_err("it is gone").code().is_some());
    queue.put_many(["a", "b"]).await.expect("an answer");
    queue.put("c").delay(Duration::from_hours(1)).await.expect("there is room");
    assert_eq!(queue.purge(Some(JobStage::Delayed)).await.expect("an answer"), 1);
    assert_eq!(queue.purge(None).await.expect("an answer"), 2);
    assert_eq!(queue.state().await.expect("it is there").unfinished, 0);
}

/// Dead jobs go back to where they died, or where they are sent.
#[tokio::test]
async fn dead_jobs_are_tried_again() {
    let server = Server::start();
    let client = client(&server);
    let (queue, dead) = (client.queue("q"), client.queue("dead"));
    let config = QueueConfig { dead_letter: Some("dead".into()), ..QueueConfig::default() };
    queue.configure(&config).await.expect("a good configuration");
    for body in ["a", "b", "c"] {
        queue.put(body).max_attempts(1).await.expect("there is room");
        queue.try_get().await.expect("it is there").nack().await.expect("it is ours");
    }
    assert_eq!(dead.state().await.expect("it is there").ready, 3);
    let moved = dead.redrive().limit(1).await.expect("an answer");
    assert_eq!((moved.moved, moved.left), (1, 2));
    assert_eq!(queue.take().await.expect("it is back").text(), Ok("a"));
    let moved =
        dead.redrive().to("other").state(JobStage::Ready).rate(0.001).await.expect("an answer");
    assert_eq!((moved.moved, moved.left), (2, 0));
    let other = client.queue("other").state().await.expect("it was made");
    assert_eq!(other.ready + other.delayed, 2);
    assert!(other.delayed >= 1, "one after the other: {other:?}");
}

/// A schedule is shown as it was set, with the time of its next job.
#[tokio::test]
async fn schedules_are_set() {
    let server = Server::start();
    let client = client(&server);
    let config = ScheduleConfig {
        cron: "0 9 * * 1-5".into(),
        timezone: Some("Europe/Berlin".into()),
        queue: "reports".into(),
        catch_up: Some(CatchUp::None),
        job: NewJob::new("daily").content_type("text/plain"),
    };
    client.schedule("s:1").set(&config).await.expect("a good schedule");
    let shown = client.schedule("s:1").state().await.expect("it is there");
    assert_eq!(
        (&*shown.cron, &*shown.timezone, &*shown.queue),
        ("0 9 * * 1-5", "Europe/Berlin", "reports")
    );
    assert_eq!(
        (shown.catch_up, shown.payload.body.as_deref()),
        (CatchUp::None, Some(&b"daily"[..]))
    );
    assert!(shown.next_at.is_some() && shown.last_at.is_none(), "{shown:?}");
    let listed = client.schedules("s:").await.expect("an answer");
    assert_eq!(
        (listed.len(), &listed[0].name, &listed[0].next_at),
        (1, &shown.name, &shown.next_at)
    );
    let broken = ScheduleConfig { cron: "soon".into(), ..config };
    let broken = client.schedule("s:1").set(&broken).await.expect_err("that is no time");
    assert_eq!(broken.code(), Some(Code::InvalidParameter));
    client.schedule("s:1").delete().await.expect("it is there");
    assert!(client.schedules("").await.expect("an answer").is_empty());
}
