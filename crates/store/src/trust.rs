//! The contract of trust: applications, and the tokens by which they are known.
//!
//! Invariant: a token's text is never here, only its SHA-256. Each act and its line in the audit trail are one
//! transaction, and each answers with all of [`Trust`] as it was left, so that a reader of many acts can tell which came last.

use std::fmt;

use async_trait::async_trait;
use model::{StreamName, Timestamp};
use thiserror::Error;

use crate::audit::AuditEntry;
use crate::error::StoreError;

/// Most applications. They are never deleted, because events name them.
pub const APPLICATIONS_MAX: usize = 1_000;
/// Most tokens. To make room for a new one the oldest is forgotten that no longer works.
pub const TOKENS_MAX: usize = 10_000;

/// A client that we know by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its identity: what `application` of its events says.
    pub name: String,
    /// When.
    pub created_at: Timestamp,
    /// Pages of these origins (`https://example.com`) may use its tokens in a browser.
    pub allowed_origins: Vec<String>,
    /// What each of its tokens may send; `None`: what the server allows everybody.
    pub rate: Option<Rate>,
    /// All its tokens are refused.
    pub is_disabled: bool,
}

/// A limit of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run; at least 1.
    pub events_per_s: u32,
    /// At once; at least 1.
    pub burst: u32,
}

/// Where a token is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// On a server, secret.
    Server,
    /// In a page that everybody can read: it may only write, and only from the application's own origins.
    Browser,
}

impl TokenKind {
    /// As it is spelled everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Browser => "browser",
        }
    }

    /// The reverse.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Server, Self::Browser].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One thing that a token may do. Of several, any will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Send events; to this stream only, or to any.
    Write(Option<StreamName>),
    /// Read events; of this stream only, or everything.
    Read(Option<StreamName>),
    /// Everything, administration included.
    Admin,
}

impl Scope {
    /// `write`, `read`, `admin`, `write:orders`, `read:orders`.
    pub fn parse(text: &str) -> Option<Self> {
        let (verb, stream) = match text.split_once(':') {
            Some((verb, stream)) => (verb, Some(StreamName::new(stream).ok()?)),
            None => (text, None),
        };
        match (verb, stream) {
            ("write", stream) => Some(Self::Write(stream)),
            ("read", stream) => Some(Self::Read(stream)),
            ("admin", None) => Some(Self::Admin),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(None) => f.write_str("write"),
            Self::Write(Some(stream)) => write!(f, "write:{stream}"),
            Self::Read(None) => f.write_str("read"),
            Self::Read(Some(stream)) => write!(f, "read:{stream}"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// The SHA-256 of a token's text.
pub type TokenHash = [u8; 32];

/// A token, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its name in the API and in the audit trail.
    pub id: String,
    /// Whose it is.
    pub application: String,
    /// The only thing by which it can be recognised.
    pub hash: TokenHash,
    /// The first signs of its text, for people.
    pub prefix: String,
    /// What people call it; may be empty.
    pub label: String,
    /// Where it is kept.
    pub kind: TokenKind,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
    /// When.
    pub created_at: Timestamp,
    /// The actor.
    pub created_by: String,
    /// From then on it does not work.
    pub expires_at: Option<Timestamp>,
    /// Since then it does not work.
    pub revoked_at: Option<Timestamp>,
    /// When it last let somebody in, to about a minute.
    pub last_used: Option<Timestamp>,
}

/// All of it. Small: [`APPLICATIONS_MAX`] and [`TOKENS_MAX`] bound it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Rises with every act.
    pub version: u64,
    /// By name.
    pub applications: Vec<Application>,
    /// Oldest first.
    pub tokens: Vec<Token>,
}

/// What is new about an application; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationChange {
    /// All of them.
    pub allowed_origins: Option<Vec<String>>,
    /// `Some(None)` takes the limit away.
    pub rate: Option<Option<Rate>>,
    /// Refuses its tokens, or lets them in again.
    pub is_disabled: Option<bool>,
}

/// One act.
#[derive(Clone, Debug)]
pub enum TrustAct {
    /// A new application. Refused as `Exists` where the name is taken.
    AddApplication(Application),
    /// Refused as `Unknown` where there is none of this name.
    ChangeApplication {
        /// Which.
        name: String,
        /// What is new.
        change: ApplicationChange,
    },
    /// A new token. Refused as `Unknown` where its application is.
    AddToken(Token),
    /// A new token in place of another, which works until `ends_at` at most. Refused as `Unknown` where there is no
    /// such token, or none that works.
    Rotate {
        /// The id of the other.
        old: String,
        /// Its end, unless it ends before that anyway.
        ends_at: Timestamp,
        /// The new one.
        token: Token,
    },
    /// Ends a token. One that has been revoked already stays as it is. Refused as `Unknown` where there is no such token.
    Revoke {
        /// Its id.
        id: String,
        /// When.
        at: Timestamp,
    },
}

/// Why an act was not carried out. Nothing has changed.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The name is taken.
    #[error("it exists already")]
    Exists,
    /// There is nothing of this name.
    #[error("there is no such thing")]
    Unknown,
    /// There are as many as there may be.
    #[error("there are {n_max} already, and no more are kept")]
    Full {
        /// How many there may be.
        n_max: usize,
    },
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Applications and tokens.
#[async_trait]
pub trait TrustStore: Send + Sync {
    /// All of it.
    async fn trust(&self) -> Result<Trust, StoreError>;

    /// Carries out an act and adds its line to the audit trail, both or none; answers with everything as it is then.
    /// If the future is dropped, it may or may not have happened.
    async fn change_trust(&self, act: TrustAct, audit: AuditEntry) -> Result<Trust, TrustError>;

    /// Notes when tokens, by their ids, were last used. Never turns a time back; ids that are gone are passed over.
    async fn save_token_uses(&self, uses: Vec<(String, Timestamp)>) -> Result<(), StoreError>;
}
