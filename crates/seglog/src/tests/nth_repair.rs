//! The n-th call of a repair fails: the log that stands under the name afterwards, across a power cut, is the old one or the
//! new one, and has every record.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::io::Io;
use crate::rebuild::{Plan, exchange, rebuild};
use crate::sim::disk::SimDisk;
use crate::sim::plan::{Call, Caller, Fault, Rule};
use crate::tests::fixture::{fill, open_on, read_all};
use crate::verdict::OpenError;

const DIR: &str = "/sim/log";
const ANEW: &str = "/sim/log.repair";

async fn log() -> (SimDisk, Vec<(u64, Bytes)>) {
    let disk = SimDisk::new(5);
    let log = open_on(Arc::new(disk.clone()), Path::new(DIR));
    let all = fill(&log, 9, 1800).await;
    log.close().await;
    // Not a kill: what the close has removed must be settled, or the simulated disk exchanges nothing.
    (disk.power_cut(1), all)
}

fn repair(disk: &SimDisk) -> Result<(), OpenError> {
    let io: Arc<dyn Io> = Arc::new(disk.clone());
    let plan = Plan { applied: 0, is_same_log: true };
    rebuild(&io, Path::new(DIR), Path::new(ANEW), plan)?;
    exchange(&*io, Path::new(DIR), Path::new(ANEW))
}

#[tokio::test]
async fn every_call_of_a_repair_may_fail_and_no_record_is_lost() {
    let (whole, all) = log().await;
    let mut missing: Vec<_> = Call::ALL.to_vec();
    for (call, fault) in Call::ALL
        .into_iter()
        .flat_map(|call| [Fault::Io, Fault::NoRoom, Fault::Die].map(|fault| (call, fault)))
    {
        for nth in 0.. {
            let disk = whole.kill();
            disk.set_plan(vec![Rule { caller: Caller::Log, call: Some(call), nth, fault }]);
            let repaired = repair(&disk);
            if disk.met().is_empty() {
                repaired.unwrap();
                break;
            }
            missing.retain(|other| *other != call);
            // A start that is only rehearsed may fail and is part of the findings; the records are there all the same.
            if let Err(error) = repaired {
                assert!(matches!(error, OpenError::Io { .. }), "{call:?} {nth}: {error}");
            }
            for seed in 0..6 {
                let found = if seed == 0 { disk.kill() } else { disk.power_cut(seed) };
                found.set_plan(Vec::new());
                let log = open_on(Arc::new(found), Path::new(DIR));
                assert_eq!(read_all(&log), all, "{call:?} {nth} {fault:?}, power cut {seed}");
            }
        }
    }
    // Those that a repair has no need of.
    assert_eq!(
        missing,
        [Call::Open, Call::Rename, Call::Remove, Call::Lock, Call::Space, Call::Allocate]
    );
}
