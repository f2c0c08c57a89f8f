//! The query string, read in place: who asks for a parameter takes it, and what nobody took is
//! refused.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// The parameters of a request.
pub(super) struct Query<'a> {
    raw: &'a str,
    taken: Vec<&'static str>,
}

impl<'a> Query<'a> {
    /// The parameters in `raw`, what follows the `?`.
    pub(super) fn new(raw: Option<&'a str>) -> Self {
        Self { raw: raw.unwrap_or_default(), taken: Vec::new() }
    }

    /// The value of a parameter, if it was given, once.
    pub(super) fn take(&mut self, name: &'static str) -> Result<Option<Cow<'a, str>>, Problem> {
        if self.raw.is_empty() {
            return Ok(None);
        }
        self.taken.push(name);
        let mut found = None;
        for (given, value) in self.pairs() {
            if decode(given)? != name {
                continue;
            }
            if found.replace(value).is_some() {
                return Err(Problem::parameter(format!(
                    "`{name}` is given more than once: give it once"
                )));
            }
        }
        found.map(decode).transpose()
    }

    /// Refuses what nobody took.
    pub(super) fn finish(&self) -> Result<(), Problem> {
        for (name, _) in self.pairs() {
            let name = decode(name)?;
            if !self.taken.contains(&&*name) {
                return Err(Problem::parameter(self.unknown(&name)));
            }
        }
        Ok(())
    }

    /// All parameters but one, decoded and in the order of their names and values.
    pub(super) fn sorted_but(&self, name: &str) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let both = |(name, value)| Some((decode(name).ok()?, decode(value).ok()?));
        let mut all: Vec<_> = self.pairs().filter_map(both).collect();
        all.retain(|(given, _)| given != name);
        all.sort_unstable();
        all
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let parts = self.raw.split('&').filter(|part| !part.is_empty());
        parts.map(|part| part.split_once('=').unwrap_or((part, "")))
    }

    fn unknown(&self, name: &str) -> String {
        let name = Problem::quote(name);
        if self.taken.is_empty() {
            format!("{name} is no parameter here: this call takes none")
        } else {
            let known = self.taken.join("`, `");
            format!("{name} is no parameter here: this call takes `{known}`")
        }
    }
}

/// Undoes the encoding of forms and paths. Borrows where there was none.
fn decode(text: &str) -> Result<Cow<'_, str>, Problem> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| {
        let text = Problem::quote(text);
        Problem::parameter(format!("{text} in the query is not UTF-8 once decoded"))
    })?;
    Ok(Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(raw: &str, name: &'static str) -> Result<Option<String>, String> {
        let taken = Query::new(Some(raw)).take(name);
        taken.map(|value| value.map(Cow::into_owned)).map_err(|problem| problem.detail().to_owned())
    }

    /// A parameter is found wherever it stands and however it is encoded.
    #[test]
    fn finds_parameters() {
        let table = [
            ("", None),
            ("wait=1s", Some("1s")),
            ("&&a=b&wait=1s&", Some("1s")),
            ("w%61it=1%73", Some("1s")),
            ("wait=a+b%2Bc", Some("a b+c")),
            ("wait=a=b", Some("a=b")),
            ("wait", Some("")),
            ("waiter=1s", None),
        ];
        for (raw, value) in table {
            assert_eq!(take(raw, "wait"), Ok(value.map(str::to_owned)), "{raw}");
        }
    }

    /// A parameter that is repeated or is no text is refused, and named.
    #[test]
    fn refuses_parameters() {
        for raw in ["wait=1&wait=1", "wait=1&w%61it=2", "wait=%ff", "%ff=1"] {
            let detail = take(raw, "wait").expect_err(raw);
            assert!(detail.contains("wait") || detail.contains("%ff"), "{detail}");
        }
    }

    /// What nobody took is refused, and the known ones are listed.
    #[test]
    fn refuses_what_nobody_took() {
        let mut query = Query::new(Some("wait=1&maxsize=3"));
        query.take("wait").expect("is there");
        query.take("lease").expect("is not there");
        let problem = query.finish().expect_err("unknown");
        let expected = r#""maxsize" is no parameter here: this call takes `wait`, `lease`"#;
        assert_eq!(problem.detail(), expected);
    }

    /// Any value is found as it was given, among any others; what cannot be read is refused.
    #[test]
    fn any_query() {
        use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

        crate::fuzz::bytes(|bytes| {
            let raw = format!("a=1&wait={}&b", percent_encode(bytes, NON_ALPHANUMERIC));
            let value = std::str::from_utf8(bytes).map(|text| Some(text.to_owned()));
            assert_eq!(take(&raw, "wait").ok(), value.ok(), "{raw}");
        });
        crate::fuzz::texts(&["wait", "=", "&", "%", "%61", "w%61it", "+", "%ff", "1"], |raw| {
            let mut query = Query::new(Some(raw));
            let taken = query.take("wait");
            if taken.is_ok() && query.finish().is_ok() {
                assert!(query.sorted_but("wait").is_empty(), "{raw}");
            }
        });
    }
}
