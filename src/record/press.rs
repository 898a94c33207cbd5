//! Events become blocks, on the thread of the session. What costs time, deflating and writing, is
//! for whoever takes the blocks.

use serde::Serialize;

use super::block::{Block, BlockKind, LONGEST};
use super::head::RecordingHead;
use super::veil::Veil;
use crate::event::{Event, Kind, Nanos, Seq, Viewpoint};
use crate::journal::pack;
use crate::model::World;

/// Events in a block at the most.
const EVENTS: u32 = 4096;
/// Bytes of packed events in a block at the most; a longer event has a block of its own.
const BYTES: usize = 1 << 20;
/// Bytes of packed events between two worlds, at the least.
const KEY_EVERY: usize = 256 << 10;
/// How many times its own size a world is away from the one before it: 5 % of the whole.
const KEY_TIMES: usize = 20;

/// What a recording has beside events: the file of a lesson, and what its process reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Which of them.
    pub kind: BlockKind,
    /// Its bytes.
    pub raw: Vec<u8>,
}

/// Takes blocks.
pub trait Outlet {
    /// Takes a block; whether it could.
    fn put(&mut self, block: Block) -> bool;
}

/// Why nothing follows in an excerpt of what was cut off there.
pub(crate) const CUT: &str = "cut";

/// Makes blocks.
pub struct Press<O> {
    out: O,
    open: Option<Block>,
    veil: Veil,
    /// The last event that was taken, and its time.
    last: (Seq, Nanos),
    /// Bytes of packed events since the last world.
    since_key: usize,
    /// Bytes of that one.
    key: usize,
    /// A block could not be put: the next one is to be a world.
    torn: bool,
    /// Events that were not taken.
    lost: u64,
}

impl<O: Outlet> Press<O> {
    /// A press for events from that world on, of which the head tells.
    pub fn new(mut out: O, head: &RecordingHead, world: &World) -> Self {
        let begun = (world.seq, world.t);
        let (first, from) = begun;
        let block =
            Block { kind: BlockKind::Head, first, count: 0, from, until: from, raw: head.line() };
        out.put(block);
        let veil = Veil::new(&head.hidden);
        let (open, since_key, key, lost) = (None, 0, 0, 0);
        let mut press = Self { out, open, veil, last: begun, since_key, key, torn: false, lost };
        if first > Seq(0) {
            press.put_world(world);
        }
        press
    }

    /// Takes an event, with the world after it.
    pub fn event(&mut self, event: &Event, world: &World) {
        if event.seq != self.last.0.next() {
            // Some are missing before it: whoever reads on needs the world.
            self.close();
            self.torn = true;
        }
        let veiled = self.veil.event(event);
        self.pack(&veiled, world);
        if let Kind::Mark(note) = &veiled.kind {
            self.mark(note);
        }
    }

    fn pack(&mut self, event: &Event, world: &World) {
        let before = self.open.as_ref().map_or(0, |open| open.raw.len());
        let open = self.open.get_or_insert_with(|| Block {
            kind: BlockKind::Events,
            first: event.seq,
            count: 0,
            from: event.t,
            until: event.t,
            raw: Vec::with_capacity(BYTES / 16),
        });
        pack::pack(&mut open.raw, open.until, event);
        (open.count, open.until) = (open.count + 1, event.t);
        if open.raw.len() > BYTES && before > 0 {
            // It begins a block of its own.
            open.raw.truncate(before);
            (open.count, open.until) = (open.count - 1, self.last.1);
            self.close();
            return self.pack(event, world);
        }
        self.last = (event.seq, event.t);
        if open.count == EVENTS || open.raw.len() >= BYTES {
            self.flush(world);
        }
    }

    /// Closes the open block, and adds the world after it if that is due.
    pub fn flush(&mut self, world: &World) {
        self.close();
        let due = KEY_EVERY.max(KEY_TIMES * self.key);
        if self.torn || self.since_key >= due {
            self.put_world(world);
        }
    }

    /// Goes on from that world: what was before it is missing.
    pub fn resume(&mut self, world: &World) {
        self.close();
        self.last = (world.seq, world.t);
        self.put_world(world);
    }

    /// Closes the open block, and adds the world after it for whoever comes now; whether there was
    /// room for it.
    pub fn whole(&mut self, world: &World) -> bool {
        self.close();
        self.torn = true;
        self.put_world(world);
        !self.torn
    }

    /// Whether a block is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Who takes the blocks.
    pub fn outlet(&mut self) -> &mut O {
        &mut self.out
    }

    /// How many events were not taken.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Tells of a mark at the last event.
    fn mark(&mut self, note: &str) {
        #[derive(Serialize)]
        struct Mark<'a> {
            seq: u64,
            t: u64,
            note: &'a str,
        }
        let (seq, t) = self.last;
        self.json(BlockKind::Mark, &Mark { seq: seq.0, t: t.0, note });
    }

    /// Puts what is no event, if nothing is to be left out: it is not looked through.
    pub fn beside(&mut self, beside: &Beside) {
        if self.veil.hides() || beside.raw.len() > LONGEST {
            return;
        }
        let (first, from) = self.last;
        let (kind, raw) = (beside.kind, beside.raw.clone());
        self.out.put(Block { kind, first, count: 0, from, until: from, raw });
    }

    /// Tells where somebody looks: for those who look on.
    pub fn view(&mut self, viewpoint: &Viewpoint) {
        self.json(BlockKind::View, viewpoint);
    }

    /// Closes all, adds the last world, and says why nothing follows; gives the outlet back.
    pub fn finish(mut self, world: &World, why: &str) -> O {
        #[derive(Serialize)]
        struct End<'a> {
            events: u64,
            why: &'a str,
        }
        self.close();
        if self.last.0 > Seq(0) {
            self.put_world(world);
        }
        self.json(BlockKind::End, &End { events: self.last.0.0, why });
        self.out
    }

    fn json(&mut self, kind: BlockKind, body: &impl Serialize) {
        // All its types are plain data.
        let raw = serde_json::to_vec(body).unwrap_or_default();
        let (first, from) = self.last;
        self.out.put(Block { kind, first, count: 0, from, until: from, raw });
    }

    fn close(&mut self) {
        let Some(block) = self.open.take() else { return };
        let (bytes, count) = (block.raw.len(), block.count);
        // An event that is longer than any block may be is lost, as one that finds no room.
        if bytes <= LONGEST && self.out.put(block) {
            self.since_key += bytes;
        } else {
            self.torn = true;
            self.lost += u64::from(count);
        }
    }

    fn put_world(&mut self, world: &World) {
        let (first, from) = (world.seq, world.t);
        let Ok(raw) = postcard::to_stdvec(&*self.veil.world(world)) else { return };
        (self.key, self.since_key) = (raw.len(), 0);
        let fits = raw.len() <= LONGEST;
        let block = Block { kind: BlockKind::Key, first, count: 0, from, until: from, raw };
        if fits && self.out.put(block) {
            self.torn = false;
        }
    }
}
