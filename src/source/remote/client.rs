//! The connection to whoever shares: a thread that reads from it, and its words for what goes wrong.

use std::fmt;
use std::io;
use std::net::ToSocketAddrs as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use futures_core::Stream as _;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::codec::FramedRead;
use tokio_util::sync::CancellationToken;

use super::http::{HttpError, ResponseCodec, request};
use crate::event::visible;
use crate::record::{ReadError, Received, RecordingHead, StreamError};
use crate::sys::thread;

/// What waits to be taken over at the most.
const WAITING: usize = 64;
/// So long is waited for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Where a session is shared, and by which code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAddress {
    host: String,
    port: u16,
    code: String,
}

impl RemoteAddress {
    /// The port of those who share, unless they say otherwise.
    const PORT: u16 = 8001;
    /// Letters of a code at the most.
    const CODE: usize = 32;

    /// Reads `HOST:PORT/CODE`, as whoever shares is told it; `http://` before it may stay.
    ///
    /// ```
    /// use epollscope::source::RemoteAddress;
    ///
    /// let address = RemoteAddress::parse("http://192.168.1.20:8001/K7QM4X").unwrap();
    /// assert_eq!(address.to_string(), "192.168.1.20:8001/K7QM4X");
    /// assert_eq!(RemoteAddress::parse("[::1]/abcd").unwrap().to_string(), "[::1]:8001/ABCD");
    /// assert_eq!(RemoteAddress::parse("192.168.1.20:8001"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("http://").unwrap_or(text);
        let (server, code) = text.split_once('/')?;
        let code = code.strip_suffix('/').unwrap_or(code);
        let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if code.is_empty() || code.len() > Self::CODE || !plain {
            return None;
        }
        let named = server.ends_with(']') || !server.contains(':');
        let (host, port) = match server.rsplit_once(':').filter(|_| !named) {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (server, Self::PORT),
        };
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte);
        let fit = !host.is_empty() && host.bytes().all(letter);
        let (host, code) = (host.to_owned(), code.to_ascii_uppercase());
        fit.then_some(Self { host, port, code })
    }

    /// Who shares.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.port, self.code)
    }
}

/// Why a session elsewhere cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Nobody answers.
    #[error("no answer from {0}")]
    NoAnswer(String),
    /// Somebody else does.
    #[error("{0} shares no session of epollscope")]
    NoSession(String),
    /// The code is another one.
    #[error("wrong code")]
    WrongCode,
    /// It is refused, with these words.
    #[error("{server} refuses it: {answer}")]
    Refused {
        /// Who answers.
        server: String,
        /// The status.
        answer: String,
    },
    /// It is one of another version, which means something else by its words.
    #[error("shared by epollscope {program}, this is {}: open {page} in a browser", env!("CARGO_PKG_VERSION"))]
    Other {
        /// The version, and what of it is another one.
        program: String,
        /// Where a browser shows it.
        page: String,
    },
    /// The system refuses a thread.
    #[error("{0}")]
    System(String),
}

impl RemoteError {
    pub(super) fn no_answer(address: &RemoteAddress) -> Self {
        Self::NoAnswer(address.server())
    }

    pub(super) fn no_session(address: &RemoteAddress) -> Self {
        Self::NoSession(address.server())
    }

    pub(super) fn other(address: &RemoteAddress, head: &RecordingHead) -> Self {
        let program = format!("{} (model {})", visible(head.program.as_bytes(), 40), head.model);
        Self::Other { program, page: format!("http://{address}") }
    }

    /// What a failure of the stream means before anything came of it.
    fn of(error: HttpError, address: &RemoteAddress) -> Self {
        match error {
            HttpError::WrongCode => Self::WrongCode,
            HttpError::Refused(answer) => Self::Refused { server: address.server(), answer },
            HttpError::Stream(StreamError::Read(ReadError::Newer { program, words })) => {
                let program = format!("{} (words {words})", visible(program.as_bytes(), 40));
                Self::Other { program, page: format!("http://{address}") }
            }
            HttpError::NoHttp | HttpError::Stream(StreamError::Read(_)) => {
                Self::no_session(address)
            }
            HttpError::Stream(StreamError::Io(_)) => Self::no_answer(address),
        }
    }
}

/// What the thread passes on.
#[derive(Debug)]
pub(super) enum Incoming {
    Received(Received),
    Failed(RemoteError),
}

/// Starts the thread; it ends with its stream, or when it is stopped.
pub(super) fn start(
    address: RemoteAddress,
    wake: Arc<Notify>,
    stop: CancellationToken,
) -> Result<Receiver<Incoming>, RemoteError> {
    let refused = |error: io::Error| RemoteError::System(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(refused)?;
    let (queue, incoming) = sync_channel(WAITING);
    let read = move || {
        let stopped = stop.clone();
        let passed = runtime.block_on(async {
            tokio::select! {
                () = stopped.cancelled() => Ok(()),
                passed = pass_on(&address, &queue, &wake) => passed,
            }
        });
        if let Err(error) = passed {
            let _gone = queue.send(Incoming::Failed(error));
        }
        drop(queue);
        wake.notify_one();
    };
    thread::spawn("watch", read).map_err(refused)?;
    Ok(incoming)
}

/// Passes on what comes, until nothing more does or nobody takes it.
async fn pass_on(
    address: &RemoteAddress,
    queue: &SyncSender<Incoming>,
    wake: &Notify,
) -> Result<(), RemoteError> {
    let stream = connect(address).await.map_err(|_| RemoteError::no_answer(address))?;
    let mut blocks = FramedRead::new(stream, ResponseCodec::default());
    loop {
        let next = std::future::poll_fn(|context| Pin::new(&mut blocks).poll_next(context)).await;
        let Some(item) = next else { return Ok(()) };
        let received = item.map_err(|error| RemoteError::of(error, address))?;
        // This thread has nothing else to do than to wait for room.
        if queue.send(Incoming::Received(received)).is_err() {
            return Ok(());
        }
        wake.notify_one();
    }
}

/// Connects, and asks for the blocks.
async fn connect(address: &RemoteAddress) -> io::Result<TcpStream> {
    let host = address.host.trim_start_matches('[').trim_end_matches(']');
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for one in (host, address.port).to_socket_addrs()? {
        match tokio::time::timeout(CONNECT, TcpStream::connect(one)).await {
            Ok(Ok(mut stream)) => {
                // Who shares may have nothing to tell for long: a machine that is gone is noticed.
                setsockopt(&stream, sockopt::KeepAlive, &true)?;
                stream.write_all(request(&address.server(), &address.code).as_bytes()).await?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}
