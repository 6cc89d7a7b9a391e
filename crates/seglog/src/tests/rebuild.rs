//! A damaged log written anew: what is lost is what was listed, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::findings::{Damage, Found, Survey};
use crate::io::{Disk, Io};
use crate::rebuild::{Plan, Rebuilt, exchange, rebuild};
use crate::recovery::Recovered;
use crate::survey::survey;
use crate::tests::fixture::{fill, open, read_all, segments, snapshot, try_open};
use crate::verdict::OpenError;

const N_APPENDS: u64 = 120;

/// All records, a survey's damages included.
fn look(dir: &Path, applied: u64) -> (Survey, Vec<Damage>, u64) {
    let (mut damages, mut n_records) = (Vec::new(), 0);
    let all = survey(Arc::new(Disk), dir, Some(applied), &mut |found| {
        match found {
            Found::Damage(damage) => damages.push(damage),
            Found::Records { count, .. } => n_records += u64::from(count),
            Found::Segment(_) => {}
        }
        Ok(())
    });
    (all.unwrap(), damages, n_records)
}

fn write_anew(dir: &Path, plan: Plan) -> (Rebuilt, Recovered, Vec<(u64, Bytes)>) {
    let io: Arc<dyn Io> = Arc::new(Disk);
    let into = dir.with_extension("new");
    let (rebuilt, _) = rebuild(&io, dir, &into, plan).unwrap();
    exchange(&*io, dir, &into).unwrap();
    let (log, recovered) = try_open(dir, Some(plan.applied)).unwrap();
    let all = read_all(&log);
    drop(log);
    fs::remove_dir_all(into).unwrap();
    (rebuilt, recovered, all)
}

fn listed(damages: &[Damage], last: u64) -> BTreeSet<u64> {
    let lost = damages.iter().filter_map(|damage| damage.lost);
    lost.flat_map(|(from, to)| from..=to.unwrap_or(last).min(last)).collect()
}

/// A log of several segments, sealed, in a folder inside a temporary one.
async fn log() -> (tempfile::TempDir, Vec<(u64, Bytes)>) {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, N_APPENDS, 500).await;
    log.close().await;
    assert!(segments(dir.path()).len() > 2);
    let outer = tempfile::tempdir().unwrap();
    fs::rename(snapshot(dir.path()).keep(), outer.path().join("log")).unwrap();
    (outer, all)
}

#[tokio::test]
async fn a_whole_log_has_no_damage_and_keeps_everything_when_written_anew() {
    let (outer, all) = log().await;
    let dir = outer.path().join("log");
    let (found, damages, n_records) = look(&dir, 0);
    assert!(damages.is_empty() && found.start.is_ok(), "{damages:?}");
    assert_eq!((n_records, found.next), (N_APPENDS, N_APPENDS + 1));
    let (rebuilt, recovered, kept) = write_anew(&dir, Plan { applied: 40, is_same_log: true });
    assert_eq!(kept, all[40..], "what the database has is left out");
    assert_eq!((recovered.first, recovered.next), (41, rebuilt.next));
    assert!(rebuilt.next > 1 << 32 && Some(rebuilt.log_id) != found.log_id);
    assert_eq!(recovered.log_id, rebuilt.log_id);
}

