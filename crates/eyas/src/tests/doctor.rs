//! `doctor`: what was measured is judged as the documentation says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::commands::doctor::finding::Level;
use crate::commands::doctor::fsync;
use crate::commands::doctor::machine::{available_bytes, clock, judge_memory};
use crate::commands::doctor::server::http_date;

#[test]
fn a_disk_is_judged_by_its_middle_and_its_tail() {
    for (p50_us, p99_us, level) in [
        (400, 5_000, Level::Ok),
        (25_000, 30_000, Level::Warn),
        (400, 900_000, Level::Warn),
        (1, 3, Level::Warn),
    ] {
        assert_eq!(fsync::judge(p50_us, p99_us).level, level, "{p50_us} {p99_us}");
    }
}

#[test]
fn a_disk_is_measured_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    assert_ne!(fsync::check(dir.path()).level, Level::Fail);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(fsync::check(&dir.path().join("nowhere")).level, Level::Fail);
}

#[test]
fn clocks_that_cannot_be_right_or_disagree_are_found() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let now = 1_795_000_000;
    for (now, server, level) in [
        (now, None, Level::Ok),
        (now, Some(now), Level::Ok),
        (now, Some(now - 60), Level::Warn),
        (now, Some(now + 60), Level::Warn),
        (17, None, Level::Fail),
        (9_000_000_000, None, Level::Fail),
    ] {
        assert_eq!(clock(at(now), server.map(at)).level, level, "{now} {server:?}");
    }
    assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(at(784_111_777)));
    assert_eq!(http_date("yesterday"), None);
    assert!(clock(SystemTime::now(), None).level == Level::Ok);
}

#[test]
fn memory_is_read_and_judged() {
    assert_eq!(available_bytes("MemTotal: 9 kB\nMemAvailable:    1024 kB\n"), Some(1 << 20));
    assert_eq!(available_bytes("MemTotal: 9 kB\n"), None);
    for (bytes, level) in [
        (None, Level::Ok),
        (Some(8 << 30), Level::Ok),
        (Some(256 << 20), Level::Warn),
        (Some(1 << 20), Level::Fail),
    ] {
        assert_eq!(judge_memory(bytes).level, level, "{bytes:?}");
    }
}
