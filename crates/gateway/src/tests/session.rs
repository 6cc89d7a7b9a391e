//! Sign-ins by a clock that the test holds, over a real database.

use std::sync::Arc;

use hyper::header::{COOKIE, HeaderMap};
use model::Timestamp;
use store::{SessionStore, SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::auth::codes::{Bearer, Invitation};
use crate::auth::cookie::Cookie;
use crate::auth::session::Sessions;

fn hour(n: i64) -> Timestamp {
    Timestamp::from_micros(n * 3_600_000_000)
}

fn store(dir: &TempDir) -> Arc<dyn SessionStore> {
    let options = SqliteOptions {
        dir: dir.path().to_owned(),
        events_file: "eyas.db".to_owned(),
        n_readers: 1,
        wal_bytes_max: u64::MAX,
    };
    SqliteStore::open(options).unwrap()
}

async fn opened(store: &Arc<dyn SessionStore>) -> Sessions {
    let kept = store.sign_ins().await.unwrap();
    Sessions::open(Arc::clone(store) as _, &kept)
}

#[tokio::test]
async fn each_use_extends_a_sign_in_up_to_a_week() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = opened(&store(&dir)).await;
    let secret =
        sessions.begin(Invitation::MACHINE, "local (console)", hour(0)).await.unwrap().unwrap();
    let ends = |at| sessions.find(secret.as_bytes(), hour(at)).map(|found| found.expires_at);
    assert_eq!(ends(1), Some(hour(13)));
    assert_eq!(ends(12), Some(hour(24)));
    assert_eq!(ends(24), None, "twelve hours without a use");
    let secret =
        sessions.begin(Invitation::MACHINE, "local (console)", hour(0)).await.unwrap().unwrap();
    let ends = |at| sessions.find(secret.as_bytes(), hour(at)).map(|found| found.expires_at);
    for at in (0..160).step_by(10) {
        assert!(ends(at).is_some(), "{at}");
    }
    assert_eq!(ends(160), Some(hour(168)));
    assert_eq!(ends(168), None, "a week is over");
}

#[tokio::test]
async fn a_restart_keeps_sign_ins_with_their_latest_use_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let sessions = opened(&store).await;
    let bearer = Bearer::Token("7".to_owned());
    let invitation = Invitation { bearer: bearer.clone(), maker: None };
    let secret = sessions.begin(invitation, "shop", hour(0)).await.unwrap().unwrap();
    assert!(sessions.find(secret.as_bytes(), hour(11)).is_some());
    sessions.save().await.unwrap();
    let kept = store.sign_ins().await.unwrap();
    assert!(kept.len() == 1 && !format!("{kept:?}").contains(&secret));

    let next = opened(&store).await;
    let found = next.find(secret.as_bytes(), hour(20)).unwrap();
    assert_eq!((found.bearer, &*found.actor), (bearer, "shop"));
    next.end(secret.as_bytes(), "shop", hour(20)).await.unwrap();
    assert!(next.find(secret.as_bytes(), hour(20)).is_none());
    assert_eq!(store.sign_ins().await.unwrap(), []);
}

#[tokio::test]
async fn a_sign_in_by_the_code_of_another_ends_with_that_ones_week() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let sessions = opened(&store).await;
    let begin = async |maker, at| {
        let invitation = Invitation { bearer: Bearer::Machine, maker };
        sessions.begin(invitation, "local (console)", hour(at)).await.unwrap()
    };
    let mut secret = begin(None, 0).await.unwrap();
    for at in (10..160).step_by(10) {
        let maker = sessions.find(secret.as_bytes(), hour(at)).unwrap().hash;
        secret = begin(Some(maker), at).await.unwrap();
    }
    let found = sessions.find(secret.as_bytes(), hour(160)).unwrap();
    assert_eq!(found.expires_at, hour(168));
    assert_eq!(begin(Some(found.hash), 168).await, None, "a week after the first");

    let secret = begin(None, 200).await.unwrap();
    let maker = sessions.find(secret.as_bytes(), hour(200)).unwrap().hash;
    sessions.end_all("local", hour(200)).await.unwrap();
    assert!(sessions.find(secret.as_bytes(), hour(200)).is_none());
    assert_eq!(begin(Some(maker), 200).await, None, "its maker has been signed out");
    assert_eq!(store.sign_ins().await.unwrap(), []);
}

#[test]
fn a_cookie_is_found_under_its_own_name_only() {
    let secret = |cookie: Cookie, text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, text.parse().unwrap());
        cookie.secret(&headers).map(|secret| String::from_utf8_lossy(secret).into_owned())
    };
    let (plain, secure) = (Cookie::at("http://h"), Cookie::at("https://h"));
    for (cookie, text, wanted) in [
        (plain, "eyas_session=a1", Some("a1")),
        (plain, "x=1; eyas_session=a1; eyas_session=b2", Some("a1")),
        (plain, "eyas_sessions=a1", None),
        (plain, "__Host-eyas_session=a1", None),
        (secure, "__Host-eyas_session=a1", Some("a1")),
        (secure, "eyas_session=a1", None),
    ] {
        assert_eq!(secret(cookie, text).as_deref(), wanted, "{text}");
    }
    let given = plain.give("a1", 60);
    assert_eq!(given, "eyas_session=a1; HttpOnly; SameSite=Strict; Path=/; Max-Age=60");
    let given = secure.give("a1", 60);
    assert_eq!(
        given,
        "__Host-eyas_session=a1; HttpOnly; SameSite=Strict; Path=/; Max-Age=60; Secure"
    );
    assert!(plain.take_back().to_str().unwrap().ends_with("Max-Age=0"));
}
