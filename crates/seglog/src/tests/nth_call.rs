//! The n-th call fails: every method of `Io` and `File`, every call of it in the life of a log, with EIO and with ENOSPC.
//! Each failure is named by the answer of some call, and the next start has everything that was acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::log::Log;
use crate::options::Options;
use crate::queue::AppendError;
use crate::reader::ReadError;
use crate::sim::disk::SimDisk;
use crate::sim::plan::{Call, Caller, Fault, Rule};
use crate::sim::random::Random;
use crate::tests::follower::read_beside;
use crate::tests::model::Model;
use crate::tests::workload::DIR;
use crate::verdict::OpenError;

/// A log that goes through everything that a log does, whatever fails.
struct Life {
    runtime: Runtime,
    random: Random,
    disk: SimDisk,
    model: Model,
    /// Answers that named the failure.
    named: Vec<String>,
    n_met: usize,
}

impl Life {
    fn new(rules: Vec<Rule>) -> Self {
        let disk = SimDisk::new(7);
        disk.set_plan(rules);
        let runtime = Builder::new_current_thread().build().unwrap();
        Self {
            runtime,
            random: Random::of(7, "n-th call"),
            disk,
            model: Model::new(),
            named: Vec::new(),
            n_met: 0,
        }
    }

    fn options(&self) -> Options {
        Options {
            applied: Some(self.model.applied),
            segment_bytes_min: 32 * 1024,
            segment_bytes_max: 32 * 1024,
            seal_after: Duration::from_hours(1),
            reserve_bytes_max: 0,
            ..Options::new(DIR)
        }
    }

    /// Starts, and starts again if the first one fails.
    fn open(&mut self) -> Log {
        for _ in 0..2 {
            match Log::open(Arc::new(self.disk.clone()), &self.options()) {
                Ok((log, recovered)) => {
                    self.model.reopen(&recovered, &read_beside(&log).unwrap()).unwrap();
                    return log;
                }
                Err(error @ OpenError::Io { .. }) => self.named.push(error.to_string()),
                Err(error) => panic!("{error}"),
            }
            self.disk = self.disk.kill();
        }
        panic!("a start fails twice: {:?}", self.named);
    }

    /// Appends one record. Answers false when the log is over.
    fn append(&mut self, log: &Log, n_bytes: usize) -> bool {
        let (attempt, records) = self.model.attempt(&mut self.random, &[n_bytes]);
        match self.runtime.block_on(log.append(records)) {
            Ok((first, last)) => self.model.acknowledge(attempt, first, last).unwrap(),
            Err(error @ AppendError::NoRoom(_)) => {
                self.model.refuse(attempt);
                self.named.push(error.to_string());
            }
            Err(error @ AppendError::Poisoned(_)) => self.named.push(error.to_string()),
            Err(error) => panic!("{error}"),
        }
        log.poison_reason().is_none()
    }

