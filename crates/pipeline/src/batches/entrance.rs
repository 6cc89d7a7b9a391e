//! How a body gets to the desk: as a new batch, as a repetition of one that has its key, or as the rest of one that was paused.

use std::sync::Arc;
use std::time::Duration;

use store::{Batch, BatchState, StoreError};
use tokio::time;
use uuid::Uuid;

use crate::batches::desk::Desk;
use crate::batches::error::BatchError;
use crate::batches::records::{BeginHead, Head};
use crate::batches::recovery::begun;
use crate::batches::registry::{Entry, State};
use crate::batches::upload::{Aim, Upload};
use crate::batches::view::UploadWish;
use crate::clock;
use crate::shares::{Crowded, Share};

/// Most batches that are not over, paused ones and those that wait among them. An application has no more than it leaves to others.
const LIVE_MAX: usize = 10_000;
/// Most of one application that are being received or paused: nobody takes all places by beginning and going away.
const OPEN_MAX: usize = 100;
/// Longest wait for the database when a key is looked up; past it the lane's consumer decides.
pub(crate) const LOOKUP_WAIT: Duration = Duration::from_secs(2);

impl Desk {
    /// Begins a batch, or finds the one that has its key.
    pub(crate) async fn begin(self: &Arc<Self>, wish: UploadWish) -> Result<Upload, BatchError> {
        let rules = self.tables.get(&wish.table).ok_or(BatchError::NoSuchTable)?;
        let place = self.place(&wish.holder)?;
        let (rules, id) = (Arc::clone(rules), Uuid::now_v7().to_string());
        let head = BeginHead {
            id: id.clone(),
            table: wish.table,
            mode: rules.mode.as_str().to_owned(),
            format: wish.format.as_str().to_owned(),
            application: wish.application,
            sent_by: wish.sent_by,
            label: wish.label,
            key: wish.key,
            resumable: wish.resumable && !wish.dry_run,
            at_us: wish.now.micros(),
            revalidates: wish.revalidates,
        };
        let desk = Arc::clone(self);
        let unwritten = |head: &BeginHead| {
            begun(head.clone(), self.queue.bounds().next).expect("mode and format have names")
        };
        if wish.dry_run {
            return Upload::new(desk, rules, unwritten(&head), Aim::DryRun, place);
        }
        self.check_room()?;
        if let Some(first) = self.first_with_key(&head).await? {
            let entry = unwritten(&head);
            return Upload::new(desk, rules, entry, Aim::Compare(Box::new(first)), place);
        }
        let mut entry = unwritten(&head);
        (entry.is_attached, entry.is_writing) = (true, true);
        self.registry.change(|state| reserve(state, entry.clone()))?;
        // Before the first wait: where the caller is dropped in it, this ends what was begun.
        let upload = Upload::new(desk, rules, entry, Aim::Keep, place)?;
        let written = self.append(&id, vec![Head::Begin(head).encode(&[])], {
            let id = id.clone();
            move |state, appended| match appended {
                // Nobody may go on with what the log does not know, also where whoever waited for this is gone.
                None => state.forget(&id),
                Some(range) => {
                    if let Some(entry) = state.entries.get_mut(&id) {
                        entry.first = range.first;
                    }
                }
            }
        });
        if let Err(error) = written.await {
            upload.forget();
            return Err(error);
        }
        Ok(upload)
    }

    /// Goes on with an upload that came in pieces.
    pub(crate) fn resume(
        self: &Arc<Self>,
        id: &str,
        offset: u64,
        holder: &str,
    ) -> Result<Option<Upload>, BatchError> {
        let place = self.place(holder)?;
        let attach = |state: &mut State| {
            let Some(entry) = state.entries.get_mut(id) else { return Ok(None) };
            let rules = self.tables.get(&entry.batch.table).ok_or(BatchError::NoSuchTable)?;
            if entry.batch.state != BatchState::Receiving || !entry.is_resumable {
                return Err(BatchError::NotUploading { state: entry.batch.state });
            }
            if entry.is_writing {
                return Err(BatchError::Busy);
            }
            if entry.progress.offset != offset {
                return Err(BatchError::WrongOffset { offset: entry.progress.offset });
            }
            // Who sent before may hang in a connection that is dead, which nobody has noticed yet.
            entry.is_attached = true;
            entry.n_attached += 1;
            Ok(Some((entry.clone(), Arc::clone(rules))))
        };
        let Some((entry, rules)) = self.registry.change(attach)? else { return Ok(None) };
        Upload::new(Arc::clone(self), rules, entry, Aim::Keep, place).map(Some)
    }

    /// A place to receive a body at.
    fn place(&self, holder: &str) -> Result<Share, BatchError> {
        let full = |crowded: Crowded| {
            BatchError::Full(format!("there is no place to receive a batch at: {crowded}"))
        };
        self.receiving.take(holder, 1).map_err(full)
    }

