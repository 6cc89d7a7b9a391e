//! All tokens as one value, made anew with every change and never changed: finding one takes a hash and a look into a map.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::Timestamp;
use store::{Application, Token, TokenHash, Trust};

use crate::auth::grants::Grants;
use crate::auth::principal::{Identity, Principal};
use crate::auth::refusal::Refusal;
use crate::rate::bucket::Bucket;

/// A use within this of the last one is not noted: it would make all cores write to one place.
const NOTE_EVERY_US: i64 = 1_000_000;
/// No use is noted.
const NEVER: i64 = i64::MIN;

/// All tokens.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) trust: Trust,
    by_hash: HashMap<TokenHash, usize>,
    by_id: HashMap<String, usize>,
    /// In the order of `trust.tokens`.
    entries: Vec<Entry>,
    /// Every origin of an application that is not disabled.
    origins: HashSet<String>,
}

#[derive(Debug)]
struct Entry {
    principal: Principal,
    /// Why it lets nobody in, whatever the time.
    refusal: Option<Refusal>,
    expires_at: Option<Timestamp>,
    usage: Arc<Usage>,
}

/// What a token has been used for. Goes from table to table.
#[derive(Debug)]
struct Usage {
    /// Microseconds since 1970.
    last_us: AtomicI64,
    bucket: Arc<Bucket>,
}

impl Table {
    /// The table of this; the uses that `before` knows go on.
    pub(crate) fn new(trust: Trust, before: &Self) -> Self {
        let applications: HashMap<&str, &Application> =
            trust.applications.iter().map(|one| (one.name.as_str(), one)).collect();
        let mut entries = Vec::with_capacity(trust.tokens.len());
        for token in &trust.tokens {
            let known =
                before.by_id.get(&token.id).map(|&at| Arc::clone(&before.entries[at].usage));
            let last_us = AtomicI64::new(token.last_used.map_or(NEVER, Timestamp::micros));
            let usage =
                known.unwrap_or_else(|| Arc::new(Usage { last_us, bucket: Arc::default() }));
            entries.push(Entry::new(token, applications.get(token.application.as_str()), usage));
        }
        let tokens = trust.tokens.iter().enumerate();
        let enabled = trust.applications.iter().filter(|one| !one.is_disabled);
        Self {
            by_hash: tokens.clone().map(|(at, token)| (token.hash, at)).collect(),
            by_id: tokens.map(|(at, token)| (token.id.clone(), at)).collect(),
            entries,
            origins: enabled.flat_map(|one| one.allowed_origins.iter().cloned()).collect(),
            trust,
        }
    }

    /// Who comes with the token of this hash; `None` where there is none.
    pub(crate) fn by_hash(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Option<Result<Principal, Refusal>> {
        let entry = &self.entries[*self.by_hash.get(hash)?];
        let principal = entry.let_in(now);
        if principal.is_ok() {
            entry.note(now);
        }
        Some(principal)
    }

    /// The same by the token's id, for those who came with it earlier. Notes no use.
    pub(crate) fn by_id(&self, id: &str, now: Timestamp) -> Option<Result<Principal, Refusal>> {
        Some(self.entries[*self.by_id.get(id)?].let_in(now))
    }

    /// Whether any application allows pages of this origin.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.origins.contains(origin)
    }

    /// A token's state as people see it.
    pub(crate) fn state(&self, at: usize, now: Timestamp) -> &'static str {
        match self.entries[at].let_in(now) {
            Ok(_) => "active",
            Err(Refusal::Revoked) => "revoked",
            Err(Refusal::Expired) => "expired",
            Err(_) => "disabled",
        }
    }

    /// When a token last let somebody in.
    pub(crate) fn last_used(&self, at: usize) -> Option<Timestamp> {
        let used_us = self.entries[at].usage.last_us.load(Ordering::Relaxed);
        (used_us != NEVER).then(|| Timestamp::from_micros(used_us))
    }

    /// Where the token of this id stands.
    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }
}

impl Entry {
    fn new(token: &Token, application: Option<&&Application>, usage: Arc<Usage>) -> Self {
        let is_disabled = application.is_none_or(|application| application.is_disabled);
        let refusal = match (token.revoked_at, is_disabled) {
            (Some(_), _) => Some(Refusal::Revoked),
            (None, true) => Some(Refusal::Disabled),
            (None, false) => None,
        };
        let Token { id, application: name, label, .. } = token;
        let actor = if label.is_empty() {
            format!("{name}, token {id}")
        } else {
            format!("{name}, token {id} ({label})")
        };
        let principal = Principal::known(Identity {
            actor,
            application: Some(name.clone()),
            token_id: Some(id.clone()),
            kind: token.kind,
            grants: Grants::of(&token.scopes),
            allowed_origins: application.map(|one| one.allowed_origins.clone()).unwrap_or_default(),
            rate: application.and_then(|one| one.rate),
            bucket: Arc::clone(&usage.bucket),
        });
        Self { principal, refusal, expires_at: token.expires_at, usage }
    }

    fn let_in(&self, now: Timestamp) -> Result<Principal, Refusal> {
        // What was done knowingly goes before what time has done.
        match self.refusal {
            Some(Refusal::Revoked) => Err(Refusal::Revoked),
            _ if self.expires_at.is_some_and(|end| end <= now) => Err(Refusal::Expired),
            Some(refusal) => Err(refusal),
            None => Ok(self.principal.clone()),
        }
    }

    fn note(&self, now: Timestamp) {
        let last_us = self.usage.last_us.load(Ordering::Relaxed);
        if now.micros().saturating_sub(last_us) >= NOTE_EVERY_US {
            self.usage.last_us.store(now.micros(), Ordering::Relaxed);
        }
    }
}
