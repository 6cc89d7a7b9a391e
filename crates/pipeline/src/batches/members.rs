//! The members of a JSON object, each value as it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::depth::{DEPTH_MAX, is_deeper_than};

/// Name and value, in their order, repetitions and all.
#[derive(Debug)]
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Reads one object and nothing else. The error is for people.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        if !text.starts_with('{') {
            return match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                _ if is_deeper_than(DEPTH_MAX, text) => Err(too_deep()),
                Ok(_) => Err("a row is a JSON object".to_owned()),
                Err(error) => Err(words(&error)),
            };
        }
        if is_deeper_than(DEPTH_MAX, text) {
            return Err(too_deep());
        }
        serde_json::from_str(text).map_err(|error| words(&error))
    }
}

fn too_deep() -> String {
    format!("it is nested deeper than {DEPTH_MAX}")
}

/// The parser's words, with the column alone: the line is that of the body, which it does not know.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("it is no JSON: {what} at its byte {}", error.column())
}

/// A member's name, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Each)
    }
}

struct Each;

impl<'de> Visitor<'de> for Each {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            members.push((name, value.get()));
        }
        Ok(Members(members))
    }
}
