//! The buckets of addresses.
//!
//! A table of fixed size, and nothing is ever put out of it: an address has its place by a secret hash, and two that meet
//! there share one bucket. So memory is bounded, and nobody can win a fresh bucket by calling from many addresses, nor
//! choose whom to meet. Whoever shows a good token never comes here.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;

use crate::rate::bucket::Bucket;

/// 128 KiB. A thousand addresses that call at once meet a stranger with a chance of 6 %.
const PLACES: usize = 1 << 14;

/// One bucket for each place.
#[derive(Debug)]
pub(crate) struct Strangers {
    secret: RandomState,
    buckets: Box<[Bucket]>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            secret: RandomState::new(),
            buckets: std::iter::repeat_with(Bucket::default).take(PLACES).collect(),
        }
    }
}

impl Strangers {
    /// The bucket of a client, which is an address or a network ([`crate::addresses`]).
    pub(crate) fn bucket(&self, client: IpAddr) -> &Bucket {
        &self.buckets[self.secret.hash_one(client) as usize % PLACES]
    }
}
