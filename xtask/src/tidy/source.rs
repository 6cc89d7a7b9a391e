//! One Rust source, read: what the rules on imports look at.

use crate::tidy::paths::Names;
use crate::tidy::rooms::Place;

/// A source file.
pub(crate) struct Source<'a> {
    /// Its path, from the top of the repository.
    pub(crate) path: &'a str,
    /// Where it stands.
    pub(crate) place: Place,
    /// What it names.
    pub(crate) names: Names,
}
