//! JSON objects that requests send, read as a query is: who asks for a member takes it, and what nobody
//! took is refused.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use awaitd_primitives::{BadName, Milli, Name};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::duration;
use super::problem::Problem;

/// The members of an object. What is wrong with one is a text that names it and says what would be right.
pub(super) struct Members {
    /// What stands before their names in a message: `backoff.` of those of `backoff`.
    within: String,
    all: Map<String, Value>,
    taken: Vec<&'static str>,
}

impl Members {
    /// Those of an object, of whose members no two have one name.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let Once(value) = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        Self::of(String::new(), value).ok_or_else(|| "it is no object".to_owned())
    }

    /// Those of an object, but for one, which is taken as it stands.
    pub(super) fn parse_around<'a>(
        text: &'a [u8],
        name: &str,
    ) -> Result<(Self, Option<Raw<'a>>), String> {
        let mut json = serde_json::Deserializer::from_slice(text);
        let parsed = Around(name).deserialize(&mut json);
        let parsed = parsed.and_then(|parsed| json.end().map(|()| parsed));
        let (all, raw) = parsed.map_err(|error| error.to_string())?;
        Ok((Self { within: String::new(), all, taken: Vec::new() }, raw))
    }

    /// Those of an object within another, `within` being its name there and a dot.
    pub(super) fn of(within: String, value: Value) -> Option<Self> {
        let Value::Object(all) = value else { return None };
        Some(Self { within, all, taken: Vec::new() })
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Where null means the same as nothing.
    pub(super) fn or_null(&mut self, names: &[&str]) -> &mut Self {
        self.all.retain(|name, value| !(value.is_null() && names.contains(&&**name)));
        self
    }

    /// One of these words, for what it stands.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, String> {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let meant = |value: &Value| {
            let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
            found.map(|(_, meaning)| *meaning)
        };
        self.read(name, &known.join(" or "), meant)
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, String> {
        self.read(name, "true or false", Value::as_bool)
    }

    /// A whole number.
    pub(super) fn whole(
        &mut self,
        name: &'static str,
        allowed: RangeInclusive<u64>,
    ) -> Result<Option<u64>, String> {
        let right = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        self.read(name, &right, |value| whole(value).filter(|number| allowed.contains(number)))
    }

    /// A whole number that may be below zero.
    pub(super) fn signed(&mut self, name: &'static str) -> Result<Option<i64>, String> {
        let right = format!("a whole number from {} to {}", i64::MIN, i64::MAX);
        self.read(name, &right, Value::as_i64)
    }

    /// A number, to three places.
    pub(super) fn thousandths(
        &mut self,
        name: &'static str,
        allowed: RangeInclusive<Milli>,
    ) -> Result<Option<Milli>, String> {
        let right = format!("a number from {} to {}", allowed.start(), allowed.end());
        self.read(name, &right, |value| {
            let number = value.as_f64().filter(|number| *number <= allowed.end().as_f64())?;
            let thousandths = format!("{:.0}", number * 1_000.0).parse().ok().map(Milli);
            thousandths.filter(|thousandths| allowed.contains(thousandths))
        })
    }

    /// A duration, as a text or as a number of seconds.
    pub(super) fn length(
        &mut self,
        name: &'static str,
        allowed: RangeInclusive<Duration>,
    ) -> Result<Option<Duration>, String> {
        let length = |value: &Value| match value {
            Value::String(text) => duration::parse(text),
            Value::Number(number) => number.as_f64().and_then(duration::seconds),
            _ => None,
        };
        let allows = |length: &Duration| allowed.contains(length);
        self.read(name, &duration::wanted(&allowed), |value| length(value).filter(allows))
    }

    /// A text that can be read as something; `right` says which ones can.
    pub(super) fn text<T>(
        &mut self,
        name: &'static str,
        right: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        self.read(name, right, |value| read(value.as_str()?))
    }

    /// The name of a thing.
    pub(super) fn name(&mut self, name: &'static str) -> Result<Option<Name>, String> {
        let right = format!("a name: {BadName}");
        self.text(name, &right, |text| text.parse().ok())
    }

    /// The members of an object within this one, such as `example`. None, if there is no such.
    pub(super) fn members(
        &mut self,
        name: &'static str,
        example: &str,
    ) -> Result<Option<Self>, String> {
        let within = format!("{}{name}.", self.within);
        let right = format!("an object such as {example}");
        self.read(name, &right, |value| Self::of(within.clone(), value.clone()))
    }

    /// The items of a list; none, if there is no such.
    pub(super) fn list(&mut self, name: &'static str) -> Result<Vec<Value>, String> {
        self.taken.push(name);
        match self.all.remove(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => {
                let given = Problem::value(&other);
                Err(format!("`{}{name}` is {given}, but must be a list", self.within))
            }
        }
    }

    /// The members of an object whose members are texts; none, if there is no such.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Vec<(String, String)>, String> {
        let texts = self.read(name, "an object of texts", |value| {
            let texts = value.as_object()?.iter();
            texts.map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect()
        });
        Ok(texts?.unwrap_or_default())
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), String> {
        let Some(name) = self.all.keys().find(|name| !self.taken.contains(&&***name)) else {
            return Ok(());
        };
        let given = Problem::quote(&format!("{}{name}", self.within));
        Err(format!("{given} is unknown: known are `{}`", self.taken.join("`, `")))
    }

    /// What is read from a member, if there is one.
    fn read<T>(
        &mut self,
        name: &'static str,
        right: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        self.taken.push(name);
        let Some(value) = self.all.get(name) else { return Ok(None) };
        let wrong = || {
            let given = Problem::value(value);
            format!("`{}{name}` is {given}, but must be {right}", self.within)
        };
        read(value).map(Some).ok_or_else(wrong)
    }
}

