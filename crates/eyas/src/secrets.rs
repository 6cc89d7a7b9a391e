//! What must not be shown: in a list of settings and in the words about a wrong one.

/// Whatever may be a secret, as `***`: the password of an address, and all of a key that is called one.
pub(crate) fn masked(key: &str, text: &str) -> String {
    let is_secret = ["token", "secret", "password", "key"].iter().any(|end| key.ends_with(end));
    if is_secret && !text.is_empty() {
        return "***".to_owned();
    }
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    // A password may have an @ or a / in it; the last @ before the host is the one that counts.
    let Some((user, host)) = rest.rsplit_once('@') else { return text.to_owned() };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:***@{host}"),
        None => text.to_owned(),
    }
}
