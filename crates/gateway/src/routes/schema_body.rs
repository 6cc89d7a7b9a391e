//! The bodies that `/schemas` takes: one JSON object, each member known.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use model::StreamName;
use model::names::{LABEL_BYTES_MAX, check_label};
use pipeline::SCHEMA_BYTES_MAX;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use store::{SchemaKey, SchemaMode};

use crate::auth::standing;
use crate::body;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::{Position, Problem};
use crate::query::{Query, bad};
use crate::watch::{Phase, Watch};
use crate::wire::text;

/// Room for the other members beside a schema.
const BYTES_MAX: usize = SCHEMA_BYTES_MAX + (16 << 10);

/// What is to be set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Put {
    stream: Option<String>,
    category: Option<String>,
    name: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) schema: Option<Box<RawValue>>,
    pub(crate) activate: Option<bool>,
}

/// Which version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Activate {
    stream: Option<String>,
    category: Option<String>,
    name: Option<String>,
    #[serde(deserialize_with = "whole")]
    pub(crate) version: u32,
}

/// What to try.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    stream: Option<String>,
    category: Option<String>,
    name: Option<String>,
    pub(crate) schema: Box<RawValue>,
    #[serde(default, deserialize_with = "whole_or_none")]
    pub(crate) last: Option<u32>,
}

/// A mode by its word.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Off,
    Keep,
    Reject,
}

impl From<Mode> for SchemaMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Off => Self::Off,
            Mode::Keep => Self::Keep,
            Mode::Reject => Self::Reject,
        }
    }
}

impl Put {
    /// Which events; asked once.
    pub(crate) fn take_key(&mut self) -> Result<SchemaKey, Problem> {
        in_body(self.stream.take(), self.category.take(), self.name.take())
    }
}

impl Activate {
    /// Which events; asked once.
    pub(crate) fn take_key(&mut self) -> Result<SchemaKey, Problem> {
        in_body(self.stream.take(), self.category.take(), self.name.take())
    }
}

impl Test {
    /// Which events; asked once.
    pub(crate) fn take_key(&mut self) -> Result<SchemaKey, Problem> {
        in_body(self.stream.take(), self.category.take(), self.name.take())
    }
}

/// A whole number, also one that is written `1.0`: JSON Schema calls both integers.
fn whole<'de, D: Deserializer<'de>>(reader: D) -> Result<u32, D::Error> {
    let number = f64::deserialize(reader)?;
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    if is_whole { Ok(number as u32) } else { Err(D::Error::custom("a whole number is wanted")) }
}

fn whole_or_none<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    struct Whole(#[serde(deserialize_with = "whole")] u32);
    Ok(Option::<Whole>::deserialize(reader)?.map(|Whole(number)| number))
}

/// Reads the body of a request, and sees to it that whoever sent its head may still do what it asks.
pub(crate) async fn read<T: serde::de::DeserializeOwned>(
    edge: &Edge,
    parts: &Parts,
    mut body: Body,
) -> Result<T, Problem> {
    let watch = parts.extensions.get::<Arc<Watch>>().expect("the service has left the watch");
    watch.enter(Phase::Body);
    let (bytes, _reserved) = body::collect(&mut body, watch, &edge.budget, BYTES_MAX).await?;
    watch.enter(Phase::Busy);
    standing::look_again(edge, parts)?;
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("application/json")) {
        return Err(Kind::UnsupportedMediaType
            .problem("The body is a JSON object.")
            .hint("send Content-Type: application/json"));
    }
    if bytes.is_empty() {
        return Err(Kind::EmptyBody.problem("The request has no body.").hint("send a JSON object"));
    }
    text::no_byte_order_mark(&bytes)?;
    text::utf8(&bytes, 0, &bytes)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        if !error.is_data() {
            return text::invalid_json(&bytes, 0, &error);
        }
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        let kind = if words.starts_with("unknown field") {
            Kind::UnknownField
        } else if words.starts_with("duplicate field") {
            Kind::DuplicateField
        } else {
            Kind::WrongType
        };
        let place =
            Position { line: error.line(), column: Some(error.column()), ..Position::default() };
        kind.problem(format!("The body is not what is wanted here: {words}."))
            .position(place)
            .hint("GET /openapi.json describes the body")
    })
}

/// The key that a query names: `stream`, `category` and `name`.
pub(crate) fn in_query(query: &mut Query<'_>) -> Result<SchemaKey, Problem> {
    let mut take = |name: &str| query.take(name).map(|value| value.map(Cow::into_owned));
    let (stream, category, name) = (take("stream")?, take("category")?, take("name")?);
    key(stream, category, name).map_err(|(name, why)| bad(name, &why))
}

fn in_body(
    stream: Option<String>,
    category: Option<String>,
    name: Option<String>,
) -> Result<SchemaKey, Problem> {
    key(stream, category, name).map_err(|(name, why)| {
        Kind::WrongType
            .problem(format!("The field {name:?} {why}."))
            .pointer(format!("/{name}"))
            .hint("a key is a stream (\"events\" if left out), a category or none, and a name or none")
    })
}

/// A checked key, or the member at fault and the end of a sentence about it.
fn key(
    stream: Option<String>,
    category: Option<String>,
    name: Option<String>,
) -> Result<SchemaKey, (&'static str, String)> {
    let stream = stream.unwrap_or_else(|| StreamName::EVENTS.to_owned());
    StreamName::new(&stream).map_err(|error| ("stream", error.to_string()))?;
    for (member, label) in [("category", &category), ("name", &name)] {
        if let Some(label) = label {
            check_label(label, LABEL_BYTES_MAX).map_err(|error| (member, error.to_string()))?;
        }
    }
    Ok(SchemaKey { stream, category, name })
}
