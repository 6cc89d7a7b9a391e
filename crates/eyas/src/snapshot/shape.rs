//! The facts as JSON. Times are microseconds since 1970, hashes hexadecimal digits.
//!
//! Invariant: what one version of the shape means never changes; another meaning is another version of the file.

use std::collections::BTreeMap;

use model::{Seq, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    Application, Horizons, Rate, SchemaKey, SchemaMode, SchemaSource, SchemaState, SchemaStates,
    Scope, SignIn, Token, TokenKind, Trust,
};

use crate::snapshot::facts::Facts;

/// What stands in the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Shape {
    /// For people.
    pub(super) written_at: String,
    /// Whose facts these are: host, port and name of the database.
    pub(super) database: String,
    /// The log of the events beside it.
    pub(super) log: String,
    instance: String,
    trust_version: u64,
    applications: Vec<ApplicationShape>,
    tokens: Vec<TokenShape>,
    sign_ins: Vec<SignInShape>,
    schema_change: u64,
    schemas: Vec<SchemaShape>,
    horizons: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ApplicationShape {
    name: String,
    created_us: i64,
    allowed_origins: Vec<String>,
    /// Events a second, and at once.
    rate: Option<(u32, u32)>,
    is_disabled: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct TokenShape {
    id: String,
    application: String,
    hash: String,
    prefix: String,
    label: String,
    kind: String,
    scopes: Vec<String>,
    created_us: i64,
    created_by: String,
    expires_us: Option<i64>,
    revoked_us: Option<i64>,
    last_used_us: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SignInShape {
    hash: String,
    token_id: Option<String>,
    actor: String,
    created_us: i64,
    expires_us: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SchemaShape {
    stream: String,
    category: Option<String>,
    name: Option<String>,
    mode: String,
    /// The version in force and its text.
    active: Option<(u32, String)>,
    n_versions: u32,
    is_configured: bool,
    changed_us: i64,
    changed_by: String,
}

impl Shape {
    /// Of these facts.
    pub(super) fn of(facts: &Facts, database: &str, log: String, written_at: Timestamp) -> Self {
        Self {
            written_at: written_at.to_string(),
            database: database.to_owned(),
            log,
            instance: facts.instance.clone(),
            trust_version: facts.trust.version,
            applications: facts.trust.applications.iter().map(ApplicationShape::of).collect(),
            tokens: facts.trust.tokens.iter().map(TokenShape::of).collect(),
            sign_ins: facts.sign_ins.iter().map(SignInShape::of).collect(),
            schema_change: facts.schemas.change,
            schemas: facts.schemas.states.iter().map(SchemaShape::of).collect(),
            horizons: facts.horizons.iter().map(|(name, at)| (name.to_owned(), at.get())).collect(),
        }
    }

    /// The facts; `None` where a value is none that this program writes.
    pub(super) fn facts(self) -> Option<Facts> {
        let mut horizons = Horizons::default();
        for (stream, horizon) in self.horizons {
            horizons.raise(&stream, Seq::new(horizon)?);
        }
        let schemas = self.schemas.into_iter().map(SchemaShape::state);
        Some(Facts {
            instance: self.instance,
            trust: Trust {
                version: self.trust_version,
                applications: self.applications.into_iter().map(Into::into).collect(),
                tokens: self.tokens.into_iter().map(TokenShape::token).collect::<Option<_>>()?,
            },
            sign_ins: self.sign_ins.into_iter().map(SignInShape::sign_in).collect::<Option<_>>()?,
            schemas: SchemaStates {
                change: self.schema_change,
                states: schemas.collect::<Option<_>>()?,
            },
            horizons,
        })
    }
}

impl ApplicationShape {
    fn of(one: &Application) -> Self {
        Self {
            name: one.name.clone(),
            created_us: one.created_at.micros(),
            allowed_origins: one.allowed_origins.clone(),
            rate: one.rate.map(|rate| (rate.events_per_s, rate.burst)),
            is_disabled: one.is_disabled,
        }
    }
}

impl From<ApplicationShape> for Application {
    fn from(shape: ApplicationShape) -> Self {
        Self {
            name: shape.name,
            created_at: Timestamp::from_micros(shape.created_us),
            allowed_origins: shape.allowed_origins,
            rate: shape.rate.map(|(events_per_s, burst)| Rate { events_per_s, burst }),
            is_disabled: shape.is_disabled,
        }
    }
}

impl TokenShape {
    fn of(one: &Token) -> Self {
        Self {
            id: one.id.clone(),
            application: one.application.clone(),
            hash: hex(&one.hash),
            prefix: one.prefix.clone(),
            label: one.label.clone(),
            kind: one.kind.as_str().to_owned(),
            scopes: one.scopes.iter().map(ToString::to_string).collect(),
            created_us: one.created_at.micros(),
            created_by: one.created_by.clone(),
            expires_us: one.expires_at.map(Timestamp::micros),
            revoked_us: one.revoked_at.map(Timestamp::micros),
            last_used_us: one.last_used.map(Timestamp::micros),
        }
    }

    fn token(self) -> Option<Token> {
        Some(Token {
            hash: unhex(&self.hash)?,
            kind: TokenKind::parse(&self.kind)?,
            scopes: self.scopes.iter().map(|scope| Scope::parse(scope)).collect::<Option<_>>()?,
            id: self.id,
            application: self.application,
            prefix: self.prefix,
            label: self.label,
            created_at: Timestamp::from_micros(self.created_us),
            created_by: self.created_by,
            expires_at: self.expires_us.map(Timestamp::from_micros),
            revoked_at: self.revoked_us.map(Timestamp::from_micros),
            last_used: self.last_used_us.map(Timestamp::from_micros),
        })
    }
}

impl SignInShape {
    fn of(one: &SignIn) -> Self {
        Self {
            hash: hex(&one.hash),
            token_id: one.token_id.clone(),
            actor: one.actor.clone(),
            created_us: one.created_at.micros(),
            expires_us: one.expires_at.micros(),
        }
    }

    fn sign_in(self) -> Option<SignIn> {
        Some(SignIn {
            hash: unhex(&self.hash)?,
            token_id: self.token_id,
            actor: self.actor,
            created_at: Timestamp::from_micros(self.created_us),
            expires_at: Timestamp::from_micros(self.expires_us),
        })
    }
}

impl SchemaShape {
    fn of(one: &SchemaState) -> Self {
        let SchemaKey { stream, category, name } = one.key.clone();
        Self {
            stream,
            category,
            name,
            mode: one.mode.as_str().to_owned(),
            active: one.active.clone(),
            n_versions: one.n_versions,
            is_configured: one.source == SchemaSource::Config,
            changed_us: one.changed_at.micros(),
            changed_by: one.changed_by.clone(),
        }
    }

    fn state(self) -> Option<SchemaState> {
        let source = if self.is_configured { SchemaSource::Config } else { SchemaSource::Api };
        Some(SchemaState {
            key: SchemaKey { stream: self.stream, category: self.category, name: self.name },
            mode: SchemaMode::parse(&self.mode)?,
            active: self.active,
            n_versions: self.n_versions,
            source,
            changed_at: Timestamp::from_micros(self.changed_us),
            changed_by: self.changed_by,
        })
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("a half byte is a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
