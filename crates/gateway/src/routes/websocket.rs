//! Live messages over a WebSocket, one text message each.
//!
//! What the client says is read and ignored. Outbound memory is bounded by the socket's write buffer and the
//! one batch that is being sent: a slow client is simply further behind, and resumes by its cursor.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{
    CloseFrame, Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code,
};
use axum::response::Response;
use bytes::Bytes;
use futures_util::SinkExt;
use live::{Message, Subscription};
use tokio::time::timeout;

use crate::edge::Edge;
use crate::routes::ask::Ask;
use crate::routes::message::{self, End};
use crate::routes::ticks::Ticks;

/// Longest message that a client may send.
const INBOUND_BYTES_MAX: usize = 64 * 1024;
/// Bytes that are gathered before they are written: small, because 10,000 quiet sockets each have one.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;
/// Bytes that are read at once: clients say next to nothing.
const READ_BUFFER_BYTES: usize = 4 * 1024;
const STATS_EVERY: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(20);
/// After so many pings without any sign of life the client is gone.
const PINGS_UNANSWERED_MAX: u32 = 3;
/// Longest time for one message to get into the socket.
const SEND_WAIT_MAX: Duration = Duration::from_mins(1);
/// Longest time for the goodbye.
const BYE_WAIT_MAX: Duration = Duration::from_secs(2);
/// WebSocket close code "service restart".
const SERVICE_RESTART: u16 = close_code::RESTART;

/// Becomes a WebSocket.
pub(crate) fn upgrade(edge: Arc<Edge>, ask: Ask, upgrade: WebSocketUpgrade) -> Response {
    // Taken now, so that the server waits also for sockets that are just being upgraded.
    let present = edge.tasks.token();
    upgrade
        .max_message_size(INBOUND_BYTES_MAX)
        .max_frame_size(INBOUND_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .on_upgrade(async move |socket| {
            Session::new(edge, ask, socket).run().await;
            drop(present);
        })
}

struct Session {
    socket: WebSocket,
    subscription: Subscription,
    pings: Ticks,
    n_pings_unanswered: u32,
    stats: Ticks,
    edge: Arc<Edge>,
}

/// The client has gone, or reads nothing.
enum Lost {
    Gone,
    Stalled,
}

impl Session {
    fn new(edge: Arc<Edge>, ask: Ask, socket: WebSocket) -> Self {
        Self {
            socket,
            subscription: edge.live.subscribe(ask.since, ask.filter),
            pings: Ticks::every(PING_EVERY),
            n_pings_unanswered: 0,
            stats: if ask.has_stats { Ticks::every(STATS_EVERY) } else { Ticks::never() },
            edge,
        }
    }

    async fn run(mut self) {
        let end = match self.talk().await {
            Ok(end) => end,
            Err(Lost::Stalled) => End::Stalled,
            Err(Lost::Gone) => return,
        };
        // One bound for all of it: the client may be exactly the one that reads nothing.
        let _ = timeout(BYE_WAIT_MAX, self.say_bye(&end)).await;
    }

    /// Until one side ends it.
    async fn talk(&mut self) -> Result<End, Lost> {
        let hello = message::hello(&self.edge);
        self.send(hello).await?;
        loop {
            tokio::select! {
                () = self.edge.drain.cancelled() => return Ok(End::Shutdown),
                messages = self.subscription.next() => match messages {
                    Ok(messages) => self.send_all(messages).await?,
                    Err(error) => return Ok(End::Failed(error)),
                },
                inbound = self.socket.recv() => match inbound {
                    None | Some(Err(_) | Ok(Frame::Close(_))) => return Err(Lost::Gone),
                    Some(Ok(_)) => self.n_pings_unanswered = 0,
                },
                () = self.pings.next() => {
                    if self.n_pings_unanswered == PINGS_UNANSWERED_MAX {
                        return Err(Lost::Gone);
                    }
                    self.n_pings_unanswered += 1;
                    self.feed(Frame::Ping(Bytes::new())).await?;
                    self.flush().await?;
                }
                () = self.stats.next() => {
                    let stats = message::stats(&self.edge);
                    self.send(stats).await?;
                }
            }
        }
    }

    /// A whole batch, flushed once.
    async fn send_all(&mut self, messages: Vec<Message>) -> Result<(), Lost> {
        for message in messages {
            let text = match message {
                // Shared bytes: looked at once more for UTF-8, not copied.
                Message::Event { text, .. } => Utf8Bytes::try_from(text).expect("JSON is UTF-8"),
                other => match message::mark(&other) {
                    Some((text, _)) => text.into(),
                    None => continue,
                },
            };
            self.feed(Frame::Text(text)).await?;
        }
        self.flush().await
    }

    async fn send(&mut self, text: String) -> Result<(), Lost> {
        self.feed(Frame::Text(text.into())).await?;
        self.flush().await
    }

    async fn feed(&mut self, frame: Frame) -> Result<(), Lost> {
        match timeout(SEND_WAIT_MAX, self.socket.feed(frame)).await {
            Ok(fed) => fed.map_err(|_| Lost::Gone),
            Err(_) => Err(Lost::Stalled),
        }
    }

    async fn flush(&mut self) -> Result<(), Lost> {
        match timeout(SEND_WAIT_MAX, self.socket.flush()).await {
            Ok(flushed) => flushed.map_err(|_| Lost::Gone),
            Err(_) => Err(Lost::Stalled),
        }
    }

    async fn say_bye(&mut self, end: &End) -> Result<(), axum::Error> {
        let cursor = self.subscription.cursor();
        let bye = message::bye(end, cursor);
        self.socket.feed(Frame::Text(bye.into())).await?;
        let code = match end {
            End::Shutdown | End::Failed(live::LiveError::Closed) => SERVICE_RESTART,
            End::Failed(_) => close_code::ERROR,
            End::Stalled => close_code::AGAIN,
        };
        let reason = cursor.to_string().into();
        self.socket.send(Frame::Close(Some(CloseFrame { code, reason }))).await?;
        // Until the client has closed as well: else what it still sends would reset the connection
        // before it has read the goodbye.
        while let Some(Ok(_)) = self.socket.recv().await {}
        Ok(())
    }
}
