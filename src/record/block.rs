//! A block: a head of fixed length, and a body that may be deflated.
//!
//! ```text
//! 0       4    5     6  8      12  16        24    28         36         44    48
//! │ sync  │kind│flags│0 │stored│raw│first seq│count│time first│time last │crc32│ body │
//! ```
//!
//! Numbers are little endian. The checksum is of the 40 bytes between it and the sync, and of the
//! body as it is stored.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::backing::{Backing, Window};
use crate::event::{Event, Kind, Nanos, Output, Seq, SyscallRecord};
use crate::journal::pack;
use crate::model::World;

/// What every block begins with: no byte of a text.
const SYNC: [u8; 4] = [0xeb, 0x65, 0x70, 0x0a];
/// Bytes of a head.
pub(super) const HEAD: usize = 48;
/// The longest body, before it is deflated.
pub(super) const LONGEST: usize = 16 << 20;
/// The body is deflated (RFC 1951).
const DEFLATED: u8 = 1;

/// What is in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockKind {
    /// Line 1 of the file again, under the checksum.
    Head,
    /// Events, as the journal packs them.
    Events,
    /// The world after the first event that the head names.
    Key,
    /// A place that a person has marked: JSON.
    Mark,
    /// Where the teacher looks: JSON; in streams only.
    View,
    /// The file of a lesson.
    Lesson,
    /// What the process of a lesson reported.
    Report,
    /// Why nothing follows: JSON.
    End,
    /// Something that a later version has.
    Other(u8),
}

impl BlockKind {
    fn number(self) -> u8 {
        match self {
            Self::Head => 0,
            Self::Events => 1,
            Self::Key => 2,
            Self::Mark => 3,
            Self::View => 4,
            Self::Lesson => 5,
            Self::Report => 6,
            Self::End => 9,
            Self::Other(number) => number,
        }
    }

    fn of(number: u8) -> Self {
        match number {
            0 => Self::Head,
            1 => Self::Events,
            2 => Self::Key,
            3 => Self::Mark,
            4 => Self::View,
            5 => Self::Lesson,
            6 => Self::Report,
            9 => Self::End,
            other => Self::Other(other),
        }
    }
}

/// A block that is to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What is in it.
    pub kind: BlockKind,
    /// Its first event.
    pub first: Seq,
    /// How many events there are in it.
    pub count: u32,
    /// The time of the first one.
    pub from: Nanos,
    /// The time of the last one.
    pub until: Nanos,
    /// The body.
    pub raw: Vec<u8>,
}

impl Block {
    /// The bytes of the block, with its body deflated if that makes it shorter.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEAD];
        let mut deflated = DeflateEncoder::new(&mut bytes, Compression::fast());
        // Writing into memory does not fail.
        let done = deflated.write_all(&self.raw).and_then(|()| deflated.finish().map(|_| ()));
        let shorter = done.is_ok() && bytes.len() - HEAD < self.raw.len();
        if !shorter {
            bytes.truncate(HEAD);
            bytes.extend_from_slice(&self.raw);
        }
        let stored = bytes.len() - HEAD;
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(&SYNC);
        head.extend_from_slice(&[self.kind.number(), u8::from(shorter) * DEFLATED, 0, 0]);
        head.extend_from_slice(&length(stored).to_le_bytes());
        head.extend_from_slice(&length(self.raw.len()).to_le_bytes());
        head.extend_from_slice(&self.first.0.to_le_bytes());
        head.extend_from_slice(&self.count.to_le_bytes());
        head.extend_from_slice(&self.from.0.to_le_bytes());
        head.extend_from_slice(&self.until.0.to_le_bytes());
        let crc = checksum(&head[SYNC.len()..], &bytes[HEAD..]);
        head.extend_from_slice(&crc.to_le_bytes());
        bytes[..HEAD].copy_from_slice(&head);
        bytes
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(head);
    crc.update(body);
    crc.sum()
}

/// The head of a block that was found in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: BlockKind,
    deflated: bool,
    stored: usize,
    raw: usize,
    pub(super) first: Seq,
    pub(super) count: u32,
    pub(super) from: Nanos,
    pub(super) until: Nanos,
    crc: u32,
    /// Where the block begins.
    pub(super) at: usize,
}

