//! What the server answers when it has taken events.

use anyhow::Context as _;
use serde::Deserialize;

use crate::client::Rejected;

/// The answer to one event (`id`, `seq`) or to many (`accepted`, `first_seq`, …).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Receipt {
    id: String,
    ids: Vec<String>,
    seq: Option<u64>,
    duplicate: bool,
    durability: String,
    accepted: Option<u64>,
    duplicates: u64,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
    /// What `on_error=skip` left out.
    pub(crate) rejected: Vec<Rejected>,
}

impl Receipt {
    /// The receipt of a request of which nothing was accepted.
    pub(crate) fn of_none(rejected: Vec<Rejected>) -> Self {
        Self { accepted: Some(0), rejected, ..Self::default() }
    }

    /// Reads the body of a 2xx answer.
    pub(crate) fn read(body: &[u8]) -> anyhow::Result<Self> {
        let receipt: Self = serde_json::from_slice(body)
            .context("the answer is not that of an Eyas server: check --url and EYAS_URL")?;
        let is_one = receipt.seq.is_some() || receipt.accepted.is_some();
        anyhow::ensure!(
            is_one,
            "the answer does not say what was accepted: check --url and EYAS_URL"
        );
        Ok(receipt)
    }

    /// How many events are in the log now, whether by this request or an earlier one.
    pub(crate) fn n_accepted(&self) -> u64 {
        self.accepted.unwrap_or(1)
    }

    /// How many of them were there before.
    pub(crate) fn n_duplicates(&self) -> u64 {
        if self.accepted.is_some() { self.duplicates } else { u64::from(self.duplicate) }
    }

    /// Lowest and highest position, if anything was accepted.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        self.first_seq.or(self.seq).zip(self.last_seq.or(self.seq))
    }

    /// `accepted 0192… at seq 17 (disk)`
    pub(crate) fn line(&self) -> String {
        // A raw event that is an array goes out inside another, and comes back as a list of one.
        let id = self.ids.first().unwrap_or(&self.id);
        let durability = &self.durability;
        let verb = if self.n_duplicates() > 0 { "already there:" } else { "accepted" };
        let seq = self.range().map_or_else(String::new, |(seq, _)| format!(" at seq {seq}"));
        format!("{verb} {id}{seq} ({durability})")
    }
}
