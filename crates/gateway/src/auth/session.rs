//! Who has signed in to the console: in memory for every request, in the store for the next start.
//!
//! ```text
//!   code or token ──sign in──> cookie with a secret (32 random bytes); we keep its hash
//!   each use moves its end to 12 h from now, never beyond 7 days from its beginning
//!   a sign-in with a token may what the token may, now: revoked, expired or disabled, it lets nobody in
//! ```
//!
//! Invariant: what is in force is in memory; the store is written first where something begins or ends. Only the end of all is
//! in memory first: what begins meanwhile then either ends with the others or finds that its maker has gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use model::Timestamp;
use serde_json::json;
use store::{AuditEntry, SecretHash, SessionStore, SignIn, StoreError};

use crate::auth::codes::{Bearer, Invitation};
use crate::auth::secret;

/// How long a sign-in lives without use, and at most.
const IDLE_US: i64 = 12 * 3_600 * 1_000_000;
pub(crate) const LIFE_S: i64 = 7 * 24 * 3_600;
/// An end is written anew when it has moved by so much.
const SAVE_EVERY_US: i64 = 60 * 1_000_000;

/// All sign-ins.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    // A lock, because sign-ins come and go; written when one does, read for each request that has a cookie.
    table: RwLock<HashMap<SecretHash, Entry>>,
}

struct Entry {
    bearer: Bearer,
    actor: Arc<str>,
    created_us: i64,
    ends_us: AtomicI64,
    saved_us: AtomicI64,
}

/// A sign-in that is good.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) hash: SecretHash,
    pub(crate) bearer: Bearer,
    /// How the audit trail names it where no token does.
    pub(crate) actor: Arc<str>,
    pub(crate) expires_at: Timestamp,
}

impl Sessions {
    /// `kept` is what the store holds, or held.
    pub fn open(store: Arc<dyn SessionStore>, kept: &[SignIn]) -> Self {
        let table = kept.iter().map(|one| (one.hash, Entry::of(one))).collect();
        Self { store, table: RwLock::new(table) }
    }

    /// All of them as they were saved last, in the order of their hashes.
    pub fn saved(&self) -> Vec<SignIn> {
        let table = self.look();
        let mut all: Vec<SignIn> = table.iter().map(|(hash, entry)| entry.saved(hash)).collect();
        all.sort_unstable_by_key(|one| one.hash);
        all
    }

    fn look(&self) -> RwLockReadGuard<'_, HashMap<SecretHash, Entry>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who holds this secret; each look is a use.
    pub(crate) fn find(&self, secret: &[u8], now: Timestamp) -> Option<SignedIn> {
        self.by_hash(&secret::hash(secret), now)
    }

    /// The same by the secret's hash.
    pub(crate) fn by_hash(&self, hash: &SecretHash, now: Timestamp) -> Option<SignedIn> {
        let table = self.look();
        let (hash, entry) = table.get_key_value(hash)?;
        if entry.ends_us.load(Relaxed) <= now.micros() {
            return None;
        }
        let ends_us = end_us(entry.created_us, now);
        entry.ends_us.fetch_max(ends_us, Relaxed);
        Some(SignedIn {
            hash: *hash,
            bearer: entry.bearer.clone(),
            actor: Arc::clone(&entry.actor),
            expires_at: Timestamp::from_micros(ends_us),
        })
    }

