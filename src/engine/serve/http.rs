//! A small correct HTTP/1.1 server (RFC 9112), as far as one answer to every request needs it.
//!
//! It works byte by byte, so that it makes no difference how the stream was cut into reads, and
//! keeps nothing but the head of the request that is being received. It must not know sockets.

mod head;

use head::{Body, Head};

/// The text of every answer.
const HELLO: &str = "hello from epollscope\n";

/// What is to become of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpState {
    /// More requests may come.
    KeepOpen,
    /// It ends when the answers are sent; what still comes is to be ignored.
    CloseAfterFlush,
}

/// A request that cannot be served: the connection ends with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It breaks the rules; with the rule.
    Bad(&'static str),
    /// Its head or its trailer is too long.
    TooLong,
    /// It asks for something that this server does not have.
    Missing(&'static str),
    /// It is not HTTP/1.
    Version,
}

impl Fault {
    /// The status line's end and the text of the answer.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Bad(why) => ("400 Bad Request", why),
            Self::TooLong => ("431 Request Header Fields Too Large", "at most 16 KiB"),
            Self::Missing(what) => ("501 Not Implemented", what),
            Self::Version => ("505 HTTP Version Not Supported", "HTTP/1.1 or HTTP/1.0"),
        }
    }
}

/// Where the server is in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the head of a request.
    Head,
    /// In a body, with so many bytes to come.
    Body(u64),
    /// In the length of a chunk: its value, and how many digits it has so far.
    Size(u64, u8),
    /// After the length of a chunk, so many bytes into what is no part of it.
    Extension(u64, u16),
    /// After the carriage return that ends the length of a chunk.
    SizeEnd(u64),
    /// In a chunk, with so many bytes to come.
    Chunk(u64),
    /// After a chunk.
    ChunkReturn,
    /// After the carriage return that follows a chunk.
    ChunkEnd,
    /// In the trailer: its length so far, and that of its current line.
    Trailer(u16, u16),
    /// No more requests are read.
    Closed,
}

/// The server side of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    state: State,
    /// The head so far.
    head: Vec<u8>,
    /// Its first line is there, and right.
    has_line: bool,
    /// The request whose body is being received.
    request: Head,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// How long the head of a request may be, and its trailer.
    pub(crate) const MAX_HEAD: u16 = 16 * 1024;
    /// How long what follows the length of a chunk may be.
    const MAX_EXTENSION: u16 = 1024;

    /// A connection at its beginning.
    pub(crate) fn new() -> Self {
        Self { state: State::Head, head: Vec::new(), has_line: false, request: Head::default() }
    }

    /// Takes the next piece of the stream and appends the answers to `out`.
    pub(crate) fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> HttpState {
        let mut rest = input;
        while let Some((&byte, after)) = rest.split_first() {
            let skip = match self.state {
                State::Closed => break,
                State::Body(left) | State::Chunk(left) => skippable(left, rest.len()),
                _ => 0,
            };
            if skip > 0 {
                self.skip(skip, out);
                rest = &rest[skip..];
            } else {
                self.take(byte, out);
                rest = after;
            }
        }
        match self.state {
            State::Closed => HttpState::CloseAfterFlush,
            _ => HttpState::KeepOpen,
        }
    }

    /// Bytes of a body, of which there are at least so many to come.
    fn skip(&mut self, bytes: usize, out: &mut Vec<u8>) {
        let bytes = bytes as u64;
        match self.state {
            State::Body(left) if left == bytes => self.answer(out),
            State::Body(left) => self.state = State::Body(left - bytes),
            State::Chunk(left) if left == bytes => self.state = State::ChunkReturn,
            State::Chunk(left) => self.state = State::Chunk(left - bytes),
            _ => {}
        }
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        let next = match self.state {
            State::Head => self.take_head(byte, out),
            State::Trailer(total, line) => match trailer(total, line, byte) {
                Ok(None) => {
                    self.answer(out);
                    return;
                }
                Ok(Some(state)) => Ok(state),
                Err(fault) => Err(fault),
            },
            state => chunk_step(state, byte),
        };
        match next {
            Ok(state) => self.state = state,
            Err(fault) => self.refuse(fault, out),
        }
    }

    /// A byte of a head; the state after it.
    fn take_head(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<State, Fault> {
        if self.head.is_empty() && matches!(byte, b'\r' | b'\n') {
            return Ok(State::Head); // empty lines before a request are to be ignored
        }
        if self.head.last() == Some(&b'\r') && byte != b'\n' {
            return Err(Fault::Bad("a carriage return alone"));
        }
        if byte == 0x7f || (byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n')) {
            return Err(Fault::Bad("a control character"));
        }
        if self.head.len() >= usize::from(Self::MAX_HEAD) {
            return Err(Fault::TooLong);
        }
        self.head.push(byte);
        if byte == b'\n' && !self.has_line {
            head::request_line(head::without_end(&self.head))?;
            self.has_line = true;
        }
        if !(self.head.ends_with(b"\n\n") || self.head.ends_with(b"\n\r\n")) {
            return Ok(State::Head);
        }
        self.request = Head::parse(&self.head)?;
        self.head.clear();
        self.has_line = false;
        if self.request.expects_continue {
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        Ok(match self.request.body {
            Body::Length(0) => {
                self.answer(out);
                self.state
            }
            Body::Length(length) => State::Body(length),
            Body::Chunked => State::Size(0, 0),
        })
    }

    /// The answer to the request that is now complete.
    fn answer(&mut self, out: &mut Vec<u8>) {
        let request = std::mem::take(&mut self.request);
        self.state = if request.keep_alive { State::Head } else { State::Closed };
        let connection = match (request.keep_alive, request.minor) {
            (false, _) => "Connection: close\r\n",
            (true, 0) => "Connection: keep-alive\r\n",
            (true, _) => "",
        };
        respond(out, "200 OK", connection, HELLO, request.bodiless);
    }

    fn refuse(&mut self, fault: Fault, out: &mut Vec<u8>) {
        let (status, why) = fault.words();
        let without_body = self.head.starts_with(b"HEAD ") || self.request.bodiless;
        respond(out, status, "Connection: close\r\n", &format!("{why}\n"), without_body);
        self.head = Vec::new();
        self.state = State::Closed;
    }
}

fn respond(out: &mut Vec<u8>, status: &str, connection: &str, text: &str, without_body: bool) {
    let length = text.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n{connection}\r\n"
    );
    out.extend_from_slice(head.as_bytes());
    if !without_body {
        out.extend_from_slice(text.as_bytes());
    }
}

