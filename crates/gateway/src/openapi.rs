//! The API's description: a file written by hand (docs/adr/0005), with version and server filled in.
//!
//! A test holds it and the router together, and another its codes and those of [`crate::error`].

use bytes::Bytes;

/// The file as it stands.
pub(crate) const TEMPLATE: &str = include_str!("openapi.json");

/// The description of this very server.
pub(crate) fn document(version: &str, public_url: &str) -> Bytes {
    let text = TEMPLATE
        .replace("\"__VERSION__\"", &quoted(version))
        .replace("\"__SERVER__\"", &quoted(public_url.trim_end_matches('/')));
    Bytes::from(text)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text always has a JSON form")
}
