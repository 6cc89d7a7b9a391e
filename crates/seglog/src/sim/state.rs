//! All of one simulated disk, behind the lock of `SimDisk`: files, names, the faults to come, what was done.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::io::Space;
use crate::sim::cut::Cut;
use crate::sim::inode::Inode;
use crate::sim::names::{Names, Node, is_spare};
use crate::sim::plan::{Call, Caller, Fault, Plan, dead};
use crate::sim::random::Random;

/// How far a call is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Whole,
    /// A write: the first so many thousandths of its sectors.
    Part {
        thousandths: u64,
    },
    /// A sync that fails; what is dirty stays so.
    Fail,
    /// A sync that fails: dirty pages are given up.
    Drop {
        reverts: bool,
    },
}

/// The disk.
pub(crate) struct State {
    seed: u64,
    /// How many disks this one comes after: each has its own rows of numbers.
    n_before: u64,
    random: Random,
    pub(crate) inodes: BTreeMap<u64, Inode>,
    pub(crate) names: Names,
    pub(crate) locks: BTreeSet<PathBuf>,
    pub(crate) plan: Plan,
    pub(crate) is_dead: bool,
    pub(crate) lie: Option<Call>,
    pub(crate) capacity_bytes: Option<u64>,
    pub(crate) holds_syncs: bool,
    pub(crate) n_held: u64,
    pub(crate) trace: u64,
    pub(crate) n_syncs_after_failure: u64,
    pub(crate) last_write: Option<[u8; 8]>,
    pub(crate) is_last_write_synced: bool,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            n_before: 0,
            random: Random::of(seed, "random"),
            inodes: BTreeMap::new(),
            names: Names::default(),
            locks: BTreeSet::new(),
            plan: Plan::default(),
            is_dead: false,
            lie: None,
            capacity_bytes: None,
            holds_syncs: false,
            n_held: 0,
            trace: 0,
            n_syncs_after_failure: 0,
            last_write: None,
            is_last_write_synced: true,
        }
    }

    pub(crate) fn after_kill(&self) -> Self {
        let inodes =
            self.inodes.iter().filter(|(number, _)| self.names.name_of(**number).is_some());
        let mut inodes: BTreeMap<_, _> =
            inodes.map(|(number, inode)| (*number, inode.clone())).collect();
        // Another process: it has not seen a sync fail.
        for inode in inodes.values_mut() {
            inode.has_failed_sync = false;
        }
        self.next(inodes, self.names.clone())
    }

    pub(crate) fn after_power_cut(&self, cut: &Cut) -> Self {
        let names = self.names.after(cut);
        let found = names.files().filter_map(|(path, number)| {
            // The fate of a file hangs on the name that it had, not on the one it is found under.
            let name = self.names.name_of(number).unwrap_or(path);
            let name = name.file_name()?.to_str()?;
            Some((number, self.inodes.get(&number)?.after(name, cut)))
        });
        self.next(found.collect(), names.clone())
    }

    fn next(&self, inodes: BTreeMap<u64, Inode>, names: Names) -> Self {
        let n_before = self.n_before + 1;
        Self {
            n_before,
            random: Random::of(self.seed, &format!("random {n_before}")),
            inodes,
            names,
            plan: self.plan.clone(),
            lie: self.lie,
            capacity_bytes: self.capacity_bytes,
            trace: self.trace,
            n_syncs_after_failure: self.n_syncs_after_failure,
            ..Self::new(self.seed)
        }
    }

    /// What a call meets: how far it is done (`None`: not at all), and its error.
    pub(crate) fn decide(
        &mut self,
        caller: Caller,
        call: Call,
    ) -> (Option<Effect>, Option<io::Error>) {
        if self.is_dead {
            return (None, Some(dead()));
        }
        let (nth, fault) = self.plan.count(caller, call);
        let Some(fault) = fault else { return (Some(Effect::Whole), None) };
        let mut random =
            Random::of(self.seed ^ nth, &format!("{caller:?} {call:?} {}", self.n_before));
        let part = Effect::Part { thousandths: random.below(1001) };
        let effect = match (fault, call) {
            (Fault::Io | Fault::NoRoom | Fault::Die | Fault::DropPages, Call::WriteAllAt) => {
                Some(part)
            }
            (Fault::DropPages | Fault::NoRoom, Call::SyncData) => {
                Some(Effect::Drop { reverts: random.one_in(2) })
            }
            (Fault::Io, Call::SyncData) => Some(Effect::Fail),
            (Fault::Die, _) => random.one_in(2).then_some(Effect::Whole),
            _ => None,
        };
        self.is_dead = fault == Fault::Die;
        (effect, Some(fault.error()))
    }

    /// Adds a call to the trace. Spares are named in the order in which threads come, so their names are left out.
    pub(crate) fn note(&mut self, call: Call, what: &Path, is_ok: bool) {
        // What a killed process would have done next hangs on how far its threads were.
        if self.is_dead {
            return;
        }
        let name = what.to_str().filter(|_| !is_spare(what)).unwrap_or("spare");
        self.trace = Random::of(self.trace, &format!("{call:?} {name} {is_ok}")).next();
    }

    pub(crate) fn create_dir(&mut self, dir: &Path) -> io::Result<()> {
        if dir.parent().is_none() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.names.add(dir, Node::Folder)
    }

    /// Makes an empty file, or empties the one of this name.
    pub(crate) fn create(&mut self, path: &Path) -> io::Result<u64> {
        if let Ok(number) = self.names.file(path) {
            self.inode(number).set_len(0);
            return Ok(number);
        }
        let number = self.inodes.last_key_value().map_or(1, |(last, _)| last + 1);
        self.names.add(path, Node::File(number))?;
        self.inodes.insert(number, Inode::default());
        Ok(number)
    }

    pub(crate) fn inode(&mut self, number: u64) -> &mut Inode {
        self.inodes.get_mut(&number).expect("a file lives as long as its disk")
    }

    pub(crate) fn write(&mut self, number: u64, buf: &[u8], offset: u64) -> io::Result<()> {
        if Caller::current() == Caller::Log {
            self.last_write = buf.first_chunk().copied();
            self.is_last_write_synced = false;
        }
        let n_fits =
            self.room_for(number, offset + buf.len() as u64).saturating_sub(offset) as usize;
        let n_written = n_fits.min(buf.len());
        self.inode(number).write(&buf[..n_written], offset);
        if n_written < buf.len() { Err(Fault::NoRoom.error()) } else { Ok(()) }
    }

    pub(crate) fn allocate(&mut self, number: u64, size_bytes: u64) -> io::Result<()> {
        if self.room_for(number, size_bytes) < size_bytes {
            return Err(Fault::NoRoom.error());
        }
        let n_bytes = self.inode(number).cache.len().max(size_bytes as usize);
        self.inode(number).set_len(n_bytes);
        Ok(())
    }

    pub(crate) fn sync(&mut self, number: u64, effect: Effect) {
        let is_log = Caller::current() == Caller::Log;
        let is_lie = self.lie == Some(Call::SyncData);
        let inode = self.inode(number);
        let has_failed = inode.has_failed_sync;
        match effect {
            Effect::Drop { reverts } => inode.drop_pages(reverts),
            Effect::Whole if !is_lie => inode.sync(),
            _ => {}
        }
        inode.has_failed_sync |= effect != Effect::Whole;
        self.n_syncs_after_failure += u64::from(has_failed);
        self.is_last_write_synced |= is_log && effect == Effect::Whole;
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.random.next()
    }

    /// Room on the disk; it does not say if it has no capacity.
    pub(crate) fn space(&self) -> Option<Space> {
        let total_bytes = self.capacity_bytes?;
        let used: u64 = self.names.files().map(|(_, n)| self.inodes[&n].cache.len() as u64).sum();
        Some(Space { free_bytes: total_bytes.saturating_sub(used), total_bytes })
    }

    /// How long the file may become on its way to `size_bytes`.
    fn room_for(&mut self, number: u64, size_bytes: u64) -> u64 {
        let Some(capacity_bytes) = self.capacity_bytes else { return size_bytes };
        let numbers: BTreeSet<u64> = self.names.files().map(|(_, number)| number).collect();
        let others = self.inodes.iter().filter(|(n, _)| **n != number && numbers.contains(n));
        let used: u64 = others.map(|(_, inode)| inode.cache.len() as u64).sum();
        let now = self.inode(number).cache.len() as u64;
        size_bytes.min(capacity_bytes.saturating_sub(used)).max(now.min(size_bytes))
    }
}
