//! The snapshot: everything comes back as it was, and what is not whole counts as nothing.

use std::fs;

use model::{LogId, Seq, Timestamp};
use store::{
    Application, Horizons, Rate, SchemaKey, SchemaMode, SchemaSource, SchemaState, SchemaStates,
    Scope, SignIn, Token, TokenKind, Trust,
};

use crate::snapshot::facts::Facts;
use crate::snapshot::file::{NAME, forget, read, write};

fn facts() -> Facts {
    let at = Timestamp::from_micros;
    let token = |id: &str, kind, scopes: &[&str], end: Option<i64>| Token {
        id: id.to_owned(),
        application: "shop".to_owned(),
        hash: std::array::from_fn(|n| n as u8 * 7),
        prefix: "eyas_ab".to_owned(),
        label: "till \"1\"\n".to_owned(),
        kind,
        scopes: scopes.iter().map(|scope| Scope::parse(scope).unwrap()).collect(),
        created_at: at(1),
        created_by: "local".to_owned(),
        expires_at: end.map(at),
        revoked_at: end.map(|end| at(end + 1)),
        last_used: end.map(|end| at(end - 1)),
    };
    let state = |category: Option<&str>, mode, active, source| SchemaState {
        key: SchemaKey {
            stream: "events".to_owned(),
            category: category.map(str::to_owned),
            name: None,
        },
        mode,
        active,
        n_versions: 3,
        source,
        changed_at: at(-4),
        changed_by: "ä".to_owned(),
    };
    let text = r#"{"const": 1e400}"#.to_owned();
    let mut horizons = Horizons::default();
    horizons.raise("events", Seq::new(7).unwrap());
    horizons.raise("a.b-c_1", Seq::new((1 << 53) - 1).unwrap());
    Facts {
        instance: "0190".to_owned(),
        trust: Trust {
            version: 9,
            applications: vec![Application {
                name: "shop".to_owned(),
                created_at: at(5),
                allowed_origins: vec!["https://example.com".to_owned()],
                rate: Some(Rate { events_per_s: 1, burst: 2 }),
                is_disabled: true,
            }],
            tokens: vec![
                token("a", TokenKind::Server, &["write:orders", "read"], None),
                token("b", TokenKind::Browser, &["admin"], Some(77)),
            ],
        },
        sign_ins: vec![SignIn {
            hash: [255; 32],
            token_id: None,
            actor: "local".to_owned(),
            created_at: at(1),
            expires_at: at(2),
        }],
        schemas: SchemaStates {
            change: 4,
            states: vec![
                state(None, SchemaMode::Keep, None, SchemaSource::Api),
                state(Some("c"), SchemaMode::Reject, Some((2, text)), SchemaSource::Config),
            ],
        },
        horizons,
    }
}

#[test]
fn a_snapshot_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (facts, log) = (facts(), LogId::new(42).unwrap());
    write(
        dir.path(),
        &Facts { instance: "before".to_owned(), ..facts.clone() },
        "h:1/d",
        log,
        Timestamp::from_micros(0),
    )
    .unwrap();
    write(dir.path(), &facts, "h:1/d", log, Timestamp::from_micros(1)).unwrap();
    let kept = read(dir.path(), "h:1/d").unwrap();
    assert_eq!((kept.facts, kept.log), (facts, log));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    assert!(read(dir.path(), "h:1/e").unwrap_err().contains("is of another database: h:1/d"));
    forget(dir.path()).unwrap();
    forget(dir.path()).unwrap();
    assert!(read(dir.path(), "h:1/d").unwrap_err().contains("to begin from"));
}

#[test]
fn a_snapshot_that_is_not_whole_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let log = LogId::new(42).unwrap();
    write(dir.path(), &facts(), "h:1/d", log, Timestamp::from_micros(0)).unwrap();
    let path = dir.path().join(NAME);
    let whole = fs::read(&path).unwrap();
    for at in (0..100).chain((100..whole.len()).step_by(7)) {
        let mut rotten = whole.clone();
        rotten[at] ^= 4;
        fs::write(&path, &rotten).unwrap();
        let why = read(dir.path(), "h:1/d").expect_err("a flipped bit is noticed");
        assert!(why.contains("damaged") || why.contains("another version"), "{at}: {why}");
        fs::write(&path, &whole[..at]).unwrap();
        assert!(read(dir.path(), "h:1/d").unwrap_err().contains("damaged"), "cut at {at}");
    }
}
