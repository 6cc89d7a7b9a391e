//! A schema that is ready to judge, and its judgement of one event's data.
//!
//! JSON Schema 2020-12; nothing is fetched; patterns only by an engine whose time is linear in the text. Invariant: judging
//! ends after a number of steps that depends on the size of the data alone, and says at most [`REASONS_MAX`] things of bounded
//! length.

use std::fmt::{self, Write as _};

use jsonschema::{Draft, ValidationError, Validator};
use model::ContentHash;
use serde_json::Value;
use store::SchemaText;

use crate::depth::DEPTH_MAX;
use crate::schemas::bad::BadSchema;
use crate::schemas::data;
use crate::schemas::patterns::{self, PATTERN_BYTES_MAX};
use crate::schemas::reason::{MESSAGE_BYTES_MAX, Reason};
use crate::schemas::shape::{self, SCHEMA_BYTES_MAX, Shape};
use crate::schemas::steps::{Counted, CountedNode, Steps};

/// Most reasons that one event is told.
pub(crate) const REASONS_MAX: usize = 20;
/// Where an event's data stands in the event, as readers see it.
const DATA: &str = "/data";
/// Steps for a verdict: so many in any case, and so many for each byte of the data.
const STEPS_MIN: u64 = 100_000;
const STEPS_PER_BYTE: u64 = 32;
/// Steps for all reasons; data that needs more is told the first.
const STEPS_TO_EXPLAIN: u64 = 20_000;
/// Most schemas in each other while a recursive one goes down into the data. Each takes up to a few KiB of stack where nothing
/// is optimised.
const FRAMES_MAX: usize = 400;

/// A schema that is ready to judge.
pub struct Compiled {
    validator: Validator<Counted>,
    shape: Shape,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// A text that was compiled, as it is kept.
#[derive(Debug)]
pub struct Accepted {
    /// What the store keeps.
    pub text: SchemaText,
    /// What judges.
    pub compiled: Compiled,
}

impl Compiled {
    /// Compiles the text of a schema. Takes up to some tens of milliseconds.
    pub fn compile(text: &str) -> Result<Accepted, BadSchema> {
        if text.len() > SCHEMA_BYTES_MAX {
            let reason = format!("it has {} bytes, more than {SCHEMA_BYTES_MAX}", text.len());
            return Err(BadSchema::new("", reason));
        }
        let schema: Value = serde_json::from_str(text)
            .map_err(|error| BadSchema::new("", format!("it is not JSON: {error}")))?;
        if !schema.is_object() && !schema.is_boolean() {
            return Err(BadSchema::new("", "a schema is an object, or true or false"));
        }
        let shape = shape::check(&schema)?;
        let validator = jsonschema::options_for::<Counted>()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(patterns::engine(PATTERN_BYTES_MAX))
            .offline()
            .build(&schema)
            .map_err(|error| refused(&error))?;
        // Members are in the order of their names, so this is one text for all spellings.
        let digest = ContentHash::of(&[Some(schema.to_string().as_bytes())]);
        let text = SchemaText { text: text.to_owned(), digest };
        Ok(Accepted { text, compiled: Self { validator, shape } })
    }

    /// What is wrong with the data; empty where nothing is. `data` is JSON that the edge has checked.
    pub fn judge(&self, data: &str) -> Vec<Reason> {
        let quick = data::quickly(data);
        if let Some(value) = &quick {
            match self.fits(value, data) {
                Some(true) => return Vec::new(),
                Some(false) => {}
                None => return vec![self.too_much(data)],
            }
        }
        // Something is wrong, or cannot be held exactly: only now is the slow way worth it.
        let Some(read) = data::exactly(data) else {
            return vec![too_complex(format!("it nests deeper than {DEPTH_MAX} levels"))];
        };
        match self.fits(&read.value, data) {
            Some(true) => Vec::new(),
            Some(false) => self.explain(&read, data),
            None => vec![self.too_much(data)],
        }
    }

