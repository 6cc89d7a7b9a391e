//! Addresses as they stand in the configuration.

/// The host of an origin, without its port.
pub(crate) fn host_of(origin: &str) -> Option<&str> {
    let authority = origin.split_once("://")?.1;
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    Some(&authority[..end])
}
