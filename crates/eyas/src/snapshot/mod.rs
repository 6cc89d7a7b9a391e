//! What a server keeps in `data_dir` of what its database says about the intake, so that it can start without that.
//!
//! | room | what |
//! |---|---|
//! | [`facts`] | who may send, and what events have to look like |
//! | [`shape`] | the same as JSON |
//! | [`file`] | the file: written whole, checked when it is read |
//! | [`keeper`] | the task that writes it whenever something has changed |

pub(crate) mod facts;
pub(crate) mod file;
pub(crate) mod keeper;
mod shape;
