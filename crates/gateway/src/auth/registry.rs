//! All applications and tokens: in memory for those who come with one, and the acts that change them.
//!
//! Finding a token costs one hash and one look into a map; no database, no lock that anybody holds for long. An act goes to
//! the database first, and is in force when it has returned: every answer of the store is all there is, with a version, and
//! the newest one becomes the table.
//!
//! Invariant: a table never gives way to an older one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use model::Timestamp;
use serde_json::json;
use store::{
    Application, ApplicationChange, AuditEntry, StoreError, Token, Trust, TrustAct, TrustError,
    TrustStore,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::auth::table::Table;
use crate::auth::token_text;
use crate::auth::wish::{NewApplication, NewToken};

/// Applications and tokens, known to everybody who has to know.
pub struct Registry {
    store: Arc<dyn TrustStore>,
    /// Whether whoever is not on this machine can reach the server.
    is_public: bool,
    // A lock, because a new table replaces the old one; held for a look or the exchange of a pointer.
    table: RwLock<Arc<Table>>,
    // A lock, because every change ends it and begins another; held for that and for making a child.
    epoch: Mutex<CancellationToken>,
    // A lock, because uses are compared with what was saved before; held for that only.
    saved_uses: Mutex<HashMap<String, Timestamp>>,
}

/// A token that was just made, and its text, which is shown this once.
#[derive(Clone, Debug)]
pub struct MadeToken {
    /// What is kept.
    pub token: Token,
    /// `eyas_…`
    pub text: String,
}

impl Registry {
    /// `trust` is what the store holds, or held. `is_public`: the server can be reached from other machines, so that everybody
    /// needs a token, even while there is none.
    pub fn open(store: Arc<dyn TrustStore>, trust: Trust, is_public: bool) -> Self {
        let table = RwLock::new(Arc::new(Table::new(trust, &Table::default())));
        Self { store, is_public, table, epoch: Mutex::default(), saved_uses: Mutex::default() }
    }

    /// All applications and tokens as they are now.
    pub fn trust(&self) -> Trust {
        self.look().trust.clone()
    }

    /// Whether nobody could do anything: everybody needs a token, and there is none.
    pub fn is_locked_out(&self) -> bool {
        self.is_public && !self.has_tokens()
    }

    /// Whether there is any token at all, of whatever state. From the first one on everybody needs one.
    fn has_tokens(&self) -> bool {
        !self.look().trust.tokens.is_empty()
    }

    /// Whether other machines can reach the server.
    pub(crate) fn is_public(&self) -> bool {
        self.is_public
    }

    /// Whether everybody may everything: on this machine, before the first token.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_public && !self.has_tokens()
    }

    /// Who comes with this text as token. Unknown and wrong ones go the same way as good ones.
    pub(crate) fn resolve(&self, text: &[u8]) -> Result<Principal, Refusal> {
        let hash = token_text::hash(text);
        let found = self.look().by_hash(&hash, pipeline::now());
        found.unwrap_or_else(|| Err(Refusal::unknown(text)))
    }

    /// Who came with the token of this id, if it still works.
    pub(crate) fn by_id(&self, id: &str) -> Result<Principal, Refusal> {
        let found = self.look().by_id(id, pipeline::now());
        found.unwrap_or(Err(Refusal::Unknown { is_whole: true }))
    }

    /// Whether whoever came with a token, or with none because nobody needed one, may go on.
    pub(crate) fn still(&self, principal: &Principal) -> Result<(), Refusal> {
        if principal.is_guest() {
            return if self.is_open() { Ok(()) } else { Err(Refusal::Missing) };
        }
        let token_id = principal.identity().and_then(|identity| identity.token_id.as_deref());
        token_id.map_or(Ok(()), |id| self.by_id(id).map(drop))
    }

    /// Whether any application allows pages of this origin.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.look().allows_origin(origin)
    }

    /// Resolves at the next change, after it is in force.
    pub fn changed(&self) -> WaitForCancellationFutureOwned {
        let epoch = self.epoch.lock().expect("nobody panics under this lock");
        epoch.child_token().cancelled_owned()
    }

    /// Everything as it is now.
    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.look())
    }

    fn look(&self) -> std::sync::RwLockReadGuard<'_, Arc<Table>> {
        self.table.read().expect("nobody panics under this lock")
    }

    /// Adds an application.
    pub async fn create_application(
        &self,
        actor: &str,
        wish: NewApplication,
    ) -> Result<Application, TrustError> {
        let NewApplication { name, allowed_origins, rate } = wish;
        let now = pipeline::now();
        let detail = json!({
            "allowed_origins": &allowed_origins,
            "rate": rate.map(|rate| json!({"events_per_s": rate.events_per_s, "burst": rate.burst})),
        });
        let entry = entry(now, actor, "application.create", &name, &detail);
        let application =
            Application { name, created_at: now, allowed_origins, rate, is_disabled: false };
        self.act(TrustAct::AddApplication(application.clone()), entry).await?;
        Ok(application)
    }

    /// Changes an application; its tokens follow at once.
    pub async fn change_application(
        &self,
        actor: &str,
        name: &str,
        change: ApplicationChange,
    ) -> Result<Application, TrustError> {
        let mut detail = serde_json::Map::new();
        if let Some(origins) = &change.allowed_origins {
            detail.insert("allowed_origins".to_owned(), json!(origins));
        }
        if let Some(rate) = change.rate {
            let rate =
                rate.map(|rate| json!({"events_per_s": rate.events_per_s, "burst": rate.burst}));
            detail.insert("rate".to_owned(), json!(rate));
        }
        if let Some(is_disabled) = change.is_disabled {
            detail.insert("disabled".to_owned(), json!(is_disabled));
        }
        let entry = entry(pipeline::now(), actor, "application.change", name, &detail.into());
        let act = TrustAct::ChangeApplication { name: name.to_owned(), change };
        let trust = self.act(act, entry).await?;
        trust.applications.into_iter().find(|one| one.name == name).ok_or(TrustError::Unknown)
    }

    /// Makes a token.
    pub async fn create_token(&self, actor: &str, wish: NewToken) -> Result<MadeToken, TrustError> {
        let NewToken { application, scopes, label, kind, lifetime } = wish;
        let now = pipeline::now();
        let (text, id) = new_text()?;
        let token = Token {
            id,
            application,
            hash: token_text::hash(text.as_bytes()),
            prefix: token_text::prefix(&text),
            label,
            kind,
            scopes,
            created_at: now,
            created_by: actor.to_owned(),
            expires_at: lifetime.map(|life| later(now, life)),
            revoked_at: None,
            last_used: None,
        };
        let entry = entry(now, actor, "token.create", &token.id, &facts(&token));
        self.act(TrustAct::AddToken(token.clone()), entry).await?;
        Ok(MadeToken { token, text })
    }

    /// Makes a token that may what another may, and lets that one end after `overlap`. One that had an end gets an
    /// heir that lives as long.
    pub async fn rotate_token(
        &self,
        actor: &str,
        id: &str,
        overlap: Duration,
    ) -> Result<MadeToken, TrustError> {
        let now = pipeline::now();
        let table = self.table();
        let at = table.position(id).ok_or(TrustError::Unknown)?;
        let old = &table.trust.tokens[at];
        let life_us = old.expires_at.map(|end| end.micros() - old.created_at.micros());
        let (text, new_id) = new_text()?;
        let token = Token {
            id: new_id,
            hash: token_text::hash(text.as_bytes()),
            prefix: token_text::prefix(&text),
            created_at: now,
            created_by: actor.to_owned(),
            expires_at: life_us.map(|life_us| Timestamp::from_micros(now.micros() + life_us)),
            revoked_at: None,
            last_used: None,
            ..old.clone()
        };
        let mut detail = facts(&token);
        detail["new"] = json!(token.id);
        detail["overlap_s"] = json!(overlap.as_secs());
        let entry = entry(now, actor, "token.rotate", id, &detail);
        let ends_at = later(now, overlap);
        let act = TrustAct::Rotate { old: id.to_owned(), ends_at, token: token.clone() };
        self.act(act, entry).await?;
        Ok(MadeToken { token, text })
    }

    /// Ends a token at once.
    pub async fn revoke_token(&self, actor: &str, id: &str) -> Result<Token, TrustError> {
        let now = pipeline::now();
        let table = self.table();
        let detail = table.position(id).map(|at| facts(&table.trust.tokens[at]));
        let entry = entry(now, actor, "token.revoke", id, &detail.unwrap_or_else(|| json!({})));
        let trust = self.act(TrustAct::Revoke { id: id.to_owned(), at: now }, entry).await?;
        trust.tokens.into_iter().find(|token| token.id == id).ok_or(TrustError::Unknown)
    }

    /// Saves when tokens were last used, those that were since the last time.
    pub async fn save_uses(&self) -> Result<(), StoreError> {
        let table = self.table();
        let uses = table.trust.tokens.iter().enumerate().filter_map(|(at, token)| {
            let last_used = table.last_used(at)?;
            (token.last_used != Some(last_used)).then(|| (token.id.clone(), last_used))
        });
        let mut uses: Vec<(String, Timestamp)> = uses.collect();
        {
            let saved = self.saved_uses.lock().expect("nobody panics under this lock");
            uses.retain(|(id, at)| saved.get(id) != Some(at));
        }
        if uses.is_empty() {
            return Ok(());
        }
        self.store.save_token_uses(uses.clone()).await?;
        let mut saved = self.saved_uses.lock().expect("nobody panics under this lock");
        // What is no longer a token is forgotten, so this is never larger than the table.
        saved.retain(|id, _| table.position(id).is_some());
        saved.extend(uses);
        Ok(())
    }

    /// Carries out an act; when this returns it is in force.
    async fn act(&self, act: TrustAct, entry: AuditEntry) -> Result<Trust, TrustError> {
        let trust = self.store.change_trust(act, entry).await?;
        let table = Arc::new(Table::new(trust.clone(), &self.table()));
        {
            let mut current = self.table.write().expect("nobody panics under this lock");
            // The answers of two acts may come back in any order.
            if table.trust.version > current.trust.version {
                *current = table;
            }
        }
        self.wake();
        Ok(trust)
    }

    /// Has everybody look who outlives a request: their standing may have changed.
    pub(crate) fn wake(&self) {
        let mut epoch = self.epoch.lock().expect("nobody panics under this lock");
        std::mem::take(&mut *epoch).cancel();
    }
}

fn new_text() -> Result<(String, String), TrustError> {
    let made = token_text::make().and_then(|text| Ok((text, token_text::make_id()?)));
    made.map_err(|error| {
        TrustError::Store(StoreError::Unavailable(format!("no random bits: {error}")))
    })
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let by_us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.micros().saturating_add(by_us))
}

fn facts(token: &Token) -> serde_json::Value {
    let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).collect();
    json!({
        "application": token.application,
        "label": token.label,
        "prefix": token.prefix,
        "kind": token.kind.as_str(),
        "scopes": scopes,
        "expires_at": token.expires_at.map(|at| at.to_string()),
    })
}

fn entry(
    at: Timestamp,
    actor: &str,
    act: &str,
    object: &str,
    detail: &serde_json::Value,
) -> AuditEntry {
    AuditEntry {
        at,
        actor: actor.to_owned(),
        act: act.to_owned(),
        object: object.to_owned(),
        detail: detail.to_string(),
    }
}
