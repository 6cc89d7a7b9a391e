//! What events have to look like, and whether they do.
//!
//! | room | what |
//! |---|---|
//! | [`shape`] | the bounds of a schema, before it is compiled |
//! | [`bad`] | why a text is none |
//! | [`patterns`] | what its patterns cost |
//! | [`compiled`] | a schema that is ready to judge |
//! | [`steps`] | data that counts how often it is looked at |
//! | [`data`] | data as a validator can hold it |
//! | [`reason`] | one broken rule |
//! | [`set`] | which schema judges which event |
//! | [`service`] | the schemas in force: kept, changed, counted |
//! | [`dry_run`] | what a schema would say of stored events |

pub(crate) mod bad;
pub(crate) mod compiled;
pub(crate) mod data;
pub(crate) mod dry_run;
pub(crate) mod patterns;
pub(crate) mod reason;
pub(crate) mod service;
pub(crate) mod set;
pub(crate) mod shape;
pub(crate) mod steps;
