//! The table of routes: the one place that says what can be asked where.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;

use super::call::{Asked, Call};
use super::needs::{GET, GET_OR_LOOK, KEY, LOOK, MANAGE, Needs, PUT};
use super::problem::Problem;
use super::{
    Front, barriers, conditions, events, leases, locks, many, queues, semaphores, service, things,
    watch,
};
use crate::App;
use crate::access::{Verb, Who};

use Handler::{Asks, Many, Sees, Tells};

/// A path and what can be asked there.
pub(super) struct Route {
    /// As in `openapi.yaml`, and as the metrics' label.
    pub(super) template: &'static str,
    /// What can be asked there, and what whoever asks needs for it.
    pub(super) methods: &'static [(&'static str, Needs, Handler)],
}

/// What stands behind a method of a route.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// Makes a command of the request.
    Asks(fn(&mut Call<'_>) -> Result<Asked, Problem>),
    /// Asks for many things or tells many, and takes the body by itself. With the head comes the [`Who`].
    Many(fn(Arc<Front>, Parts, Body) -> Answering),
    /// Answers by itself. Takes no parameters.
    Tells(for<'a> fn(&'a App, Bytes) -> Telling<'a>),
    /// Likewise, with what this one may see.
    Sees(fn(&App, Who) -> Telling<'_>),
}

/// An answer that is being made.
pub(super) type Telling<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// An answer that is being made, or why there is none.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// Everything that `openapi.yaml` describes, in the order of the contract.
pub(super) const ROUTES: &[Route] = &[
    Route { template: "/v1/queues", methods: LIST },
    Route {
        template: "/v1/queues/{queue}",
        methods: &[
            ("PUT", MANAGE, Asks(things::configure)),
            ("GET", LOOK, Asks(things::read)),
            ("DELETE", MANAGE, Asks(things::delete)),
        ],
    },
    Route {
        template: "/v1/queues/{queue}/jobs",
        methods: &[("POST", PUT, Asks(queues::put)), ("GET", LOOK, Asks(queues::list_jobs))],
    },
    Route {
        template: "/v1/queues/{queue}/jobs/batch",
        methods: &[("POST", PUT, Many(many::batch::put))],
    },
    Route {
        template: "/v1/queues/{queue}/jobs/{job}",
        methods: &[("GET", LOOK, Asks(queues::read_job)), ("DELETE", MANAGE, Asks(queues::cancel))],
    },
    Route {
        template: "/v1/queues/{queue}/jobs/{job}/result",
        methods: &[("GET", LOOK, Asks(queues::result))],
    },
    Route { template: "/v1/queues/{queue}/get", methods: &[("POST", GET, Asks(queues::get))] },
    Route {
        template: "/v1/queues/{queue}/settle",
        methods: &[("POST", GET, Many(many::settle::settle))],
    },
    Route { template: "/v1/get", methods: &[("POST", Needs::Token, Asks(many::get_any))] },
    Route { template: "/v1/queues/{queue}/join", methods: &[("GET", LOOK, Asks(queues::join))] },
    Route {
        template: "/v1/queues/{queue}/shutdown",
        methods: &[("POST", MANAGE, Asks(queues::shutdown))],
    },
    Route {
        template: "/v1/queues/{queue}/pause",
        methods: &[("POST", MANAGE, Asks(queues::pause))],
    },
    Route {
        template: "/v1/queues/{queue}/resume",
        methods: &[("POST", MANAGE, Asks(queues::resume))],
    },
    Route {
        template: "/v1/queues/{queue}/purge",
        methods: &[("POST", MANAGE, Asks(queues::purge))],
    },
    Route {
        template: "/v1/queues/{queue}/redrive",
        methods: &[("POST", MANAGE, Asks(queues::redrive))],
    },
    Route { template: "/v1/queues/{queue}/leases/{token}", methods: LEASE },
    Route {
        template: "/v1/queues/{queue}/leases/{token}/done",
        methods: &[("POST", GET, Asks(leases::finish))],
    },
    Route {
        template: "/v1/queues/{queue}/leases/{token}/progress",
        methods: &[("PUT", GET, Asks(leases::progress))],
    },
    Route {
        template: "/v1/queues/{queue}/leases/{token}/nack",
        methods: &[("POST", GET, Asks(leases::nack))],
    },
    Route { template: "/v1/queues/{queue}/waiters/{key}", methods: WAITER },
    Route {
        template: "/v1/waiters/{key}",
        methods: &[("DELETE", Needs::Token, Asks(leases::withdraw_any))],
    },
    Route { template: "/v1/events", methods: LIST },
    Route {
        template: "/v1/events/{event}",
        methods: &[
            ("PUT", PUT, Asks(events::set)),
            ("DELETE", PUT, Asks(events::clear)),
            ("GET", GET_OR_LOOK, Asks(events::wait)),
        ],
    },
    Route { template: "/v1/events/{event}/waiters/{key}", methods: WAITER },
    Route { template: "/v1/locks", methods: LIST },
    Route {
        template: "/v1/locks/{lock}",
        methods: &[
            ("GET", LOOK, Asks(things::read)),
            ("DELETE", MANAGE, Asks(things::delete_free)),
        ],
    },
    Route { template: "/v1/locks/{lock}/acquire", methods: &[("POST", GET, Asks(locks::acquire))] },
    Route {
        template: "/v1/locks/{lock}/break",
        methods: &[("POST", MANAGE, Asks(locks::break_open))],
    },
    Route { template: "/v1/locks/{lock}/leases/{token}", methods: LEASE },
    Route { template: "/v1/locks/{lock}/waiters/{key}", methods: WAITER },
    Route {
        template: "/v1/locks/{lock}/conditions/{condition}",
        methods: &[("GET", GET_OR_LOOK, Asks(conditions::read))],
    },
    Route {
        template: "/v1/locks/{lock}/conditions/{condition}/wait",
        methods: &[("POST", GET, Asks(conditions::wait))],
    },
    Route {
        template: "/v1/locks/{lock}/conditions/{condition}/notify",
        methods: &[("POST", GET, Asks(conditions::notify))],
    },
    Route { template: "/v1/semaphores", methods: LIST },
    Route {
        template: "/v1/semaphores/{semaphore}",
        methods: &[
            ("PUT", MANAGE, Asks(things::configure)),
            ("GET", LOOK, Asks(things::read)),
            ("DELETE", MANAGE, Asks(things::delete_free)),
        ],
    },
    Route {
        template: "/v1/semaphores/{semaphore}/acquire",
        methods: &[("POST", GET, Asks(semaphores::acquire))],
    },
    Route {
        template: "/v1/semaphores/{semaphore}/release",
        methods: &[("POST", PUT, Asks(semaphores::release))],
    },
    Route { template: "/v1/semaphores/{semaphore}/leases/{token}", methods: LEASE },
    Route { template: "/v1/semaphores/{semaphore}/waiters/{key}", methods: WAITER },
    Route { template: "/v1/barriers", methods: LIST },
    Route {
        template: "/v1/barriers/{barrier}",
        methods: &[
            ("PUT", MANAGE, Asks(things::configure)),
            ("GET", LOOK, Asks(things::read)),
            ("DELETE", MANAGE, Asks(things::delete)),
        ],
    },
    Route {
        template: "/v1/barriers/{barrier}/wait",
        methods: &[("POST", GET, Asks(barriers::wait))],
    },
    Route {
        template: "/v1/barriers/{barrier}/reset",
        methods: &[("POST", MANAGE, Asks(barriers::reset))],
    },
    Route {
        template: "/v1/barriers/{barrier}/abort",
        methods: &[("POST", MANAGE, Asks(barriers::abort))],
    },
    Route { template: "/v1/barriers/{barrier}/waiters/{key}", methods: WAITER },
    Route { template: "/v1/schedules", methods: LIST },
    Route {
        template: "/v1/schedules/{schedule}",
        methods: &[
            ("PUT", MANAGE, Asks(things::configure)),
            ("GET", LOOK, Asks(things::read)),
            ("DELETE", MANAGE, Asks(things::delete)),
        ],
    },
    Route { template: "/v1/schedules/{schedule}/waiters/{key}", methods: WAITER },
    Route { template: "/metrics", methods: &[("GET", Needs::Token, Sees(service::metrics))] },
    Route { template: "/healthz", methods: &[("GET", Needs::Nothing, Tells(service::alive))] },
    Route { template: "/readyz", methods: &[("GET", Needs::Nothing, Tells(service::ready))] },
    Route { template: "/v1/watch", methods: &[("GET", Needs::Token, Many(watch::watch))] },
    Route {
        template: "/v1/backup",
        methods: &[("GET", Needs::Server(Verb::Manage), Tells(service::backup))],
    },
    Route {
        template: "/v1/openapi.json",
        methods: &[("GET", Needs::Token, Tells(service::openapi))],
    },
];

/// What can be asked of a kind of things.
const LIST: &[(&str, Needs, Handler)] = &[("GET", Needs::Token, Asks(things::list))];

/// What can be asked of a lease, whatever it holds.
const LEASE: &[(&str, Needs, Handler)] = &[
    ("DELETE", GET, Asks(leases::done)),
    ("PATCH", GET, Asks(leases::extend)),
    ("GET", GET, Asks(leases::watch)),
];

/// What can be asked about a request that was made under a key.
const WAITER: &[(&str, Needs, Handler)] = &[("DELETE", KEY, Asks(leases::withdraw))];

/// The benchmark's yardstick: there only if the operator asks for it, and no part of the contract.
pub(super) const ECHO: Route =
    Route { template: "/echo", methods: &[("POST", Needs::Token, Tells(service::echo))] };

/// Every path that no route names. One label in the metrics for all of them.
pub(super) const OTHER: Route = Route { template: "other", methods: &[] };

/// The table, to be compared with `openapi.yaml`: methods, templates, and what whoever asks has to be
/// allowed: verbs of which one will do, with the thing in the path; `server:` and a verb; `token` alone, for
/// any; or nothing. `HEAD` is not listed: it is there wherever `GET` is.
pub fn routes() -> Vec<(&'static str, &'static str, Vec<String>)> {
    let rows = |route: &'static Route| {
        let methods = route.methods.iter();
        methods.map(|(method, needs, _)| (*method, route.template, needs.words()))
    };
    ROUTES.iter().flat_map(rows).collect()
}

impl Route {
    /// What stands behind the request's method, and what it needs. No `GET` here takes anything away, so
    /// `HEAD` is `GET`, and hyper leaves the body out.
    pub(super) fn method(&self, head: &Parts) -> Result<(Needs, Handler), Problem> {
        let asked = match head.method.as_str() {
            "HEAD" => "GET",
            method => method,
        };
        let found = self.methods.iter().find(|(method, ..)| *method == asked);
        match found {
            Some((_, needs, handler)) => Ok((*needs, *handler)),
            None if self.methods.is_empty() => Err(Problem::no_route(head.uri.path())),
            None => Err(Problem::method(&head.method, self.allowed())),
        }
    }

    /// Whether it is heard however far the loop is behind: what keeps or gives back what is held, what operators
    /// do, and how the server is, watched or asked.
    pub(super) fn is_always_heard(&self, needs: Needs, handler: Handler) -> bool {
        const HEARD: [&str; 5] = ["/leases/", "/waiters/", "/settle", "/release", "/watch"];
        let heard = HEARD.iter().any(|part| self.template.contains(part));
        let managed = needs == MANAGE || matches!(needs, Needs::Nothing | Needs::Server(_));
        heard || managed || matches!(handler, Tells(_) | Sees(_))
    }

    /// Whether a lease may be given back there together with what is new.
    pub(super) fn may_settle(&self) -> bool {
        self.template == "/v1/queues/{queue}/get"
    }

    /// Whether it is asked by whom a lease was given, which is in the path.
    pub(super) fn is_of_lease(&self) -> bool {
        self.template.contains("/leases/")
    }

    /// Whether something can be asked there by whom nobody knows.
    pub(super) fn is_for_all(&self) -> bool {
        self.methods.iter().any(|(_, needs, _)| *needs == Needs::Nothing)
    }

    fn allowed(&self) -> String {
        let names = |(method, ..): &(&'static str, Needs, Handler)| match *method {
            "GET" => "GET, HEAD",
            other => other,
        };
        let names: Vec<&str> = self.methods.iter().map(names).collect();
        names.join(", ")
    }
}
