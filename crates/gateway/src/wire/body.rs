//! A whole body, event by event: one JSON value, an array of them, or one a line.

use std::fmt;

use pipeline::NewEvent;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Kind;
use crate::limits::Limits;
use crate::problem::{Position, Problem, Rejected};
use crate::wire::envelope::{self, Shape};
use crate::wire::media::Format;
use crate::wire::text;

/// Where in its request an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the request.
    Only,
    /// In an array, from 0.
    Index(usize),
    /// On a line, from 1; `index` counts events, blank lines left out.
    Line { index: usize, line: usize },
}

impl Place {
    /// The how-manieth event of the request, from 0.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Only => 0,
            Self::Index(index) | Self::Line { index, .. } => index,
        }
    }

    /// Makes a problem of this event one of the request.
    pub(crate) fn of(self, problem: Problem) -> Problem {
        problem.with(|facts| match self {
            Self::Only => {}
            Self::Index(index) => {
                let within = facts.pointer.take().unwrap_or_default();
                facts.pointer = Some(format!("/{index}{within}"));
            }
            Self::Line { line, .. } => {
                let place = Position { line, ..Position::default() };
                facts.position = facts.position.or(Some(place));
            }
        })
    }

    /// The same as an entry of a list.
    pub(crate) fn rejected(self, problem: Problem) -> Rejected {
        let problem = self.of(problem);
        let facts = problem.facts();
        Rejected {
            index: self.index(),
            line: matches!(self, Self::Line { .. }).then(|| facts.position.map_or(0, |p| p.line)),
            code: facts.code,
            detail: facts.detail.clone(),
            pointer: facts.pointer.clone(),
        }
    }
}

/// Hands each event, or what is wrong with it, to `take`. The first error that `take` or the body as a
/// whole gives ends it. `Ok(true)` when the body is of the kind that holds many.
pub(crate) fn read<'a>(
    body: &'a [u8],
    format: Format,
    shape: Shape,
    limits: &Limits,
    take: &mut dyn FnMut(Place, Result<NewEvent<'a>, Problem>) -> Result<(), Problem>,
) -> Result<bool, Problem> {
    text::no_byte_order_mark(body)?;
    if body.is_empty() {
        return Err(Kind::EmptyBody.problem("The request has no body."));
    }
    match format {
        Format::Lines => lines(body, shape, limits, take).map(|()| true),
        Format::Json | Format::CloudEvent | Format::CloudEvents => {
            let whole = text::utf8(body, 0, body)?;
            match text::first_sign(body) {
                // A batch is an array, one CloudEvent is none: the media type has said which it is.
                Some(b'[') if format == Format::CloudEvent => {
                    one(body, 0, whole, shape, limits)
                        .and_then(|event| take(Place::Only, Ok(event)))?;
                    Ok(false)
                }
                Some(sign) if format == Format::CloudEvents && sign != b'[' => Err(not_a_batch()),
                None => Err(Kind::EmptyBody.problem("The body holds nothing but white space.")),
                Some(b'[') => elements(body, whole, shape, limits, take).map(|()| true),
                Some(_) => {
                    let event =
                        one(body, 0, whole, shape, limits).map_err(|p| hint_lines(p, whole));
                    take(Place::Only, event).map(|()| false)
                }
            }
        }
    }
}

/// The line of the event that comes `index`-th.
pub(crate) fn place_of(body: &[u8], format: Format, is_many: bool, index: usize) -> Place {
    let nth =
        || body.split(|&b| b == b'\n').enumerate().filter(|(_, l)| !text::is_blank(l)).nth(index);
    match (is_many, format) {
        (false, _) => Place::Only,
        (true, Format::Json | Format::CloudEvent | Format::CloudEvents) => Place::Index(index),
        (true, Format::Lines) => Place::Line { index, line: nth().map_or(0, |(at, _)| at + 1) },
    }
}

