//! Bytes and what they are said to be, also as JSON can carry them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes, and what they are said to be. In JSON bytes that are UTF-8 are a text `body`, others stand in
/// `body_base64`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
#[non_exhaustive]
pub struct Payload {
    /// The bytes; `None` if they were not asked for.
    pub body: Option<Bytes>,
    /// What they were said to be, if something was said.
    pub content_type: Option<String>,
}

/// The same in JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl Payload {
    /// These bytes; nothing is said of them.
    pub(crate) fn new(body: impl Into<Bytes>) -> Self {
        Self { body: Some(body.into()), content_type: None }
    }
}

impl From<Payload> for Written {
    fn from(payload: Payload) -> Self {
        let Payload { body, content_type } = payload;
        let (body, body_base64) = match body.map(|bytes| String::from_utf8(bytes.into())) {
            None => (None, None),
            Some(Ok(text)) => (Some(text), None),
            Some(Err(bytes)) => (None, Some(STANDARD.encode(bytes.as_bytes()))),
        };
        Self { content_type, body, body_base64 }
    }
}

impl TryFrom<Written> for Payload {
    type Error = base64::DecodeError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { content_type, body, body_base64 } = written;
        let body = match (body, body_base64) {
            (Some(text), _) => Some(text.into()),
            (None, Some(digits)) => Some(STANDARD.decode(digits)?.into()),
            (None, None) => None,
        };
        Ok(Self { body, content_type })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is what is read, whatever the bytes are.
    #[test]
    fn payloads_survive_json() {
        let bodies = [&b""[..], b"text", b"\xff\x00"].map(|body| Payload {
            body: Some(Bytes::from_static(body)),
            content_type: Some("text/css".to_owned()),
        });
        for payload in bodies.into_iter().chain([Payload::default()]) {
            let written = serde_json::to_string(&payload).expect("it is JSON");
            assert_eq!(
                serde_json::from_str::<Payload>(&written).expect("as it was written"),
                payload
            );
        }
        let written = serde_json::to_string(&Payload::new(&b"\xff"[..])).expect("it is JSON");
        assert_eq!(written, r#"{"body_base64":"/w=="}"#);
    }
}
