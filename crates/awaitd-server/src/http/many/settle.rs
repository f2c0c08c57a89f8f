//! Many leases, settled or kept by one request: each for itself.

use awaitd_primitives::{Answer, Ask, Command, LeaseRef, Name, Thing, limits};
use axum::body::Body;
use axum::http::request::Parts;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

use super::{MOST, without_key};
use crate::desk::Told;
use crate::http::Front;
use crate::http::body;
use crate::http::call::Call;
use crate::http::json::Members;
use crate::http::leases::DEAD;
use crate::http::problem::Problem;
use crate::http::routes::Answering;
use crate::http::service::typed;
use crate::http::token::Tokens;

/// The lists of a request, and of its answer.
const LISTS: [&str; 3] = ["done", "nack", "renew"];

/// What each list asks for; `None` where no lease is named that this server gave out.
type Wanted = [Vec<Option<Command>>; 3];

/// `task_done()` and more, for many.
pub(in crate::http) fn settle(front: Arc<Front>, head: Parts, body: Body) -> Answering {
    Box::pin(async move {
        let taken = front.room.for_settling();
        let (body, _taken) = body::read_of(&head, body, &front.app.config, taken).await?;
        let wanted = {
            let call = Call::new(&front.app, &front.tokens, &head, &body);
            without_key(&call, "to settle many")?;
            let queue = call.name()?;
            call.finish()?;
            read(&body, &queue, &front.tokens).map_err(|why| {
                let right = r#"{"done": ["TOKEN"], "nack": [{"lease": "TOKEN", "delay": "5s"}]}"#;
                let why = format!("the body settles nothing: {why}; right would be for example");
                Problem::parameter(format!("{why} {right}"))
            })?
        };
        let mut asks = Vec::with_capacity(wanted.iter().map(Vec::len).sum());
        let known = wanted.map(|list| {
            let ask = |command: Option<Command>| {
                command.map(|command| asks.push(Ask { command, key: None })).is_some()
            };
            list.into_iter().map(ask).collect()
        });
        let told = front.app.desk.ask_all(asks).await;
        Ok(typed("application/json", tell(&known, told)))
    })
}

fn read(body: &[u8], queue: &Name, tokens: &Tokens) -> Result<Wanted, String> {
    let mut members = Members::parse(body)?;
    let mut wanted = Wanted::default();
    let thing = Thing::Queue(queue.clone());
    let leases = tokens.of(&thing);
    // A lease of this queue that this server gave out.
    let known = |text: &str| Some(LeaseRef { id: leases.lease(text)?, thing: Some(thing.clone()) });
    for (name, wanted) in LISTS.into_iter().zip(&mut wanted) {
        for (index, item) in members.list(name)?.into_iter().enumerate() {
            wanted.push(command(name, index, item, &known)?);
        }
    }
    members.finish()?;
    if wanted.iter().map(Vec::len).sum::<usize>() > MOST {
        return Err(format!("it has more than {MOST} leases"));
    }
    Ok(wanted)
}

/// What an item asks for: a token, a path, or an object with one of them and more.
fn command(
    list: &'static str,
    index: usize,
    item: Value,
    known: &impl Fn(&str) -> Option<LeaseRef>,
) -> Result<Option<Command>, String> {
    let mut members = match item {
        Value::String(text) if list == "done" => {
            return Ok(known(&text).map(|lease| Command::Done { lease }));
        }
        item => Members::of(format!("{list}[{index}]."), item).ok_or_else(|| {
            let what = if list == "done" { "neither a text nor an object" } else { "no object" };
            format!("`{list}[{index}]` is {what}")
        })?,
    };
    let text = members.text("lease", "a lease's token or path", |text| Some(text.to_owned()))?;
    let lease = known(&text.ok_or_else(|| format!("`{list}[{index}].lease` is missing"))?);
    let command = match list {
        "nack" => {
            let delay = members.length("delay", Duration::ZERO..=limits::DELAY_MAX)?;
            let defer = members.flag("defer")?.unwrap_or_default();
            let dead = members.flag("dead")?.unwrap_or_default();
            if dead && (defer || delay.is_some()) {
                return Err(format!("`{list}[{index}]` {DEAD}"));
            }
            let error = members.text("error", "a text", |text| Some(Box::from(text)))?;
            lease.map(|lease| Command::Nack { lease, delay, defer, dead, error })
        }
        "renew" => {
            let length = members.length("length", limits::LEASE_MIN..=limits::LEASE_MAX)?;
            lease.map(|lease| Command::Extend { lease, length })
        }
        _ => lease.map(|lease| Command::Done { lease }),
    };
    members.finish()?;
    Ok(command)
}

/// What is told to each whose lease is known, and to the others, in the same orders.
fn tell(known: &[Vec<bool>; 3], told: Vec<Told>) -> Vec<u8> {
    let mut told = told.into_iter();
    let mut text = vec![b'{'];
    for (name, known) in LISTS.into_iter().zip(known) {
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend_from_slice(format!("{name:?}:[").as_bytes());
        for (index, known) in known.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            match known.then(|| told.next()).flatten() {
                Some(Told { told: Ok(Answer::Extended(grant)), now, .. }) => {
                    let left = grant.until.since(now).as_secs_f64();
                    let item = format!(r#"{{"status":200,"expires_in":{left:.3}}}"#);
                    text.extend_from_slice(item.as_bytes());
                }
                Some(Told { told: Ok(_), .. }) => text.extend_from_slice(br#"{"status":204}"#),
                Some(Told { told: Err(refusal), now, .. }) => {
                    Problem::refused(refusal, now).write(&mut text);
                }
                None => Problem::no_lease().write(&mut text),
            }
        }
        text.push(b']');
    }
    text.extend_from_slice(b"}\n");
    text
}
