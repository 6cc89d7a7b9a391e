//! Who comes with the cookie of a sign-in.
//!
//! A browser sends the cookie by itself, so the request must also show that a page of ours has made it: an `Origin` is ours,
//! `Sec-Fetch-Site` is no other site, not even a neighbour; and whatever changes something says `X-Requested-By: console`, which
//! no form and no foreign page can say. A request that fails the first is as good as one without a cookie.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::{Method, Request};
use store::TokenKind;

use crate::auth::codes::Bearer;
use crate::auth::grants::Grants;
use crate::auth::principal::{Identity, Principal};
use crate::auth::refusal::Refusal;
use crate::auth::session::SignedIn;
use crate::edge::Edge;

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static REQUESTED_BY: HeaderName = HeaderName::from_static("x-requested-by");

/// The sign-in of a request's cookie, if it is good.
pub(crate) fn signed_in(edge: &Edge, headers: &HeaderMap) -> Option<SignedIn> {
    edge.sessions.find(edge.cookie.secret(headers)?, pipeline::now())
}

/// Who asks, where `principal` is nobody only for want of a token.
pub(crate) fn recognise<B>(edge: &Edge, principal: Principal, request: &Request<B>) -> Principal {
    if principal.refusal() != Some(Refusal::Missing) || !is_own_page(edge, request) {
        return principal;
    }
    let Some(signed_in) = signed_in(edge, request.headers()) else { return principal };
    let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_look && !is_ours_to_change(request.headers()) {
        return Principal::nobody(Refusal::Forged);
    }
    let principal = match &signed_in.bearer {
        Bearer::Token(id) => edge.registry.by_id(id).unwrap_or_else(Principal::nobody),
        Bearer::Machine => Principal::known(Identity {
            actor: signed_in.actor.to_string(),
            application: None,
            token_id: None,
            kind: TokenKind::Server,
            grants: Grants::everything(),
            allowed_origins: Vec::new(),
            rate: None,
            bucket: Arc::default(),
        }),
    };
    principal.signed_in(signed_in.hash)
}

fn is_own_page<B>(edge: &Edge, request: &Request<B>) -> bool {
    let site = request.headers().get(&SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    matches!(site, None | Some(b"same-origin" | b"none")) && edge.hosts.foreign(request).is_none()
}

/// An origin that is there has been found to be ours already.
fn is_ours_to_change(headers: &HeaderMap) -> bool {
    let is_page = headers.contains_key(ORIGIN)
        || headers.get(&SEC_FETCH_SITE).is_some_and(|site| site == "same-origin");
    is_page && headers.get(&REQUESTED_BY).is_some_and(|by| by == "console")
}
