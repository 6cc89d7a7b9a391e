//! The cookie of a sign-in.
//!
//! `HttpOnly`: no script sees it. `SameSite=Strict`: no page of another site makes a browser send it. Where people reach us
//! over TLS it is `Secure` and has the prefix `__Host-`, so that neither plain http nor another host of the domain can set it.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};

const PLAIN: &str = "eyas_session";
const HOST_ONLY: &str = "__Host-eyas_session";

/// How cookies are spelled here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookie {
    is_secure: bool,
}

impl Cookie {
    /// For people who reach us at this address.
    pub(crate) fn at(public_url: &str) -> Self {
        Self { is_secure: public_url.starts_with("https://") }
    }

    /// Whether only TLS carries it.
    pub(crate) fn is_secure(self) -> bool {
        self.is_secure
    }

    fn name(self) -> &'static str {
        if self.is_secure { HOST_ONLY } else { PLAIN }
    }

    /// The secret in a request. The first one counts.
    pub(crate) fn secret(self, headers: &HeaderMap) -> Option<&[u8]> {
        let values = headers.get_all(COOKIE).iter();
        let mut pairs = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        pairs.find_map(|pair| {
            let rest = pair.trim_ascii().strip_prefix(self.name().as_bytes())?;
            rest.strip_prefix(b"=")
        })
    }

    /// Gives a browser its secret, for at most `life_s`.
    pub(crate) fn give(self, secret: &str, life_s: i64) -> HeaderValue {
        let (name, secure) = (self.name(), if self.is_secure { "; Secure" } else { "" });
        let text =
            format!("{name}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={life_s}{secure}");
        HeaderValue::try_from(text).expect("letters and digits")
    }

    /// Takes it back.
    pub(crate) fn take_back(self) -> HeaderValue {
        self.give("", 0)
    }
}
