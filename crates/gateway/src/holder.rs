//! Whose share a request takes of what all want ([`pipeline::Shares`]): an application's, whichever of its tokens it came with;
//! without one, that of whoever signed in; without anybody, that of the address.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::http::Extensions;

use crate::auth::principal::Principal;

/// Named for people, who read it in refusals. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Holder(Arc<str>);

impl Holder {
    /// Without a `client` it is the machine itself.
    pub(crate) fn of(principal: &Principal, client: Option<IpAddr>) -> Self {
        let identity = principal.identity();
        let application = identity.and_then(|identity| identity.application.as_deref());
        Self(match (application, identity, client) {
            (Some(name), ..) => format!("application {name}").into(),
            (None, Some(identity), _) => identity.actor.as_str().into(),
            (None, None, Some(client)) => format!("address {client}").into(),
            (None, None, None) => "this machine".into(),
        })
    }

    /// Of a request that the router has.
    pub(crate) fn in_request(extensions: &Extensions) -> &Self {
        extensions.get().expect("the service has put it there")
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
