//! A recording as it is in its file, for whoever wants it.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::super::Sink;
use super::{Looks, SharedSession, is_wanted};
use crate::event::{Event, Viewpoint};
use crate::model::World;
use crate::record::{Block, BlockKind, Recording};

/// Bytes that are told in one go, and the time between two: the screen is told beside them.
const CHUNK: usize = 256 << 10;
const PACE: Duration = Duration::from_millis(20);

/// Passes on the bytes of a recording once somebody wants them, and then where the one looks who
/// goes through it. Its end is told when that is over.
pub struct RecordingRelay {
    share: SharedSession,
    recording: Rc<Recording>,
    /// Bytes that have been told, and when the last ones were.
    told: Option<(usize, Instant)>,
    looks: Looks,
}

impl RecordingRelay {
    /// Lends that recording.
    pub fn new(
        share: SharedSession,
        recording: Rc<Recording>,
        viewpoint: Rc<Cell<Viewpoint>>,
    ) -> Self {
        Self { share, recording, told: None, looks: Looks::new(viewpoint) }
    }

    /// Tells the next bytes.
    fn go_on(&mut self, at: usize) {
        let mut share = self.share.borrow_mut();
        if share.is_behind() {
            self.told = Some((at, Instant::now()));
            return;
        }
        let length = CHUNK.min(self.recording.stored() - at);
        let told = match self.recording.bytes(at, length) {
            Some(bytes) => {
                share.keep_stored(at == 0, bytes);
                at + length
            }
            // A file that has been cut since it was opened is told as far as it goes.
            None => self.recording.stored(),
        };
        self.told = Some((told, Instant::now()));
    }

    /// Tells what is in no file.
    fn tell(&self, kind: BlockKind, raw: Vec<u8>, world: &World) {
        let (first, from) = (world.seq, world.t);
        let block = Block { kind, first, count: 0, from, until: from, raw };
        self.share.borrow_mut().keep_block(block);
    }
}

impl Sink for RecordingRelay {
    /// All of them are in the file.
    fn event(&mut self, _: &Event, _: &World) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self, world: &World) -> io::Result<()> {
        let Some((at, last)) = self.told else {
            if is_wanted(&self.share) {
                self.go_on(0);
            }
            return Ok(());
        };
        let over = at == self.recording.stored();
        if !over && last.elapsed() >= PACE {
            self.go_on(at);
        }
        if over && let Some(now) = self.looks.next() {
            // All its types are plain data.
            let raw = serde_json::to_vec(&now).unwrap_or_default();
            self.tell(BlockKind::View, raw, world);
        }
        Ok(())
    }

    fn due(&self) -> Option<Duration> {
        match self.told? {
            (at, last) if at < self.recording.stored() => Some(PACE.saturating_sub(last.elapsed())),
            _ if self.looks.told.is_none() => Some(Duration::ZERO),
            _ => self.looks.due(),
        }
    }

    fn finish(self: Box<Self>, world: &World) -> io::Result<()> {
        if self.told.is_some_and(|(at, _)| at == self.recording.stored()) {
            let end = self.recording.bodies(BlockKind::End).last();
            // Of one that was cut nobody has said why.
            let raw = end.unwrap_or_else(|| b"{}".to_vec());
            self.tell(BlockKind::End, raw, world);
        }
        Ok(())
    }
}
