//! Who a request comes from.

use std::sync::Arc;

/// What a route wants of whoever asks; least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Anybody may.
    Nothing,
    /// Scope `read`.
    Read,
    /// Scope `admin`.
    Admin,
}

/// Who a request comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    actor: Arc<str>,
}

impl Principal {
    /// The machine itself, which may everything.
    pub(crate) fn local() -> Self {
        Self { actor: Arc::from("local") }
    }

    /// How the audit trail names it.
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// Whether it may do what the route is for.
    #[expect(clippy::unused_self, reason = "there are no tokens yet")]
    pub(crate) fn may(&self, _need: Need) -> bool {
        true
    }
}
