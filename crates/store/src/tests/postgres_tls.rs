//! TLS to a real server that lets nobody in without it.

use std::path::Path;

use testbed::{Postgres, tls};

use crate::error::StoreError;
use crate::postgres::store::{PostgresOptions, PostgresStore};

/// The address of the cluster's own database under a name of this machine.
fn at(cluster: &Postgres, host: &str, query: &str) -> PostgresOptions {
    let url = format!("postgres://postgres@{host}:{}/postgres?{query}", cluster.port());
    PostgresOptions { url, password: None, n_connections: 2 }
}

fn with_roots(mode: &str, roots: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", roots.display())
}

#[tokio::test]
async fn tls_is_as_strict_as_the_address_asks() {
    let cluster = Postgres::start_with_tls();
    let (right, wrong) = (tls::authority(), tls::stranger());
    // The certificate names `localhost` and nothing else.
    for (host, query) in [
        ("127.0.0.1", String::new()),
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", with_roots("verify-ca", &right)),
        ("localhost", with_roots("verify-full", &right)),
    ] {
        let store = PostgresStore::open(at(&cluster, host, &query)).await;
        let store = store.unwrap_or_else(|error| panic!("{host} {query}: {error}"));
        let plain = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
                     WHERE application_name = 'eyas' AND NOT ssl";
        assert_eq!(cluster.server().sql("postgres", plain), "0", "{host} {query}");
        let all = plain.replace(" AND NOT ssl", "");
        assert_ne!(cluster.server().sql("postgres", &all), "0", "{host} {query}");
        store.close_pools();
    }
    for (host, query, why) in [
        ("localhost", with_roots("verify-full", &wrong), "UnknownIssuer"),
        ("127.0.0.1", with_roots("verify-ca", &wrong), "UnknownIssuer"),
        ("127.0.0.1", with_roots("require", &wrong), "UnknownIssuer"),
        ("127.0.0.1", with_roots("verify-full", &right), "not valid for"),
        // Then `SSL off`, from version 14 on `no encryption`.
        ("localhost", "sslmode=disable".to_owned(), "no pg_hba.conf entry"),
    ] {
        let error = PostgresStore::open(at(&cluster, host, &query)).await.err();
        let Some(StoreError::Unusable(words)) = &error else {
            panic!("{host} {query}: {error:?}");
        };
        assert!(words.contains(why), "{host} {query}: {words}");
    }
}
