//! Promises of [`crate::commands::query`].

use crate::commands::query::query;

#[test]
fn a_query_carries_any_text() {
    assert_eq!(query([]), "");
    let parameters = [("name", "cta click*"), ("name", "a&b=c#d/é"), ("since", "0a1b2c3d.42")];
    assert_eq!(
        query(parameters),
        "?name=cta%20click%2A&name=a%26b%3Dc%23d%2F%C3%A9&since=0a1b2c3d.42"
    );
}
