//! A connection that notices when nobody reads at its other end.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Since when nothing of what waits to be written could be; `None` if nothing waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Stalled(Rc<Cell<Option<Instant>>>);

impl Stalled {
    /// For how long it is stuck.
    pub(super) fn time(&self) -> Duration {
        self.0.get().map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A connection, and whether it is stuck.
pub(super) struct Progress {
    stream: TcpStream,
    stalled: Stalled,
}

impl Progress {
    /// Watches a connection.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, stalled: Stalled::default() }
    }

    /// Tells whether it is stuck.
    pub(super) fn stalled(&self) -> Stalled {
        self.stalled.clone()
    }
}

impl AsyncRead for Progress {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Progress {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        let since = self.stalled.0.get().unwrap_or_else(Instant::now);
        self.stalled.0.set(written.is_pending().then_some(since));
        Poll::Ready(ready!(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
