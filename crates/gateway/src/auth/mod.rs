//! Who asks, and what they may.
//!
//! [`principal`] is who a request comes from, [`needs`] what the routes want of them. The service finds the principal once and
//! leaves it in the request's extensions; the router compares.

pub(crate) mod needs;
pub(crate) mod principal;
