//! SQLite's sign-ins: the suite, and what a reopened file holds.

use crate::events::EventStore as _;
use crate::sessions::SessionStore as _;
use crate::tests::conformance::sign_ins::{self, entry, sign_in};
use crate::tests::sqlite::{fresh, open};

macro_rules! every_promise {
    ($($promise:ident,)*) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let (store, _dir) = fresh();
                sign_ins::$promise(&*store).await;
                store.close().await.unwrap();
            }
        )*
    };
}

every_promise! {
    a_sign_in_reads_back_until_it_ends,
    a_use_extends_a_sign_in_and_revives_none,
    a_token_puts_out_its_own_only,
    there_is_a_bound_and_what_would_end_first_gives_way,
}

#[tokio::test]
async fn sign_ins_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    store.sign_in(sign_in(1, 10, 100), entry("session.begin")).await.unwrap();
    store.close().await.unwrap();
    let store = open(&dir).unwrap();
    assert_eq!(store.sign_ins().await.unwrap(), [sign_in(1, 10, 100)]);
    store.close().await.unwrap();
}
