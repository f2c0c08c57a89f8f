//! The table of routes: the one place that says what can be asked where.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;

use super::call::{Asked, Call};
use super::problem::Problem;
use super::{
    Front, barriers, conditions, events, leases, locks, many, queues, semaphores, service, things,
    watch,
};
use crate::App;

use Handler::{Asks, Many, Tells};

/// A path and what can be asked there.
pub(super) struct Route {
    /// As in `openapi.yaml`, and as the metrics' label.
    pub(super) template: &'static str,
    /// What can be asked there.
    pub(super) methods: &'static [(&'static str, Handler)],
}

/// What stands behind a method of a route.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// Makes a command of the request.
    Asks(fn(&mut Call<'_>) -> Result<Asked, Problem>),
    /// Asks for many things or tells many, and takes the body by itself.
    Many(fn(Arc<Front>, Parts, Body) -> Answering),
    /// Answers by itself. Takes no parameters.
    Tells(for<'a> fn(&'a App, Bytes) -> Telling<'a>),
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
            ("PUT", Asks(things::configure)),
            ("GET", Asks(things::read)),
            ("DELETE", Asks(things::delete)),
        ],
    },
    Route {
        template: "/v1/queues/{queue}/jobs",
        methods: &[("POST", Asks(queues::put)), ("GET", Asks(queues::list_jobs))],
    },
    Route {
        template: "/v1/queues/{queue}/jobs/batch",
        methods: &[("POST", Many(many::batch::put))],
    },
    Route {
        template: "/v1/queues/{queue}/jobs/{job}",
        methods: &[("GET", Asks(queues::read_job)), ("DELETE", Asks(queues::cancel))],
    },
    Route {
        template: "/v1/queues/{queue}/jobs/{job}/result",
        methods: &[("GET", Asks(queues::result))],
    },
    Route { template: "/v1/queues/{queue}/get", methods: &[("POST", Asks(queues::get))] },
    Route {
        template: "/v1/queues/{queue}/settle",
        methods: &[("POST", Many(many::settle::settle))],
    },
    Route { template: "/v1/get", methods: &[("POST", Asks(many::get_any))] },
    Route { template: "/v1/queues/{queue}/join", methods: &[("GET", Asks(queues::join))] },
    Route { template: "/v1/queues/{queue}/shutdown", methods: &[("POST", Asks(queues::shutdown))] },
    Route { template: "/v1/queues/{queue}/pause", methods: &[("POST", Asks(queues::pause))] },
    Route { template: "/v1/queues/{queue}/resume", methods: &[("POST", Asks(queues::resume))] },
    Route { template: "/v1/queues/{queue}/purge", methods: &[("POST", Asks(queues::purge))] },
    Route { template: "/v1/queues/{queue}/redrive", methods: &[("POST", Asks(queues::redrive))] },
    Route { template: "/v1/queues/{queue}/leases/{token}", methods: LEASE },
    Route {
        template: "/v1/queues/{queue}/leases/{token}/done",
        methods: &[("POST", Asks(leases::finish))],
    },
    Route {
        template: "/v1/queues/{queue}/leases/{token}/progress",
        methods: &[("PUT", Asks(leases::progress))],
    },
    Route {
        template: "/v1/queues/{queue}/leases/{token}/nack",
        methods: &[("POST", Asks(leases::nack))],
    },
    Route { template: "/v1/queues/{queue}/waiters/{key}", methods: WAITER },
    Route { template: "/v1/waiters/{key}", methods: &[("DELETE", Asks(leases::withdraw_any))] },
    Route { template: "/v1/events", methods: LIST },
    Route {
        template: "/v1/events/{event}",
        methods: &[
            ("PUT", Asks(events::set)),
            ("DELETE", Asks(events::clear)),
            ("GET", Asks(events::wait)),
        ],
    },
    Route { template: "/v1/events/{event}/waiters/{key}", methods: WAITER },
    Route { template: "/v1/locks", methods: LIST },
    Route {
        template: "/v1/locks/{lock}",
        methods: &[("GET", Asks(things::read)), ("DELETE", Asks(things::delete_free))],
    },
    Route { template: "/v1/locks/{lock}/acquire", methods: &[("POST", Asks(locks::acquire))] },
    Route { template: "/v1/locks/{lock}/break", methods: &[("POST", Asks(locks::break_open))] },
    Route { template: "/v1/locks/{lock}/leases/{token}", methods: LEASE },
    Route { template: "/v1/locks/{lock}/waiters/{key}", methods: WAITER },
    Route {
        template: "/v1/locks/{lock}/conditions/{condition}",
        methods: &[("GET", Asks(conditions::read))],
    },
    Route {
        template: "/v1/locks/{lock}/conditions/{condition}/wait",
        methods: &[("POST", Asks(conditions::wait))],
    },
    Route {
        template: "/v1/locks/{lock}/conditions/{condition}/notify",
        methods: &[("POST", Asks(conditions::notify))],
    },
    Route { template: "/v1/semaphores", methods: LIST },
    Route {
        template: "/v1/semaphores/{semaphore}",
        methods: &[
            ("PUT", Asks(things::configure)),
            ("GET", Asks(things::read)),
            ("DELETE", Asks(things::delete_free)),
        ],
    },
    Route {
        template: "/v1/semaphores/{semaphore}/acquire",
        methods: &[("POST", Asks(semaphores::acquire))],
    },
    Route {
        template: "/v1/semaphores/{semaphore}/release",
        methods: &[("POST", Asks(semaphores::release))],
    },
    Route { template: "/v1/semaphores/{semaphore}/leases/{token}", methods: LEASE },
    Route { template: "/v1/semaphores/{semaphore}/waiters/{key}", methods: WAITER },
    Route { template: "/v1/barriers", methods: LIST },
    Route {
        template: "/v1/barriers/{barrier}",
        methods: &[
            ("PUT", Asks(things::configure)),
            ("GET", Asks(things::read)),
            ("DELETE", Asks(things::delete)),
        ],
    },
    Route { template: "/v1/barriers/{barrier}/wait", methods: &[("POST", Asks(barriers::wait))] },
    Route { template: "/v1/barriers/{barrier}/reset", methods: &[("POST", Asks(barriers::reset))] },
    Route { template: "/v1/barriers/{barrier}/abort", methods: &[("POST", Asks(barriers::abort))] },
    Route { template: "/v1/barriers/{barrier}/waiters/{key}", methods: WAITER },
    Route { template: "/v1/schedules", methods: LIST },
    Route {
        template: "/v1/schedules/{schedule}",
        methods: &[
            ("PUT", Asks(things::configure)),
            ("GET", Asks(things::read)),
            ("DELETE", Asks(things::delete)),
        ],
    },
    Route { template: "/v1/schedules/{schedule}/waiters/{key}", methods: WAITER },
    Route { template: "/metrics", methods: &[("GET", Tells(service::metrics))] },
    Route { template: "/healthz", methods: &[("GET", Tells(service::alive))] },
    Route { template: "/readyz", methods: &[("GET", Tells(service::ready))] },
    Route { template: "/v1/watch", methods: &[("GET", Many(watch::watch))] },
    Route { template: "/v1/backup", methods: &[("GET", Tells(service::backup))] },
    Route { template: "/v1/openapi.json", methods: &[("GET", Tells(service::openapi))] },
];

