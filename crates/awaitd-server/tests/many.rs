//! The loop behind the desk, asked for many things at one time.

use std::time::Duration;

use awaitd_journal::Kept;
use awaitd_primitives::limits::GOT_BYTES_MAX;
use awaitd_primitives::{
    Answer, Ask, Command, Delay, GetMode, Got, LeaseRef, Name, Payload, Refusal,
};
use awaitd_server::desk::{Asked, Desk, Told};
use awaitd_server::{Clock, Config, Server};

const MINUTE: Duration = Duration::from_mins(1);

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

fn ask(command: Command) -> Ask {
    Ask { command, key: None }
}

fn put(queue: &str, body: &[u8]) -> Ask {
    let payload = Payload { body: body.into(), content_type: None };
    let (queue, delay) = (name(queue), Delay::NONE);
    ask(Command::Put { queue, payload, delay, rank: None, ttl: None, traits: Vec::new() })
}

fn get(desk: &Desk, queue: &str, most: u64, wait: Duration) -> Asked {
    let (queue, mode, settle) = (name(queue), GetMode::Leased(None), None);
    desk.ask(ask(Command::Get { queue, mode, settle, most }), wait)
}

fn get_any(desk: &Desk, queues: &[&str], fair: bool, most: u64, wait: Duration) -> Asked {
    let queues = queues.iter().map(|queue| name(queue)).collect();
    let command = Command::GetAny { queues, fair, mode: GetMode::Leased(None), most };
    desk.ask(ask(command), wait)
}

fn many(told: &Told) -> &[Got] {
    match &told.told {
        Ok(Answer::GotMany(all)) => all,
        other => panic!("no jobs: {other:?}"),
    }
}

fn one(told: &Told) -> &Got {
    match &told.told {
        Ok(Answer::Got(got)) => got,
        other => panic!("no job: {other:?}"),
    }
}

fn server() -> (Server, Desk) {
    let server = Server::with_journal(Config::default(), Clock::manual(), Kept::default());
    let desk = server.app().desk.clone();
    (server, desk)
}

async fn placed(desk: &Desk, asks: Vec<Ask>) {
    for told in desk.ask_all(asks).await {
        assert!(matches!(told.told, Ok(Answer::Placed { .. })), "{told:?}");
    }
}

/// All are told at one time, in the order in which they were asked, each for itself.
#[tokio::test]
async fn a_batch_is_told_in_order() {
    let (_server, desk) = server();
    assert!(desk.ask_all(Vec::new()).await.is_empty());
    placed(&desk, (0..1_000u32).map(|number| put("q", &number.to_be_bytes())).collect()).await;
    let told = desk.ask_all(vec![put("q", b"more")]).await;
    assert!(matches!(told[0].told, Err(Refusal::Full)), "{told:?}");

    let told = get(&desk, "q", 1_000, Duration::ZERO).await;
    let bodies: Vec<u32> = many(&told)
        .iter()
        .map(|got| u32::from_be_bytes(got.payload.body.here().unwrap()[..].try_into().unwrap()))
        .collect();
    assert_eq!(bodies, (0..1_000).collect::<Vec<_>>());
    let done = |got: &Got| ask(Command::Done { lease: LeaseRef { id: got.lease, thing: None } });
    let dones: Vec<Ask> = many(&told).iter().map(done).collect();
    told.delivery.unwrap().taken();
    for told in desk.ask_all(dones).await {
        assert!(matches!(told.told, Ok(Answer::Settled)), "{told:?}");
    }
    let census = desk.census().await;
    assert_eq!((census.undelivered, census.queues[0].0.unfinished), (0, 0));
}

/// Jobs of which nobody takes the answer go back, all of them, each once.
#[tokio::test]
async fn what_nobody_takes_goes_back() {
    let (_server, desk) = server();
    placed(&desk, (0..100).map(|_| put("q", b"job")).collect()).await;
    drop(get(&desk, "q", 60, Duration::ZERO).await);
    let told = get(&desk, "q", 1_000, Duration::ZERO).await;
    assert_eq!(many(&told).len(), 100);
    assert!(many(&told).iter().all(|got| got.attempt == 1));
    assert_eq!(desk.census().await.undelivered, 100);
}

/// An answer has no more bytes than fit into memory many times over.
#[tokio::test]
async fn a_get_stops_at_so_many_bytes() {
    let (_server, desk) = server();
    let body = vec![b'x'; GOT_BYTES_MAX / 4];
    placed(&desk, (0..6).map(|_| put("q", &body)).collect()).await;
    for count in [4, 2] {
        let told = get(&desk, "q", 1_000, Duration::ZERO).await;
        assert_eq!(many(&told).len(), count);
        told.delivery.unwrap().taken();
    }
}

/// Whoever waits at several queues has the first job that comes to any of them, before those who came
/// later to that one.
#[tokio::test]
async fn a_get_waits_at_several_queues() {
    let (_server, desk) = server();
    let any = get_any(&desk, &["a", "b"], false, 1, MINUTE);
    let later = get(&desk, "b", 1, MINUTE);
    placed(&desk, vec![put("b", b"1"), put("b", b"2")]).await;
    for (asked, body) in [(any, b"1"), (later, b"2")] {
        let told = asked.await;
        assert_eq!(one(&told).payload.body, body[..].into());
        told.delivery.unwrap().taken();
    }

    placed(&desk, vec![put("a", b"3"), put("b", b"4"), put("a", b"5"), put("b", b"6")]).await;
    for (fair, from) in [(false, "a"), (true, "b"), (true, "a"), (true, "b")] {
        let told = get_any(&desk, &["a", "b"], fair, 1, Duration::ZERO).await;
        assert_eq!(one(&told).queue, name(from), "fair: {fair}");
        told.delivery.unwrap().taken();
    }
    let told = get_any(&desk, &["a", "b"], false, 1, Duration::ZERO).await;
    assert!(matches!(told.told, Err(Refusal::Empty)), "{told:?}");
}

/// A queue that has shut down says so to those who wait there alone, whoever stands before them and
/// may still have a job from elsewhere.
#[tokio::test]
async fn whoever_waits_elsewhere_as_well_holds_nobody_up() {
    let (_server, desk) = server();
    placed(&desk, vec![put("b", b"job")]).await;
    let held = get(&desk, "b", 1, Duration::ZERO).await;
    let any = get_any(&desk, &["a", "b"], false, 1, MINUTE);
    let alone = get(&desk, "b", 1, MINUTE);
    let shutdown = Command::Shutdown { queue: name("b"), immediate: false };
    let told = desk.ask(ask(shutdown), Duration::ZERO).await;
    assert!(matches!(told.told, Ok(Answer::ShutDown)), "{told:?}");
    assert!(matches!(alone.await.told, Err(Refusal::QueueShutDown)));
    assert_eq!(desk.census().await.waits, 1);
    placed(&desk, vec![put("a", b"other")]).await;
    assert_eq!(one(&any.await).queue, name("a"));
    drop(held);
}