    /// `None`: it would take more steps than there are, or go too deep.
    fn fits(&self, value: &Value, data: &str) -> Option<bool> {
        if self.shape.is_recursive && self.shape.levels * (depth(value) + 1) > FRAMES_MAX {
            return None;
        }
        let steps = Steps::new(steps_max(data), self.shape.pattern_cost);
        let fits = self.validator.is_valid(CountedNode { value, steps: &steps });
        (!steps.are_spent()).then_some(fits)
    }

    fn explain(&self, read: &data::Read, data: &str) -> Vec<Reason> {
        let is_certain = |error: &ValidationError<'_>| is_certain(error, &read.inexact);
        let steps = Steps::new(STEPS_TO_EXPLAIN, self.shape.pattern_cost);
        let errors = self.validator.iter_errors(CountedNode { value: &read.value, steps: &steps });
        if !steps.are_spent() {
            return errors
                .filter(is_certain)
                .take(REASONS_MAX)
                .map(|error| reason(&error))
                .collect();
        }
        drop(errors);
        let steps = Steps::new(steps_max(data), self.shape.pattern_cost);
        let first = self.validator.validate(CountedNode { value: &read.value, steps: &steps });
        match first {
            // Then data looks like less than it is, and may fit.
            _ if steps.are_spent() => vec![self.too_much(data)],
            Err(error) if is_certain(&error) => vec![reason(&error)],
            Ok(()) | Err(_) => Vec::new(),
        }
    }

    fn too_much(&self, data: &str) -> Reason {
        let message = format!(
            "{} bytes of data and this schema{} are too much to judge",
            data.len(),
            if self.shape.is_recursive { ", which is recursive," } else { "" }
        );
        too_complex(message)
    }
}

fn too_complex(message: String) -> Reason {
    Reason { pointer: DATA.to_owned(), rule: "too_complex".to_owned(), message }
}

fn steps_max(data: &str) -> u64 {
    STEPS_MIN + STEPS_PER_BYTE * data.len() as u64
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Whether the event may be told this although some of its values are not exactly what was judged. What compares for equality
/// may be wrong about such a value and about all that holds it; so may everything that hangs on a condition.
fn is_certain(error: &ValidationError<'_>, inexact: &[String]) -> bool {
    if inexact.is_empty() {
        return true;
    }
    let path = error.schema_path().as_str();
    let hangs = ["/then", "/else", "/not", "/anyOf", "/oneOf", "/contains", "/unevaluated"];
    if hangs.iter().any(|keyword| path.contains(keyword)) {
        return false;
    }
    let here = error.instance_path().as_str();
    let holds_inexact =
        inexact.iter().any(|pointer| pointer.is_empty() || pointer.starts_with(here));
    let is_equality = ["const", "enum", "multipleOf", "uniqueItems", "pattern", "format"]
        .contains(&error.kind().keyword());
    !(is_equality && holds_inexact)
}

fn reason(error: &ValidationError<'_>) -> Reason {
    let rule = match error.kind().keyword() {
        "falseSchema" => "false",
        keyword => keyword,
    };
    let mut message = Cut(String::new());
    // It stops where there is no more room, which is no error.
    let _ = write!(message, "{}", error.masked());
    let mut pointer = Cut(String::new());
    let _ = write!(pointer, "{DATA}{}", error.instance_path().as_str());
    Reason { pointer: pointer.0, rule: rule.to_owned(), message: message.0 }
}

/// A schema that the compiler refuses.
fn refused(error: &ValidationError<'_>) -> BadSchema {
    let pointer = error.instance_path().as_str();
    let is_pattern = pointer.contains("/pattern") || error.kind().keyword() == "format";
    let mut message = Cut(String::new());
    let _ = write!(message, "{}", error.masked());
    if is_pattern {
        let reason = format!(
            "the pattern cannot be used ({}); patterns have neither look-around nor back-references, so that they take linear time, \
             and at most {PATTERN_BYTES_MAX} bytes when compiled",
            message.0
        );
        return BadSchema::new(pointer, reason);
    }
    BadSchema::new(pointer, message.0)
}

/// Takes a text up to a bound, and then stops whoever writes it.
struct Cut(String);

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MESSAGE_BYTES_MAX - self.0.len().min(MESSAGE_BYTES_MAX);
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}
