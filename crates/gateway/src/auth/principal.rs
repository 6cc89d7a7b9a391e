//! Who a request comes from.
//!
//! Invariant: a principal is made of what is known about a token at that moment. It answers one request; whatever
//! outlives a request asks the registry again.

use std::sync::Arc;

use model::{Pattern, StreamName};
use store::{Rate, SecretHash, TokenKind};

use crate::auth::grants::{Grants, Reach};
use crate::auth::refusal::Refusal;
use crate::error::Kind;
use crate::problem::Problem;
use crate::rate::bucket::Bucket;

/// What a route wants of whoever asks; least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Anybody may.
    Nothing,
    /// Scope `read`, for one stream at least: the handler sees to it that nothing else is shown ([`Principal::narrow`],
    /// [`Principal::may_read`]).
    ReadSome,
    /// The same as `Read` where other machines can reach the server, else nothing.
    ReadIfPublic,
    /// Scope `read`, for everything.
    Read,
    /// Scope `read` for everything, or `write` for something: the handler shows the others what is theirs.
    ReadOrOwn,
    /// Scope `write`, for something: the handler sees to the rest ([`Principal::check_write_table`]).
    WriteSome,
    /// Scope `admin`.
    Admin,
}

/// Who a request comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    who: Who,
    /// The sign-in that it came with.
    sign_in: Option<SecretHash>,
}

#[derive(Clone, Debug)]
enum Who {
    /// This machine's administrator.
    Local,
    /// Whoever comes while the server is open: may the same, until it no longer is.
    Guest,
    Known(Arc<Identity>),
    Nobody(Refusal),
}

/// Somebody we know.
#[derive(Debug)]
pub(crate) struct Identity {
    /// How the audit trail names it.
    pub(crate) actor: String,
    /// Whose events it sends.
    pub(crate) application: Option<String>,
    /// The token behind it.
    pub(crate) token_id: Option<String>,
    /// Where that is kept.
    pub(crate) kind: TokenKind,
    /// What it may.
    pub(crate) grants: Grants,
    /// Other origins whose pages may use it.
    pub(crate) allowed_origins: Vec<String>,
    /// What its application may send, where that has a limit of its own.
    pub(crate) rate: Option<Rate>,
    /// What is left of what it may send. A token has the same one in all its requests.
    pub(crate) bucket: Arc<Bucket>,
}

impl Principal {
    /// The machine itself, which may everything.
    pub(crate) const fn local() -> Self {
        Self { who: Who::Local, sign_in: None }
    }

    /// Anybody, while nobody needs a token: may everything.
    pub(crate) const fn guest() -> Self {
        Self { who: Who::Guest, sign_in: None }
    }

    /// Somebody known.
    pub(crate) fn known(identity: Identity) -> Self {
        Self { who: Who::Known(Arc::new(identity)), sign_in: None }
    }

    /// Somebody who did not say who they are, or not well enough. May what anybody may.
    pub(crate) const fn nobody(why: Refusal) -> Self {
        Self { who: Who::Nobody(why), sign_in: None }
    }

    /// The same, with a cookie.
    pub(crate) fn signed_in(self, hash: SecretHash) -> Self {
        Self { sign_in: Some(hash), ..self }
    }

    /// The sign-in that it came with, without which it is nobody.
    pub(crate) fn sign_in(&self) -> Option<&SecretHash> {
        self.sign_in.as_ref()
    }

    /// Whether it may what it may only because the server is open.
    pub(crate) fn is_guest(&self) -> bool {
        matches!(self.who, Who::Guest)
    }

