//! One event on the fast path: a single pass of `serde_json` that borrows everything it can.
//!
//! Only when it fails does [`crate::wire::diagnose`] look again for what exactly is wrong.

use pipeline::NewEvent;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::problem::Problem;
use crate::wire::text::Text;
use crate::wire::{cloud_event, diagnose, text};

/// What the bytes of one event are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"id"?,"session_id"?,"category","name","timestamp"?,"data"?}`
    Envelope,
    /// Any JSON value; all of it is `data`.
    Raw,
    /// A `CloudEvent`, see [`cloud_event`].
    CloudEvent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    session_id: Option<Text<'a>>,
    #[serde(borrow)]
    category: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Parses the event whose text is `fragment`, at `start` of `body`. Pointers are relative to the event.
pub(crate) fn parse<'a>(
    shape: Shape,
    body: &[u8],
    start: usize,
    fragment: &'a str,
) -> Result<NewEvent<'a>, Problem> {
    match shape {
        Shape::Raw => match serde_json::from_str::<&RawValue>(fragment) {
            Ok(value) => Ok(NewEvent { data: Some(value.get()), ..NewEvent::default() }),
            Err(error) => Err(text::invalid_json(body, start, &error)),
        },
        Shape::CloudEvent => cloud_event::parse(body, start, fragment),
        Shape::Envelope => {
            // Serde would also take an array, field by field.
            let is_object = text::first_sign(fragment.as_bytes()) == Some(b'{');
            match serde_json::from_str::<Envelope<'a>>(fragment) {
                Ok(envelope) if is_object => Ok(envelope.into()),
                _ => Err(diagnose::envelope(body, start, fragment)),
            }
        }
    }
}

impl<'a> From<Envelope<'a>> for NewEvent<'a> {
    fn from(envelope: Envelope<'a>) -> Self {
        let bare = |text: Option<Text<'a>>| text.map(|text| text.0);
        Self {
            id: bare(envelope.id),
            session_id: bare(envelope.session_id),
            category: bare(envelope.category),
            name: bare(envelope.name),
            timestamp: bare(envelope.timestamp),
            data: envelope.data.map(RawValue::get),
        }
    }
}
