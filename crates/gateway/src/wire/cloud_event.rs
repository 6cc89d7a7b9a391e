//! CloudEvents 1.0 in JSON: one event of `application/cloudevents+json` or of a batch.
//!
//! ```text
//!   source, id -> id         "<source> <id>", or "ce-" and a hash of both where that is longer than an id may be
//!   source     -> category   type -> name   subject -> session_id   time -> timestamp   data -> data
//! ```
//!
//! Invariant: nothing is lost. An event that carries more than these (extension attributes, `dataschema`,
//! `data_base64`, data that is not `application/json`) has no field for it, so all of it is kept: its `data` is
//! then the whole event, byte for byte as it was sent.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use model::ContentHash;
use model::names::ID_BYTES_MAX;
use pipeline::{Fault, NewEvent};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Kind;
use crate::problem::Problem;
use crate::wire::diagnose::{kind_of, lone_surrogate, shown};
use crate::wire::text::{self, Text};

/// The one version there is.
const VERSION: &str = "1.0";

/// What an event says of itself.
#[derive(Default)]
struct Attributes<'a> {
    specversion: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    content_type: Option<Cow<'a, str>>,
    schema: Option<Cow<'a, str>>,
    data: Option<&'a str>,
    data_base64: Option<Cow<'a, str>>,
    /// Names of extension attributes and of what is null.
    others: HashSet<Cow<'a, str>>,
    has_extensions: bool,
}

/// Parses the event whose text is `fragment`, at `start` of `body`. Pointers are relative to the event.
pub(crate) fn parse<'a>(
    body: &[u8],
    start: usize,
    fragment: &'a str,
) -> Result<NewEvent<'a>, Problem> {
    let attributes = read(body, start, fragment)?;
    let required = |name: &'static str, value: Option<Cow<'a, str>>| {
        value.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    };
    let version = required("/specversion", attributes.specversion)?;
    if version != VERSION {
        let detail =
            format!("specversion is {:?}; this server reads {VERSION:?}.", shown(&version));
        return Err(Kind::BadCloudEvent.problem(detail).pointer("/specversion"));
    }
    let id = required("/id", attributes.id)?;
    let source = required("/source", attributes.source)?;
    let kind = required("/type", attributes.kind)?;
    if source.chars().any(|sign| sign.is_whitespace() || sign.is_control()) {
        let detail = "source is a URI reference: it has no white space and no control characters.";
        return Err(Kind::BadCloudEvent.problem(detail).pointer("/source"));
    }
    if id.chars().any(char::is_control) {
        let detail = "id has control characters.";
        return Err(Kind::BadCloudEvent.problem(detail).pointer("/id"));
    }
    if attributes.data.is_some() && attributes.data_base64.is_some() {
        let detail = "An event has data or data_base64, not both.";
        return Err(Kind::BadCloudEvent.problem(detail).pointer("/data_base64"));
    }
    let is_json = attributes.content_type.is_none_or(|given| given == "application/json");
    let has_more = attributes.has_extensions
        || attributes.schema.is_some()
        || attributes.data_base64.is_some()
        || !is_json;
    Ok(NewEvent {
        id: Some(Cow::Owned(event_id(&source, &id))),
        session_id: attributes.subject,
        category: Some(source),
        name: Some(kind),
        timestamp: attributes.time,
        data: if has_more { Some(text::trimmed(fragment)) } else { attributes.data },
    })
}

/// Two sources may use one id, so an event's id has both. No source has a space, so the first space ends
/// it; and no hash has one, so the two forms never meet.
fn event_id(source: &str, id: &str) -> String {
    if source.len() + 1 + id.len() <= ID_BYTES_MAX {
        return format!("{source} {id}");
    }
    let hash = ContentHash::of(&[Some(source.as_bytes()), Some(id.as_bytes())]);
    format!("ce-{:032x}", hash.0)
}

/// A fault of a field, as one of the attribute that it came from.
pub(crate) fn renamed(mut fault: Fault) -> Fault {
    let (pointer, field) = match fault.pointer.as_ref() {
        "/category" => ("/source", "category"),
        "/name" => ("/type", "name"),
        "/session_id" => ("/subject", "session_id"),
        "/timestamp" => ("/time", "timestamp"),
        _ => return fault,
    };
    if let Some(rest) = fault.detail.strip_prefix(field) {
        fault.detail = format!("{}{rest}", &pointer[1..]);
    }
    fault.pointer = pointer.into();
    fault
}

