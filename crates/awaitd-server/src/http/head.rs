//! What every request's head must be, whatever it asks.

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Version};

use super::problem::Problem;

/// Headers of a request; ours are few, proxies add some. hyper's own bound, above which there is no
/// more than a bare 431, lies higher.
const HEADERS_MAX: usize = 64;

/// Bytes of a request's path, parameters and headers: any proxy sends less.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Refuses a head that is too large, or that does not say once for whom it is (RFC 9112, 3.2).
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
    Ok(())
}
