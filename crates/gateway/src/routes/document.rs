//! Bodies of administration: one small JSON object, each member known.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Body;
use hyper::http::request::Parts;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::error::Category;

use crate::auth::standing;
use crate::auth::wish::WishError;
use crate::body;
use crate::edge::Edge;
use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::{Position, Problem};
use crate::watch::{Phase, Watch};
use crate::wire::media::{Format, format};
use crate::wire::text;

/// Longest body where nothing large belongs into it.
const BYTES_MAX: usize = 64 * 1024;

/// Reads the body of a request, and sees to it that whoever sent its head may still do what it asks.
pub(crate) async fn read<T: DeserializeOwned>(
    edge: &Edge,
    parts: &Parts,
    body: Body,
) -> Result<T, Problem> {
    read_long(edge, parts, body, BYTES_MAX).await
}

/// The same, where the body may have up to `bytes_max`.
pub(crate) async fn read_long<T: DeserializeOwned>(
    edge: &Edge,
    parts: &Parts,
    body: Body,
    bytes_max: usize,
) -> Result<T, Problem> {
    let Some(read) = read_within(edge, parts, body, bytes_max).await? else {
        return Err(Kind::EmptyBody.problem("The request has no body.").hint("send a JSON object"));
    };
    Ok(read)
}

/// The same, where the body may be left out.
pub(crate) async fn read_any<T: DeserializeOwned>(
    edge: &Edge,
    parts: &Parts,
    body: Body,
) -> Result<Option<T>, Problem> {
    read_within(edge, parts, body, BYTES_MAX).await
}

async fn read_within<T: DeserializeOwned>(
    edge: &Edge,
    parts: &Parts,
    mut body: Body,
    bytes_max: usize,
) -> Result<Option<T>, Problem> {
    let watch = parts.extensions.get::<std::sync::Arc<Watch>>();
    let watch = watch.expect("the service has put it there");
    watch.enter(Phase::Body);
    let whose = || Holder::in_request(&parts.extensions).clone();
    let (bytes, _reserved) =
        body::collect(&mut body, watch, (&edge.budget, &whose), bytes_max).await?;
    watch.enter(Phase::Busy);
    standing::look_again(edge, parts)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if format(&parts.headers)? != Format::Json {
        return Err(Kind::UnsupportedMediaType
            .problem("This takes one JSON object.")
            .hint("send Content-Type: application/json"));
    }
    text::no_byte_order_mark(&bytes)?;
    let read = serde_json::from_slice::<Object<T>>(&bytes);
    read.map(|Object(read)| Some(read)).map_err(|error| fault(&bytes, &error))
}

/// What is wrong, by the words of the parser: it has no other way to say which rule was broken.
fn fault(bytes: &[u8], error: &serde_json::Error) -> Problem {
    if error.classify() != Category::Data {
        return text::invalid_json(bytes, 0, error);
    }
    let words = error.to_string();
    let (kind, hint) = match words.split(' ').next() {
        Some("unknown") if words.starts_with("unknown field") => (
            Kind::UnknownField,
            "leave it out or correct its name; GET /openapi.json lists what is allowed",
        ),
        Some("missing") => (Kind::MissingField, "add it; GET /openapi.json lists what is wanted"),
        Some("duplicate") => (Kind::DuplicateField, "name each field once"),
        _ => (Kind::WrongType, "GET /openapi.json lists the type of each field"),
    };
    let place =
        Position { line: error.line(), column: Some(error.column()), ..Position::default() };
    kind.problem(format!("The body is not what this takes: {words}.")).hint(hint).position(place)
}

/// A wish that cannot be granted, as an answer.
impl From<WishError> for Problem {
    fn from(WishError { pointer, why }: WishError) -> Self {
        let member = pointer.trim_start_matches('/').replace('/', ".");
        Kind::BadValue.problem(format!("{member} {why}.")).pointer(pointer)
    }
}

/// A struct that is written as an object. Left to itself serde also reads a list as its members in their order.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A member whose `null` says something else than its absence.
#[derive(Default)]
pub(crate) enum Given<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(reader)?.map_or(Self::Null, Self::Value))
    }
}

/// A whole number, however it is written: to JSON Schema 58.0 is an integer.
#[derive(Clone, Copy)]
pub(crate) struct Whole(pub(crate) u64);

impl Whole {
    /// Reads a member that is a whole number below 2^32.
    pub(crate) fn short<'de, D: Deserializer<'de>>(reader: D) -> Result<u32, D::Error> {
        let Self(number) = Self::deserialize(reader)?;
        u32::try_from(number).map_err(|_| D::Error::custom(format!("{number} is too large")))
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(reader)?;
        let of_float = |float: f64| {
            let is_whole = float.fract() == 0.0 && (0.0..=MAX).contains(&float);
            is_whole.then_some(float as u64)
        };
        let whole = number.as_u64().or_else(|| number.as_f64().and_then(of_float));
        whole.map(Self).ok_or_else(|| D::Error::custom(format!("{number} is no whole number")))
    }
}

/// Up to here every whole number has its own double.
const MAX: f64 = 9_007_199_254_740_992.0;
