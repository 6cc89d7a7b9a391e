//! Live messages over a WebSocket, one text message each.
//!
//! What the client says is read and ignored. Outbound memory is the one outbox that is being written: a slow client is
//! simply further behind, a quiet one holds no buffer at all. That is why the frames are written here and not by a
//! library, which keeps a buffer as large as the largest message for as long as the connection lives (docs/adr/0008).
//!
//! Invariant: `told` is the position of the last message that is in the socket as a whole, so a goodbye never names an
//! event that the client has not been sent.

use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use live::LiveError;
use model::Cursor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::routes::ask::Ask;
use crate::routes::feed::Feed;
use crate::routes::inbound::{Fault, Inbound, Word};
use crate::routes::message::End;
use crate::routes::outbox::{Outbox, Spelling};

/// Bytes that are read at once: clients say next to nothing.
const READ_BYTES: usize = 256;
/// After so many pings without any sign of life the client is gone, or reads nothing.
const PINGS_UNANSWERED_MAX: u32 = 3;
/// Longest time for the goodbye: to one who listens, and to one who has read nothing for long.
const BYE_WAIT_MAX: Duration = Duration::from_secs(2);
const STALLED_BYE_WAIT_MAX: Duration = Duration::from_secs(10);

/// Close codes of RFC 6455 and its registry.
const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const POLICY_VIOLATION: u16 = 1008;
const TOO_LONG: u16 = 1009;
const INTERNAL_ERROR: u16 = 1011;
const SERVICE_RESTART: u16 = 1012;
const TRY_AGAIN_LATER: u16 = 1013;

/// Speaks from the moment when the connection is a WebSocket until one side ends it.
pub(crate) fn spawn(edge: Arc<Edge>, principal: &Principal, ask: Ask, upgrade: OnUpgrade) {
    // Counted from now on, so that nobody can be one subscriber too many while connections are being upgraded; and
    // tracked, so that the server waits for them.
    let ping_every = edge.options.limits.patience.live_ping_every;
    let feed = Feed::new(Arc::clone(&edge), principal, ask, ping_every);
    let stall_max = edge.options.limits.patience.live_stall_max;
    edge.tasks.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => Session::new(feed, upgraded, stall_max).run().await,
            Err(error) => tracing::debug!(%error, "a WebSocket did not come about"),
        }
    });
}

struct Session {
    socket: TokioIo<Upgraded>,
    inbound: Inbound,
    feed: Feed,
    told: Cursor,
    n_pings_unanswered: u32,
    stall_max: Duration,
}

/// Why a conversation is over.
enum Over {
    /// We end it.
    Ours(End),
    /// The client has said goodbye, with this code.
    Theirs(Option<u16>),
    /// The client broke the protocol.
    Broken(Fault),
    /// The client takes nothing any more. What was being written, and how much of it is in the socket.
    Stalled(Outbox, usize),
    /// The connection is no more.
    Gone,
}

impl Session {
    fn new(feed: Feed, upgraded: Upgraded, stall_max: Duration) -> Self {
        Self {
            socket: TokioIo::new(upgraded),
            inbound: Inbound::default(),
            told: feed.cursor(),
            feed,
            n_pings_unanswered: 0,
            stall_max,
        }
    }

    async fn run(mut self) {
        let mut out = Outbox::new(Spelling::WebSocket);
        let (mut n_written, mut wait_max) = (0, BYE_WAIT_MAX);
        match self.talk().await {
            Over::Gone => return,
            Over::Ours(end) => self.put_bye(&end, &mut out),
            Over::Theirs(code) => out.close(code.unwrap_or(NORMAL), ""),
            Over::Broken(Fault::Protocol) => out.close(PROTOCOL_ERROR, ""),
            Over::Broken(Fault::TooLong) => out.close(TOO_LONG, ""),
            Over::Stalled(outbox, n) => {
                (out, n_written, wait_max) = (outbox, n, STALLED_BYE_WAIT_MAX);
                self.told = out.cut_after(n_written).unwrap_or(self.told);
                self.put_bye(&End::Stalled, &mut out);
            }
        }
        let Self { mut socket, feed, .. } = self;
        // It no longer follows, and should not count as one who does.
        drop(feed);
        // One bound for all of it: the client may be exactly the one that reads nothing.
        let _ = timeout(wait_max, finish(&mut socket, &out.bytes()[n_written..])).await;
    }

    /// Until one side ends it.
    async fn talk(&mut self) -> Over {
        loop {
            let mut out = Outbox::new(Spelling::WebSocket);
            let mut piece = [0; READ_BYTES];
            // In this order: a client's goodbye is heard also while there is always more to say.
            let end = tokio::select! {
                biased;
                read = self.socket.read(&mut piece) => match read {
                    Ok(n_read @ 1..) => self.hear(&piece[..n_read], &mut out).err(),
                    Ok(0) | Err(_) => Some(Over::Gone),
                },
                end = self.feed.next(&mut out) => end.map(Over::Ours),
            };
            if let Some(over) = end {
                return over;
            }
            if let Err(over) = self.write(out).await {
                return over;
            }
        }
    }

    fn hear(&mut self, piece: &[u8], out: &mut Outbox) -> Result<(), Over> {
        self.n_pings_unanswered = 0;
        let mut words = Vec::new();
        self.inbound.take(piece, &mut words).map_err(Over::Broken)?;
        for word in words {
            match word {
                Word::Ping(payload) => out.pong(&payload),
                Word::Close(code) => return Err(Over::Theirs(code)),
            }
        }
        Ok(())
    }

    /// All of it, as long as the client takes some of it from time to time.
    async fn write(&mut self, out: Outbox) -> Result<(), Over> {
        let mut n_written = 0;
        while let rest @ [_, ..] = &out.bytes()[n_written..] {
            match timeout(self.stall_max, self.socket.write(rest)).await {
                Ok(Ok(n @ 1..)) => n_written += n,
                Ok(Ok(0) | Err(_)) => return Err(Over::Gone),
                Err(_) => return Err(Over::Stalled(out, n_written)),
            }
        }
        self.told = self.feed.cursor();
        if !out.has_ping() {
            return Ok(());
        }
        self.n_pings_unanswered += 1;
        if self.n_pings_unanswered > PINGS_UNANSWERED_MAX {
            return Err(Over::Ours(End::Stalled));
        }
        Ok(())
    }

    fn put_bye(&self, end: &End, out: &mut Outbox) {
        self.feed.bye(end, self.told, out);
        let code = match end {
            End::Shutdown | End::Failed(LiveError::Closed) => SERVICE_RESTART,
            End::Failed(_) => INTERNAL_ERROR,
            End::Refused(_) => POLICY_VIOLATION,
            End::Stalled => TRY_AGAIN_LATER,
        };
        out.close(code, &self.told.to_string());
    }
}

/// Writes the last bytes and waits until the client has closed as well: else what it still sends would reset the
/// connection before it has read the goodbye.
async fn finish(socket: &mut TokioIo<Upgraded>, bytes: &[u8]) -> std::io::Result<()> {
    socket.write_all(bytes).await?;
    socket.shutdown().await?;
    let mut piece = [0; READ_BYTES];
    while socket.read(&mut piece).await? > 0 {}
    Ok(())
}
