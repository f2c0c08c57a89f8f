//! What goes to stdout.

use std::fmt::Display;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use super::Failure;

/// These bytes and no others. Whoever should read them may take his time: signals are heard meanwhile.
pub(super) async fn raw(bytes: impl Into<Bytes>) -> Result<(), Failure> {
    let bytes = bytes.into();
    let writing = spawn_blocking(move || {
        let mut out = io::stdout().lock();
        out.write_all(&bytes)?;
        out.flush()
    });
    writing.await.expect("to write does not panic").map_err(Failure::Output)
}

/// A line.
pub(super) async fn line(text: impl Display) -> Result<(), Failure> {
    raw(format!("{text}\n")).await
}

/// An object, on a line of its own.
pub(super) async fn json(what: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string(what).expect("it is JSON")).await
}

/// This in JSON if that was asked for, else this.
pub(super) async fn either(
    as_json: bool,
    document: &impl Serialize,
    text: impl Display,
) -> Result<(), Failure> {
    if as_json { json(document).await } else { line(text).await }
}

/// What an object says, for people: a line for each of its members that is something.
pub(super) fn facts(what: &impl Serialize) -> String {
    let document = serde_json::to_value(what).expect("it is JSON");
    let members = document.as_object().into_iter().flatten();
    let said = members.filter(|(_, value)| !value.is_null());
    said.map(|(name, value)| match value {
        // Whoever said it may be anybody, and a terminal would obey some of it.
        Value::String(text) => format!("{name}: {}\n", text.escape_debug()),
        other => format!("{name}: {other}\n"),
    })
    .collect()
}

/// A body as JSON can carry it, as a member `name` or, if it is no text, `name_base64`.
pub(super) fn body(into: &mut Map<String, Value>, name: &str, bytes: &Bytes) {
    match std::str::from_utf8(bytes) {
        Ok(text) => into.insert(name.to_owned(), json!(text)),
        Err(_) => into.insert(format!("{name}_base64"), json!(STANDARD.encode(bytes))),
    };
}