    fn consume(&mut self, log: &Log) {
        let mut reader = log.reader(self.model.applied + 1);
        loop {
            match reader.read(10_000) {
                Ok(shown) if shown.is_empty() => return,
                Ok(shown) => {
                    self.model.show(self.model.applied + 1, &shown).unwrap();
                    self.model.applied = shown.last().unwrap().0;
                }
                Err(error @ ReadError::Io { .. }) => self.named.push(error.to_string()),
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn trim(&mut self, log: &Log) {
        self.model.trim(self.model.applied + 1);
        match log.trim(self.model.applied + 1) {
            Ok(()) => self.model.trimmed(log.bounds().0).unwrap(),
            Err(error) => self.named.push(error.to_string()),
        }
    }

    /// Fills some segments, trims them, and fills recycled ones.
    fn work(&mut self, log: &Log) {
        for n in 0..12 {
            if !self.append(log, 6000) {
                break;
            }
            if n % 5 == 4 {
                self.consume(log);
                self.trim(log);
            }
        }
        self.named.extend(log.poison_reason());
    }

    fn close(&mut self, log: Log) {
        self.runtime.block_on(log.close());
        self.named.extend(log.poison_reason());
        drop(log);
        self.disk = self.disk.kill();
    }

    /// The process ends while a commit waits in its sync.
    fn crash(&mut self, log: Log, then: impl FnOnce(&SimDisk) -> SimDisk) {
        let (_, records) = self.model.attempt(&mut self.random, &[3000, 500]);
        self.disk.hold_syncs(true);
        let beside = log.clone();
        let append = thread::spawn(move || {
            // Whatever it answers, nobody hears of it.
            let _ = Builder::new_current_thread().build().unwrap().block_on(beside.append(records));
        });
        while !self.disk.is_held() && !append.is_finished() {
            thread::yield_now();
        }
        let found = then(&self.disk);
        self.disk.hold_syncs(false);
        append.join().unwrap();
        self.named.extend(log.poison_reason());
        drop(log);
        self.disk = found;
    }

    fn live(&mut self) {
        let log = self.open();
        self.work(&log);
        self.close(log);
        let log = self.open();
        self.work(&log);
        self.crash(log, SimDisk::kill);
        let log = self.open();
        self.append(&log, 500);
        self.crash(log, torn);
        let log = self.open();
        self.append(&log, 500);
        self.close(log);
        let log = self.open();
        self.consume(&log);
        self.close(log);
        let n_again = self.disk.n_syncs_after_failure();
        assert_eq!(
            n_again,
            0,
            "a poisoned file was synced again: {:?} {:?}",
            self.disk.met(),
            self.named
        );
        // And now without faults: the same once more, from what is there.
        self.n_met = self.disk.met().len();
        self.disk = self.disk.power_cut(3);
        self.disk.set_plan(Vec::new());
        let log = self.open();
        assert!(self.append(&log, 500));
        self.close(log);
    }
}

/// The seed of a power cut that tears the commit in flight of a life without faults.
fn torn(disk: &SimDisk) -> SimDisk {
    static SEED: OnceLock<u64> = OnceLock::new();
    let is_torn = |seed: &u64| {
        let opened = Log::open(Arc::new(disk.power_cut(*seed)), &Options::new(DIR));
        opened.is_ok_and(|(_, recovered)| recovered.jumped && recovered.n_torn_bytes > 0)
    };
    disk.power_cut(*SEED.get_or_init(|| (0..200).find(is_torn).expect("some seed tears it")))
}

#[test]
fn every_call_may_fail_and_nothing_acknowledged_is_lost() {
    Life::new(Vec::new()).live();
    let mut n_failed: BTreeMap<Call, usize> = BTreeMap::new();
    for call in Call::ALL {
        for (caller, fault) in [
            (Caller::Log, Fault::Io),
            (Caller::Log, Fault::NoRoom),
            (Caller::Spare, Fault::Io),
            (Caller::Spare, Fault::NoRoom),
        ] {
            for nth in 0.. {
                let rule = Rule { caller, call: Some(call), nth, fault };
                let mut life = Life::new(vec![rule]);
                life.live();
                if life.n_met == 0 {
                    break;
                }
                *n_failed.entry(call).or_default() += 1;
                // A spare is made later, or stays for the next start; a reader that has something to show shows that, and
                // comes again; a disk that does not say what room it has is not watched; without room the cut bytes are not kept.
                let is_read = matches!(call, Call::Open | Call::ReadAt | Call::Space);
                let may_be_silent = caller == Caller::Spare || is_read || fault == Fault::NoRoom;
                assert!(may_be_silent || !life.named.is_empty(), "{rule:?} was never named");
            }
        }
    }
    println!("{} calls failed: {n_failed:?}", n_failed.values().sum::<usize>());
    let missing: Vec<_> = Call::ALL.iter().filter(|call| !n_failed.contains_key(call)).collect();
    assert_eq!(missing, [&Call::Exchange], "only a repair exchanges folders: see `nth_repair`");
}
