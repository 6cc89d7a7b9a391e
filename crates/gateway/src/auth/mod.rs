//! Who asks, and what they may.
//!
//! [`identify`] finds out who a request comes from, once, by what stands in its head; [`registry`] knows all tokens, in
//! memory, and carries out what is to change about them. The answer is a [`principal`], with its [`grants`]. What the
//! routes want stands in [`needs`]; [`standing`] is for what outlives a request. [`token_text`] is what a token looks like, [`wish`] what may be asked for;
//! [`uses`] saves when tokens were last used.
//! People sign in to the console once: with a token, or with one of the [`codes`]. [`session`] knows who has, by the
//! [`cookie`] whose [`secret`] a browser holds; [`browser`] sees to it that no other page uses that.

pub(crate) mod browser;
pub(crate) mod codes;
pub(crate) mod cookie;
pub(crate) mod grants;
pub(crate) mod identify;
pub(crate) mod needs;
pub(crate) mod principal;
pub(crate) mod refusal;
pub(crate) mod registry;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod standing;
pub(crate) mod table;
pub(crate) mod token_text;
pub(crate) mod uses;
pub(crate) mod wish;