/// What can be asked of a kind of things.
const LIST: &[(&str, Handler)] = &[("GET", Asks(things::list))];

/// What can be asked of a lease, whatever it holds.
const LEASE: &[(&str, Handler)] = &[
    ("DELETE", Asks(leases::done)),
    ("PATCH", Asks(leases::extend)),
    ("GET", Asks(leases::watch)),
];

/// What can be asked about a request that was made under a key.
const WAITER: &[(&str, Handler)] = &[("DELETE", Asks(leases::withdraw))];

/// The benchmark's yardstick: there only if the operator asks for it, and no part of the contract.
pub(super) const ECHO: Route =
    Route { template: "/echo", methods: &[("POST", Tells(service::echo))] };

/// Every path that no route names. One label in the metrics for all of them.
pub(super) const OTHER: Route = Route { template: "other", methods: &[] };

/// The table as (method, template) pairs, to be compared with `openapi.yaml`. `HEAD` is not listed:
/// it is there wherever `GET` is.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    let pairs = |route: &'static Route| {
        let methods = route.methods.iter();
        methods.map(|(method, _)| (*method, route.template))
    };
    ROUTES.iter().flat_map(pairs).collect()
}

impl Route {
    /// What stands behind the request's method. No `GET` here takes anything away, so `HEAD` is
    /// `GET`, and hyper leaves the body out.
    pub(super) fn handler(&self, head: &Parts) -> Result<Handler, Problem> {
        let asked = match head.method.as_str() {
            "HEAD" => "GET",
            method => method,
        };
        let found = self.methods.iter().find(|(method, _)| *method == asked);
        match found {
            Some((_, handler)) => Ok(*handler),
            None if self.methods.is_empty() => Err(Problem::no_route(head.uri.path())),
            None => Err(Problem::method(&head.method, self.allowed())),
        }
    }

    fn allowed(&self) -> String {
        let names = |(method, _): &(&'static str, Handler)| match *method {
            "GET" => "GET, HEAD",
            other => other,
        };
        let names: Vec<&str> = self.methods.iter().map(names).collect();
        names.join(", ")
    }
}
