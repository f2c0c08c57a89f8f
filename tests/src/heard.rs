//! One answer, however it was asked for, and what every answer has to be like.

use serde_json::Value;

/// An answer of the server.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The HTTP status.
    pub status: u16,
    /// All headers in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Heard {
    /// The value of a header that may be missing. A header that stands twice is an error, since no
    /// header of this contract may.
    pub fn find(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let first = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} stands twice in {}", self.shown());
        first
    }

    /// The value of a header that has to be there.
    pub fn header(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {}", self.shown()))
    }

    /// A header that is an integer.
    pub fn number(&self, name: &str) -> u64 {
        let text = self.header(name);
        text.parse().unwrap_or_else(|_| panic!("{name}: {text} is no integer"))
    }

    /// A header that gives seconds, which are decimals with three places.
    pub fn seconds(&self, name: &str) -> f64 {
        let text = self.header(name);
        let places = text.split_once('.').map_or(0, |(_, places)| places.len());
        assert_eq!(places, 3, "{name}: {text} has not three places");
        text.parse().unwrap_or_else(|_| panic!("{name}: {text} is no number of seconds"))
    }

    /// `Location`: a path on this server.
    pub fn location(&self) -> String {
        let path = self.header("location");
        assert!(path.starts_with("/v1/"), "a Location is a path of this server: {path}");
        path.to_owned()
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("this body is text")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in {}", self.shown()))
    }

    /// The stable code of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().expect("a problem has a code").to_owned()
    }

    /// Goes on only with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{status} was expected of {}", self.shown());
        self
    }

    /// Goes on only if this is a refusal with this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let heard = self.expect(status);
        assert_eq!(heard.code(), code, "{code} was expected of {}", heard.shown());
        heard
    }

    /// The whole answer, for a message.
    pub fn shown(&self) -> String {
        let body = &self.body[..self.body.len().min(2_000)];
        format!("{} {:?}\n{}", self.status, self.headers, String::from_utf8_lossy(body))
    }

    /// What holds for every answer that a handler of the server made.
    #[track_caller]
    pub fn keeps_the_rules(&self, asked: &str) {
        let shown = self.shown();
        assert_eq!(self.find("cache-control"), Some("no-store"), "{asked}: not no-store: {shown}");
        let id = self.find("x-request-id").unwrap_or_default();
        let visible = id.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(visible && (1..=128).contains(&id.len()), "{asked}: no X-Request-Id: {shown}");
        if matches!(self.status, 408 | 429 | 503) {
            let pause = self.find("retry-after").and_then(|text| text.parse::<u64>().ok());
            assert!(pause.is_some_and(|pause| pause >= 1), "{asked}: no Retry-After: {shown}");
        }
        if self.status == 405 {
            assert!(self.find("allow").is_some_and(|allow| !allow.is_empty()), "{asked}: {shown}");
        }
        if self.status >= 400 && !asked.starts_with("HEAD ") {
            self.is_a_problem(asked);
        }
    }

    #[track_caller]
    fn is_a_problem(&self, asked: &str) {
        let shown = self.shown();
        assert_eq!(
            self.find("content-type"),
            Some("application/problem+json"),
            "{asked}: no problem+json: {shown}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{asked}: another status inside: {shown}");
        for member in ["type", "title", "detail", "code"] {
            let filled = problem[member].as_str().is_some_and(|text| !text.is_empty());
            assert!(filled, "{asked}: a problem without {member}: {shown}");
        }
    }
}
