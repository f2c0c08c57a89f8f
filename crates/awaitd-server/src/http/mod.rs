//! The wire: what is heard becomes a [`Command`](awaitd_primitives::Command), what is told becomes
//! an HTTP answer.
//!
//! [`routes`] is the table. Behind every route stands the same [`Endpoint`]: it reads the request's
//! body to its end, lets the route's handler make a command of the request, drops the request, and
//! asks. So a request that waits is little more than a command and a place in a line, and hyper,
//! which only looks for a hang-up once a body has been read, sees every one.
//!
//! Nothing here decides what is true, and nothing here waits by a timer.

mod answer;
mod backup;
mod barriers;
mod body;
mod call;
mod conditions;
mod configuration;
mod delivery;
pub mod duration;
mod events;
pub mod guard;
mod head;
mod job;
mod json;
mod key;
mod knobs;
mod leases;
mod lists;
mod locks;
mod many;
mod needs;
mod outgoing;
mod parameters;
mod problem;
mod query;
mod queues;
mod receipt;
mod redrive;
mod refusal;
mod room;
mod routes;
mod schedules;
mod semaphores;
mod service;
mod shown;
#[cfg(feature = "otlp")]
mod span;
#[cfg(not(feature = "otlp"))]
#[path = "no_span.rs"]
mod span;
mod things;
mod token;
mod ui;
mod watch;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use awaitd_primitives::{Ask, Command};
use axum::Router;
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use bytes::Bytes;
use tower::Service;

use crate::access::{Verb, Who};
use crate::desk::Told;
use crate::shares::{Share, Shares};
use crate::tls::Certified;
use crate::{App, Config};
use answer::Form;
use call::Call;
use needs::Needs;
use problem::Problem;
use room::{Room, Taken};
use routes::{Handler, Route};
use span::{Span, Tracer};

pub use routes::routes;

/// The router of the whole service.
pub fn router(app: App) -> Router {
    let echo = app.config.echo;
    let tokens = token::Tokens::new(app.key);
    let (ids, tracer) = (receipt::Ids::new(), Tracer::new());
    let (room, waits) = (Room::new(&app.config), Shares::new(app.config.max_waits_per_token));
    let front = Arc::new(Front { app, tokens, ids, tracer, room, waits });
    let endpoint = |route| Endpoint { front: Arc::clone(&front), route };
    let served = routes::ROUTES.iter().chain(ui::PAGES).chain(echo.then_some(&routes::ECHO));
    served.fold(Router::new().fallback_service(endpoint(&routes::OTHER)), |router, route| {
        router.route_service(route.template, endpoint(route))
    })
}

/// What all endpoints share.
struct Front {
    app: App,
    tokens: token::Tokens,
    ids: receipt::Ids,
    tracer: Tracer,
    room: Room,
    /// Of each token, those that are open and may wait.
    waits: Shares<String>,
}

impl Front {
    /// What is behind a request with this head, who asks, and where his body finds room, before that is heard:
    /// if it is.
    fn admits(
        &self,
        route: &Route,
        head: &Parts,
        has_body: bool,
    ) -> Result<(Handler, Who, Taken), Problem> {
        head::check(head)?;
        guard::check(head, &self.app.config.hosts)?;
        let method = route.method(head);
        // What is where is nobody's business either, but of what is for everybody.
        let for_all = match &method {
            Ok((needs, _)) => *needs == Needs::Nothing,
            Err(_) => route.is_for_all(),
        };
        let who = if for_all { Who::Anyone } else { self.who(head)? };
        let (needs, handler) = method?;
        needs.check(&who, head)?;
        let empty = Bytes::new();
        let mut call = Call::new(&self.app, &self.tokens, head, &empty);
        // Before its body takes room of those who have a lease.
        if has_body && route.is_of_lease() {
            call.lease()?;
        }
        if route.is_always_heard(needs, handler) {
            return Ok((handler, who, self.room.for_settling()));
        }
        let mut settles = || route.may_settle() && matches!(call.settle(), Ok(Some(_)));
        if self.app.is_overloaded() && !settles() {
            return Err(Problem::overloaded());
        }
        Ok((handler, who, self.room.for_new()))
    }

    /// A place among those of his token that may wait, if he would.
    fn place(&self, who: &Who, wait: Duration) -> Result<Option<Share<String>>, Problem> {
        let Some(name) = who.name().filter(|_| !wait.is_zero()) else { return Ok(None) };
        let place = self.waits.take(name.to_owned());
        place.map(Some).ok_or_else(Problem::too_many_waits)
    }

    fn who(&self, head: &Parts) -> Result<Who, Problem> {
        let Config { access, .. } = &*self.app.config;
        // Asked for only where there are tokens.
        let now = || self.app.clock.today();
        let token = head.headers.get(AUTHORIZATION);
        // Whoever shows a token asks as its holder, whatever his certificate says.
        let certified = head.extensions.get::<Certified>().filter(|_| token.is_none());
        let who = certified.map_or_else(
            || access.identify(token, now),
            |Certified(name)| access.certified(name, now),
        );
        who.map_err(Problem::unauthorized)
    }

    /// Refuses who was let in and would not be any more.
    fn still(&self, who: &Who) -> Result<(), Problem> {
        let now = || self.app.clock.today();
        self.app.config.access.still(who, now).map_err(Problem::unauthorized)
    }

