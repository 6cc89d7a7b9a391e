//! An event's data as a validator can hold it.
//!
//! A validator knows 64-bit integers, doubles and whole characters; JSON knows any number and half a surrogate pair. What does not
//! fit is replaced by what comes nearest, and its place is noted as inexact: nothing that compares it for equality may be held
//! against the event (docs/json.md). Of members with one name the last counts.

use serde_json::{Map, Number, Value};

use crate::depth::{DEPTH_MAX, is_deeper_than};

/// Data that was read for judging.
#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) value: Value,
    /// Pointers to what stands for something else.
    pub(crate) inexact: Vec<String>,
}

/// Most places that are noted. With more of them, everything counts as inexact.
const INEXACT_MAX: usize = 1_000;

/// The quick way, right for nearly all data; `None` where it needs [`exactly`].
pub(crate) fn quickly(data: &str) -> Option<Value> {
    serde_json::from_str(data).ok()
}

/// Reads JSON that the edge has checked: it is what RFC 8259 calls JSON. `None`: it nests deeper than [`DEPTH_MAX`]. Whoever
/// sends decides the depth and this goes down level by level, so it counts for itself.
pub(crate) fn exactly(data: &str) -> Option<Read> {
    if is_deeper_than(DEPTH_MAX, data) {
        return None;
    }
    let mut reader = Reader {
        bytes: data.as_bytes(),
        text: data,
        at: 0,
        pointer: String::new(),
        inexact: Vec::new(),
    };
    let value = reader.value();
    Some(Read { value, inexact: reader.inexact })
}

struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    /// Where `at` is.
    pointer: String,
    inexact: Vec<String>,
}

impl Reader<'_> {
    fn value(&mut self) -> Value {
        match self.peek() {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => Value::String(self.string()),
            b't' => self.literal(4, Value::Bool(true)),
            b'f' => self.literal(5, Value::Bool(false)),
            b'n' => self.literal(4, Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Value {
        let mut members = Map::new();
        self.at += 1;
        while self.peek() != b'}' {
            let name = self.string();
            self.expect(b':');
            let length = self.pointer.len();
            self.pointer.push('/');
            self.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            let value = self.value();
            self.pointer.truncate(length);
            members.insert(name, value);
            self.comma();
        }
        self.at += 1;
        Value::Object(members)
    }

    fn array(&mut self) -> Value {
        let mut items = Vec::new();
        self.at += 1;
        while self.peek() != b']' {
            let length = self.pointer.len();
            self.pointer.push('/');
            self.pointer.push_str(&items.len().to_string());
            items.push(self.value());
            self.pointer.truncate(length);
            self.comma();
        }
        self.at += 1;
        Value::Array(items)
    }

    fn string(&mut self) -> String {
        self.peek();
        let from = self.at;
        self.at += 1;
        while self.bytes.get(self.at).is_some_and(|&byte| byte != b'"') {
            self.at += if self.bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        let token = &self.text[from..self.at.min(self.text.len())];
        serde_json::from_str(token).unwrap_or_else(|_| {
            self.note();
            whole_characters(token)
        })
    }

    fn number(&mut self) -> Value {
        let from = self.at;
        let is_sign = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        while self.bytes.get(self.at).is_some_and(is_sign) {
            self.at += 1;
        }
        let token = &self.text[from..self.at];
        let is_integer = !token.contains(['.', 'e', 'E']);
        if is_integer && token != "-0" {
            if let Ok(number) = token.parse::<i64>() {
                return Value::from(number);
            }
            if let Ok(number) = token.parse::<u64>() {
                return Value::from(number);
            }
        }
        let nearest: f64 = token.parse().unwrap_or(0.0);
        let mantissa = token.split(['e', 'E']).next().unwrap_or_default();
        let is_zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        let (held, is_replaced) = if nearest.is_infinite() {
            (f64::MAX.copysign(nearest), true)
        } else if nearest == 0.0 && !is_zero {
            (f64::from_bits(1).copysign(nearest), true)
        } else {
            (nearest, false)
        };
        // A whole number beyond 2^53 may be another one than the double that stands for it.
        let is_exact = !is_replaced && held.abs() <= 9_007_199_254_740_992.0;
        if !is_exact {
            self.note();
        }
        Number::from_f64(held).map_or(Value::Null, Value::Number)
    }

    fn literal(&mut self, length: usize, value: Value) -> Value {
        self.at += length;
        value
    }

    fn note(&mut self) {
        match self.inexact.len() {
            // The pointer to the whole: all else lies below it.
            INEXACT_MAX => self.inexact[0].clear(),
            _ => self.inexact.push(self.pointer.clone()),
        }
    }

    /// The next sign that is no white space; the end reads as one that closes everything.
    fn peek(&mut self) -> u8 {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
        *self.bytes.get(self.at).expect("the edge has checked that this is JSON")
    }

    fn expect(&mut self, sign: u8) {
        assert_eq!(self.peek(), sign, "the edge has checked that this is JSON");
        self.at += 1;
    }

    fn comma(&mut self) {
        if self.peek() == b',' {
            self.at += 1;
            self.peek();
        }
    }
}

/// A string with half of a surrogate pair in it: U+FFFD stands for each half.
fn whole_characters(token: &str) -> String {
    let inner = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    let mut units: Vec<u16> = Vec::with_capacity(inner.len());
    let mut signs = inner.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            units.extend_from_slice(sign.encode_utf16(&mut [0; 2]));
            continue;
        }
        units.push(match signs.next() {
            Some('b') => 8,
            Some('f') => 12,
            Some('n') => 10,
            Some('r') => 13,
            Some('t') => 9,
            Some('u') => {
                let digits: String = signs.by_ref().take(4).collect();
                u16::from_str_radix(&digits, 16).unwrap_or(0xfffd)
            }
            // A quote, a slash, a backslash.
            other => other.map_or(0xfffd, |sign| sign as u16),
        });
    }
    String::from_utf16_lossy(&units)
}
