//! The contract of schemas: what events of a key have to look like, in versions. No text is ever changed or forgotten.
//!
//! The store keeps texts and says which of them is in force; what they mean is known to `pipeline`.

use async_trait::async_trait;
use model::{ContentHash, Timestamp};

use crate::error::StoreError;

/// Most keys that have schemas.
pub const SCHEMAS_MAX: usize = 256;
/// Most versions of one key.
pub const SCHEMA_VERSIONS_MAX: u32 = 1_000;
/// Most bytes of schemas in one answer with versions; the newest come first.
pub const VERSIONS_BYTES_MAX: usize = 4 << 20;

/// Which events a schema is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaKey {
    /// Exactly this stream.
    pub stream: String,
    /// Exactly this category; `None` for any, and for none.
    pub category: Option<String>,
    /// Exactly this name; `None` for any, and for none.
    pub name: Option<String>,
}

/// What becomes of an event that its schema does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaMode {
    /// It is not judged.
    Off,
    /// It is kept, marked invalid, with the reasons.
    Keep,
    /// It is refused.
    Reject,
}

impl SchemaMode {
    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Keep => "keep",
            Self::Reject => "reject",
        }
    }

    /// The mode of this word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Off, Self::Keep, Self::Reject].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// Who decides about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaSource {
    /// The configuration; nobody else may change it.
    Config,
    /// The API.
    Api,
}

impl SchemaSource {
    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Api => "api",
        }
    }
}

/// The text of a schema, and what makes two of them the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaText {
    /// A JSON value, as it was given.
    pub text: String,
    /// The same for all spellings of one value.
    pub digest: ContentHash,
}

/// A key and what is in force for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaState {
    /// Which events.
    pub key: SchemaKey,
    /// What becomes of those that it does not fit.
    pub mode: SchemaMode,
    /// The version in force and its text; `None` where none was ever made active.
    pub active: Option<(u32, String)>,
    /// How many versions there are.
    pub n_versions: u32,
    /// Who decides.
    pub source: SchemaSource,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// Who changed it.
    pub changed_by: String,
}

/// All keys at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaStates {
    /// Rises with every change.
    pub change: u64,
    /// In the order of their keys.
    pub states: Vec<SchemaState>,
}

/// One text of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaVersion {
    /// From 1 on.
    pub version: u32,
    /// As it was given.
    pub text: String,
    /// When it came.
    pub created_at: Timestamp,
    /// Who brought it.
    pub created_by: String,
    /// Whether it is the one in force.
    pub is_active: bool,
}

/// What is to be done with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaAct {
    /// Sets the mode, and the text where one is given: a text that the key has had already is that version, any other
    /// becomes a new one.
    Put {
        /// The mode from now on.
        mode: SchemaMode,
        /// A text, compiled before.
        text: Option<SchemaText>,
        /// Whether the text is in force from now on.
        activate: bool,
    },
    /// Puts a version in force, also an older one.
    Activate {
        /// Which.
        version: u32,
    },
    /// Mode off; the versions stay.
    TurnOff,
}

/// One change, and who makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// Which key.
    pub key: SchemaKey,
    /// What is done.
    pub act: SchemaAct,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaRefusal {
    /// The key has no schema, or not this version.
    NotFound,
    /// The configuration decides about this key.
    FromConfig,
    /// There are [`SCHEMAS_MAX`] keys, or [`SCHEMA_VERSIONS_MAX`] versions of this one.
    TooMany,
}

/// One schema of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredSchema {
    /// Which events.
    pub key: SchemaKey,
    /// What becomes of those that it does not fit.
    pub mode: SchemaMode,
    /// The text.
    pub text: SchemaText,
}

/// Schemas and their versions.
#[async_trait]
pub trait SchemaStore: Send + Sync {
    /// All keys.
    async fn schemas(&self) -> Result<SchemaStates, StoreError>;

    /// The versions of a key, newest first, at most [`VERSIONS_BYTES_MAX`] bytes of them (but one); `None` for an
    /// unknown key.
    async fn schema_versions(
        &self,
        key: &SchemaKey,
    ) -> Result<Option<Vec<SchemaVersion>>, StoreError>;

    /// Makes the change with its line of audit in one transaction, and answers with all keys afterwards. If the future
    /// is dropped, it may or may not have happened.
    async fn change_schema(
        &self,
        change: SchemaChange,
    ) -> Result<Result<SchemaStates, SchemaRefusal>, StoreError>;

    /// Makes the keys of the configuration what it says, in one transaction: its keys are changed only where they
    /// differ, a key that it no longer names is turned off and belongs to the API again. Answers with all keys
    /// afterwards.
    async fn configure_schemas(
        &self,
        configured: Vec<ConfiguredSchema>,
        at: Timestamp,
        by: &str,
    ) -> Result<Result<SchemaStates, SchemaRefusal>, StoreError>;
}