    /// What is known about it; `None` for the machine itself, for guests and for nobody.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        match &self.who {
            Who::Known(identity) => Some(identity),
            Who::Local | Who::Guest | Who::Nobody(_) => None,
        }
    }

    /// Why it is nobody.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self.who {
            Who::Nobody(why) => Some(why),
            Who::Local | Who::Guest | Who::Known(_) => None,
        }
    }

    /// How the audit trail names it.
    pub(crate) fn actor(&self) -> &str {
        match &self.who {
            Who::Local | Who::Guest => "local",
            Who::Known(identity) => &identity.actor,
            Who::Nobody(_) => "nobody",
        }
    }

    /// Whose events it sends.
    pub(crate) fn application(&self) -> Option<&str> {
        self.identity().and_then(|identity| identity.application.as_deref())
    }

    /// Whether it may do what the route is for.
    pub(crate) fn check(&self, need: Need) -> Result<(), Problem> {
        let identity = match &self.who {
            _ if need == Need::Nothing => return Ok(()),
            Who::Local | Who::Guest => return Ok(()),
            Who::Nobody(why) => return Err(why.problem()),
            Who::Known(identity) => identity,
        };
        let Grants { read, write, is_admin } = &identity.grants;
        if matches!(need, Need::ReadOrOwn | Need::WriteSome) && *write != Reach::Nothing {
            return Ok(());
        }
        let lacks = match (need, read) {
            (Need::Nothing, _)
            | (Need::Read | Need::ReadIfPublic | Need::ReadOrOwn, Reach::Everything)
            | (Need::ReadSome, Reach::Everything | Reach::Streams(_)) => return Ok(()),
            (Need::Admin, _) if *is_admin => return Ok(()),
            (Need::Admin, _) => "admin",
            (Need::WriteSome, _) => "write",
            (Need::Read | Need::ReadIfPublic | Need::ReadOrOwn, Reach::Streams(_)) => {
                return Err(Kind::WrongStream.problem(format!(
                    "This is about all streams, and {} may read only some.",
                    identity.actor
                )));
            }
            (Need::Read | Need::ReadIfPublic | Need::ReadOrOwn | Need::ReadSome, _) => "read",
        };
        Err(wrong_scope(identity, lacks))
    }

    /// Whether it may send to this stream.
    pub(crate) fn check_write(&self, stream: &StreamName) -> Result<(), Problem> {
        match &self.who {
            Who::Local | Who::Guest => Ok(()),
            Who::Nobody(why) => Err(why.problem()),
            Who::Known(identity) => match &identity.grants.write {
                reach if reach.has(stream.as_str()) => Ok(()),
                Reach::Nothing => Err(wrong_scope(identity, "write")),
                _ => Err(Kind::WrongStream.problem(format!(
                    "{} may not write to the stream {:?}.",
                    identity.actor,
                    stream.as_str()
                ))),
            },
        }
    }

    /// Whether it may send to this table. A narrowed scope names streams and tables alike.
    pub(crate) fn check_write_table(&self, table: &str) -> Result<(), Problem> {
        self.check(Need::WriteSome)?;
        if self.may_write(table) {
            return Ok(());
        }
        let shown: String = table.chars().take(100).collect();
        let actor = self.actor();
        Err(Kind::WrongStream.problem(format!("{actor} may not write to the table {shown:?}.")))
    }

    /// Whether it may write to the stream or table of this name.
    pub(crate) fn may_write(&self, name: &str) -> bool {
        match &self.who {
            Who::Local | Who::Guest => true,
            Who::Known(identity) => identity.grants.write.has(name),
            Who::Nobody(_) => false,
        }
    }

    /// Whether it may read this stream.
    pub(crate) fn may_read(&self, stream: &str) -> bool {
        match &self.who {
            Who::Local | Who::Guest => true,
            Who::Known(identity) => identity.grants.read.has(stream),
            Who::Nobody(_) => false,
        }
    }

    /// What it may see of the streams that it asks for; none asked for means all. An error where nothing is left.
    pub(crate) fn narrow(&self, wanted: Vec<Pattern>) -> Result<Vec<Pattern>, Problem> {
        let identity = match &self.who {
            Who::Local | Who::Guest => return Ok(wanted),
            Who::Nobody(why) => return Err(why.problem()),
            Who::Known(identity) => identity,
        };
        let left = identity.grants.read.narrow(wanted);
        if left.is_empty() && identity.grants.read != Reach::Everything {
            let actor = &identity.actor;
            return Err(Kind::WrongStream
                .problem(format!("{actor} may not read any of the streams asked for.")));
        }
        Ok(left)
    }

    /// Whether a page of `origin` may use it, where a page asks; `is_foreign`: one that is not ours. A token that
    /// everybody can read is of use nowhere else.
    pub(crate) fn check_origin(
        &self,
        origin: Option<&str>,
        is_foreign: bool,
    ) -> Result<(), Problem> {
        let identity = match &self.who {
            Who::Nobody(why) => return Err(why.problem()),
            // Whoever needs no token needs no permission either, so pages of others get none.
            Who::Local | Who::Guest if is_foreign => {
                return Err(Kind::ForeignOrigin
                    .problem("Pages of other sites may not call this server without a token."));
            }
            Who::Local | Who::Guest => return Ok(()),
            Who::Known(identity) => identity,
        };
        if !is_foreign && identity.kind == TokenKind::Server {
            return Ok(());
        }
        let allowed = &identity.allowed_origins;
        if origin.is_some_and(|origin| allowed.iter().any(|allowed| allowed == origin)) {
            return Ok(());
        }
        let from =
            origin.map_or("What is no page".to_owned(), |origin| format!("Pages of {origin:?}"));
        Err(Kind::WrongOrigin.problem(format!("{from} may not use {}.", identity.actor)))
    }
}

fn wrong_scope(identity: &Identity, lacks: &str) -> Problem {
    Kind::WrongScope.problem(format!("{} lacks the scope {lacks:?}.", identity.actor))
}
