//! For those who want to know more than that their events are durable: what the database made of them.

use model::{ContentHash, Seq, StreamName};
use store::{Fate, IdKey, StoreError};

use crate::intake::Intake;
use crate::outcome::{Accepted, Item};

impl Intake {
    /// Resolves when everything up to `seq` is in the database. Wakes by the consumer's own progress; for how
    /// long to wait is the caller's choice.
    pub async fn applied_through(&self, seq: Seq) {
        let mut applied = self.meters.applied_changes();
        // The sender lives in the meters, which we hold.
        let _ = applied.wait_for(|applied| *applied >= seq).await;
    }

    /// What became of each event that was accepted for a stream; `None` for those that the database does not
    /// have yet. A repetition that the consumer dropped shares the fate of the first, be it a row or a dead letter.
    pub async fn fates(
        &self,
        accepted: &Accepted,
        stream: &StreamName,
        application: Option<&str>,
    ) -> Result<Vec<Option<Fate>>, StoreError> {
        let seqs: Vec<Seq> =
            accepted.items.iter().map(|item| item.seq().unwrap_or(Seq::ZERO)).collect();
        let mut fates = self.store.fates(seqs).await?;
        let dropped: Vec<usize> = (0..fates.len()).filter(|&at| fates[at].is_none()).collect();
        if dropped.is_empty() {
            return Ok(fates);
        }
        let key = |at: &usize| IdKey {
            application: application.map(str::to_owned),
            stream: stream.to_string(),
            id: accepted.items[*at].id().to_owned(),
        };
        let firsts = self.store.find(dropped.iter().map(key).collect()).await?;
        let is_same = |at: usize, hash: ContentHash| accepted.hashes.get(at) == Some(&hash);
        // Where the id names other content, what was dropped repeats a dead letter.
        let conflicts: Vec<bool> = (dropped.iter().zip(&firsts))
            .map(|(&at, first)| first.is_some_and(|(_, hash)| !is_same(at, hash)))
            .collect();
        let firsts = firsts.into_iter().map(|first| first.map_or(Seq::ZERO, |(seq, _)| seq));
        let found = self.store.fates(firsts.collect()).await?;
        for ((at, fate), is_conflict) in dropped.into_iter().zip(found).zip(conflicts) {
            fates[at] = if is_conflict { Some(Fate::Dead) } else { fate };
        }
        Ok(fates)
    }
}

impl Accepted {
    /// The last position of its events.
    pub fn last(&self) -> Seq {
        self.items.iter().filter_map(Item::seq).max().unwrap_or(Seq::ZERO)
    }
}
