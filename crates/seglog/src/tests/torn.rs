//! Power cuts while a commit is being written: any mix of old and new sectors is a torn tail, never
//! a refusal, and never costs a record that was answered.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use tempfile::TempDir;

use crate::log::Log;
use crate::segment::SegmentHeader;
use crate::tests::fixture::{
    Random, fill, n_files, open, read_all, record, segments, snapshot, try_open,
};
use crate::verdict::OpenError;

const SECTOR_BYTES: usize = 512;

/// The last commit of a log: the last segment before and after it, and what was answered before it.
struct LastCommit {
    before: Vec<u8>,
    after: Vec<u8>,
    dir: TempDir,
    safe: Vec<(u64, Bytes)>,
    new: Vec<(u64, Bytes)>,
    /// Sectors of the commit, and those of them that hold its one frame; the rest is padding.
    n_sectors: usize,
    n_frame_sectors: usize,
    first_sector: usize,
}

impl LastCommit {
    async fn make(log: &Log, dir: &Path, records: Vec<Bytes>) -> Self {
        let safe = read_all(log);
        let before = fs::read(segments(dir).last().unwrap()).unwrap();
        let (first, _) = log.append(records.clone()).await.unwrap();
        let copy = snapshot(dir);
        let after = fs::read(segments(dir).last().unwrap()).unwrap();
        let differs = |at: &usize| before[*at] != after[*at];
        let from = (0..after.len()).find(differs).unwrap() / SECTOR_BYTES;
        let to = (0..after.len()).rfind(differs).unwrap() / SECTOR_BYTES;
        let n_frame_bytes = 48 + records.iter().map(|record| 4 + record.len()).sum::<usize>();
        let n_frame_sectors = n_frame_bytes.div_ceil(SECTOR_BYTES);
        let new = (first..).zip(records).collect();
        let (n_sectors, first_sector) = (to - from + 1, from);
        Self { before, after, dir: copy, safe, new, n_sectors, n_frame_sectors, first_sector }
    }

    /// Opens the log as if only these sectors of the commit had reached the disk.
    fn check(&self, is_written: impl Fn(usize) -> bool + Copy) {
        let file = segments(self.dir.path()).pop().unwrap();
        let mut image = self.before.clone();
        let written: Vec<_> = (0..self.n_sectors).filter(|&n| is_written(n)).collect();
        for n in &written {
            let at = (self.first_sector + n) * SECTOR_BYTES;
            image[at..at + SECTOR_BYTES].copy_from_slice(&self.after[at..at + SECTOR_BYTES]);
        }
        let copy = snapshot(self.dir.path());
        fs::write(copy.path().join(file.file_name().unwrap()), image).unwrap();
        let applied = self.safe.last().map(|(seq, _)| *seq);
        let (log, recovered) =
            try_open(copy.path(), applied).unwrap_or_else(|e| panic!("{written:?}: {e}"));
        let found = read_all(&log);
        if (0..self.n_frame_sectors).all(is_written) {
            assert_eq!(found, [&self.safe[..], &self.new[..]].concat());
            assert!(!recovered.jumped);
        } else {
            assert_eq!(found, self.safe, "{written:?}");
            assert_eq!(recovered.jumped, recovered.n_torn_bytes > 0);
            assert_eq!(n_files(copy.path(), ".torn-"), usize::from(recovered.jumped));
            // The first sector holds the frame's header: with it, what is cut is noticed and counted.
            assert!(recovered.jumped || !is_written(0), "{written:?}");
            let beyond = self.safe.last().unwrap().0 + (1 << 20);
            assert!(!recovered.jumped || recovered.next >= beyond);
        }
        // What this start has found is what the next one finds.
        drop(log);
        let (log, again) = open(copy.path());
        assert_eq!((read_all(&log), again.next, again.jumped), (found, recovered.next, false));
    }

    fn check_many(&self) {
        for n in 0..=self.n_sectors {
            self.check(|sector| sector < n);
            self.check(|sector| sector >= n);
            self.check(|sector| sector == n);
            self.check(|sector| sector != n);
        }
        let mut random = Random(7);
        for _ in 0..20 {
            let bits = random.next();
            self.check(|sector| bits >> (sector % 31) & 1 == 1);
        }
    }
}

#[tokio::test]
async fn a_commit_torn_at_any_sector_is_cut_and_never_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    fill(&log, 3, 700).await;
    let records = vec![record(90, 3000), record(91, 10), record(92, 4000)];
    let commit = LastCommit::make(&log, dir.path(), records).await;
    assert_eq!(commit.n_sectors, 14);
    commit.check_many();
}

