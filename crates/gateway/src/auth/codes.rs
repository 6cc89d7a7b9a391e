//! Codes to sign in with: each good once, for ten minutes. They are in memory only, so none outlives the process.
//!
//! A code stands in the fragment of an address that only a terminal or an administrator is shown: a browser never sends the
//! fragment, so no proxy and no log sees it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use model::Timestamp;
use store::SecretHash;

use crate::auth::secret;

/// How long a code is good.
const LIFE_US: i64 = 10 * 60 * 1_000_000;
/// Most codes at a time; a further one takes the place of the oldest.
const CODES_MAX: usize = 32;

/// Who signs in with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// The machine itself, which may everything.
    Machine,
    /// Whoever comes with this token, by its id.
    Token(String),
}

/// What a code was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// Who signs in with it.
    pub(crate) bearer: Bearer,
    /// The sign-in that made it, which lends its beginning: it is good no longer than that one.
    pub(crate) maker: Option<SecretHash>,
}

/// A code that was just made. Its text is shown this once.
#[derive(Clone, Debug)]
pub(crate) struct MadeCode {
    pub(crate) text: String,
    pub(crate) expires_at: Timestamp,
}

/// Codes that nobody has used yet.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    // A lock, because a code is found and taken in one step; held for a look at a few hashes.
    waiting: Mutex<VecDeque<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    hash: SecretHash,
    invitation: Invitation,
    expires_at: Timestamp,
}

impl Invitation {
    /// The machine's own.
    pub(crate) const MACHINE: Self = Self { bearer: Bearer::Machine, maker: None };
}

impl Codes {
    /// A new code.
    pub(crate) fn make(
        &self,
        invitation: Invitation,
        now: Timestamp,
    ) -> Result<MadeCode, getrandom::Error> {
        let text = secret::make::<16>()?;
        let expires_at = Timestamp::from_micros(now.micros() + LIFE_US);
        let waiting = Waiting { hash: secret::hash(text.as_bytes()), invitation, expires_at };
        let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.expires_at > now);
        if all.len() >= CODES_MAX {
            all.pop_front();
        }
        all.push_back(waiting);
        Ok(MadeCode { text, expires_at })
    }

    /// Uses a code up. `None`: there is no such code, any more. Takes as long for a wrong one as for a good one.
    pub(crate) fn take(&self, text: &[u8], now: Timestamp) -> Option<Invitation> {
        let hash = secret::hash(text);
        let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.expires_at > now);
        let mut found = None;
        for (at, one) in all.iter().enumerate() {
            if secret::is_same(&one.hash, &hash) {
                found = Some(at);
            }
        }
        all.remove(found?).map(|one| one.invitation)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
