//! How often somebody was told to wait, by reason, and which applications that were.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Applications that are counted by name; all further ones together are [`OTHERS`].
const APPLICATIONS_MAX: usize = 50;
/// No application can be called that.
const OTHERS: &str = "(others)";

/// Which limit it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// That of a token.
    Token,
    /// That of an address, where no tokens are asked for.
    Address,
    /// That of answers 401 to one address.
    Refusals,
}

impl Reason {
    pub(crate) const ALL: [Self; 3] = [Self::Token, Self::Address, Self::Refusals];

    /// The value of the label `reason`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Address => "address",
            Self::Refusals => "refusals",
        }
    }
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    by_reason: [AtomicU64; Reason::ALL.len()],
    // Locked for one addition, and only when an application is refused.
    by_application: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    /// Somebody was refused.
    pub(crate) fn refuse(&self, reason: Reason) {
        self.by_reason[reason as usize].fetch_add(1, Relaxed);
    }

    /// This application was refused.
    pub(crate) fn refuse_application(&self, application: &str) {
        self.refuse(Reason::Token);
        let mut counts = self.by_application.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(application) {
            *count += 1;
            return;
        }
        let name = if counts.len() < APPLICATIONS_MAX { application } else { OTHERS };
        *counts.entry(name.to_owned()).or_default() += 1;
    }

    /// How often it was this reason.
    pub(crate) fn n_refused(&self, reason: Reason) -> u64 {
        self.by_reason[reason as usize].load(Relaxed)
    }

    /// By application, in the order of names.
    pub(crate) fn applications(&self) -> Vec<(String, u64)> {
        let counts = self.by_application.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(name, n)| (name.clone(), *n)).collect()
    }
}
