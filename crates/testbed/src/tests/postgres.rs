//! A cluster keeps what was committed over a crash, goes back where it is told to, and leaves nothing behind.

use std::process::Command;

use crate::pooler::Pooler;
use crate::postgres::Postgres;

#[test]
fn what_was_committed_survives_a_crash_and_is_gone_after_a_restore() {
    let mut cluster = Postgres::start();
    let database = cluster.create_database();
    database.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    cluster.kill();
    assert!(database.try_sql("SELECT 1").is_err(), "nobody answers");
    cluster.start_again();
    assert_eq!(database.sql("SELECT n, 'x' FROM t"), "1|x");

    cluster.stop();
    let snapshot = cluster.snapshot();
    cluster.start_again();
    database.sql("INSERT INTO t VALUES (2)");
    cluster.stop();
    cluster.restore(&snapshot);
    cluster.start_again();
    assert_eq!(database.sql("SELECT count(*) FROM t"), "1");

    let (server, name) = (cluster.server().clone(), database.name().to_owned());
    drop(database);
    let left = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(server.sql("postgres", &left), "0");
    let data = cluster.data();
    drop(cluster);
    assert!(!data.exists() && server.try_sql("postgres", "SELECT 1").is_err());
}

#[test]
fn the_shared_server_gives_each_test_a_database() {
    let (one, other) = (Postgres::shared().create_database(), Postgres::shared().create_database());
    assert_ne!(one.name(), other.name());
    assert_eq!(one.sql("SHOW server_encoding"), "UTF8");
    assert_eq!(other.sql("SELECT current_database()"), other.name());
}

#[test]
fn a_server_ends_with_the_process_that_started_it() {
    if std::env::var_os("TESTBED_DIES").is_some() {
        let cluster = Postgres::start();
        println!("\ncluster {}", cluster.data().display());
        std::process::abort();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = "tests::postgres::a_server_ends_with_the_process_that_started_it";
    child.args(["--exact", name, "--nocapture"]).env("TESTBED_DIES", "yes");
    let output = child.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    let data = said
        .lines()
        .find_map(|line| line.strip_prefix("cluster "))
        .unwrap_or_else(|| panic!("{said}\n{}", String::from_utf8_lossy(&output.stderr)));
    crate::postgres::wait_for("the folder's end", || !std::path::Path::new(data).exists());
}

#[test]
fn a_session_holds_its_locks_until_it_ends() {
    let database = Postgres::shared().create_database();
    database.sql("CREATE TABLE t (n int)");
    let mut session = database.session();
    assert_eq!(session.run("BEGIN; LOCK TABLE t; SELECT 1;"), "1");
    let insert = "SET lock_timeout = '20ms'; INSERT INTO t VALUES (1)";
    assert!(database.try_sql(insert).unwrap_err().to_string().contains("lock timeout"));
    drop(session);
    database.sql("INSERT INTO t VALUES (1)");
}

#[test]
fn behind_a_pooler_transactions_share_few_backends() {
    let cluster = Postgres::start();
    let pooler = Pooler::before(&cluster, 1);
    let database = cluster.create_database();
    let mut sessions = [database.through(pooler.server()), database.through(pooler.server())]
        .map(|database| database.session());
    let pids = sessions.each_mut().map(|session| session.run("SELECT pg_backend_pid();"));
    assert_eq!(pids[0], pids[1]);
}
