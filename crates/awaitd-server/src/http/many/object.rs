//! JSON objects written member by member, for answers that have hundreds of them.

use serde::Serialize;

/// An object on its way into a text. Most of what is told is text in which nothing is to be escaped, and
/// that is seen of many bytes at one time, where serde looks at each.
pub(in crate::http) struct Object<'a> {
    text: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Begins one at the end of `text`.
    pub(in crate::http) fn begin(text: &'a mut Vec<u8>) -> Self {
        text.push(b'{');
        Self { text, empty: true }
    }

    /// A member that is any text.
    pub(in crate::http) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        if needs_escapes(value) {
            self.write(value);
        } else {
            self.quote(value);
        }
    }

    /// A member that is a text in which nothing is to be escaped.
    pub(in crate::http) fn plain(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.quote(value);
    }

    /// A member that is anything else.
    pub(in crate::http) fn value(&mut self, name: &'static str, value: &impl Serialize) {
        self.name(name);
        self.write(value);
    }

    /// Ends it.
    pub(in crate::http) fn end(self) {
        self.text.push(b'}');
    }

    fn name(&mut self, name: &'static str) {
        if !std::mem::take(&mut self.empty) {
            self.text.push(b',');
        }
        self.quote(name);
        self.text.push(b':');
    }

    fn quote(&mut self, value: &str) {
        self.text.push(b'"');
        self.text.extend_from_slice(value.as_bytes());
        self.text.push(b'"');
    }

    fn write(&mut self, value: &(impl Serialize + ?Sized)) {
        serde_json::to_writer(&mut *self.text, value).expect("what is shown is JSON");
    }
}

/// Whether JSON has to write any of this text otherwise than it stands.
fn needs_escapes(text: &str) -> bool {
    // To the end, without leaving early: so it is done with vectors.
    let needs = |byte: u8| matches!(byte, ..b' ' | b'"' | b'\\');
    text.bytes().fold(false, |any, byte| any | needs(byte))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Whatever the texts are, the object is what serde would make of them.
    #[test]
    fn any_texts() {
        let pieces = ["a", "\"", "\\", "\n", "\u{1f}", "\u{7f}", " ", "é", "\u{2028}"];
        crate::fuzz::texts(&pieces, |value| {
            let mut text = Vec::new();
            let mut object = Object::begin(&mut text);
            object.text("one", value);
            object.value("two", &Some(2.5));
            object.plain("three", "/v1/q");
            object.end();
            let expected = json!({ "one": value, "two": 2.5, "three": "/v1/q" });
            assert_eq!(serde_json::from_slice::<Value>(&text).ok(), Some(expected));
        });
    }
}
