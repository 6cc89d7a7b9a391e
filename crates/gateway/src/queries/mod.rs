//! SQL files published as read endpoints: what they are, what their parameters take, how their rows are written.
//!
//! | room | what |
//! |---|---|
//! | [`published`] | a query as it is configured, and all of them by their paths |
//! | [`paths`] | where a query may answer |
//! | [`values`] | texts of a query string as typed values, or the reason why not |
//! | [`shape`] | rows as JSON, lines and CSV |
//! | [`describe`] | what OpenAPI says of them |

pub(crate) mod describe;
pub(crate) mod paths;
pub(crate) mod published;
pub(crate) mod shape;
pub(crate) mod values;
