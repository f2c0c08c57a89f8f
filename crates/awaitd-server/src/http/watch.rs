//! What there is, told each second as long as somebody watches: server-sent events.

use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{Ask, Command, Kind, Name, Thing};
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use bytes::Bytes;

use super::Front;
use super::body;
use super::call::Call;
use super::many::pieces::{Made, Next, Pieces};
use super::needs;
use super::parameters::bad;
use super::problem::Problem;
use super::routes::Answering;
use super::service::typed;
use crate::access::{Verb, Who};
use crate::clock::real_sleep;
use crate::desk::Desk;
use crate::history::{Filter, Span, Watcher};

/// Something is said so often at least, so that whoever is between does not take it for dead.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// A line that says nothing.
const NOTHING: Bytes = Bytes::from_static(b":\n\n");

/// Watches the server.
pub(super) fn watch(front: Arc<Front>, head: Parts, body: Body) -> Answering {
    Box::pin(async move {
        let app = &front.app;
        body::pass_over(&head, body, &app.config).await?;
        let who = front.who(&head)?;
        let (mut filter, span) = {
            let empty = Bytes::new();
            let mut call = Call::new(app, &front.tokens, &head, &empty);
            let asked = asked(&mut call)?;
            call.finish()?;
            asked
        };
        if let Some(queue) = &filter.queue {
            let thing = Thing::Queue(queue.clone());
            needs::one_of(&who, &[Verb::Look], &thing)?;
            let command = Command::Read { thing };
            let told = app.desk.ask(Ask { command, key: None }, Duration::ZERO).await;
            told.told.map_err(|refusal| Problem::refused(refusal, told.now))?;
        }
        let past =
            filter.queue.as_ref().zip(span).map(|(queue, span)| app.history.past(queue, span));
        if !who.may_all(Verb::Look, Kind::Queue) {
            let who = who.clone();
            let may_see = move |queue: &Name| who.may(Verb::Look, Kind::Queue, queue.as_str());
            filter.may_see = Some(Box::new(may_see));
        }
        let watcher =
            app.history.watch(filter, who.name()).ok_or_else(Problem::too_many_watchers)?;
        let (desk, front) = (app.desk.clone(), Arc::clone(&front));
        let events = Events { watcher, desk, front, head, who };
        let body = Body::new(Pieces::new(past.unwrap_or(NOTHING), events.run()));
        let mut response = typed("text/event-stream", body);
        // Nginx would wait for more.
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(response)
    })
}

/// Of what, and how far back.
fn asked(call: &mut Call<'_>) -> Result<(Filter, Option<Span>), Problem> {
    let prefix = call.part_of_name("prefix")?;
    let queue = match call.query.take("queue")? {
        Some(text) => Some(text.parse().map_err(|_| Problem::name(&text))?),
        None => None,
    };
    let span = match call.query.take("history")?.as_deref() {
        None => None,
        Some("hour") => Some(Span::Hour),
        Some("day") => Some(Span::Day),
        Some(text) => return Err(bad("history", text, "hour or day")),
    };
    if prefix.is_some() && queue.is_some() {
        let detail = "`queue` and `prefix` exclude each other: leave one of them out";
        return Err(Problem::parameter(detail));
    }
    if span.is_some() && queue.is_none() {
        return Err(Problem::parameter("`history` is of one queue: name it with `queue`"));
    }
    Ok((Filter { queue, prefix, may_see: None }, span))
}

/// What is left to be told.
struct Events {
    watcher: Watcher,
    desk: Desk,
    front: Arc<Front>,
    /// With the token, which may be revoked while he watches, or allow something else.
    head: Parts,
    who: Who,
}

impl Events {
    fn run(mut self) -> Next {
        Box::pin(async move {
            tokio::select! {
                biased;
                () = self.desk.closed() => (Ok(Bytes::new()), None),
                event = self.watcher.next() => match event {
                    Some(event) if self.front.who(&self.head).is_ok_and(|who| who.is_as(&self.who)) => {
                        (Ok(event), Some(Made(self.run())))
                    }
                    Some(_) | None => (Ok(Bytes::new()), None),
                },
                () = real_sleep(SILENCE_MAX) => (Ok(NOTHING), Some(Made(self.run()))),
            }
        })
    }
}