impl Found {
    /// The head that these bytes are, if it is one that can be.
    pub(super) fn parse(head: &[u8], at: usize) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let size = |at: usize| usize::try_from(number(at)?).ok();
        let found = Self {
            kind: BlockKind::of(*head.get(4)?),
            deflated: head.get(5)? & DEFLATED != 0,
            stored: size(8)?,
            raw: size(12)?,
            first: Seq(long(16)?),
            count: number(24)?,
            from: Nanos(long(28)?),
            until: Nanos(long(36)?),
            crc: number(44)?,
            at,
        };
        (head.starts_with(&SYNC) && found.can_be()).then_some(found)
    }

    /// Whether a program can have written such a head.
    fn can_be(&self) -> bool {
        let seqs = self.first.0.checked_add(self.count.into()).is_some();
        let times = self.from <= self.until && self.until <= Nanos::MAX;
        let events = self.kind != BlockKind::Events || (self.count > 0 && self.first > Seq(0));
        self.stored <= LONGEST && self.raw <= LONGEST && seqs && times && events
    }

    /// Bytes of the block.
    pub(super) fn len(&self) -> usize {
        HEAD + self.stored
    }

    /// Where the next one begins.
    pub(super) fn end(&self) -> usize {
        self.at.saturating_add(self.len())
    }

    /// The last event of a block of events.
    pub(super) fn last(&self) -> Seq {
        Seq((self.first.0 + u64::from(self.count)).saturating_sub(1))
    }

    /// Whether these are the bytes of the block, and the checksum is right.
    fn is(&self, block: &[u8]) -> bool {
        let head = block.get(..HEAD);
        // The file may be another one by now.
        let same = head.and_then(|head| Self::parse(head, self.at)) == Some(*self);
        let sum = |head: &[u8]| checksum(&head[SYNC.len()..HEAD - 4], &block[HEAD..]);
        same && block.len() == self.len() && head.map(sum) == Some(self.crc)
    }

    /// Whether the checksum is right.
    pub(super) fn is_whole(&self, bytes: &dyn Backing) -> bool {
        bytes.range(self.at, self.len()).is_some_and(|block| self.is(&block))
    }

    /// The body, if the checksum is right and it has the length that the head says.
    pub(super) fn body(&self, bytes: &dyn Backing) -> Option<Vec<u8>> {
        self.body_of(&bytes.range(self.at, self.len())?)
    }

    /// The same, of the bytes of the block.
    pub(super) fn body_of(&self, block: &[u8]) -> Option<Vec<u8>> {
        let stored = block.get(HEAD..).filter(|_| self.is(block))?;
        if !self.deflated {
            return (stored.len() == self.raw).then(|| stored.to_vec());
        }
        let mut raw = Vec::new();
        // One byte more, so that one which is longer is noticed.
        let most = u64::try_from(self.raw).ok()?.saturating_add(1);
        DeflateDecoder::new(stored).take(most).read_to_end(&mut raw).ok()?;
        (raw.len() == self.raw).then_some(raw)
    }

    /// The events, if they are as many and as late as the head says.
    pub(super) fn events(&self, body: &[u8]) -> Option<Vec<Event>> {
        let count = usize::try_from(self.count).ok().filter(|count| *count <= body.len())?;
        let (mut events, mut t) = (Vec::with_capacity(count), self.from);
        let whole = pack::unpack(body, self.first, self.from, |event| {
            let sound = event.t >= t && event.t <= self.until && is_timely(&event);
            t = event.t;
            events.push(event);
            sound && events.len() <= count
        });
        let begins = events.first().is_some_and(|event| event.t == self.from);
        let ends = events.last().is_some_and(|event| event.t == self.until);
        (whole && begins && ends && events.len() == count).then_some(events)
    }

    /// The world, if it is sound and that of the event which the head says.
    pub(super) fn world(&self, body: &[u8]) -> Option<World> {
        let (world, rest): (World, _) = postcard::take_from_bytes(body).ok()?;
        let same = world.seq == self.first && world.t == self.from && rest.is_empty();
        (same && world.is_sound()).then_some(world)
    }
}

/// Whether no time in an event is later than any can be.
fn is_timely(event: &Event) -> bool {
    let times: &[Nanos] = match &event.kind {
        Kind::Return(SyscallRecord { started, output: Output::Events { done, .. }, .. }) => {
            &[*started, *done]
        }
        Kind::Return(record) => &[record.started],
        Kind::Wakeup(wakeup) => &[wakeup.counted, wakeup.after],
        Kind::Asleep { since, .. } => &[*since],
        Kind::Measured { each, .. } => &[*each],
        _ => &[],
    };
    times.iter().all(|t| *t <= Nanos::MAX)
}

/// The blocks in any bytes from `at` on: one after the other, and where that breaks off from the
/// next sync on whose checksum is right.
pub(super) fn scan(bytes: &dyn Backing, at: usize) -> Vec<Found> {
    let (mut found, mut at, mut follows) = (Vec::new(), at, true);
    let mut window = Window::new(bytes);
    let end = window.end();
    // However many heads somebody has put there, each over the same body.
    let mut budget = end.saturating_mul(4).saturating_add(4 * LONGEST);
    while let Some(next) = find(&mut window, at) {
        follows &= next == at;
        let block = window.get(next, HEAD).and_then(|head| Found::parse(&head[..HEAD], next));
        let block = block.filter(|block| block.end() <= end);
        // What stands where the one before it ends, and ends where the next one begins, is a block;
        // the checksum of its body is looked at when it is wanted.
        let chained = |block: &Found| {
            let at = block.end();
            follows && (at == end || window.get(at, SYNC.len()).is_some_and(is_sync))
        };
        let whole = |block: &Found| {
            budget = budget.saturating_sub(block.stored);
            budget > 0 && block.is_whole(bytes)
        };
        if let Some(block) = block.filter(chained).or_else(|| block.filter(whole)) {
            (at, follows) = (block.end(), true);
            found.push(block);
        } else {
            (at, follows) = (next + 1, false);
        }
    }
    found
}

fn is_sync(bytes: &[u8]) -> bool {
    bytes.starts_with(&SYNC)
}

/// Where the next sync is.
fn find(window: &mut Window<'_>, at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        let bytes = window.get(at, SYNC.len())?;
        if let Some(place) = next_sync(bytes) {
            return Some(at + place);
        }
        // It may begin in what is seen and end in what is not.
        at += bytes.len() + 1 - SYNC.len();
    }
}

/// Where the first sync in these bytes is.
pub(super) fn next_sync(bytes: &[u8]) -> Option<usize> {
    if is_sync(bytes) {
        return Some(0);
    }
    bytes.windows(SYNC.len()).position(is_sync)
}
