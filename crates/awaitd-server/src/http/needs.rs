//! What whoever asks has to be allowed: by the table of routes, and by what else a command touches.

use std::sync::Arc;

use awaitd_primitives::{Ask, Command, Configuration, Kind, LeaseRef, Name, Thing};
use axum::http::request::Parts;

use super::call;
use super::problem::Problem;
use crate::access::{Realm, Verb, Who};

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: who asks is not asked who he is.
    Nothing,
    /// Any token. What is told is what it may see.
    Token,
    /// One of these, with the thing in the path.
    OneOf(&'static [Verb]),
    /// This, with the server.
    Server(Verb),
}

/// Puts, gets, …
pub(super) const PUT: Needs = Needs::OneOf(&[Verb::Put]);
pub(super) const GET: Needs = Needs::OneOf(&[Verb::Get]);
pub(super) const LOOK: Needs = Needs::OneOf(&[Verb::Look]);
pub(super) const MANAGE: Needs = Needs::OneOf(&[Verb::Manage]);
/// Waits that tell no more than a look does.
pub(super) const GET_OR_LOOK: Needs = Needs::OneOf(&[Verb::Get, Verb::Look]);
/// Whoever may ask under a key may take it back.
pub(super) const KEY: Needs = Needs::OneOf(&[Verb::Put, Verb::Get, Verb::Manage]);

impl Needs {
    /// Refuses who may not ask this.
    pub(super) fn check(self, who: &Who, head: &Parts) -> Result<(), Problem> {
        match self {
            Self::Nothing | Self::Token => Ok(()),
            Self::OneOf(verbs) => one_of(who, verbs, &call::thing(head)?),
            Self::Server(verb) if who.may_server(verb) => Ok(()),
            Self::Server(verb) => Err(Problem::forbidden(Realm::Server, "*", &[verb])),
        }
    }

    /// As `openapi.yaml` has it.
    pub(super) fn words(self) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Token => vec!["token".to_owned()],
            Self::OneOf(verbs) => verbs.iter().map(|verb| verb.word().to_owned()).collect(),
            Self::Server(verb) => vec![format!("server:{}", verb.word())],
        }
    }
}

/// Refuses a command that touches more than the thing in its path, if he may not do that.
pub(super) fn check(who: &Who, command: &Command) -> Result<(), Problem> {
    let queue = |verb, queue: &Name| one_of(who, &[verb], &Thing::Queue(queue.clone()));
    match command {
        Command::GetAny { queues, .. } => queues.iter().try_for_each(|name| queue(Verb::Get, name)),
        Command::Get { settle: Some(LeaseRef { thing, .. }), .. } => match thing {
            Some(thing) => one_of(who, &[Verb::Get], thing),
            // Nobody knows of what it is before it is settled.
            None => [Kind::Queue, Kind::Lock, Kind::Semaphore].into_iter().try_for_each(|kind| {
                let may = who.may_all(Verb::Get, kind);
                may.then_some(()).ok_or_else(|| {
                    Problem::forbidden(Realm::Thing(kind), "*", &[Verb::Get])
                        .or_else("name the lease in `settle` by its path")
                })
            }),
        },
        Command::Redrive { to: Some(to), .. } => queue(Verb::Put, to),
        Command::Configure { configuration, .. } => match configuration {
            Configuration::Queue(_, config) => {
                let dead_letter = config.policy.dead_letter.as_ref();
                dead_letter.map_or(Ok(()), |dead| queue(Verb::Manage, dead))
            }
            Configuration::Schedule(_, config) => queue(Verb::Put, &config.queue),
            Configuration::Semaphore(..) | Configuration::Barrier(..) => Ok(()),
        },
        Command::Get { settle: None, .. }
        | Command::Redrive { to: None, .. }
        | Command::Read { .. }
        | Command::List { .. }
        | Command::Delete { .. }
        | Command::Put { .. }
        | Command::ReadJob { .. }
        | Command::ListJobs { .. }
        | Command::WaitResult { .. }
        | Command::Pause { .. }
        | Command::Purge { .. }
        | Command::CancelJob { .. }
        | Command::Join { .. }
        | Command::Shutdown { .. }
        | Command::SetEvent { .. }
        | Command::ClearEvent { .. }
        | Command::WaitEvent { .. }
        | Command::Acquire { .. }
        | Command::Break { .. }
        | Command::Release { .. }
        | Command::WaitBarrier { .. }
        | Command::ResetBarrier { .. }
        | Command::AbortBarrier { .. }
        | Command::WaitCondition { .. }
        | Command::Notify { .. }
        | Command::ReadCondition { .. }
        | Command::Done { .. }
        | Command::Finish { .. }
        | Command::Progress { .. }
        | Command::Nack { .. }
        | Command::Extend { .. }
        | Command::Watch { .. }
        | Command::Fire { .. }
        | Command::Withdraw { .. } => Ok(()),
    }
}

/// Whether a command that may wait shows what is there and does nothing.
pub(super) fn does_nothing(command: &Command) -> bool {
    matches!(
        command,
        Command::WaitEvent { .. }
            | Command::WaitResult { .. }
            | Command::Join { .. }
            | Command::Watch { .. }
    )
}

/// Keys of the server itself belong to no thing that one may be allowed: each token has its own.
pub(super) fn of_his_own(who: &Who, mut ask: Ask) -> Ask {
    let Some(name) = who.name() else { return ask };
    let own = |key: &str| Arc::from(format!("{name} {key}"));
    if let (Command::GetAny { .. }, Some(key)) = (&ask.command, &mut ask.key) {
        key.text = own(&key.text);
    }
    if let Command::Withdraw { thing, key } = &mut ask.command
        && *thing == Thing::server()
    {
        *key = own(key);
    }
    ask
}

/// Refuses who may do none of these with a thing.
pub(super) fn one_of(who: &Who, verbs: &[Verb], thing: &Thing) -> Result<(), Problem> {
    let (kind, name) = (thing.kind(), thing.name().as_str());
    if verbs.iter().any(|verb| who.may(*verb, kind, name)) {
        return Ok(());
    }
    Err(Problem::forbidden(Realm::Thing(kind), name, verbs))
}