    /// Asks, and waits no longer than this one is let in: then it is as if he had hung up. What was done for
    /// him by then he is told, but he is not handed or shown anything.
    async fn ask(&self, ask: Ask, wait: Duration, who: Who) -> Result<Told, Problem> {
        let shows = needs::does_nothing(&ask.command);
        let mut asked = self.app.desk.ask(ask, wait);
        let access = &self.app.config.access;
        if wait.is_zero() || !access.may_change() {
            return Ok(asked.await);
        }
        // In a box, so that calls which do not wait are no larger.
        let told = Box::pin(async {
            let now = || self.app.clock.today();
            tokio::select! {
                biased;
                told = &mut asked => Ok(told),
                denied = access.denies(&who, now) => {
                    asked.dismissed().await.ok_or_else(|| Problem::unauthorized(denied))
                }
            }
        });
        let told = told.await?;
        if shows || told.delivery.is_some() {
            self.still(&who)?;
        }
        Ok(told)
    }
}

/// One route, ready to be called.
#[derive(Clone)]
struct Endpoint {
    front: Arc<Front>,
    route: &'static Route,
}

impl Service<Request> for Endpoint {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let method = label(request.method());
        let id = receipt::given(request.headers());
        let span = self.front.tracer.begin((method, self.route.template), &request);
        // A box of its own, which is gone before the answer is awaited, and the request with it.
        let heard = Box::pin(hear(Arc::clone(&self.front), self.route, request));
        Box::pin(serve(Arc::clone(&self.front), self.route, (method, id, span), heard))
    }
}

/// Answers a request, and counts it. One that hangs up before is not counted: it has no status.
async fn serve(
    front: Arc<Front>,
    route: &'static Route,
    (method, id, mut span): (&'static str, Option<HeaderValue>, Span),
    heard: Pin<Box<impl Future<Output = Result<Heard, Problem>>>>,
) -> Result<Response, Infallible> {
    let began = front.app.clock.now();
    let mut response = match heard.await {
        Ok(Heard::Question(ask, wait, form, (who, _places))) => {
            match front.ask(ask, wait, who).await {
                Ok(told) => {
                    span.link(&told.told);
                    let answer = outgoing::answer(&front, told, form).await;
                    answer.unwrap_or_else(Problem::into_response)
                }
                Err(problem) => problem.into_response(),
            }
        }
        Ok(Heard::Answered(response)) => response,
        Err(problem) => problem.into_response(),
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    let took = front.app.clock.now().since(began);
    let status = response.status().as_u16();
    front.app.metrics.request(route.template, method, status, took);
    front.ids.sign(&mut response, id, (method, route.template));
    span.end(&response);
    Ok(response)
}

/// What became of a request.
enum Heard {
    /// It asks something of the loop.
    Question(Ask, Duration, Form, (Who, (Taken, Option<Share<String>>))),
    /// It was answered without.
    Answered(Response),
}

/// Reads a request to its end and takes it apart.
async fn hear(
    front: Arc<Front>,
    route: &'static Route,
    request: Request,
) -> Result<Heard, Problem> {
    let (head, body) = request.into_parts();
    let (handler, who, taken) = match front.admits(route, &head, !body.is_end_stream()) {
        Ok(admitted) => admitted,
        Err(problem) => {
            body::refuse(body, body::is_awaited(&head));
            return Err(problem);
        }
    };
    if let Handler::Many(ask) = handler {
        let mut head = head;
        // Of him it was checked what he may: known anew, he may have other rights.
        head.extensions.insert(who);
        return ask(front, head, body).await.map(Heard::Answered);
    }
    let (body, mut taken) = body::read_of(&head, body, &front.app.config, taken).await?;
    match handler {
        Handler::Asks(parse) => {
            let mut call = Call::new(&front.app, &front.tokens, &head, &body);
            let asked = parse(&mut call)?;
            let key = call.finish()?;
            needs::check(&who, &asked.command)?;
            let form = Form::new(&head, &asked);
            let ask = needs::of_his_own(&who, Ask { command: asked.command, key });
            let desk = &front.app.desk;
            let told = if matches!(ask.command, Command::Redrive { .. }) {
                Some(redrive::all(desk, ask.clone()).await)
            } else if let Command::List { kind, .. } = ask.command
                && !who.may_all(Verb::Look, kind)
            {
                Some(lists::seen(desk, &ask, &who).await)
            } else {
                None
            };
            if let Some(told) = told {
                return outgoing::answer(&front, told, form).await.map(Heard::Answered);
            }
            if !asked.wait.is_zero() {
                // The body is gone by then, but for what waits with it.
                taken.keep(ask.command.body_bytes());
            }
            let place = front.place(&who, asked.wait)?;
            Ok(Heard::Question(ask, asked.wait, form, (who, (taken, place))))
        }
        Handler::Many(_) => unreachable!("it has taken the body"),
        Handler::Tells(tell) => {
            Call::new(&front.app, &front.tokens, &head, &body).finish()?;
            Ok(Heard::Answered(tell(&front.app, body).await))
        }
        Handler::Sees(tell) => {
            Call::new(&front.app, &front.tokens, &head, &body).finish()?;
            Ok(Heard::Answered(tell(&front.app, who).await))
        }
    }
}

/// A method's name in the metrics: the known ones, so that no client can invent series.
fn label(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("other")
}
