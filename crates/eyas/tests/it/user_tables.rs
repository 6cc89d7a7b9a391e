//! The tables of the configuration at a start: migrations run once and in order, and say so; what fails is named.

use rusqlite::Connection;

use crate::app::{Launch, TestApp};
use crate::beside::Beside;

const CONFIG: &str =
    "[tables.ports]\nmigrations = \"sql\"\n[tables.prices]\nmigrations = \"sql/\"\n";
const PORTS: &str = "CREATE TABLE ports (code TEXT PRIMARY KEY, name TEXT NOT NULL);";
const PRICES: &str = "CREATE TABLE prices (orig TEXT REFERENCES ports (code), price INT);
    INSERT INTO ports VALUES ('NOOSL', 'Oslo');";

fn write(launch: &Launch, files: &[(&str, &str)]) {
    std::fs::create_dir_all(launch.dir().join("sql")).unwrap();
    for (name, text) in files {
        std::fs::write(launch.dir().join(name), text).unwrap();
    }
}

fn launch(files: &[(&str, &str)]) -> Launch {
    let launch = Launch::new();
    write(&launch, files);
    std::fs::write(launch.dir().join("eyas.toml"), CONFIG).unwrap();
    launch
}

fn n_ports(app: &TestApp) -> String {
    let sql = "SELECT count(*) FROM ports";
    match app.beside() {
        Beside::Sqlite(dir) => {
            let database = Connection::open(dir.join("tables.db")).unwrap();
            let n_ports: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
            n_ports.to_string()
        }
        Beside::Postgres(database) => database.sql(sql).trim().to_owned(),
    }
}

fn n_told(app: &TestApp) -> usize {
    app.stderr().matches("a migration of the tables ran").count()
}

#[tokio::test]
async fn migrations_run_once_and_say_so() {
    let files = [
        ("sql/0001_ports.sql", PORTS),
        ("sql/0002_prices.sqlite.sql", PRICES),
        ("sql/0002_prices.postgres.sql", PRICES),
    ];
    let launch = launch(&files);
    let app = launch.start().await;
    assert_eq!(n_told(&app), 2, "{}", app.stderr());
    let told = app.stderr();
    let (first, second) = (told.find("sql/0001_ports"), told.find("sql/0002_prices"));
    assert!(first.is_some() && first < second, "{told}");
    let launch = app.terminate().await;
    write(&launch, &[("sql/0003_more.sql", "ALTER TABLE prices ADD COLUMN day DATE;")]);
    let app = launch.start().await;
    assert!(app.stderr().contains("sql/0003_more"), "{}", app.stderr());
    assert_eq!(n_ports(&app), "1");
    app.terminate().await;
}

#[tokio::test]
async fn a_migration_that_fails_is_named_and_leaves_nothing() {
    let bad = "CREATE TABLE prices (price INT);\nCREATE TABEL x (y);";
    let launch = launch(&[("sql/0001_ports.sql", PORTS), ("sql/0002_prices.sql", bad)]);
    let (code, words) = launch.refused().await;
    assert_ne!(code, 0);
    for part in ["sql/0002_prices", "near \"TABEL\"", "syntax error"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    // Mended, it runs: the half of it that was good has left nothing behind.
    write(&launch, &[("sql/0002_prices.sql", PRICES)]);
    launch.start().await.terminate().await;
    write(&launch, &[("sql/0001_ports.sql", "CREATE TABLE ports (code TEXT);")]);
    let (_, words) = launch.refused().await;
    assert!(words.contains("sql/0001_ports was changed after it ran"), "{words}");
    write(&launch, &[("sql/0001_ports.sql", PORTS)]);
    launch.start().await.terminate().await;
}

#[tokio::test]
async fn a_table_that_no_migration_makes_is_named() {
    let launch = launch(&[("sql/0001_ports.sql", PORTS)]);
    let (_, words) = launch.refused().await;
    assert!(words.contains("there is no table prices in the"), "{words}");
}