/// How many of `available` bytes are body, of which `left` are to come.
fn skippable(left: u64, available: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(available)
}

/// A byte between chunks; the state after it.
fn chunk_step(state: State, byte: u8) -> Result<State, Fault> {
    let bad = Err(Fault::Bad("a chunk that is none"));
    match (state, byte) {
        (State::Size(size, digits), byte) => match char::from(byte).to_digit(16) {
            Some(_) if digits >= 15 => bad,
            Some(digit) => Ok(State::Size(size << 4 | u64::from(digit), digits + 1)),
            None if digits == 0 => bad,
            None => extension(size, 0, byte),
        },
        (State::Extension(size, length), byte) => extension(size, length, byte),
        (State::SizeEnd(0), b'\n') => Ok(State::Trailer(0, 0)),
        (State::SizeEnd(size), b'\n') => Ok(State::Chunk(size)),
        (State::ChunkReturn, b'\r') => Ok(State::ChunkEnd),
        (State::ChunkEnd, b'\n') => Ok(State::Size(0, 0)),
        _ => bad,
    }
}

/// A byte after the digits of a chunk's length: blanks and `;name=value`, all without meaning.
fn extension(size: u64, length: u16, byte: u8) -> Result<State, Fault> {
    match byte {
        b'\r' => Ok(State::SizeEnd(size)),
        b'\t' | b' '..=b'~' | 0x80.. if length < Http::MAX_EXTENSION => match (length, byte) {
            (0, b' ' | b'\t' | b';') | (1.., _) => Ok(State::Extension(size, length + 1)),
            _ => Err(Fault::Bad("a chunk that is none")),
        },
        _ => Err(Fault::Bad("a chunk that is none")),
    }
}

/// A byte of the trailer; the state after it, or nothing at its end.
fn trailer(total: u16, line: u16, byte: u8) -> Result<Option<State>, Fault> {
    match byte {
        b'\n' if line == 0 => Ok(None),
        _ if total >= Http::MAX_HEAD => Err(Fault::TooLong),
        b'\n' => Ok(Some(State::Trailer(total + 1, 0))),
        b'\r' => Ok(Some(State::Trailer(total + 1, line))),
        _ => Ok(Some(State::Trailer(total + 1, line + 1))),
    }
}

#[cfg(test)]
mod tests;
