//! Query strings: every parameter is known and good, or the answer names it and what is allowed.

use std::borrow::Cow;
use std::str::FromStr;

use model::filter::PATTERNS_MAX;
use model::{Clock, Cursor, Filter, LogId, Pattern, Search, Timestamp};
use store::Order;

use crate::error::Kind;
use crate::problem::Problem;

/// Most events on one page.
pub(crate) const PAGE_LIMIT_MAX: usize = 1000;
/// The names that [`Query::filter`] takes.
pub(crate) const FILTER_NAMES: &str =
    "application, category, name, session_id, q, valid, from, to, clock";
/// Events on a page that does not say.
pub(crate) const PAGE_LIMIT: usize = 100;

/// Bytes of `data` that a preview shows.
const PREVIEW_BYTES: usize = 512;

/// The parameters of one request, in order, decoded.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Where a list begins, how long it is, which way it goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paging {
    pub(crate) after: Option<Cursor>,
    pub(crate) order: Order,
    pub(crate) limit: Option<usize>,
}

impl<'a> Query<'a> {
    /// Cuts and decodes a query string (`application/x-www-form-urlencoded`).
    pub(crate) fn parse(text: Option<&'a str>) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let broken = |what: &str| {
                let detail = format!("The {what} in {pair:?} is not percent-encoded UTF-8.");
                Kind::BadParameter.problem(detail).hint("write % as %25, & as %26 and + as %2B")
            };
            let name = decode(name, true).ok_or_else(|| broken("name"))?;
            let value = decode(value, true).ok_or_else(|| broken("value"))?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Takes a parameter that may stand once.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        let mut values = self.take_all(name);
        let last = values.pop();
        if values.is_empty() { Ok(last) } else { Err(bad(name, "is given more than once")) }
    }

    /// Takes a parameter that may be repeated.
    pub(crate) fn take_all(&mut self, name: &str) -> Vec<Cow<'a, str>> {
        let mut values = Vec::new();
        self.pairs.retain_mut(|(key, value)| {
            let is_wanted = key.as_ref() == name;
            if is_wanted {
                values.push(std::mem::take(value));
            }
            !is_wanted
        });
        values
    }

    /// Takes a parameter and reads it; `allowed` completes "must be …".
    pub(crate) fn take_as<T>(
        &mut self,
        name: &str,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.take(name)? else { return Ok(None) };
        read(&value)
            .map(Some)
            .ok_or_else(|| bad(name, &format!("must be {allowed}, not {value:?}")))
    }

    /// What nobody took is a mistake. `known` is named in the answer; empty where there are none.
    pub(crate) fn end(self, known: &str) -> Result<(), Problem> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let shown: String = name.chars().take(64).collect();
        let known = if known.is_empty() {
            "none is known".to_owned()
        } else {
            format!("known are: {known}")
        };
        Err(Kind::UnknownParameter
            .problem(format!("There is no parameter {shown:?} here; {known}.")))
    }

    /// `from` or `to`.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let allowed = "an RFC 3339 time such as 2026-11-01T08:00:00Z (write + as %2B), or 2026-11-01 08:00:00 in UTC";
        self.take_as(name, allowed, |text| Timestamp::parse(text).ok())
    }

    /// The filter of pages and of live subscriptions.
    pub(crate) fn filter(&mut self) -> Result<Filter, Problem> {
        Ok(Filter {
            stream: Vec::new(),
            application: self.patterns("application")?,
            category: self.patterns("category")?,
            name: self.patterns("name")?,
            session_id: self.patterns("session_id")?,
            search: self.take_as("q", "a text of 1 to 128 characters", Search::parse)?,
            valid: self.take_as("valid", "true or false", |text| bool::from_str(text).ok())?,
            from: self.time("from")?,
            to: self.time("to")?,
            clock: self
                .take_as("clock", "received or event", |text| match text {
                    "received" => Some(Clock::Received),
                    "event" => Some(Clock::Event),
                    _ => None,
                })?
                .unwrap_or_default(),
        })
    }

    /// Wanted values of one label; a trailing `*` asks for a prefix.
    pub(crate) fn patterns(&mut self, name: &str) -> Result<Vec<Pattern>, Problem> {
        let values = self.take_all(name);
        if values.len() > PATTERNS_MAX {
            return Err(bad(name, &format!("is given more than {PATTERNS_MAX} times")));
        }
        if values.iter().any(|value| value.is_empty()) {
            return Err(bad(name, "must not be empty; leave it out to want every value"));
        }
        Ok(values.iter().map(|value| Pattern::parse(value)).collect())
    }

    /// `after`, `order` and `limit`.
    pub(crate) fn paging(&mut self, log: LogId) -> Result<Paging, Problem> {
        let order = self.take_as("order", "asc or desc", |text| match text {
            "asc" => Some(Order::Asc),
            "desc" => Some(Order::Desc),
            _ => None,
        })?;
        let cursor = "a cursor of an earlier answer, such as 0a1b2c3d.42";
        let after = self.take_as("after", cursor, |text| Cursor::from_str(text).ok())?;
        if let Some(after) = after
            && after.log != log
        {
            return Err(other_log(after.log, log));
        }
        Ok(Paging { after, order: order.unwrap_or_default(), limit: self.limit()? })
    }

    /// `data=preview`: how much of each event's `data` is wanted; `None` for all of it.
    pub(crate) fn data_bytes_max(&mut self) -> Result<Option<usize>, Problem> {
        let wanted = self.take_as("data", "full or preview", |text| match text {
            "full" => Some(None),
            "preview" => Some(Some(PREVIEW_BYTES)),
            _ => None,
        })?;
        Ok(wanted.flatten())
    }

    /// `limit`.
    pub(crate) fn limit(&mut self) -> Result<Option<usize>, Problem> {
        self.number("limit", PAGE_LIMIT_MAX)
    }

    /// A number from 1 to `max`.
    pub(crate) fn number(&mut self, name: &str, max: usize) -> Result<Option<usize>, Problem> {
        self.take_as(name, &format!("a number from 1 to {max}"), |text| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = if is_plain { text.parse().ok() } else { None };
            number.filter(|number| (1..=max).contains(number))
        })
    }
}

/// The cursor was handed out by another log.
pub(crate) fn other_log(given: LogId, log: LogId) -> Problem {
    Kind::OtherLog
        .problem(format!("The cursor belongs to log {given}, this server's log is {log}."))
}

/// A parameter with a bad value; `why` completes the sentence.
pub(crate) fn bad(name: &str, why: &str) -> Problem {
    Kind::BadParameter.problem(format!("The parameter {name:?} {why}."))
}

/// Percent-decoding; `plus` makes `+` a space. `None` for bad escapes and for what is not UTF-8.
pub(crate) fn decode(text: &str, plus: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || (plus && byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'%' => {
                let [high, low, ..] = *rest else { return None };
                let digit = |sign: u8| char::from(sign).to_digit(16);
                decoded.push((digit(high)? * 16 + digit(low)?) as u8);
                rest = &rest[2..];
            }
            b'+' if plus => decoded.push(b' '),
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The same query string with another `after`: what `Link: rel="next"` points at.
pub(crate) fn with_after(query: Option<&str>, after: &str) -> String {
    let is_other =
        |pair: &&str| !pair.is_empty() && *pair != "after" && !pair.starts_with("after=");
    let mut pairs: Vec<&str> = query.unwrap_or_default().split('&').filter(is_other).collect();
    let after = format!("after={after}");
    pairs.push(&after);
    pairs.join("&")
}
