//! What a token's scopes add up to.

use model::{Pattern, StreamName};
use store::Scope;

/// How far a permission goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nowhere.
    Nothing,
    /// To these streams.
    Streams(Vec<StreamName>),
    /// Everywhere.
    Everything,
}

/// What somebody may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grants {
    /// Send events.
    pub(crate) write: Reach,
    /// Read events, and with `Everything` whatever else is there to be read.
    pub(crate) read: Reach,
    /// Administrate. Whoever may that can make a token for all the rest, so it includes all the rest.
    pub(crate) is_admin: bool,
}

impl Grants {
    /// All there is.
    pub(crate) fn everything() -> Self {
        Self { write: Reach::Everything, read: Reach::Everything, is_admin: true }
    }

    /// The sum of these scopes.
    pub(crate) fn of(scopes: &[Scope]) -> Self {
        let mut grants = Self { write: Reach::Nothing, read: Reach::Nothing, is_admin: false };
        for scope in scopes {
            match scope {
                Scope::Write(stream) => grants.write.add(stream.as_ref()),
                Scope::Read(stream) => grants.read.add(stream.as_ref()),
                Scope::Admin => {
                    return Self {
                        write: Reach::Everything,
                        read: Reach::Everything,
                        is_admin: true,
                    };
                }
            }
        }
        grants
    }
}

impl Reach {
    fn add(&mut self, stream: Option<&StreamName>) {
        match (&mut *self, stream) {
            (Self::Everything, _) => {}
            (Self::Streams(streams), Some(stream)) => streams.push(stream.clone()),
            (Self::Nothing, Some(stream)) => *self = Self::Streams(vec![stream.clone()]),
            (_, None) => *self = Self::Everything,
        }
    }

    /// Whether it goes to this stream.
    pub(crate) fn has(&self, stream: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Streams(streams) => streams.iter().any(|one| one.as_str() == stream),
            Self::Everything => true,
        }
    }

    /// What is left of a wish for streams (none wished: all). Where the reach is bounded that is a list of exact names,
    /// and an empty one means that nothing is left.
    pub(crate) fn narrow(&self, wanted: Vec<Pattern>) -> Vec<Pattern> {
        let streams = match self {
            Self::Everything => return wanted,
            Self::Nothing => &[][..],
            Self::Streams(streams) => streams,
        };
        let is_wanted = |stream: &&StreamName| {
            wanted.is_empty() || wanted.iter().any(|pattern| pattern.matches(stream.as_str()))
        };
        let left = streams.iter().filter(is_wanted);
        left.map(|stream| Pattern::Exact(stream.as_str().to_owned())).collect()
    }
}
