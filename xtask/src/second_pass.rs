//! The integration tests once more, on PostgreSQL: what is left out, and why.
//!
//! Everything else in `crates/eyas/tests/it/` runs on both databases. A test that is left out says here what about it has
//! nothing to do with the database, or has everything to do with SQLite's files. A unit test holds that each name is one.

use std::process::Command;

/// Names of tests as their runners print them, `module::test` or all of a `module::`, and why PostgreSQL gets none of them.
pub(crate) const LEFT_OUT: &[(&str, &str)] = &[
    (
        "batch_crashes::a_batch_that_waits_for_the_database_is_applied_when_it_is_back",
        "locks a file of SQLite; the torture of PostgreSQL takes the whole database away",
    ),
    ("checker::", "judges histories, starts no server"),
    ("seeded_defects::", "puts defects into the rooms around SQLite, in its own process"),
    ("cli::", "what clients print; it comes from the same pages"),
    ("config::", "settings and help; no request reaches a database"),
    ("doctor::", "looks at the data directory with the files of SQLite in it"),
    ("disk::", "a disk on which the log stands beside the files of SQLite"),
    ("http_corpus::", "the edge refuses before anything is stored"),
    ("live_many::", "the push path reads the log"),
    ("live_pause::", "the push path reads the log"),
    ("lane_stopped::", "has a cluster of its own, and ran on it in the first pass"),
    ("malformed::", "the edge refuses before anything is stored"),
    ("postgres_down::", "has clusters of its own, and ran on them in the first pass"),
    ("slow_clients::", "the edge cuts connections; the database is idle"),
    ("small_disk::", "a disk on which the log stands beside the files of SQLite"),
    ("tcp::", "sockets of the edge"),
    ("two_places::", "is about PostgreSQL, and ran there in the first pass"),
    ("without_database::", "has clusters of its own, and ran on them in the first pass"),
    (
        "status::a_disk_that_stops_answering_is_named_and_nothing_is_acknowledged_meanwhile",
        "the log's disk is also that of the files of SQLite",
    ),
];

/// `cargo nextest run` or `cargo test`, made to run the integration tests but for those. For nextest by a filter: with fewer
/// targets cargo would choose other features, and compile most dependencies once more.
pub(crate) fn integration_tests(command: &mut Command, is_nextest: bool) -> &mut Command {
    if is_nextest {
        let names: Vec<String> =
            LEFT_OUT.iter().map(|(name, _)| format!("test(/^{name}/)")).collect();
        return command.args(["-E", &format!("binary(it) and not ({})", names.join(" or "))]);
    }
    command.args(["--test", "it", "--"]);
    LEFT_OUT.iter().fold(command, |command, (name, _)| command.args(["--skip", name]))
}
