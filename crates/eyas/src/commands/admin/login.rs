//! `eyas login`: an address that signs a browser in to the console.

use serde::Deserialize;

use crate::commands::admin::access::{Access, NOTHING, print, say};
use crate::commands::admin::table::time;
use crate::exit::CommandError;
use crate::printable::printable;

#[derive(Deserialize)]
struct Code {
    url: String,
    expires_at: String,
}

/// Asks for a code.
pub(crate) async fn run(access: &Access) -> Result<(), CommandError> {
    if !access.is_lasting {
        return Err(CommandError::Unreachable(
            "no server runs on the data directory, so there is no console to sign in to: start it with `eyas serve`"
                .to_owned(),
        ));
    }
    let reply = access.ask(hyper::Method::POST, "/session/codes", NOTHING).await?;
    if access.json {
        return print(&reply.line());
    }
    let code: Code = reply.read()?;
    print(&format!("{}\n", printable(&code.url)))?;
    say(&format!("open it until {}; it works once", printable(&time(Some(&code.expires_at)))));
    Ok(())
}
