//! `awaitd barrier NAME`

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tokio::select;

use super::child::exit_code;
use super::farewell;
use super::signals::Signals;
use crate::client::{Ended, Failure, Server, Waiting, conclude};
use crate::exit::Exit;

/// Wait until all parties of a barrier are there, and print in which place this one came.
///
/// The first has 0. A barrier has to be configured first: `curl -X PUT $AWAITD_URL/v1/barriers/NAME -d '{"parties": 3}'`
#[derive(Debug, Args)]
pub(crate) struct Barrier {
    /// The barrier.
    name: String,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    server: Server,
}

impl Barrier {
    /// Waits, and says with which exit code to end.
    pub(crate) fn run(&self) -> ExitCode {
        conclude(&self.server, self.wait())
    }

    async fn wait(&self) -> Result<Ended, Failure> {
        let mut signals = Signals::hear().map_err(|error| Failure::System("signals", error))?;
        let client = self.server.client()?;
        let wait = client.barrier(&self.name).wait();
        let wait = match self.waiting.limit() {
            Some(length) => wait.within(length),
            None => wait,
        };
        let tripped = select! {
            tripped = wait => tripped,
            signal = signals.next_to_end() => {
                // It has left, and the server is being told.
                farewell(&client, &mut signals).await;
                return Ok(Ended::As(exit_code(signal.as_raw())));
            }
        };
        let tripped = tripped?;
        let json = self.server.json;
        let line = if json { json!(tripped).to_string() } else { tripped.index.to_string() };
        writeln!(io::stdout(), "{line}").map_err(Failure::Output)?;
        Ok(Ended::With(Exit::Done))
    }
}
