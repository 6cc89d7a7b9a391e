//! What may be asked for: applications and tokens that are not there yet, checked.

use std::time::Duration;

use model::names::{LABEL_BYTES_MAX, check_label};
use store::{ApplicationChange, Rate, Scope, TokenKind};

/// Longest name of an application, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Most origins of one application, and the longest one.
const ORIGINS_MAX: usize = 32;
const ORIGIN_BYTES_MAX: usize = 256;
/// Most scopes of one token.
const SCOPES_MAX: usize = 32;
/// Longest life of a token that has an end.
const LIFETIME_MAX: Duration = Duration::from_hours(24 * 3660);
/// Longest time for which an old token works beside the one in its place.
const OVERLAP_MAX: Duration = Duration::from_hours(24 * 30);

/// What is wrong with a wish: the member, and words that complete a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishError {
    /// JSON pointer.
    pub pointer: String,
    /// `must …`
    pub why: String,
}

fn bad(pointer: impl Into<String>, why: impl Into<String>) -> WishError {
    WishError { pointer: pointer.into(), why: why.into() }
}

/// An application to be.
#[derive(Clone, Debug)]
pub struct NewApplication {
    pub(crate) name: String,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) rate: Option<Rate>,
}

impl NewApplication {
    /// Checks the name (`[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`), the origins and the rate.
    pub fn new(
        name: String,
        allowed_origins: Vec<String>,
        rate: Option<Rate>,
    ) -> Result<Self, WishError> {
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let is_good = name.len() <= NAME_BYTES_MAX
            && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && name.bytes().all(is_sign);
        if !is_good {
            return Err(bad("/name", "must match [A-Za-z0-9][A-Za-z0-9_.-]{0,63}"));
        }
        check_rate(rate)?;
        Ok(Self { name, allowed_origins: origins(allowed_origins)?, rate })
    }
}

/// Checks what is to be new about an application.
pub fn check_change(change: ApplicationChange) -> Result<ApplicationChange, WishError> {
    check_rate(change.rate.flatten())?;
    let allowed_origins = change.allowed_origins.map(origins).transpose()?;
    Ok(ApplicationChange { allowed_origins, ..change })
}

fn check_rate(rate: Option<Rate>) -> Result<(), WishError> {
    match rate {
        Some(Rate { events_per_s: 0, .. }) => Err(bad("/rate/events_per_s", "must be at least 1")),
        Some(Rate { burst: 0, .. }) => Err(bad("/rate/burst", "must be at least 1")),
        _ => Ok(()),
    }
}

fn origins(given: Vec<String>) -> Result<Vec<String>, WishError> {
    if given.len() > ORIGINS_MAX {
        return Err(bad("/allowed_origins", format!("must be at most {ORIGINS_MAX}")));
    }
    for (at, origin) in given.iter().enumerate() {
        if !is_origin(origin) {
            let why = "must be as browsers send it: scheme, host and port if it is not the usual one, in small \
                       letters, such as https://www.example.com";
            return Err(bad(format!("/allowed_origins/{at}"), why));
        }
    }
    Ok(given)
}

/// As browsers spell it, because it is compared sign by sign.
fn is_origin(text: &str) -> bool {
    let (usual_port, rest) = match text.split_once("://") {
        Some(("http", rest)) => (":80", rest),
        Some(("https", rest)) => (":443", rest),
        _ => return false,
    };
    let (host, port) = match rest.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((host, port)) if host.parse::<std::net::Ipv6Addr>().is_ok() => (host, port),
            _ => return false,
        },
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    let is_sign = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':');
    let is_port = |port: &str| {
        let digits = port.strip_prefix(':').unwrap_or_default();
        digits.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == digits)
    };
    text.len() <= ORIGIN_BYTES_MAX
        && !host.is_empty()
        && host.bytes().all(is_sign)
        && (port.is_empty() || (port != usual_port && is_port(port)))
}

/// A token to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub(crate) application: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) label: String,
    pub(crate) kind: TokenKind,
    pub(crate) lifetime: Option<Duration>,
}

impl NewToken {
    /// Checks scopes (`write`, `read`, `admin`, `write:orders` …), label and life; a browser token may only write.
    pub fn new(
        application: String,
        scopes: &[String],
        label: String,
        kind: TokenKind,
        lifetime: Option<Duration>,
    ) -> Result<Self, WishError> {
        if scopes.is_empty() || scopes.len() > SCOPES_MAX {
            return Err(bad("/scopes", format!("must be 1 to {SCOPES_MAX}")));
        }
        let mut parsed = Vec::with_capacity(scopes.len());
        for (at, text) in scopes.iter().enumerate() {
            let pointer = format!("/scopes/{at}");
            let Some(scope) = Scope::parse(text) else {
                let why = "must be write, read, admin, write:<stream> or read:<stream>";
                return Err(bad(pointer, why));
            };
            if kind == TokenKind::Browser && !matches!(scope, Scope::Write(_)) {
                return Err(bad(
                    pointer,
                    "must be write for a browser token: everybody can read it",
                ));
            }
            if !parsed.contains(&scope) {
                parsed.push(scope);
            }
        }
        if !label.is_empty() {
            check_label(&label, LABEL_BYTES_MAX).map_err(|why| bad("/label", why.to_string()))?;
        }
        if lifetime.is_some_and(|life| life.is_zero() || life > LIFETIME_MAX) {
            let days = LIFETIME_MAX.as_secs();
            return Err(bad("/expires_in_s", format!("must be 1 to {days}")));
        }
        Ok(Self { application, scopes: parsed, label, kind, lifetime })
    }
}

/// Checks for how long a token may work beside the one in its place.
pub fn check_overlap(overlap: Duration) -> Result<Duration, WishError> {
    if overlap > OVERLAP_MAX {
        let seconds = OVERLAP_MAX.as_secs();
        return Err(bad("/overlap_s", format!("must be at most {seconds}")));
    }
    Ok(overlap)
}
