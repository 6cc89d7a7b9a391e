//! Long work over many events, with progress: started, paused, resumed and cancelled by people, and going on by itself
//! after a restart.
//!
//! [`desk`] is where people ask; [`runner`] is the one task that works; [`work`] is what a kind of job has to know;
//! [`redrive`] replays dead letters, [`revalidate`] judges stored events again; [`notice`] is what listeners hear of both.

pub(crate) mod desk;
pub(crate) mod notice;
pub(crate) mod redrive;
pub(crate) mod revalidate;
pub(crate) mod runner;
pub(crate) mod work;
