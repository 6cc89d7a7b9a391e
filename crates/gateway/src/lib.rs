//! Floor 4: the HTTP edge of Eyas.
//!
//! ```text
//! socket -> server (accept, watch) -> service (host, request id)
//!                                       |-- POST /events, /streams/{s} -> routes/ingest      hot: no router, no layers
//!                                       `-- everything else -> router -> routes/*
//! ```
//!
//! [`server`] owns connections, [`service`] one request, [`wire`] turns bodies into events, [`query`]
//! query strings into filters, [`hosts`] and [`cors`] say from where one may call, [`auth`] who may what, [`rate`] how often, [`holder`]
//! whose share of things it takes ([`reads`] of the database, say), [`problem`] and [`error`] how a refusal looks, [`decoding`], [`inflate`] and [`encoding`] are
//! compression both ways, [`health`] what the server knows of itself,
//! [`queries`] publishes SQL, [`assets`] is the console, [`openapi`] the description. Nothing below this floor knows HTTP.

mod addresses;
mod assets;
mod auth;
mod body;
mod cors;
mod csv;
mod decoding;
mod door;
mod edge;
mod encoding;
mod ending;
mod error;
mod exposition;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod gateway;
mod health;
mod holder;
mod hosts;
mod inflate;
mod limits;
mod openapi;
mod problem;
mod queries;
mod query;
mod rate;
mod reads;
mod reply;
mod request_id;
mod returns;
mod router;
mod routes;
mod server;
mod service;
mod watch;
mod wire;

#[cfg(test)]
mod tests;

pub use auth::registry::{MadeToken, Registry};
pub use auth::session::Sessions;
pub use auth::wish::{NewApplication, NewToken, WishError, check_change, check_overlap};
pub use edge::GatewayOptions;
pub use ending::Ending;
pub use gateway::{Gateway, GatewayParts};
pub use limits::{Limits, Patience, Rates};
pub use queries::describe::parse_kind;
pub use queries::paths::check_path;
pub use queries::published::{Queries, QueryAccess, QueryOptions, QueryParam};
pub use queries::values::read_param;
pub use rate::quota::Quota;
pub use server::{Listeners, converse, run};
