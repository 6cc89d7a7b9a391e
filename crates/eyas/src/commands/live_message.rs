//! The messages of `GET /live`, and an event as one line for people.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::printable::{printable, printable_start};

/// How much of an event's data a line shows.
const DATA_CHARS_MAX: usize = 160;

/// One message; which members it has depends on `kind`.
#[derive(Debug, Deserialize)]
pub(crate) struct LiveMessage<'a> {
    /// `hello`, `event`, `caught_up`, `gap`, `bye`, …
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
    head: Option<Cow<'a, str>>,
    cursor: Option<Cow<'a, str>>,
    from: Option<Cow<'a, str>>,
    to: Option<Cow<'a, str>>,
    why: Option<Cow<'a, str>>,
    reason: Option<Cow<'a, str>>,
    retry_after_ms: Option<u64>,
    stream: Option<Cow<'a, str>>,
    category: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    received_at: Option<Cow<'a, str>>,
    valid: Option<bool>,
    #[serde(borrow)]
    errors: Option<Vec<Broken<'a>>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// A rule that an event breaks.
#[derive(Debug, Deserialize)]
struct Broken<'a> {
    #[serde(borrow, default)]
    rule: Cow<'a, str>,
}

impl<'a> LiveMessage<'a> {
    /// Reads the text of one message.
    pub(crate) fn read(text: &'a [u8]) -> anyhow::Result<Self> {
        serde_json::from_slice(text).context("the server sent a message that cannot be read")
    }

    /// The newest position, if one is named.
    pub(crate) fn head(&self) -> Option<String> {
        self.head.as_deref().map(str::to_owned)
    }

    /// The position that it names as its own, if any.
    pub(crate) fn cursor(&self) -> Option<String> {
        self.cursor.as_deref().map(str::to_owned)
    }

    /// What is missing, and why.
    pub(crate) fn gap_line(&self) -> String {
        let part = |part: &Option<Cow<'_, str>>| printable(part.as_deref().unwrap_or("?"));
        format!(
            "events after {} up to {} are not shown: {}",
            part(&self.from),
            part(&self.to),
            part(&self.why)
        )
    }

    /// Why the server ends the connection, and how long to wait.
    pub(crate) fn bye(&self) -> (Option<String>, Option<Duration>) {
        let reason = self.reason.as_deref().unwrap_or("no reason given");
        let wait = self.retry_after_ms.map(Duration::from_millis);
        (Some(format!("the server said bye ({reason})")), wait)
    }
}

/// `12:03:04.567  events  page interaction / cta click  ✓  {"host":…}`; the time is UTC.
pub(crate) fn event_line(event: &LiveMessage<'_>) -> String {
    let text = |text: &Option<Cow<'_, str>>| printable(text.as_deref().unwrap_or_default());
    let received_at = text(&event.received_at);
    let time = received_at.get(11..23).unwrap_or(&received_at);
    let mut line = format!("{time}  {}", text(&event.stream));
    match (text(&event.category), text(&event.name)) {
        (category, name) if category.is_empty() && name.is_empty() => {}
        (category, name) => {
            let _ = write!(line, "  {category} / {name}");
        }
    }
    if event.valid == Some(false) {
        let rules: Vec<String> =
            event.errors.iter().flatten().map(|broken| printable(&broken.rule)).collect();
        let _ = write!(line, "  ✗ {}", rules.join(", "));
    } else {
        line += "  ✓";
    }
    let data = event.data.map_or("null", RawValue::get);
    line + "  " + &printable_start(data, DATA_CHARS_MAX)
}
