//! The ground of the PostgreSQL driver, on a real server: addresses, set-up, and what a broken one says.

use testbed::Postgres;

use crate::error::StoreError;
use crate::postgres::address::{Address, Trusting};
use crate::postgres::store::{PostgresOptions, PostgresStore, check_version};

fn options(url: &str) -> PostgresOptions {
    PostgresOptions { url: url.to_owned(), password: None, n_connections: 4 }
}

async fn refused(url: &str) -> StoreError {
    match PostgresStore::open(options(url)).await {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => error,
    }
}

#[test]
fn an_address_is_read_as_libpq_reads_it_and_never_shows_its_password() {
    let read = |url: &str| Address::parse(url, Some("s3cret"));
    let address =
        read("postgres://u:inside@a,b:5433/d?sslmode=verify-full&target_session_attrs=read-write");
    let address = address.unwrap();
    let authority = Trusting::Authority { roots: None, checks_name: true };
    assert_eq!((address.trusting.clone(), address.config.get_hosts().len()), (authority, 2));
    assert_eq!(address.config.get_password(), Some("s3cret".as_bytes()));
    assert_eq!(address.shown(), "a:5432,b:5433/d");
    assert!(!format!("{address:?}").contains("inside"));
    let of = |query: &str| read(&format!("postgres://u@a/d?{query}")).unwrap().trusting;
    let roots = Some(std::path::PathBuf::from("/my certs/ä%.pem"));
    let authority = Trusting::Authority { roots, checks_name: false };
    assert_eq!(of("sslrootcert=/my%20certs/%C3%a4%25.pem&sslmode=require"), authority);
    assert_eq!(of("sslmode=require"), Trusting::Anybody);
    let half = "postgres://u@a/d?sslrootcert=100%2";
    let other = "postgres://u@a/d?sslmode=maybe";
    for url in [half, other, "postgres:///d", "postgres://u@a/d?no_such=1"] {
        let error = read(url).unwrap_err().to_string();
        assert!(error.contains("store.url") && !error.contains("s3cret"), "{url}: {error}");
    }
}

#[tokio::test]
async fn the_schema_is_set_up_once_also_by_many_at_once() {
    let database = Postgres::shared().create_database();
    let url = database.url();
    let opened =
        futures_util::future::join_all((0..4).map(|_| PostgresStore::open(options(&url)))).await;
    assert!(
        opened.iter().all(Result::is_ok),
        "{:?}",
        opened.iter().find_map(|one| one.as_ref().err())
    );
    assert_eq!(database.sql("SELECT applied FROM eyas.lease").trim(), "0");
    database.sql("UPDATE eyas.migrations SET checksum = 'other' WHERE version = 1");
    assert!(refused(&url).await.to_string().contains("development build"));
    database.sql("INSERT INTO eyas.migrations VALUES (99, 'later', '')");
    database.sql("INSERT INTO eyas.migrations SELECT n, 'later', '' FROM generate_series(2, 50) n ON CONFLICT DO NOTHING");
    assert!(refused(&url).await.to_string().contains("newer eyas"));
}

#[tokio::test]
async fn what_cannot_be_reached_may_be_later_and_what_is_wrong_says_so() {
    let gone = refused("postgres://nobody@127.0.0.1:1/x").await;
    assert!(gone.is_retryable() && gone.to_string().contains("127.0.0.1:1/x"), "{gone}");
    let absent = Postgres::shared().url("no_such_database");
    let error = refused(&absent).await;
    assert!(!error.is_retryable() && error.to_string().contains("does not exist"), "{error}");
}

#[test]
fn a_server_that_is_too_old_is_told_what_is_needed() {
    for (number, version) in [(130_000, "13.0"), (150_014, "15.14"), (180_004, "18.4")] {
        assert!(check_version(number, version).is_ok(), "{version}");
    }
    for (number, version) in [(129_999, "13beta3"), (120_022, "12.22"), (90_624, "9.6.24")] {
        let error = check_version(number, version).unwrap_err();
        assert!(!error.is_retryable(), "{error}");
        let wanted = format!("the server is PostgreSQL {version}; 13 or newer is needed");
        assert!(error.to_string().contains(&wanted), "{error}");
    }
}
