//! `eyas log`: people look at the log, check it, and mend it. No server is needed, and none may run for the last two.
//!
//! | room | what |
//! |---|---|
//! | [`place`] | which folder, which database, and whether a server runs there |
//! | [`verdict`] | what a start would do, in one sentence, and the command that helps |
//! | [`batches`] | the batches in their log |
//! | [`inspect`] | `eyas log inspect` |
//! | [`verify`] | `eyas log verify` |
//! | [`loss`] | records that are gone, one by one |
//! | [`renew`] | `eyas log repair` and `eyas log adopt` |

pub(crate) mod batches;
pub(crate) mod inspect;
pub(crate) mod loss;
pub(crate) mod place;
pub(crate) mod renew;
pub(crate) mod verdict;
pub(crate) mod verify;
