//! Connections of the HTTP client over Unix streams: a socket in a data directory, or the other half of a pair.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tower::Service;

/// A connection on its way.
pub(crate) type Dialling = Pin<Box<dyn Future<Output = io::Result<UnixStream>> + Send>>;

/// Makes connections, all to the same place, whatever the address says.
#[derive(Clone)]
pub(crate) struct Dial(Arc<dyn Fn() -> Dialling + Send + Sync>);

impl Dial {
    /// Connections come out of `dial`.
    pub(crate) fn new(dial: impl Fn() -> Dialling + Send + Sync + 'static) -> Self {
        Self(Arc::new(dial))
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<UnixStream>>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _address: Uri) -> Self::Future {
        let dialling = (self.0)();
        Box::pin(async move { dialling.await.map(TokioIo::new) })
    }
}
