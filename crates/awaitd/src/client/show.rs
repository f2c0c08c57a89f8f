//! What there is: `queues`, `health`.

use std::io;

use awaitd_client::{Client, QueueState};
use clap::Args;
use serde_json::json;

use super::{Done, Server, told};
use crate::exit::Exit;

/// List the queues, with what is in them and who waits.
#[derive(Debug, Args)]
pub(crate) struct Queues {
    /// Only those whose names begin so.
    #[arg(default_value = "")]
    prefix: String,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Ask whether the server is alive and takes in what is new.
#[derive(Debug, Args)]
pub(crate) struct Health {
    #[command(flatten)]
    pub(super) server: Server,
}

impl Queues {
    pub(super) async fn send(self, client: Client) -> Done {
        let queues = client.queues(&self.prefix).await?;
        if self.server.json {
            for queue in &queues {
                told::json(queue).await?;
            }
            return Ok(Exit::Done);
        }
        let rows = queues.iter().map(columns).collect();
        told::raw(table(&COLUMNS, rows)).await?;
        Ok(Exit::Done)
    }
}

impl Health {
    pub(super) async fn send(self, client: Client) -> Done {
        client.ready().await?;
        let document = json!({ "ready": true, "url": client.url() });
        told::either(self.server.json, &document, format!("{} is ready", client.url())).await?;
        Ok(Exit::Done)
    }
}

/// What a list says of each queue.
pub(super) const COLUMNS: [&str; 9] =
    ["QUEUE", "READY", "DELAYED", "LEASED", "DEAD", "UNDONE", "MAXSIZE", "OLDEST", "PUT/GET/JOIN"];

/// The same of this one; the last column is who waits.
pub(super) fn columns(queue: &QueueState) -> Vec<String> {
    let waiters = queue.waiters;
    let bound = queue.config.maxsize.filter(|bound| *bound > 0);
    let paused = if queue.paused { " (paused)" } else { "" };
    let mut columns = vec![format!("{}{paused}", queue.name)];
    let counts = [queue.ready, queue.delayed, queue.leased, queue.dead, queue.unfinished];
    columns.extend(counts.map(|count| count.to_string()));
    columns.push(bound.map_or_else(nothing, |bound| bound.to_string()));
    columns.push(queue.oldest_ready_age.map_or_else(nothing, age));
    columns.push(format!("{}/{}/{}", waiters.put, waiters.get, waiters.join));
    columns
}

/// Where there is nothing to say.
pub(super) fn nothing() -> String {
    "-".to_owned()
}

/// Rows below their headings: the first column to the left, numbers to the right.
pub(crate) fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let first = headings.iter().map(ToString::to_string).collect();
    let lines: Vec<Vec<String>> = std::iter::once(first).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let aligned = |line: &Vec<String>| -> String {
        let texts = line.iter().zip(&widths).enumerate();
        let texts = texts.map(|(column, (text, width))| match column {
            0 => format!("{text:<width$}"),
            _ => format!("  {text:>width$}"),
        });
        texts.chain(["\n".to_owned()]).collect()
    };
    lines.iter().map(aligned).collect()
}

/// Seconds, as people say them.
pub(super) fn age(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{:.0}ms", seconds * 1_000.0),
        ..60.0 => format!("{seconds:.1}s"),
        ..3_600.0 => format!("{:.1}m", seconds / 60.0),
        ..86_400.0 => format!("{:.1}h", seconds / 3_600.0),
        _ => format!("{:.1}d", seconds / 86_400.0),
    }
}

/// Rows and columns of the terminal that stdout is; `None` if it is none.
pub(super) fn terminal() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    // A terminal that does not know its size is as large as the first ones were.
    let or = |count: u16, usual| if count == 0 { usual } else { usize::from(count) };
    Some((or(size.ws_row, 24), or(size.ws_col, 80)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns stand below their headings.
    #[test]
    fn tables_are_aligned() {
        let rows =
            vec![vec!["emails".to_owned(), "12".to_owned()], vec!["q".to_owned(), nothing()]];
        assert_eq!(
            table(&["QUEUE", "READY"], rows),
            "QUEUE   READY\nemails     12\nq           -\n"
        );
    }

    /// An age is short, however long it is.
    #[test]
    fn ages_are_short() {
        let ages = [0.0, 0.25, 59.9, 90.0, 5_400.0, 172_800.0].map(age);
        assert_eq!(ages, ["0ms", "250ms", "59.9s", "1.5m", "1.5h", "2.0d"]);
    }
}
