//! How many connections one address may have, so that one client cannot take the places of all others.
//!
//! Invariant: a share is given back when its [`Share`] is dropped, and only addresses with a connection are
//! remembered, so the map is never larger than the number of connections.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::Limits;

/// Connections by address.
#[derive(Debug)]
pub(crate) struct Addresses {
    per_address_max: usize,
    per_loopback_max: usize,
    /// A lock: it is taken twice for each connection, for some nanoseconds, and never across an await.
    n_held: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of an address, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// With the bounds of `limits`.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            per_address_max: limits.connections_per_address_max,
            per_loopback_max: limits.connections_per_loopback_max,
            n_held: Mutex::default(),
        }
    }

    /// One more connection of `peer`, or the bound that it would pass.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Share, usize> {
        let address = one_client(peer);
        let n_max =
            if address.is_loopback() { self.per_loopback_max } else { self.per_address_max };
        let mut n_held = self.n_held.lock().unwrap_or_else(PoisonError::into_inner);
        let n_own = n_held.get(&address).copied().unwrap_or(0);
        if n_own >= n_max {
            return Err(n_max);
        }
        n_held.insert(address, n_own + 1);
        Ok(Share { addresses: Arc::clone(self), address })
    }

    fn leave(&self, address: IpAddr) {
        let mut n_held = self.n_held.lock().unwrap_or_else(PoisonError::into_inner);
        let n_own = n_held.get_mut(&address).expect("who holds a share is counted");
        *n_own -= 1;
        if *n_own == 0 {
            n_held.remove(&address);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.addresses.leave(self.address);
    }
}

impl Share {
    /// Whose it is.
    pub(crate) fn client(&self) -> IpAddr {
        self.address
    }
}

/// What counts as one client: an IPv4 address however it is written, or the IPv6 network of 64 bits, which one
/// subscriber has all to itself.
fn one_client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        other => other,
    }
}
