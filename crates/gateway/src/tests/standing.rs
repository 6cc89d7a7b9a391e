//! `auth/standing`: a right that outlives a request ends with what it stands on.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::http::Extensions;

use crate::auth::identify::identify;
use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::auth::standing::Standing;
use crate::tests::app::App;

#[tokio::test]
async fn a_guest_of_the_open_server_is_never_taken_for_the_machine() {
    let app = App::start().await;
    let guest = identify(&app.edge.registry, &HeaderMap::new(), &Extensions::new());
    let stands = |principal: &Principal| {
        Standing::new(Arc::clone(&app.edge), principal.clone()).look()
    };
    assert_eq!(stands(&guest), Ok(()));
    app.with_admin().await;
    // Let in before the first token, but only now on the way to its answer.
    assert_eq!(stands(&guest), Err(Refusal::Missing));
    assert_eq!(stands(&Principal::local()), Ok(()));
}