    /// The batch that has the key, whole.
    async fn first_with_key(&self, head: &BeginHead) -> Result<Option<Batch>, BatchError> {
        let Some(key) = &head.key else { return Ok(None) };
        let application = head.application.as_deref();
        let live = |state: &mut State| {
            let entry = state.with_key(application, &head.table, key);
            entry
                .map(|entry| entry.batch.clone())
                .filter(|batch| !leaves_key(batch, head.revalidates.as_deref()))
        };
        if let Some(first) = self.registry.with(live) {
            return if first.state == BatchState::Receiving {
                Err(BatchError::KeyBusy { id: first.id })
            } else {
                Ok(Some(first))
            };
        }
        let found = self.over_with_key(application, &head.table, key, head.revalidates.as_deref());
        match time::timeout(LOOKUP_WAIT, found).await {
            Ok(Ok(found)) => Ok(found),
            // The consumer asks again, when the database is back.
            Err(_) | Ok(Err(StoreError::Unavailable(_))) => Ok(None),
            Ok(Err(error)) => Err(error.into()),
        }
    }

    /// The batch that has a key in the database, unless it leaves it to one that has the rows of `to` again.
    async fn over_with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
        to: Option<&str>,
    ) -> Result<Option<Batch>, StoreError> {
        let found = self.store.batch_with_key(application, table, key).await?;
        Ok(found.filter(|first| !leaves_key(first, to)))
    }

    /// A batch that something is decided about, beside the first that has its key: nobody could ask the database for that when it
    /// was begun. If there is one, the key stays with it, and no row of this one is applied, whatever was decided.
    pub(crate) async fn beside_first(&self, batch: Batch) -> Result<Batch, StoreError> {
        let Batch { key: Some(key), application, table, revalidates, .. } = &batch else {
            return Ok(batch);
        };
        // What is not whole is compared with nothing.
        if batch.received_at.is_none() {
            return Ok(batch);
        }
        let to = revalidates.as_deref();
        let found = self.over_with_key(application.as_deref(), table, key, to).await?;
        let Some(first) = found.filter(|first| first.id != batch.id) else { return Ok(batch) };
        let is_same = first.hash == batch.hash;
        let words = if is_same {
            format!("the same rows came before, as batch {}", first.id)
        } else {
            format!("its key names batch {}, whose rows are others", first.id)
        };
        let state = match batch.state {
            // It has given its key back.
            BatchState::Cancelled if !is_same => return Ok(batch),
            BatchState::Applying if is_same => BatchState::Cancelled,
            BatchState::Applying => BatchState::Rejected,
            state => state,
        };
        let ended_at = batch.ended_at.or_else(|| Some(clock::now()));
        let same_as = is_same.then_some(first.id);
        let batch = with_more(batch, &words);
        Ok(Batch { state, key: None, same_as, started_at: None, ended_at, ..batch })
    }
}

/// Says more about why a batch stands as it does.
pub(crate) fn with_more(mut batch: Batch, more: &str) -> Batch {
    let why = batch.detail.take().into_iter().chain([more.to_owned()]);
    batch.detail = Some(why.collect::<Vec<_>>().join("; "));
    batch
}

/// Whether a batch leaves its key to one that is to have the rows of another again (`to` names that): one that was rejected does.
pub(crate) fn leaves_key(first: &Batch, to: Option<&str>) -> bool {
    to.is_some() && first.state == BatchState::Rejected
}

/// Adds a batch, unless its key was taken meanwhile.
fn reserve(state: &mut State, entry: Entry) -> Result<(), BatchError> {
    let batch = &entry.batch;
    let n_all = state.entries.len();
    if n_all >= LIVE_MAX {
        return Err(BatchError::Full(format!("{LIVE_MAX} batches are not over yet")));
    }
    // Only who has a good part of all can have more than is left.
    if n_all >= LIVE_MAX / 2 {
        let n_own = state.n_live(batch.application.as_deref());
        if n_own >= LIVE_MAX - n_all {
            return Err(BatchError::Full(format!(
                "{n_own} batches of this application are not over yet, and of {LIVE_MAX} what is left is kept for others"
            )));
        }
    }
    if state.n_open(batch.application.as_deref()) >= OPEN_MAX {
        return Err(BatchError::Full(format!(
            "{OPEN_MAX} uploads of this application are not whole yet: finish or cancel some"
        )));
    }
    if let Some(key) = &batch.key
        && let Some(first) = state.with_key(batch.application.as_deref(), &batch.table, key)
        && !leaves_key(&first.batch, batch.revalidates.as_deref())
    {
        return Err(BatchError::KeyBusy { id: first.batch.id.clone() });
    }
    state.entries.insert(batch.id.clone(), entry);
    Ok(())
}
