//! The contract of sign-ins: who may use the console without naming a token each time.
//!
//! Invariant: the secret that a browser holds is never here, only its SHA-256. A beginning or an end and its line in the audit
//! trail are one transaction.

use async_trait::async_trait;
use model::Timestamp;

use crate::audit::AuditEntry;
use crate::error::StoreError;

/// Most sign-ins with tokens at a time. To make room for a new one the one is forgotten that would end first; so with the
/// other bounds, each among its own.
pub const SIGN_INS_MAX: usize = 1_000;
/// Most with one token.
pub const SIGN_INS_OF_TOKEN_MAX: usize = 20;
/// Most of the machine itself. Those with tokens never put one of these out.
pub const SIGN_INS_OF_MACHINE_MAX: usize = 100;

/// The SHA-256 of the secret in a browser's cookie.
pub type SecretHash = [u8; 32];

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The only thing by which the browser can be recognised.
    pub hash: SecretHash,
    /// The token behind it: it may what that may, as long as that works. `None`: it came with a code of the machine itself.
    pub token_id: Option<String>,
    /// How the audit trail names it where there is no token.
    pub actor: String,
    /// When.
    pub created_at: Timestamp,
    /// From then on it does not work, unless it is used before.
    pub expires_at: Timestamp,
}

/// Sign-ins.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// All of them, those that have expired included.
    async fn sign_ins(&self) -> Result<Vec<SignIn>, StoreError>;

    /// Adds one; forgets those that have expired when it began and, beyond each bound ([`SIGN_INS_MAX`],
    /// [`SIGN_INS_OF_TOKEN_MAX`], [`SIGN_INS_OF_MACHINE_MAX`]), the ones that would end first. Answers with the hashes of the forgotten. If the future is dropped, it may or may not have happened.
    async fn sign_in(&self, new: SignIn, audit: AuditEntry) -> Result<Vec<SecretHash>, StoreError>;

    /// Notes that sign-ins were used, by the new ends of their time. Those that are gone stay gone.
    async fn extend_sign_ins(&self, ends: Vec<(SecretHash, Timestamp)>) -> Result<(), StoreError>;

    /// Ends all of them.
    async fn sign_out_all(&self, audit: AuditEntry) -> Result<(), StoreError>;

    /// Ends one. Without it there is no line in the trail either.
    async fn sign_out(&self, hash: SecretHash, audit: AuditEntry) -> Result<(), StoreError>;
}
