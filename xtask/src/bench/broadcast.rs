//! The bare limit of a fan-out: tungstenite on two workers, one message for all, written as many at a time as fit.
//!
//! Nothing is stored and nothing arrives. It begins as soon as all subscribers are there. It runs with the allocator and
//! the build profile of `eyas`.

use std::sync::Arc;

use futures_util::SinkExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// What one write may take with it.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// Sends `n_messages` of `size_bytes` to each of `n_subscribers`, then waits to be killed.
///
/// # Errors
/// When the port is taken.
pub(crate) fn run(
    port: u16,
    n_subscribers: usize,
    n_messages: u64,
    size_bytes: usize,
) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(
        async {
            let listener = TcpListener::bind(("127.0.0.1", port)).await?;
            let message = Utf8Bytes::from("x".repeat(size_bytes));
            let all_are_there = Arc::new(Barrier::new(n_subscribers));
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let (message, all_are_there) = (message.clone(), Arc::clone(&all_are_there));
                tokio::spawn(async move {
                    // A client that hangs up ends its connection and nothing else.
                    let _ = send(stream, message, &all_are_there, n_messages).await;
                });
            }
        },
    )
}

async fn send(
    stream: TcpStream,
    message: Utf8Bytes,
    all_are_there: &Barrier,
    n_messages: u64,
) -> anyhow::Result<()> {
    let config = WebSocketConfig::default().write_buffer_size(WRITE_BUFFER_BYTES);
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
    all_are_there.wait().await;
    for _ in 0..n_messages {
        socket.feed(Message::Text(message.clone())).await?;
    }
    socket.flush().await?;
    std::future::pending::<()>().await;
    Ok(())
}