#[tokio::test]
async fn the_first_commit_of_a_segment_may_be_torn_too() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    fill(&log, 1, 24_000).await;
    let n_before = segments(dir.path()).len();
    let snapshot_size = fs::metadata(segments(dir.path()).pop().unwrap()).unwrap().len();
    assert_eq!((n_before, snapshot_size), (1, 32 * 1024));
    // One block is left, and it is kept for the seal: the next commit rolls.
    fill(&log, 1, 3000).await;
    assert_eq!(segments(dir.path()).len(), 2);
    let copy = snapshot(dir.path());
    let file = segments(copy.path()).pop().unwrap();
    for n in 0..=8 {
        let torn = snapshot(copy.path());
        let mut image = fs::read(&file).unwrap();
        image[4096 + n * SECTOR_BYTES..].fill(0);
        fs::write(torn.path().join(file.file_name().unwrap()), image).unwrap();
        let (log, recovered) = try_open(torn.path(), Some(1)).unwrap();
        assert_eq!(read_all(&log).len(), if n < 6 { 1 } else { 2 }, "{n}");
        assert_eq!((recovered.jumped, segments(torn.path()).len()), ((1..6).contains(&n), 2));
    }
}

#[tokio::test]
async fn a_torn_commit_over_recycled_bytes_is_cut_and_never_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let is_recycled = || {
        let bytes = fs::read(segments(dir.path()).pop().unwrap()).unwrap();
        SegmentHeader::decode(&bytes).unwrap().is_recycled
    };
    while !is_recycled() {
        fill(&log, 5, 3000).await;
        log.trim(log.bounds().1).unwrap();
    }
    fill(&log, 2, 700).await;
    let commit = LastCommit::make(&log, dir.path(), vec![record(1, 2500), record(2, 2500)]).await;
    assert!(commit.before[commit.first_sector * SECTOR_BYTES..].iter().any(|&byte| byte != 0));
    commit.check_many();
}

#[tokio::test]
async fn a_torn_seal_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, 3, 700).await;
    log.close().await;
    let seal = 4096 * 4;
    for n_bytes in [0, 1, 16, 40, 47, 48] {
        let copy = snapshot(dir.path());
        let file = segments(copy.path()).pop().unwrap();
        let mut image = fs::read(&file).unwrap();
        image[seal + n_bytes..].fill(0);
        fs::write(&file, image).unwrap();
        let (log, recovered) = try_open(copy.path(), Some(3)).unwrap();
        assert_eq!((read_all(&log), recovered.jumped), (all.clone(), (1..48).contains(&n_bytes)));
    }
}

#[tokio::test]
async fn what_the_database_knows_is_never_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, 4, 700).await;
    let copy = snapshot(dir.path());
    let file = segments(copy.path()).pop().unwrap();
    let mut image = fs::read(&file).unwrap();
    image[4096 * 4 + 60] ^= 1;
    fs::write(&file, &image).unwrap();
    let offset = 4096 * 4;
    let refused = try_open(copy.path(), Some(4)).map(|_| ()).unwrap_err();
    assert!(matches!(&refused, OpenError::Corrupt { offset: o, .. } if *o == offset), "{refused}");
    let refused = try_open(copy.path(), None).map(|_| ()).unwrap_err();
    assert!(matches!(&refused, OpenError::WouldCut { offset: o, .. } if *o == offset), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), image, "a refusal changes nothing");
    assert_eq!((segments(copy.path()).len(), n_files(copy.path(), "torn")), (1, 0));
    let (cut, recovered) = try_open(copy.path(), Some(3)).unwrap();
    assert_eq!((read_all(&cut), recovered.last), (all[..3].to_vec(), 3));
    assert_eq!(recovered.next, 2 << 20);
    assert_eq!(cut.append(vec![record(8, 8)]).await, Ok((2 << 20, 2 << 20)));
    assert_eq!(read_all(&cut).len(), 4);
    drop(cut);
    // A clean log that ends too early is another log, or an older copy.
    let behind = try_open(dir.path(), Some(9)).map(|_| ());
    assert!(matches!(behind, Err(OpenError::Locked { .. })));
    log.close().await;
    let behind = try_open(dir.path(), Some(9)).map(|_| ());
    assert!(matches!(behind, Err(OpenError::Behind { next: 5, applied: 9 })), "{behind:?}");
    assert!(
        try_open(dir.path(), None).is_ok(),
        "nothing is cut, so the database need not be asked"
    );
    let none = tempfile::tempdir().unwrap();
    let refused = try_open(none.path(), None).map(|_| ()).unwrap_err();
    assert!(matches!(&refused, OpenError::NoLog { .. }), "{refused}");
    assert_eq!(segments(none.path()).len(), 0, "whether there should be one nobody can say");
}
