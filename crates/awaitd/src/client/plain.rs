//! The commands that ask a server, by their names.

use std::process::ExitCode;

use awaitd_client::Client;
use clap::Subcommand;

use super::{
    Done, Server, configure, events, get, jobs, lease, perform, put, queues, schedules, show, top,
};

/// Commands that ask a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Plain {
    Put(Box<put::Put>),
    Get(get::Get),
    Done(lease::Done),
    Nack(lease::Nack),
    Renew(lease::Renew),
    Progress(lease::Progress),
    Join(queues::Join),
    Result(jobs::Outcome),
    Jobs(jobs::Jobs),
    Job(jobs::Job),
    Cancel(jobs::Cancel),
    Queues(show::Queues),
    Configure(Box<configure::Configure>),
    Pause(queues::Pause),
    Resume(queues::Resume),
    Purge(queues::Purge),
    Redrive(queues::Redrive),
    /// Have jobs put at their times.
    #[command(subcommand)]
    Schedule(schedules::Schedule),
    /// Set, clear or wait for an event.
    #[command(subcommand)]
    Event(events::Event),
    Top(top::Top),
    Health(show::Health),
}

impl Plain {
    /// Does it, and says how it went.
    pub(crate) fn run(self) -> ExitCode {
        let server = self.server();
        perform(&server, async |client| self.send(client).await)
    }

    /// Who is asked.
    fn server(&self) -> Server {
        let server = match self {
            Self::Put(put) => &put.server,
            Self::Get(get) => &get.server,
            Self::Done(done) => &done.server,
            Self::Nack(nack) => &nack.server,
            Self::Renew(renew) => &renew.server,
            Self::Progress(progress) => &progress.server,
            Self::Join(join) => &join.server,
            Self::Result(outcome) => &outcome.server,
            Self::Jobs(jobs) => &jobs.server,
            Self::Job(job) => &job.server,
            Self::Cancel(cancel) => &cancel.server,
            Self::Queues(queues) => &queues.server,
            Self::Configure(configure) => &configure.server,
            Self::Pause(pause) => &pause.server,
            Self::Resume(resume) => &resume.server,
            Self::Purge(purge) => &purge.server,
            Self::Redrive(redrive) => &redrive.server,
            Self::Schedule(schedule) => schedule.server(),
            Self::Event(event) => event.server(),
            Self::Top(top) => &top.server,
            // Whoever asks how it is wants to know how it is now.
            Self::Health(health) => return health.server.clone().impatient(),
        };
        server.clone()
    }

    async fn send(self, client: Client) -> Done {
        match self {
            Self::Put(put) => put.send(client).await,
            Self::Get(get) => get.send(client).await,
            Self::Done(done) => done.send(client).await,
            Self::Nack(nack) => nack.send(client).await,
            Self::Renew(renew) => renew.send(client).await,
            Self::Progress(progress) => progress.send(client).await,
            Self::Join(join) => join.send(client).await,
            Self::Result(outcome) => outcome.send(client).await,
            Self::Jobs(jobs) => jobs.send(client).await,
            Self::Job(job) => job.send(client).await,
            Self::Cancel(cancel) => cancel.send(client).await,
            Self::Queues(queues) => queues.send(client).await,
            Self::Configure(configure) => configure.send(client).await,
            Self::Pause(pause) => pause.send(client).await,
            Self::Resume(resume) => resume.send(client).await,
            Self::Purge(purge) => purge.send(client).await,
            Self::Redrive(redrive) => redrive.send(client).await,
            Self::Schedule(schedule) => schedule.send(client).await,
            Self::Event(event) => event.send(client).await,
            Self::Top(top) => top.send(client).await,
            Self::Health(health) => health.send(client).await,
        }
    }
}
