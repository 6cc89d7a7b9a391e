//! `[tables.X]`: what is wrong is named with its file, and what is right is read in order.

use std::collections::BTreeMap;
use std::path::Path;

use store::{Dialect, TableMode};
use tempfile::TempDir;

use crate::cli::Overrides;
use crate::config;
use crate::tables_config::TablesConfig;

/// A folder with these files, and the configuration among them.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn read(dir: &Path) -> Result<TablesConfig, String> {
    let survey = config::survey(None, &BTreeMap::new(), &Overrides::default(), dir);
    let config = survey.outcome.map_err(|error| error.to_string())?;
    Ok(config.tables)
}

#[test]
fn tables_are_read_with_their_migrations_in_order() {
    let file = "[tables.prices]\nmigrations = [\"./sql/\", \"more\"]\nmode = \"replace\"\nschema = \"price.json\"\n\
                [tables.ports]\nmigrations = \"sql\"\n[tables._3]\n";
    let dir = folder(&[
        ("eyas.toml", file),
        ("price.json", r#"{"type":"object"}"#),
        ("more/0001_views.sql", "more"),
        ("sql/0002_prices.sqlite.sql", "two, sqlite"),
        ("sql/0002_prices.postgres.sql", "two, postgres"),
        ("sql/0001_ports.sql", "\u{feff}one"),
        ("sql/0010_only.postgres.sql", "ten"),
        ("sql/README.md", "not one of them"),
    ]);
    let tables = read(dir.path()).unwrap();
    let told: Vec<_> = (tables.tables.iter())
        .map(|table| (table.name.as_str(), table.mode, table.schema.is_some()))
        .collect();
    let append = TableMode::Append;
    let wanted =
        [("_3", append, false), ("ports", append, false), ("prices", TableMode::Replace, true)];
    assert_eq!(told, wanted);
    let migrations = |dialect| -> Vec<String> {
        let all = tables.migrations(dialect).into_iter();
        all.map(|one| format!("{}/{}: {}", one.folder, one.name, one.sql)).collect()
    };
    let sqlite = ["more/0001_views: more", "sql/0001_ports: one", "sql/0002_prices: two, sqlite"];
    assert_eq!(migrations(Dialect::Sqlite), sqlite);
    let postgres = [
        "more/0001_views: more",
        "sql/0001_ports: one",
        "sql/0002_prices: two, postgres",
        "sql/0010_only: ten",
    ];
    assert_eq!(migrations(Dialect::Postgres), postgres);
    let survey = config::survey(None, &BTreeMap::new(), &Overrides::default(), dir.path());
    let shown = |key: &str| survey.shown.iter().find(|shown| shown.key == key).cloned().unwrap();
    assert_eq!(shown("tables.prices.migrations").value, "./sql/, more");
    assert!(shown("tables.ports.mode").source.ends_with("eyas.toml"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let check = |toml: &str, files: &[(&str, &str)], words: &str| {
        let dir = folder(files);
        std::fs::write(dir.path().join("eyas.toml"), toml).unwrap();
        let error = read(dir.path()).unwrap_err();
        assert!(error.contains(words), "{toml}: {error}");
    };
    check("tables = 1\n", &[], "a table is written as [tables.NAME]");
    check("[tables]\nprices = \"x\"\n", &[], "a table is written as [tables.NAME]");
    check("[tables.Prices]\n", &[], "small letters");
    check("[tables.eyas_lease]\n", &[], "belong to this program");
    check(&format!("[tables.{}]\n", "a".repeat(64)), &[], "at most 63");
    check("[tables.a]\nmigration = \"x\"\n", &[], "did you mean `migrations`?");
    check("[tables.a]\nmode = \"upsert\"\n", &[], "there are append and replace");
    check("[tables.a]\nmode = 1\n", &[], "`mode` must be a text");
    check("[tables.a]\nmigrations = 1\n", &[], "a list of folders");
    check("[tables.a]\nmigrations = \"gone\"\n", &[], "gone: No such file");
    check("[tables.a]\nschema = \"gone.json\"\n", &[], "gone.json: No such file");
    check("[tables.a]\nschema = \"s.json\"\n", &[("s.json", "{\"type\":7}")], "s.json: ");
    let folder = "[tables.a]\nmigrations = \"m\"\n";
    check(folder, &[("m/README.md", "")], "has 0 files");
    for name in
        ["1_a.sql", "00001_a.sql", "0001.sql", "0001_.sql", "0001_a b.sql", "0001_a.mysql.sql"]
    {
        check(folder, &[(&format!("m/{name}"), "")], "is not called NNNN_name.sql");
    }
    for other in ["m/0001_b.sql", "m/0001_a.sqlite.sql", "m/0001_b.sqlite.sql"] {
        check(folder, &[("m/0001_a.sql", ""), (other, "")], "two files have the number of");
    }
}
