//! A recording that comes in pieces: the decoder of files, for bytes of which more follow.

use tokio_util::bytes::{Buf as _, BytesMut};
use tokio_util::codec::Decoder;

use super::block::{BlockKind, Found, HEAD, next_sync};
use super::error::ReadError;
use super::head::{LONGEST, RecordingHead};
use super::press::Beside;
use crate::event::{Event, Viewpoint};
use crate::model::World;

/// What comes of a stream of blocks.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// What is known before the first event.
    Head(Box<RecordingHead>),
    /// The world after the last event: whoever has missed some goes on from here.
    World(Box<World>),
    /// Events, one after the other.
    Events(Vec<Event>),
    /// Where the one looks whose session it is.
    View(Viewpoint),
    /// What the recording has beside its events.
    Beside(Beside),
    /// Nothing follows but another recording, if there is one.
    End,
}

/// Makes what has come of bytes, however they are cut. What is damaged is passed over, as in a file:
/// the numbers of the events say what is missing.
#[derive(Debug, Default)]
pub struct BlockCodec {
    /// The first line has been read, and whether its worlds mean something here.
    begun: Option<bool>,
}

/// Why a stream of blocks cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It is none, or a later program's.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its bytes could not be had.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Decoder for BlockCodec {
    type Item = Received;
    type Error = StreamError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Received>, StreamError> {
        self.next(bytes, More::Follows)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Received>, StreamError> {
        self.next(bytes, More::Nothing)
    }
}

/// Whether a block may still become whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Follows,
    Nothing,
}

impl BlockCodec {
    fn next(&mut self, bytes: &mut BytesMut, more: More) -> Result<Option<Received>, StreamError> {
        let Some(worlds) = self.begun else { return self.begin(bytes) };
        while let Some((block, body)) = next(bytes, more) {
            let received = received(&block, &body, worlds);
            if received == Some(Received::End) {
                self.begun = None;
            }
            if received.is_some() {
                return Ok(received);
            }
        }
        Ok(None)
    }

    fn begin(&mut self, bytes: &mut BytesMut) -> Result<Option<Received>, StreamError> {
        let Some(end) = bytes.iter().take(LONGEST).position(|byte| *byte == b'\n') else {
            let endless = bytes.len() >= LONGEST;
            return if endless { Err(ReadError::NoRecording.into()) } else { Ok(None) };
        };
        let line = bytes.split_to(end + 1);
        let head = RecordingHead::parse(&line[..end])?;
        self.begun = Some(head.is_known());
        Ok(Some(Received::Head(Box::new(head))))
    }
}

/// Takes the next block whose checksum is right, with its body; `None` until all of it is there.
fn next(bytes: &mut BytesMut, more: More) -> Option<(Found, Vec<u8>)> {
    loop {
        let Some(at) = next_sync(bytes) else {
            // A sync may begin at the end.
            bytes.advance(bytes.len().saturating_sub(3));
            return None;
        };
        bytes.advance(at);
        let Some(block) = Found::parse(bytes.get(..HEAD)?, 0) else {
            bytes.advance(1);
            continue;
        };
        let body = match bytes.get(..block.len()) {
            Some(whole) => block.body_of(whole),
            None if more == More::Follows => return None,
            None => None,
        };
        // In a false one a sound one may begin.
        bytes.advance(if body.is_some() { block.len() } else { 1 });
        if let Some(body) = body {
            return Some((block, body));
        }
    }
}

fn received(block: &Found, body: &[u8], worlds: bool) -> Option<Received> {
    match block.kind {
        BlockKind::Events => block.events(body).map(Received::Events),
        BlockKind::Key => {
            block.world(body).filter(|_| worlds).map(|world| Received::World(Box::new(world)))
        }
        BlockKind::View => serde_json::from_slice(body).ok().map(Received::View),
        BlockKind::End => Some(Received::End),
        BlockKind::Lesson | BlockKind::Report => {
            Some(Received::Beside(Beside { kind: block.kind, raw: body.to_vec() }))
        }
        // The line is known; marks are events, too.
        BlockKind::Head | BlockKind::Mark | BlockKind::Other(_) => None,
    }
}
