//! Tokens for tests, made as an administrator would, over HTTP.

use hyper::Method;
use serde_json::json;

use crate::app::TestApp;
use crate::http::Http;

impl TestApp {
    /// A token of an application that is made if it is not there: its id and its text. On a server that asks for tokens
    /// `self.http` must bear one that may administrate.
    pub(crate) async fn make_token(&self, application: &str, scopes: &[&str]) -> (String, String) {
        make_token(&self.http, application, scopes).await
    }
}

async fn make_token(http: &Http, application: &str, scopes: &[&str]) -> (String, String) {
    let json_type = [("content-type", "application/json")];
    let wish = json!({ "name": application }).to_string();
    let made = http.send(Method::POST, "/applications", &json_type, wish).await;
    assert!(matches!(made.status, 201 | 409), "{made:?}");
    let wish = json!({ "application": application, "scopes": scopes }).to_string();
    let made = http.send(Method::POST, "/tokens", &json_type, wish).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}