    /// Lets somebody in: the secret for the cookie. `actor` is the token's, or says that it is the machine. `None`: whoever
    /// invited has been signed out. Who was invited began when its maker did, so that no chain of codes outlives the week.
    pub(crate) async fn begin(
        &self,
        invitation: Invitation,
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let Invitation { bearer, maker } = invitation;
        let created_us = match &maker {
            None => now.micros(),
            Some(maker) => match self.began_us(maker, now) {
                None => return Ok(None),
                Some(began_us) => began_us,
            },
        };
        let text = secret::make::<32>()
            .map_err(|error| StoreError::Unavailable(format!("no random bits: {error}")))?;
        let hash = secret::hash(text.as_bytes());
        let new = SignIn {
            hash,
            token_id: match &bearer {
                Bearer::Machine => None,
                Bearer::Token(id) => Some(id.clone()),
            },
            actor: actor.to_owned(),
            created_at: Timestamp::from_micros(created_us),
            expires_at: Timestamp::from_micros(end_us(created_us, now)),
        };
        let entry = Entry::of(&new);
        let forgotten = self.store.sign_in(new, audit(now, actor, "session.begin", &hash)).await?;
        let is_in = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            let is_in = maker.is_none_or(|maker| table.contains_key(&maker));
            for gone in forgotten {
                table.remove(&gone);
            }
            if is_in {
                table.insert(hash, entry);
            }
            is_in
        };
        if !is_in {
            self.store.sign_out(hash, audit(now, actor, "session.end", &hash)).await?;
            return Ok(None);
        }
        Ok(Some(text))
    }

    /// When a sign-in that is good began.
    fn began_us(&self, hash: &SecretHash, now: Timestamp) -> Option<i64> {
        let table = self.look();
        let entry = table.get(hash)?;
        (entry.ends_us.load(Relaxed) > now.micros()).then_some(entry.created_us)
    }

    /// Ends all of them. After an error those that the store still has come back with a restart.
    pub(crate) async fn end_all(&self, actor: &str, now: Timestamp) -> Result<(), StoreError> {
        self.table.write().unwrap_or_else(PoisonError::into_inner).clear();
        let entry = AuditEntry {
            at: now,
            actor: actor.to_owned(),
            act: "session.end_all".to_owned(),
            object: String::new(),
            detail: json!({}).to_string(),
        };
        self.store.sign_out_all(entry).await
    }

    /// Ends the sign-in of this secret, if there is one.
    pub(crate) async fn end(
        &self,
        secret: &[u8],
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hash = secret::hash(secret);
        self.store.sign_out(hash, audit(now, actor, "session.end", &hash)).await?;
        self.table.write().unwrap_or_else(PoisonError::into_inner).remove(&hash);
        Ok(())
    }

    /// Saves the ends that have moved since they were saved last.
    pub(crate) async fn save(&self) -> Result<(), StoreError> {
        let moved: Vec<(SecretHash, i64)> = self
            .look()
            .iter()
            .map(|(hash, entry)| (*hash, entry.ends_us.load(Relaxed), &entry.saved_us))
            .filter(|(_, ends_us, saved_us)| ends_us - saved_us.load(Relaxed) >= SAVE_EVERY_US)
            .map(|(hash, ends_us, _)| (hash, ends_us))
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        let ends = moved.iter().map(|(hash, us)| (*hash, Timestamp::from_micros(*us))).collect();
        self.store.extend_sign_ins(ends).await?;
        let table = self.look();
        for (hash, ends_us) in moved {
            if let Some(entry) = table.get(&hash) {
                entry.saved_us.store(ends_us, Relaxed);
            }
        }
        Ok(())
    }
}

impl Entry {
    fn of(kept: &SignIn) -> Self {
        let ends_us = kept.expires_at.micros();
        Self {
            bearer: kept.token_id.clone().map_or(Bearer::Machine, Bearer::Token),
            actor: Arc::from(kept.actor.as_str()),
            created_us: kept.created_at.micros(),
            ends_us: AtomicI64::new(ends_us),
            saved_us: AtomicI64::new(ends_us),
        }
    }

    /// The reverse.
    fn saved(&self, hash: &SecretHash) -> SignIn {
        SignIn {
            hash: *hash,
            token_id: match &self.bearer {
                Bearer::Machine => None,
                Bearer::Token(id) => Some(id.clone()),
            },
            actor: self.actor.to_string(),
            created_at: Timestamp::from_micros(self.created_us),
            expires_at: Timestamp::from_micros(self.saved_us.load(Relaxed)),
        }
    }
}

/// When a sign-in that is used now ends.
fn end_us(created_us: i64, now: Timestamp) -> i64 {
    (now.micros() + IDLE_US).min(created_us + LIFE_S * 1_000_000)
}

/// The object is a name for the sign-in that gives nothing away.
fn audit(at: Timestamp, actor: &str, act: &str, hash: &SecretHash) -> AuditEntry {
    let [a, b, c, d, ..] = *hash;
    let object = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
    let (actor, act) = (actor.to_owned(), act.to_owned());
    AuditEntry { at, actor, act, object, detail: json!({}).to_string() }
}
