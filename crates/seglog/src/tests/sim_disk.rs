//! The simulated disk keeps its word: what was synced stays, what was not may go, and failures look like the real ones.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use crate::io::{Io, read_exact_at};
use crate::log::Log;
use crate::sim::disk::SimDisk;
use crate::sim::plan::{Call, Caller, Fault, Rule};
use crate::tests::fixture::{fill, open_on, options, read_all};

fn content(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
    disk.content(Path::new(path)).ok()
}

fn fail(disk: &SimDisk, call: Call, nth: u64, fault: Fault) {
    disk.set_plan(vec![Rule { caller: Caller::Log, call: Some(call), nth, fault }]);
}

#[test]
fn what_was_synced_survives_any_power_cut_and_the_rest_may_go() {
    let disk = SimDisk::new(1);
    let file = disk.create(Path::new("/a")).unwrap();
    file.write_all_at(&[1; 8192], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file.write_all_at(&[2; 4096], 4096).unwrap();
    disk.create(Path::new("/b")).unwrap();
    disk.rename(Path::new("/b"), Path::new("/c")).unwrap();
    let (mut n_old, mut n_new, mut n_torn, mut n_named) = (0, 0, 0, 0);
    for seed in 0..200 {
        let found = disk.power_cut(seed);
        let bytes = content(&found, "/a").unwrap();
        assert_eq!((bytes.len(), &bytes[..4096]), (8192, &[1; 4096][..]), "seed {seed}");
        match &bytes[4096..] {
            tail if tail == [1; 4096] => n_old += 1,
            tail if tail == [2; 4096] => n_new += 1,
            _ => n_torn += 1,
        }
        n_named += u64::from(content(&found, "/c").is_some());
        assert_eq!(
            bytes,
            content(&disk.power_cut(seed), "/a").unwrap(),
            "the same seed, the same disk"
        );
    }
    assert!(n_old > 20 && n_new > 20 && n_torn > 20, "{n_old} {n_new} {n_torn}");
    assert!((20..180).contains(&n_named), "{n_named}");
    assert_eq!(
        content(&disk.kill(), "/a").unwrap()[4096..],
        [2; 4096],
        "a kill leaves the page cache"
    );
}

#[test]
fn a_failed_sync_drops_pages_and_the_next_one_lies() {
    let disk = SimDisk::new(2);
    let file = disk.create(Path::new("/a")).unwrap();
    file.write_all_at(&[1; 512], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    fail(&disk, Call::SyncData, 0, Fault::DropPages);
    file.write_all_at(&[2; 512], 0).unwrap();
    assert!(file.sync_data().is_err());
    assert!(file.sync_data().is_ok() && disk.n_syncs_after_failure() == 1);
    for seed in 0..20 {
        assert_eq!(content(&disk.power_cut(seed), "/a").unwrap(), [1; 512]);
    }
}

#[test]
fn a_full_disk_writes_a_part_and_a_dead_process_nothing() {
    let disk = SimDisk::new(3);
    disk.set_capacity(10_000);
    let file = disk.create(Path::new("/a")).unwrap();
    assert_eq!(file.allocate(10_001).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.write_all_at(&[1; 12_000], 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.size_bytes().unwrap(), 10_000, "a short write first");
    fail(&disk, Call::SizeBytes, 0, Fault::Die);
    assert!(file.size_bytes().is_err() && disk.is_dead());
    assert!(file.write_all_at(&[9], 0).is_err() && disk.remove(Path::new("/a")).is_err());
    assert_eq!(content(&disk.kill(), "/a").unwrap(), [1; 10_000]);
}

#[test]
fn what_was_in_flight_may_be_unreadable_until_it_is_healed() {
    let disk = SimDisk::new(4);
    let file = disk.create(Path::new("/a")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file.allocate(4096).unwrap();
    file.sync_data().unwrap();
    file.write_all_at(&[1; 4096], 0).unwrap();
    let can_read = |disk: &SimDisk| {
        let file = disk.open(Path::new("/a")).unwrap();
        read_exact_at(&*file, &mut [0; 4096], 0).is_ok()
    };
    let broken: Vec<_> = (0..20)
        .map(|seed| disk.power_cut_unreadable(seed))
        .filter(|disk| !can_read(disk))
        .collect();
    assert!(broken.len() > 5, "{}", broken.len());
    for disk in broken {
        disk.heal();
        assert!(can_read(&disk));
    }
}

#[tokio::test]
async fn a_folder_made_by_a_start_that_died_is_durable_before_the_next_one_answers() {
    let dir = Path::new("/deep/data/log");
    for nth in 0.. {
        let disk = SimDisk::new(5);
        fail(&disk, Call::SyncDir, nth, Fault::Die);
        let is_over = Log::open(Arc::new(disk.clone()), &options(dir)).is_ok();
        // The same page cache: the folders are there, but nobody has fsynced their names.
        let disk = disk.kill();
        disk.set_plan(Vec::new());
        let log = open_on(Arc::new(disk.clone()), dir);
        let all = fill(&log, 2, 100).await;
        for seed in 0..10 {
            let found = open_on(Arc::new(disk.power_cut(seed)), dir);
            assert_eq!(read_all(&found), all, "died in sync_dir {nth}, power cut {seed}");
        }
        if is_over {
            assert!(nth > 5, "{nth}");
            break;
        }
    }
}
