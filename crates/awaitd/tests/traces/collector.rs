//! What a collector hears: requests of OTLP, read with no other knowledge than that of its numbers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use prost::Message;

/// Listens on a port of its own until the test is over.
pub(crate) struct Collector {
    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) endpoint: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let bodies = Arc::default();
        let heard = Arc::clone(&bodies);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let heard = Arc::clone(&heard);
                thread::spawn(move || hear(&stream, &heard));
            }
        });
        Self { endpoint, bodies }
    }

    /// All that came, as it came.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().expect("nobody panics with it").clone()
    }

    /// By whom spans were sent, and those of them with this name, in the order of their beginnings.
    pub(crate) fn spans(&self, name: &str) -> Vec<Span> {
        let sent = self.resources();
        let scopes = sent.into_iter().flat_map(|sent| sent.scopes);
        let spans = scopes.flat_map(|scope| scope.spans);
        let mut spans: Vec<_> = spans.filter(|span| span.name == name).collect();
        spans.sort_by_key(|span| span.began);
        spans
    }

    pub(crate) fn resources(&self) -> Vec<Sent> {
        let bodies = self.bodies();
        let read = |body: &Vec<u8>| Export::decode(&**body).expect("it is OTLP");
        bodies.iter().map(read).flat_map(|export| export.sent).collect()
    }
}

/// Answers each request on a connection, if it is one that a collector takes.
fn hear(stream: &TcpStream, bodies: &Mutex<Vec<Vec<u8>>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\ncontent-type: application/x-protobuf\r\n"), "{head}");
        let length = head.split("\r\ncontent-length: ").nth(1).expect("it has a length");
        let length = length.split("\r\n").next().and_then(|length| length.parse().ok());
        let mut body = vec![0; length.expect("a length is a number")];
        reader.read_exact(&mut body).expect("a body comes whole");
        bodies.lock().expect("nobody panics with it").push(body);
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("it is read");
    }
}

#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    sent: Vec<Sent>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sent {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<Scope>,
}

impl Sent {
    pub(crate) fn by(&self) -> Vec<String> {
        texts(&self.resource.as_ref().expect("somebody sent it").attributes)
    }
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    pub(crate) kind: i32,
    #[prost(fixed64, tag = "7")]
    began: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<Attribute>,
    #[prost(message, repeated, tag = "13")]
    links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

impl Span {
    /// Its trace and its parent, as in a `traceparent`.
    pub(crate) fn parent(&self) -> String {
        place(&self.trace, &self.parent)
    }

    /// What it is linked with, and what is said of that.
    pub(crate) fn links(&self) -> Vec<(String, Vec<String>)> {
        let links = self.links.iter();
        links.map(|link| (place(&link.trace, &link.span), texts(&link.attributes))).collect()
    }

    /// `name=value`, in the order of names.
    pub(crate) fn attributes(&self) -> Vec<String> {
        texts(&self.attributes)
    }

    /// 0 if nothing is said, 2 if it failed.
    pub(crate) fn status(&self) -> i32 {
        self.status.as_ref().map_or(0, |status| status.code)
    }
}

#[derive(Clone, PartialEq, Message)]
struct Link {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
    #[prost(message, optional, tag = "5")]
    list: Option<List>,
}

#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

impl Value {
    fn shown(&self) -> String {
        if let Some(list) = &self.list {
            return list.values.iter().map(Self::shown).collect::<Vec<_>>().join(",");
        }
        let number = || self.number.map(|number| number.to_string());
        self.text.clone().or_else(number).expect("a value is a text or a number")
    }
}

fn texts(attributes: &[Attribute]) -> Vec<String> {
    let shown = attributes.iter().map(|Attribute { name, value }| {
        format!("{name}={}", value.as_ref().map(Value::shown).unwrap_or_default())
    });
    let mut shown: Vec<_> = shown.collect();
    shown.sort();
    shown
}

fn place(trace: &[u8], span: &[u8]) -> String {
    let hex =
        |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("{}-{}", hex(trace), hex(span))
}
