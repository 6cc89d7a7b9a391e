//! The slow second look at an envelope that did not parse: which code, which member, which place.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Kind;
use crate::problem::Problem;
use crate::wire::text;

/// The members that are texts.
const TEXTS: [&str; 5] = ["id", "session_id", "category", "name", "timestamp"];
/// A member's name is shown up to here.
const SHOWN_CHARS_MAX: usize = 64;

/// Says what is wrong with `fragment`, which begins at `start` of `body`.
pub(crate) fn envelope(body: &[u8], start: usize, fragment: &str) -> Problem {
    if let Err(error) = serde_json::from_str::<&RawValue>(fragment) {
        return text::invalid_json(body, start, &error);
    }
    if text::first_sign(fragment.as_bytes()) != Some(b'{') {
        let found = kind_of(text::trimmed(fragment));
        return Kind::WrongType
            .problem(format!("An event is an object, this is {found}."))
            .pointer("")
            .hint("send {\"category\":\"…\",\"name\":\"…\",\"data\":…}, or POST any other JSON to /streams/{stream}");
    }
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(fragment);
    let walked = reader.deserialize_map(Members { found: &mut found });
    match (found, walked) {
        (Some(problem), _) => problem,
        (None, Err(_)) => lone_surrogate("", "A member's name"),
        // Both passes would have to disagree about what an envelope is.
        (None, Ok(())) => Kind::WrongType.problem("This is not an event.").pointer(""),
    }
}

/// Walks over the members up to the first that is wrong.
struct Members<'p> {
    found: &'p mut Option<Problem>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            if let Some(problem) = member(&name, value.get(), !seen.insert(name.clone())) {
                *self.found = Some(problem);
                return Err(A::Error::custom("found"));
            }
        }
        Ok(())
    }
}

fn member(name: &str, value: &str, is_repeated: bool) -> Option<Problem> {
    let pointer = format!("/{}", shown(name).replace('~', "~0").replace('/', "~1"));
    let is_text = TEXTS.contains(&name);
    if !is_text && name != "data" {
        let detail = format!("An event has no field {:?}.", shown(name));
        return Some(Kind::UnknownField.problem(detail).pointer(pointer));
    }
    if is_repeated {
        let detail = format!("The field {name:?} is given twice.");
        return Some(Kind::DuplicateField.problem(detail).pointer(pointer));
    }
    if !is_text || value == "null" {
        return None;
    }
    if !value.starts_with('"') {
        let detail = format!("The field {name:?} is a string, not {}.", kind_of(value));
        return Some(Kind::WrongType.problem(detail).pointer(pointer));
    }
    serde_json::from_str::<String>(value)
        .err()
        .map(|_| lone_surrogate(&pointer, &format!("The field {name:?}")))
}

/// Half a surrogate pair where text is wanted.
pub(crate) fn lone_surrogate(pointer: &str, what: &str) -> Problem {
    Kind::LoneSurrogate.problem(format!("{what} holds half a surrogate pair.")).pointer(pointer)
}

/// A name, short enough to be shown.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS_MAX).collect()
}

/// What a JSON value is, for people.
pub(crate) fn kind_of(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
