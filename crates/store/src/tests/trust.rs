//! SQLite's applications and tokens: what is not understood, and how many there may be.

use model::Timestamp;
use rusqlite::{Connection, params};

use crate::audit::AuditEntry;
use crate::events::EventStore as _;
use crate::tests::conformance::trust::{application, token};
use crate::tests::sqlite::{fresh, open};
use crate::trust::{Scope, TOKENS_MAX, TokenKind, TrustAct, TrustError, TrustStore as _};

fn entry() -> AuditEntry {
    let (actor, act) = ("local".to_owned(), "token.create".to_owned());
    let at = Timestamp::from_micros(1000);
    AuditEntry { at, actor, act, object: String::new(), detail: "{}".to_owned() }
}

#[tokio::test]
async fn what_is_not_understood_grants_nothing() {
    let (store, dir) = fresh();
    let shop = TrustAct::AddApplication(application("shop"));
    store.change_trust(shop, entry()).await.unwrap();
    store.change_trust(TrustAct::AddToken(token("one", "shop")), entry()).await.unwrap();
    store.close().await.unwrap();

    let conn = Connection::open(dir.path().join("control.db")).unwrap();
    conn.execute("UPDATE tokens SET kind = 'phone', scopes = 'write everything admin:x'", [])
        .unwrap();
    drop(conn);
    let store = open(&dir).unwrap();
    let strange = store.trust().await.unwrap().tokens.remove(0);
    assert_eq!((strange.kind, strange.scopes), (TokenKind::Browser, vec![Scope::Write(None)]));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_full_table_forgets_the_oldest_token_that_no_longer_works_or_refuses() {
    let (store, dir) = fresh();
    let shop = TrustAct::AddApplication(application("shop"));
    store.change_trust(shop, entry()).await.unwrap();
    let mut conn = Connection::open(dir.path().join("control.db")).unwrap();
    let tx = conn.transaction().unwrap();
    for n in 0..TOKENS_MAX as i64 {
        let expires_at_us = if n == 3 { Some(1000) } else { None };
        tx.execute(
            "INSERT INTO tokens (id, application, hash, prefix, label, kind, scopes, created_at_us, created_by, expires_at_us) \
             VALUES (?1, 'shop', ?2, '', '', 'server', 'write', 1, 'local', ?3)",
            params![format!("token {n}"), n.to_be_bytes().repeat(4), expires_at_us],
        )
        .unwrap();
    }
    tx.commit().unwrap();
    let add = |id| store.change_trust(TrustAct::AddToken(token(id, "shop")), entry());
    let trust = add("one").await.unwrap();
    assert_eq!(trust.tokens.len(), TOKENS_MAX);
    assert!(trust.tokens.iter().all(|token| token.id != "token 3"));
    assert!(matches!(add("two").await, Err(TrustError::Full { n_max: TOKENS_MAX })));
    store.close().await.unwrap();
}