fn read<'a>(body: &[u8], start: usize, fragment: &'a str) -> Result<Attributes<'a>, Problem> {
    if text::first_sign(fragment.as_bytes()) != Some(b'{') {
        serde_json::from_str::<&RawValue>(fragment)
            .map_err(|error| text::invalid_json(body, start, &error))?;
        let found = kind_of(text::trimmed(fragment));
        return Err(Kind::WrongType
            .problem(format!("A CloudEvent is an object, this is {found}."))
            .pointer("")
            .hint("send many as an array with Content-Type: application/cloudevents-batch+json"));
    }
    let (mut attributes, mut problem) = (Attributes::default(), None);
    let mut reader = serde_json::Deserializer::from_str(fragment);
    let members = Members { attributes: &mut attributes, problem: &mut problem };
    let walked = reader.deserialize_map(members).and_then(|()| reader.end());
    match (problem, walked) {
        (Some(problem), _) => Err(problem),
        (None, Ok(())) => Ok(attributes),
        (None, Err(_)) => match serde_json::from_str::<&RawValue>(fragment) {
            Err(error) => Err(text::invalid_json(body, start, &error)),
            Ok(_) => Err(lone_surrogate("", "An attribute's name")),
        },
    }
}

/// Walks over the members; what is wrong with one ends the walk at the end of the object.
struct Members<'p, 'a> {
    attributes: &'p mut Attributes<'a>,
    problem: &'p mut Option<Problem>,
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<Text<'de>, &RawValue>()? {
            if self.problem.is_none() {
                *self.problem = self.attributes.add(name.0, value.get()).err();
            }
        }
        Ok(())
    }
}

impl<'a> Attributes<'a> {
    fn add(&mut self, name: Cow<'a, str>, value: &'a str) -> Result<(), Problem> {
        let slot = match name.as_ref() {
            "data" => {
                let is_new = self.data.replace(value).is_none();
                return if is_new { Ok(()) } else { Err(twice(&name)) };
            }
            "specversion" => &mut self.specversion,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.kind,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "datacontenttype" => &mut self.content_type,
            "dataschema" => &mut self.schema,
            "data_base64" => &mut self.data_base64,
            _ => return self.add_extension(name, value),
        };
        if value == "null" {
            // Null means absent, and still the name may stand once.
            let is_new = slot.is_none() && self.others.insert(name.clone());
            return if is_new { Ok(()) } else { Err(twice(&name)) };
        }
        let is_new = slot.replace(string(&name, value)?).is_none() && !self.others.contains(&name);
        if is_new { Ok(()) } else { Err(twice(&name)) }
    }

    fn add_extension(&mut self, name: Cow<'a, str>, value: &'a str) -> Result<(), Problem> {
        let is_name = name.bytes().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit());
        if !is_name || name.is_empty() {
            let detail = format!(
                "CloudEvents have no attribute {:?}: names are made of a to z and 0 to 9.",
                shown(&name)
            );
            return Err(Kind::UnknownField.problem(detail).pointer(pointer(&name)));
        }
        if value.starts_with(['{', '[']) {
            let detail = format!(
                "The attribute {:?} is a string, a boolean or a number, not {}.",
                shown(&name),
                kind_of(value)
            );
            return Err(Kind::WrongType
                .problem(detail)
                .pointer(pointer(&name))
                .hint("put it inside data: that takes any JSON"));
        }
        self.has_extensions |= value != "null";
        if self.others.insert(name.clone()) { Ok(()) } else { Err(twice(&name)) }
    }
}

fn string<'a>(name: &str, value: &'a str) -> Result<Cow<'a, str>, Problem> {
    if !value.starts_with('"') {
        let detail = format!("The attribute {name:?} is a string, not {}.", kind_of(value));
        return Err(Kind::WrongType
            .problem(detail)
            .pointer(pointer(name))
            .hint("all attributes of CloudEvents but extensions and data are strings"));
    }
    let text: Result<Text<'a>, _> = serde_json::from_str(value);
    text.map(|text| text.0)
        .map_err(|_| lone_surrogate(&pointer(name), &format!("The attribute {name:?}")))
}

fn twice(name: &str) -> Problem {
    let detail = format!("The attribute {:?} is given twice.", shown(name));
    Kind::DuplicateField.problem(detail).pointer(pointer(name))
}

fn missing(pointer: &'static str) -> Problem {
    Problem::from(Fault {
        pointer: pointer.into(),
        code: "missing_field",
        detail: format!("a CloudEvent needs {}, a string that is not empty", &pointer[1..]),
        hint: "specversion, id, source and type are required (CloudEvents 1.0)",
    })
}

fn pointer(name: &str) -> String {
    format!("/{}", shown(name).replace('~', "~0").replace('/', "~1"))
}
