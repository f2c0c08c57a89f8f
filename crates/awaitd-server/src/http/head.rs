//! What every request's head must be, whatever it asks.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Version};

use super::problem::Problem;

/// Headers of a request; ours are few, proxies add some. hyper's own bound, above which there is no
/// more than a bare 431, lies higher.
const HEADERS_MAX: usize = 64;

/// Bytes of a request's path, parameters and headers: any proxy sends less.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Of these a request has one at most: of two a proxy might go by the other.
const SINGLE: [(HeaderName, &str); 2] =
    [(AUTHORIZATION, "Authorization"), (CONTENT_TYPE, "Content-Type")];

/// Refuses a head that is too large, that does not say once for whom it is (RFC 9112, 3.2), or whose body
/// would have to be decoded (6.1).
pub(super) fn check(head: &Parts) -> Result<(), Problem> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let bytes = target + head.headers.iter().map(line).sum::<usize>();
    if head.headers.len() > HEADERS_MAX || bytes > HEAD_BYTES_MAX {
        return Err(Problem::head_too_large(HEADERS_MAX, HEAD_BYTES_MAX));
    }
    let hosts = head.headers.get_all(HOST).iter().count();
    if head.version == Version::HTTP_11 && hosts != 1 {
        return Err(Problem::parameter(
            "an HTTP/1.1 request has exactly one `Host` header: for example Host: localhost",
        ));
    }
    for (name, shown) in SINGLE {
        if head.headers.get_all(name).iter().nth(1).is_some() {
            return Err(Problem::parameter(format!("`{shown}` must be given once: leave one out")));
        }
    }
    let codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let codings = codings.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    match (codings.next(), codings.next()) {
        (None, None) => Ok(()),
        (Some(only), None) if only.eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) | (None, Some(_)) => Err(Problem::unknown_coding()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    /// Why a request with these headers is refused, as its status.
    fn refused(headers: &[(&str, &str)]) -> Option<u16> {
        let mut request = Request::post("/v1/queues/q/jobs").header(HOST, "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        check(&head).err().map(|problem| problem.into_response().status().as_u16())
    }

    /// Of two tokens or types none is chosen; what may be said piece by piece may.
    #[test]
    fn what_means_one_thing_is_said_once() {
        for name in ["authorization", "content-type"] {
            assert_eq!(refused(&[(name, "a")]), None);
            for second in ["a", "b", ""] {
                assert_eq!(refused(&[(name, "a"), (name, second)]), Some(400), "{name}: {second}");
            }
        }
        assert_eq!(refused(&[("accept", "a"), ("accept", "b")]), None);
    }

    /// A body may be cut into chunks, and nothing else may have been done to it.
    #[test]
    fn a_body_is_not_encoded() {
        let table: [(&[&str], Option<u16>); 9] = [
            (&[], None),
            (&["chunked"], None),
            (&["Chunked"], None),
            (&[" , chunked"], None),
            (&["gzip"], Some(501)),
            (&["gzip, chunked"], Some(501)),
            (&["gzip", "chunked"], Some(501)),
            (&["chunked, chunked"], Some(501)),
            (&["chunked", "chunked"], Some(501)),
        ];
        for (codings, status) in table {
            let headers: Vec<_> = codings.iter().map(|it| ("transfer-encoding", *it)).collect();
            assert_eq!(refused(&headers), status, "{codings:?}");
        }
    }
}