/// JSON knows no integers: 3.0 and 3e0 are the number 3.
fn whole(value: &Value) -> Option<u64> {
    let number = value.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0);
    value.as_u64().or_else(|| format!("{:.0}", number?.abs()).parse().ok())
}

/// A value in which no object has two members of one name. Of those, most readers would take the last
/// one and some the first.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("JSON")
            }

            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Once(value)) = from.next_element()? {
                    list.push(value);
                }
                Ok(list.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
                let mut all = Map::new();
                while let Some((name, Once(value))) = from.next_entry::<String, _>()? {
                    if all.contains_key(&name) {
                        let name = Problem::quote(&name);
                        return Err(A::Error::custom(format!("{name} is given more than once")));
                    }
                    all.insert(name, value);
                }
                Ok(all.into())
            }
        }

        from.deserialize_any(Any).map(Once)
    }
}

/// A member that is taken as it stands.
pub(super) enum Raw<'a> {
    /// A text, for what it says.
    Text(Cow<'a, str>),
    /// Anything else, as it is written.
    Json(&'a str),
}

/// An object in which the member of this name is taken as it stands, and no two have one name.
struct Around<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Around<'_> {
    type Value = (Map<String, Value>, Option<Raw<'de>>);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Around<'_> {
    type Value = (Map<String, Value>, Option<Raw<'de>>);

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let (mut all, mut raw) = (Map::new(), None);
        while let Some(Key(name)) = from.next_key()? {
            let again = if name == self.0 {
                raw.replace(Raw::of(from.next_value()?)?).is_some()
            } else {
                let Once(value) = from.next_value()?;
                all.insert(name.clone().into_owned(), value).is_some()
            };
            if again {
                let name = Problem::quote(&name);
                return Err(A::Error::custom(format!("{name} is given more than once")));
            }
        }
        Ok((all, raw))
    }
}

impl<'a> Raw<'a> {
    fn of<E: Error>(value: &'a RawValue) -> Result<Self, E> {
        let text = value.get();
        let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            return Ok(Self::Json(text));
        };
        if !inner.contains('\\') {
            return Ok(Self::Text(inner.into()));
        }
        serde_json::from_str(text).map(|text| Self::Text(Cow::Owned(text))).map_err(E::custom)
    }
}

/// The name of a member.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    /// A member has one name, wherever its object stands.
    #[test]
    fn a_name_is_given_once() {
        for text in
            [r#"{"a": 1, "a": 1}"#, r#"{"a": 1, "\u0061": 2}"#, r#"{"b": [{"a": 1, "a": 2}]}"#]
        {
            let why = Members::parse(text.as_bytes()).err().expect(text);
            assert!(why.contains("\"a\" is given more than once"), "{why}");
        }
        assert!(Members::parse(br#"{"a": 1, "b": {"a": 1}}"#).is_ok());
    }

    /// What is no object has no members.
    #[test]
    fn only_objects_have_members() {
        for text in ["null", "7", "[]", "\"{}\"", "true"] {
            assert_eq!(Members::parse(text.as_bytes()).err().as_deref(), Some("it is no object"));
        }
        for text in ["", "{", "{} x", r#"{"a": 1e400}"#, &"[".repeat(100_000)] {
            Members::parse(text.as_bytes()).err().expect("no JSON");
        }
    }

    /// What nobody asks for is refused, and named with the object in which it stands.
    #[test]
    fn refuses_what_nobody_took() {
        let mut members = Members::parse(br#"{"a": {"b": true, "c": 1}}"#).expect("an object");
        let mut inner = members.members("a", "{}").expect("an object").expect("there");
        assert_eq!(inner.flag("b"), Ok(Some(true)));
        assert_eq!(inner.flag("d"), Ok(None));
        assert_eq!(inner.finish(), Err("\"a.c\" is unknown: known are `b`, `d`".to_owned()));
        assert_eq!(members.finish(), Ok(()));
    }

    /// Null is nothing only where that is said.
    #[test]
    fn null_may_be_nothing() {
        let mut members = Members::parse(br#"{"a": null, "b": null}"#).expect("an object");
        assert_eq!(members.or_null(&["a", "c"]).flag("a"), Ok(None));
        members.flag("b").expect_err("null is no flag");
    }

    /// A number has three places, and what is beyond them is rounded.
    #[test]
    fn has_three_places() {
        let table = [
            ("1", Some(1_000)),
            ("0.001", Some(1)),
            ("2.0006", Some(2_001)),
            ("1e1", Some(10_000)),
        ];
        let bad =
            [("0.0004", None), ("10.001", None), ("-1", None), ("\"1\"", None), ("1e300", None)];
        for (text, thousandths) in table.into_iter().chain(bad) {
            let text = format!("{{\"a\": {text}}}");
            let mut members = Members::parse(text.as_bytes()).expect("an object");
            let read = members.thousandths("a", Milli(1)..=Milli(10_000));
            assert_eq!(read.ok().flatten(), thousandths.map(Milli), "{text}");
        }
    }
}
