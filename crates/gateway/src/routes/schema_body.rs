//! The bodies that `/schemas` takes: one JSON object, each member known.

use std::borrow::Cow;

use axum::body::Body;
use hyper::http::request::Parts;
use model::StreamName;
use model::names::{LABEL_BYTES_MAX, check_label};
use pipeline::SCHEMA_BYTES_MAX;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use store::{SchemaKey, SchemaMode};

use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::{Query, bad};
use crate::routes::document::{self, Whole};

/// Room for the other members beside a schema.
const BYTES_MAX: usize = SCHEMA_BYTES_MAX + (16 << 10);

/// Which events a body is about; members of it like all others.
#[derive(Deserialize)]
pub(crate) struct Key {
    stream: Option<String>,
    category: Option<String>,
    name: Option<String>,
}

/// What is to be set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Put {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) mode: Mode,
    pub(crate) schema: Option<Box<RawValue>>,
    pub(crate) activate: Option<bool>,
}

/// Which version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Activate {
    #[serde(flatten)]
    pub(crate) key: Key,
    #[serde(deserialize_with = "Whole::short")]
    pub(crate) version: u32,
}

/// What to try.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) schema: Box<RawValue>,
    pub(crate) last: Option<Whole>,
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

impl Key {
    /// The same, checked.
    pub(crate) fn checked(self) -> Result<SchemaKey, Problem> {
        key(self.stream, self.category, self.name).map_err(|(name, why)| {
            Kind::WrongType
                .problem(format!("The field {name:?} {why}."))
                .pointer(format!("/{name}"))
                .hint("a key is a stream (\"events\" if left out), a category or none, and a name or none")
        })
    }
}

/// Reads the body of a request, as [`document::read`] does, with room for a schema.
pub(crate) async fn read<T: DeserializeOwned>(
    edge: &Edge,
    parts: &Parts,
    body: Body,
) -> Result<T, Problem> {
    document::read_long(edge, parts, body, BYTES_MAX).await
}

/// The key that a query names: `stream`, `category` and `name`.
pub(crate) fn in_query(query: &mut Query<'_>) -> Result<SchemaKey, Problem> {
    let mut take = |name: &str| query.take(name).map(|value| value.map(Cow::into_owned));
    let (stream, category, name) = (take("stream")?, take("category")?, take("name")?);
    key(stream, category, name).map_err(|(name, why)| bad(name, &why))
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