#[tokio::test]
async fn every_damaged_sector_loses_what_is_listed_and_nothing_else() {
    let (outer, all) = log().await;
    let dir = outer.path().join("log");
    let last = all.last().unwrap().0;
    let mut n_damaged = 0;
    for path in segments(&dir) {
        let whole = fs::read(&path).unwrap();
        for sector in (0..whole.len() as u64).step_by(4096) {
            let mut bytes = whole.clone();
            let at = sector as usize + (sector as usize / 4096 * 37) % 512;
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let (found, damages, _) = look(&dir, 0);
            let lost = listed(&damages, last);
            if matches!(found.start, Err(OpenError::Corrupt { .. })) {
                n_damaged += 1;
                assert!(!damages.is_empty(), "{} {at}", path.display());
            }
            let copy = tempfile::tempdir().unwrap();
            let copied = copy.path().join("log");
            fs::rename(snapshot(&dir).keep(), &copied).unwrap();
            let (_, _, kept) = write_anew(&copied, Plan { applied: 0, is_same_log: true });
            let wanted: Vec<_> =
                all.iter().filter(|(seq, _)| !lost.contains(seq)).cloned().collect();
            assert_eq!(kept.len(), wanted.len(), "{} {at} {damages:?}", path.display());
            assert_eq!(kept, wanted);
            assert!(lost.len() <= 1, "one sector holds one record: {lost:?}");
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(n_damaged as u64 >= N_APPENDS, "{n_damaged}");
}

#[tokio::test]
async fn a_missing_and_a_shortened_segment_are_told_by_their_numbers() {
    let (outer, all) = log().await;
    let dir = outer.path().join("log");
    let paths = segments(&dir);
    let bases: Vec<u64> = paths
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap())
        .collect();
    fs::remove_file(&paths[1]).unwrap();
    let short = fs::read(&paths[0]).unwrap();
    fs::write(&paths[0], &short[..short.len() / 2]).unwrap();
    let (found, damages, _) = look(&dir, 0);
    assert!(found.start.is_err());
    let lost = listed(&damages, all.last().unwrap().0);
    assert_eq!(*lost.last().unwrap(), bases[2] - 1);
    let (_, _, kept) = write_anew(&dir, Plan { applied: 0, is_same_log: true });
    let wanted: Vec<_> = all.into_iter().filter(|(seq, _)| !lost.contains(seq)).collect();
    assert_eq!(kept, wanted);
}

#[tokio::test]
async fn what_can_still_be_made_out_of_a_damaged_append_is_told() {
    let (outer, all) = log().await;
    let dir = outer.path().join("log");
    let path = &segments(&dir)[1];
    let mut bytes = fs::read(path).unwrap();
    bytes[4096 + 48 + 100] ^= 1;
    fs::write(path, &bytes).unwrap();
    let (_, damages, _) = look(&dir, 0);
    assert_eq!(damages.len(), 1);
    let [(seq, remains)] = &damages[0].remains[..] else { panic!("{damages:?}") };
    assert_eq!((*seq, Some(*seq)), (damages[0].lost.unwrap().0, damages[0].lost.unwrap().1));
    let original = &all[*seq as usize - 1].1;
    assert_eq!(remains.len(), original.len());
    assert_ne!(remains, original, "one bit is wrong, and nothing says which");
}

#[tokio::test]
async fn another_logs_records_get_new_numbers_behind_all_old_ones() {
    let (outer, all) = log().await;
    let dir = outer.path().join("log");
    let (rebuilt, recovered, kept) = write_anew(&dir, Plan { applied: 7_000, is_same_log: false });
    assert_eq!(recovered.first, 7_001, "the database goes on where it is");
    assert!(kept[0].0 > 7_000 + (1 << 32));
    let bytes =
        |all: &[(u64, Bytes)]| all.iter().map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&kept), bytes(&all));
    assert_eq!((rebuilt.n_records, rebuilt.next), (N_APPENDS, kept.last().unwrap().0 + 1));
}

#[tokio::test]
async fn a_log_that_is_gone_begins_far_behind_the_database() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("log");
    let (found, ..) = look(&dir, 50);
    assert!(matches!(found.start, Err(OpenError::Behind { next: 1, applied: 50 })));
    let io: Arc<dyn Io> = Arc::new(Disk);
    let into = outer.path().join("new");
    rebuild(&io, &dir, &into, Plan { applied: 50, is_same_log: false }).unwrap();
    exchange(&*io, &dir, &into).unwrap();
    let (log, recovered) = try_open(&dir, Some(50)).unwrap();
    assert_eq!((recovered.first, recovered.last), (51, 50));
    let (seq, _) = log.append(vec![Bytes::from_static(b"x")]).await.unwrap();
    assert!(seq > 1 << 32);
}

#[tokio::test]
async fn an_append_that_the_database_has_in_part_is_kept_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let records: Vec<Bytes> = (0..10_u8).map(|n| Bytes::from(vec![n; 20])).collect();
    log.append(records.clone()).await.unwrap();
    log.append(records).await.unwrap();
    log.close().await;
    let outer = tempfile::tempdir().unwrap();
    let copied = outer.path().join("log");
    fs::rename(snapshot(dir.path()).keep(), &copied).unwrap();
    let (_, recovered, kept) = write_anew(&copied, Plan { applied: 14, is_same_log: true });
    assert_eq!((recovered.first, kept.len(), kept[0].0), (11, 10, 11));
}
