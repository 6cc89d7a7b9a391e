//! Why nobody knows who asks.

use crate::auth::token_text;
use crate::error::Kind;
use crate::problem::Problem;

/// Why a request comes from nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It names no token.
    Missing,
    /// What it names is no `Bearer` and one token.
    Malformed,
    /// There is no such token. `is_whole`: it is spelled like one.
    Unknown { is_whole: bool },
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
    /// Its application is disabled.
    Disabled,
    /// It would change something with a cookie, and nothing shows that a page of ours has made it.
    Forged,
}

impl Refusal {
    /// There is no token of this text.
    pub(crate) fn unknown(text: &[u8]) -> Self {
        Self::Unknown { is_whole: token_text::is_whole(text) }
    }

    /// Its stable code.
    pub(crate) fn code(self) -> &'static str {
        self.problem().facts().code
    }

    /// As an answer.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::Missing => Kind::TokenMissing.problem("The request names no token."),
            Self::Malformed => Kind::TokenUnknown
                .problem("The Authorization header is not the word Bearer, a space and one token.")
                .hint("send one header: Authorization: Bearer eyas_…"),
            Self::Unknown { is_whole: true } => {
                Kind::TokenUnknown.problem("There is no such token here.")
            }
            Self::Unknown { is_whole: false } => Kind::TokenUnknown
                .problem("This is no token: it was cut, mistyped, or is something else."),
            Self::Expired => Kind::TokenExpired.problem("The token has expired."),
            Self::Revoked => Kind::TokenRevoked.problem("The token was revoked."),
            Self::Forged => Kind::Csrf
                .problem("This would change something, and it does not come from the console."),
            Self::Disabled => {
                Kind::ApplicationDisabled.problem("The application of this token is disabled.")
            }
        }
    }
}
