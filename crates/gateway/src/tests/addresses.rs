//! `addresses`: who counts as one client, and that shares are given back.

use std::net::IpAddr;
use std::sync::Arc;

use crate::addresses::Addresses;
use crate::limits::Limits;

fn two_each() -> Arc<Addresses> {
    let limits = Limits {
        connections_per_address_max: 2,
        connections_per_loopback_max: 3,
        ..Limits::default()
    };
    Arc::new(Addresses::new(&limits))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn one_client_is_an_address_or_an_ipv6_network() {
    let check = |first: &str, second: &str, is_one: bool| {
        let addresses = two_each();
        let _held = [addresses.enter(ip(first)).unwrap(), addresses.enter(ip(first)).unwrap()];
        let third = addresses.enter(ip(second));
        assert_eq!(third.is_err(), is_one, "{first} and {second}");
    };
    check("192.0.2.1", "192.0.2.1", true);
    check("192.0.2.1", "192.0.2.2", false);
    check("192.0.2.1", "::ffff:192.0.2.1", true);
    check("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
    check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
    check("127.0.0.1", "127.0.0.1", false);
    check("::1", "::2", false);
}

#[test]
fn loopback_has_a_bound_of_its_own() {
    for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        let addresses = two_each();
        let held: Vec<_> = (0..3).map(|_| addresses.enter(ip(address)).unwrap()).collect();
        assert_eq!(addresses.enter(ip(address)).unwrap_err(), 3, "{address}");
        drop(held);
    }
}

#[test]
fn what_is_given_back_can_be_had_again() {
    let addresses = two_each();
    for _ in 0..100 {
        let first = addresses.enter(ip("192.0.2.1")).unwrap();
        let second = addresses.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(addresses.enter(ip("192.0.2.1")).unwrap_err(), 2);
        drop(first);
        drop(addresses.enter(ip("192.0.2.1")).unwrap());
        drop(second);
    }
}