fn lines<'a>(
    body: &'a [u8],
    shape: Shape,
    limits: &Limits,
    take: &mut dyn FnMut(Place, Result<NewEvent<'a>, Problem>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let (mut start, mut line, mut index) = (0, 0, 0);
    while start < body.len() {
        let length = memchr::memchr(b'\n', &body[start..]).unwrap_or(body.len() - start);
        let bytes = &body[start..start + length];
        line += 1;
        if !text::is_blank(bytes) {
            if index == limits.batch_events_max {
                return Err(too_many(limits).position(Position { line, ..Position::default() }));
            }
            let event = text::utf8(body, start, bytes)
                .and_then(|fragment| one(body, start, fragment, shape, limits));
            take(Place::Line { index, line }, event)?;
            index += 1;
        }
        start += length + 1;
    }
    if index == 0 {
        return Err(Kind::EmptyBatch.problem("All lines are blank."));
    }
    Ok(())
}

fn elements<'a>(
    body: &'a [u8],
    whole: &'a str,
    shape: Shape,
    limits: &Limits,
    take: &mut dyn FnMut(Place, Result<NewEvent<'a>, Problem>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut is_over = false;
    let mut reader = serde_json::Deserializer::from_str(whole);
    let elements = Elements { n_max: limits.batch_events_max, is_over: &mut is_over };
    let parsed = elements.deserialize(&mut reader).and_then(|all| reader.end().map(|()| all));
    let parsed = match parsed {
        Err(_) if is_over => return Err(too_many(limits)),
        Err(error) => return Err(hint_lines(text::invalid_json(body, 0, &error), whole)),
        Ok(parsed) => parsed,
    };
    if parsed.is_empty() {
        return Err(Kind::EmptyBatch.problem("The array is empty."));
    }
    for (index, element) in parsed.into_iter().enumerate() {
        take(Place::Index(index), one(body, 0, element.get(), shape, limits))?;
    }
    Ok(())
}

fn one<'a>(
    body: &[u8],
    start: usize,
    fragment: &'a str,
    shape: Shape,
    limits: &Limits,
) -> Result<NewEvent<'a>, Problem> {
    if fragment.len() > limits.event_bytes_max {
        let (size_bytes, bytes_max) = (text::trimmed(fragment).len(), limits.event_bytes_max);
        if size_bytes > bytes_max {
            return Err(Kind::EventTooLarge
                .problem(format!(
                    "The event has {size_bytes} bytes, more than the {bytes_max} allowed."
                ))
                .pointer(""));
        }
    }
    // The limit speaks of `data`: an envelope around it is one level more.
    let n_around = usize::from(shape != Shape::Raw);
    text::not_too_deep(fragment.as_bytes(), n_around, limits.depth_max)?;
    envelope::parse(shape, body, start, fragment)
}

fn not_a_batch() -> Problem {
    Kind::WrongType
        .problem("A batch of CloudEvents is an array.")
        .pointer("")
        .hint("send one event with Content-Type: application/cloudevents+json")
}

fn too_many(limits: &Limits) -> Problem {
    let n_max = limits.batch_events_max;
    Kind::TooManyEvents.problem(format!("The request has more than {n_max} events."))
}

/// Several values where one was announced: most likely somebody forgot the content type of lines.
fn hint_lines(problem: Problem, whole: &str) -> Problem {
    let is_trailing = problem.facts().detail.contains("trailing characters");
    if is_trailing && whole.trim_end().contains('\n') {
        problem.hint("for one value a line send Content-Type: application/x-ndjson")
    } else {
        problem
    }
}

/// The elements of an array, as they stand, at most `n_max` of them.
struct Elements<'f> {
    n_max: usize,
    is_over: &'f mut bool,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while all.len() < self.n_max {
            match sequence.next_element()? {
                Some(element) => all.push(element),
                None => return Ok(all),
            }
        }
        if sequence.next_element::<IgnoredAny>()?.is_some() {
            *self.is_over = true;
            return Err(A::Error::custom("too many"));
        }
        Ok(all)
    }
}
