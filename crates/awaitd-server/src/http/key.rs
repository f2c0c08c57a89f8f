//! The `Idempotency-Key`, and the fingerprint that makes two requests the same.

use std::sync::Arc;

use awaitd_primitives::{Key, limits};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use super::query::Query;

const HEADER: &str = "idempotency-key";

/// The key that a request came with. `None` if there is none, and where it means nothing.
pub(super) fn read(head: &Parts, query: &Query<'_>, body: &[u8]) -> Result<Option<Key>, Problem> {
    if !matches!(head.method.as_str(), "POST" | "PUT" | "DELETE") {
        return Ok(None);
    }
    let Some(text) = text(&head.headers)? else {
        return Ok(None);
    };
    let fingerprint = fingerprint(head, query, body);
    Ok(Some(Key { text, fingerprint }))
}

/// Whether a request came with a key, good or bad.
pub(super) fn is_given(headers: &HeaderMap) -> bool {
    headers.contains_key(HEADER)
}

/// A key in the form in which it is compared.
pub(super) fn parse(text: &[u8]) -> Option<Arc<str>> {
    let visible = text.iter().all(u8::is_ascii_graphic);
    let fits = (1..=limits::KEY_BYTES_MAX).contains(&text.len());
    let text = std::str::from_utf8(text).ok()?;
    (visible && fits).then(|| text.into())
}

fn text(headers: &HeaderMap) -> Result<Option<Arc<str>>, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else {
        return Ok(None);
    };
    let only = given.next().is_none();
    let parsed = unquote(first.as_bytes()).and_then(|text| parse(&text));
    parsed.filter(|_| only).map(Some).ok_or_else(|| {
        Problem::parameter(format!(
            "`Idempotency-Key` must be given once, with 1 to {} visible ASCII characters, bare or \
             as a quoted string: for example \"order-4711\"",
            limits::KEY_BYTES_MAX
        ))
    })
}

/// Takes the quotes off a quoted string (RFC 8941); a bare text stays as it is.
fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let Some(inner) = text.strip_prefix(b"\"") else {
        return Some(text.to_owned());
    };
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    loop {
        match bytes.next()? {
            b'"' => return bytes.next().is_none().then_some(plain),
            b'\\' => plain.push(bytes.next().filter(|byte| b"\"\\".contains(byte))?),
            byte => plain.push(byte),
        }
    }
}

/// A hash of method, path, body and all parameters but `wait`.
fn fingerprint(head: &Parts, query: &Query<'_>, body: &[u8]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    // Each part with its length, so that no two requests run together.
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(head.method.as_str().as_bytes());
    for segment in head.uri.path().split('/') {
        part(&percent_decode_str(segment).collect::<Vec<u8>>());
    }
    for (name, value) in query.sorted_but("wait") {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    // The number of parameters varies: where they end must be seen.
    part(b"body");
    part(body);
    let hash = hasher.finalize();
    let first = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
    u128::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn key(method: &str, uri: &str, keys: &[&str], body: &str) -> Result<Option<Key>, Problem> {
        let mut request = Request::builder().method(method).uri(uri);
        for key in keys {
            request = request.header(HEADER, *key);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        read(&head, &Query::new(head.uri.query()), body.as_bytes())
    }

    /// A key means the same with its quotes and without.
    #[test]
    fn takes_quotes_off() {
        let table = [
            ("a", "a"),
            ("\"a\"", "a"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("a\"b", "a\"b"),
            (r"a\b", r"a\b"),
        ];
        for (given, text) in table {
            let key = key("POST", "/q", &[given], "").expect(given).expect(given);
            assert_eq!(&*key.text, text);
        }
    }

    /// A key that is none is refused.
    #[test]
    fn refuses_what_is_no_key() {
        let long = "a".repeat(limits::KEY_BYTES_MAX + 1);
        for given in ["", "\"\"", "\"", "\"a", "\"a\"b", r#""\a""#, "a b", "\u{e9}", &long] {
            key("POST", "/q", &[given], "").expect_err(given);
        }
        key("POST", "/q", &["a", "a"], "").expect_err("two keys");
    }

    /// Only what changes something has a key.
    #[test]
    fn means_nothing_where_nothing_changes() {
        for method in ["GET", "PATCH"] {
            assert_eq!(key(method, "/q", &["a"], "").expect(method), None);
        }
        assert_eq!(key("POST", "/q", &[], "").expect("no key"), None);
    }

    /// The order and the encoding of parameters, and `wait`, do not make another request; all else does.
    #[test]
    fn same_requests_have_same_fingerprints() {
        let print = |method: &str, uri: &str, body: &str| {
            let key = key(method, uri, &["k"], body).expect("good").expect("there");
            key.fingerprint
        };
        let first = print("POST", "/v1/q?a=1&b=2", "x");
        for same in ["/v1/q?b=2&a=1", "/v1/q?a=1&b=2&wait=5s", "/v1/q?%61=1&b=2", "/v1/%71?a=1&b=2"]
        {
            assert_eq!(print("POST", same, "x"), first, "{same}");
        }
        for other in ["/v1/q?a=1", "/v1/r?a=1&b=2", "/v1/q?a=1&b=3", "/v1/q?a=1&b=2&c"] {
            assert_ne!(print("POST", other, "x"), first, "{other}");
        }
        assert_ne!(print("PUT", "/v1/q?a=1&b=2", "x"), first);
        assert_ne!(print("POST", "/v1/q?a=1&b=2", "y"), first);
    }

    /// Any key that may be is known again by its quoted form; what is none is refused in both.
    #[test]
    fn any_key() {
        crate::fuzz::texts(
            &["a", "Z", "\"", "\\", "~", " ", "é", "\n", "aaaaaaaaaaaaaaaa"],
            |text| {
                let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
                let unquoted = unquote(quoted.as_bytes()).expect("it is quoted well");
                assert_eq!(unquoted, text.as_bytes());
                let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
                let may = visible && (1..=limits::KEY_BYTES_MAX).contains(&text.len());
                assert_eq!(parse(&unquoted).as_deref(), may.then_some(text));
            },
        );
        crate::fuzz::bytes(|bytes| _ = unquote(bytes).and_then(|text| parse(&text)));
    }
}
