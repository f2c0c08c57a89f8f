//! From a put to a get that waits for it, side by side.

use std::io;
use std::time::Instant;

use serde_json::{Value, json};

use super::client::Call;
use super::{Peer, Peers, Target};
use crate::bench::plan::Plan;
use crate::bench::speed::pause;
use crate::bench::table::{Column, Table};
use crate::bench::{median, micros, number, permille, progress};

const TARGETS: [Target; 7] = [
    Target::Awaitd,
    Target::List,
    Target::Stream,
    Target::Beanstalkd,
    Target::AwaitdMemory,
    Target::ListMemory,
    Target::BeanstalkdMemory,
];

pub(in crate::bench) async fn measure(plan: &Plan, peers: &Peers) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "target", key: "target", decimals: 0 },
        Column { heading: "p50 µs", key: "p50_us", decimals: 0 },
        Column { heading: "p99 µs", key: "p99_us", decimals: 0 },
        Column { heading: "p50 to redis list, always", key: "ratio_to_redis", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 0 },
        Column { heading: "how many", key: "count", decimals: 0 },
    ];
    let targets = peers.among(&TARGETS);
    let running = peers.start_all(&targets, plan.turn).await?;
    let mut rounds: Vec<Vec<[f64; 2]>> = Vec::new();
    for round in 1..=plan.rounds {
        progress(&format!("hand-off beside peers: round {round} of {}", plan.rounds));
        let mut figures = Vec::new();
        for peer in &running {
            let times = times(peer, plan.hand_offs).await?;
            figures.push([500, 990].map(|share| permille(&times, share)));
        }
        rounds.push(figures);
    }
    let title = "Hand-off beside peers: put sent to waiting get answered, with pauses of 1 to 2 ms";
    let mut table = Table::new(title, COLUMNS);
    let redis = targets.iter().position(|&target| target == Target::List);
    for (index, &target) in targets.iter().enumerate() {
        let middle =
            |share: usize| median(rounds.iter().map(|round| round[index][share]).collect());
        let ratio = |round: &Vec<[f64; 2]>| {
            redis.map_or(f64::NAN, |redis| round[index][0] / round[redis][0])
        };
        table.push(vec![
            json!(target.name()),
            number(middle(0)),
            number(middle(1)),
            number(median(rounds.iter().map(ratio).collect())),
            if target == Target::Awaitd { json!("≤ 1") } else { Value::Null },
            json!(plan.hand_offs * plan.rounds),
        ]);
    }
    Ok(table)
}

/// One at a time, sorted.
async fn times(peer: &Peer, count: usize) -> io::Result<Vec<f64>> {
    let mut producer = peer.client(0, 200).await?;
    let mut consumer = peer.client(1, 200).await?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        consumer.send(Call::GetAndWait, 1).await?;
        pause().await; // the get waits by then; if ever it did not, this one figure would be higher
        let sent = Instant::now();
        producer.send(Call::Put, 1).await?;
        let got = async { consumer.hear(Call::GetAndWait).await.map(|()| sent.elapsed()) };
        let (took, put) = tokio::join!(got, producer.hear(Call::Put));
        put?;
        times.push(micros(took?));
        consumer.call(Call::Done).await?;
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
