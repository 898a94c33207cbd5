//! A recording found again in any bytes: as much of it as there is.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::backing::{Backing, FileBacking};
use super::block::{BlockKind, Found, scan};
use super::error::ReadError;
use super::head::{LONGEST, RecordingHead};
use super::press::CUT;
use crate::event::{Event, Nanos, Seq};
use crate::journal::{BlockId, Stretch};
use crate::model::World;

/// A longer file is not read through when it is opened: what is damaged in it is found on the way.
const CHECKED: usize = 64 << 20;

/// Bytes in which a recording begins: the line, and it again in a block.
const BEGIN: usize = 4 * LONGEST;
/// Bytes that are taken of what is no regular file.
const PIPED: u64 = 4 << 30;

/// The first line, if it is that of a recording, and where it ends.
fn first_line(begin: &[u8]) -> (Result<RecordingHead, ReadError>, usize) {
    let most = &begin[..begin.len().min(LONGEST)];
    let end = most.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    (RecordingHead::parse(&begin[..end]), end)
}

/// Whether a recording begins so.
fn begins(begin: &Vec<u8>) -> bool {
    first_line(begin).0.is_ok() || !scan(begin, 0).is_empty()
}

/// A recording: where its blocks are. What is in them is read when it is wanted.
pub struct Recording {
    bytes: Box<dyn Backing>,
    head: RecordingHead,
    blocks: Vec<Found>,
    stretches: Vec<Stretch>,
    /// A block says that nothing follows.
    ended: bool,
}

/// What of a recording is known not to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Blocks of events that are damaged, or missing between others.
    pub blocks: u64,
    /// All blocks of events.
    pub of: u64,
    /// Events that are missing.
    pub events: u64,
    /// From here on.
    pub at: Nanos,
}

impl Recording {
    /// Finds the blocks in a file, which stays open. What is no regular file is read to its end.
    ///
    /// # Errors
    /// If it cannot be read, or there is nothing in it that could be shown.
    pub fn open(path: &Path) -> io::Result<Result<Self, ReadError>> {
        Self::of(File::open(path)?)
    }

    /// The same of one that is open.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn of(mut file: File) -> io::Result<Result<Self, ReadError>> {
        let about = file.metadata()?;
        if about.is_file() {
            return Ok(Self::find(Box::new(FileBacking::new(file, about.len()))));
        }
        let mut bytes = Vec::new();
        (&mut file).take(BEGIN as u64).read_to_end(&mut bytes)?;
        // What does not begin as one, such as a device, may have no end.
        if begins(&bytes) {
            (&mut file).take(PIPED).read_to_end(&mut bytes)?;
        }
        Ok(Self::read(bytes))
    }

    /// Finds the blocks in bytes.
    ///
    /// # Errors
    /// If there is nothing in them that could be shown.
    pub fn read(bytes: Vec<u8>) -> Result<Self, ReadError> {
        Self::find(Box::new(bytes))
    }

    fn find(bytes: Box<dyn Backing>) -> Result<Self, ReadError> {
        let begin = bytes.range(0, BEGIN.min(bytes.len())).unwrap_or_default();
        let (line, end) = first_line(&begin);
        let line = match line {
            // The rest is not read through.
            Err(error) if scan(&begin, 0).is_empty() => return Err(error),
            line => line,
        };
        let blocks = scan(&*bytes, if line.is_ok() { end + 1 } else { 0 });
        let blocks = without_false_heads(blocks, &*bytes);
        let head = head(line, &blocks, &*bytes)?;
        let stretches = stretches(&blocks, head.is_known());
        if stretches.is_empty() {
            return Err(ReadError::Empty);
        }
        let ended = blocks.last().is_some_and(|block| block.kind == BlockKind::End);
        Ok(Self { bytes, head, blocks, stretches, ended })
    }

    /// What is known before the first event.
    pub fn head(&self) -> &RecordingHead {
        &self.head
    }

    /// The events, as stretches one after the other without a hole between them.
    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Where it was cut off: the end of its last block; `None` if it was ended.
    pub fn cut(&self) -> Option<usize> {
        let end = self.blocks.last().map_or(0, Found::end);
        (!self.ended || end < self.bytes.len()).then_some(end)
    }

    /// Whether it breaks off: it was cut off itself, or what it is made of was.
    pub(super) fn breaks_off(&self) -> bool {
        let end = self.bodies(BlockKind::End).last();
        let end = end.and_then(|end| serde_json::from_slice::<serde_json::Value>(&end).ok());
        self.cut().is_some() || end.is_some_and(|end| end["why"] == CUT)
    }

    /// How many bytes it has, but for the block that says that nothing follows.
    pub fn stored(&self) -> usize {
        let end = self.blocks.last().filter(|_| self.ended);
        end.map_or(self.bytes.len(), |end| end.end() - end.len())
    }

    /// So many of its bytes from there on, if they can be had.
    pub fn bytes(&self, at: usize, len: usize) -> Option<Vec<u8>> {
        self.bytes.range(at, len)
    }

    /// What is damaged, as far as that is known without unpacking everything.
    pub fn damage(&self) -> Option<Damage> {
        let checks = self.bytes.len() <= CHECKED;
        let mut damage = Damage { blocks: 0, of: 0, events: 0, at: Nanos(0) };
        for stretch in &self.stretches {
            let block = stretch.events.and_then(|block| self.blocks.get(block.0));
            let whole = block.is_some_and(|block| !checks || block.is_whole(&*self.bytes));
            damage.of += 1;
            if !whole {
                damage.at = if damage.blocks == 0 { stretch.from } else { damage.at };
                damage.blocks += 1;
                damage.events += (stretch.last.0 - stretch.first.0).saturating_add(1);
            }
        }
        (damage.blocks > 0).then_some(damage)
    }

    /// How many blocks of a kind there are, damaged ones too.
    pub fn count(&self, kind: BlockKind) -> usize {
        self.blocks.iter().filter(|block| block.kind == kind).count()
    }

    /// What is in the sound blocks of a kind.
    pub fn bodies(&self, kind: BlockKind) -> impl Iterator<Item = Vec<u8>> {
        let blocks = self.blocks.iter().filter(move |block| block.kind == kind);
        blocks.filter_map(|block| block.body(&*self.bytes))
    }

    /// The events of a block, if it is sound.
    pub(super) fn events(&self, block: BlockId) -> Option<Vec<Event>> {
        let block = self.blocks.get(block.0)?;
        block.events(&block.body(&*self.bytes)?)
    }

    /// The world of a block, if it is sound.
    pub(super) fn world(&self, block: BlockId) -> Option<World> {
        let block = self.blocks.get(block.0)?;
        block.world(&block.body(&*self.bytes)?)
    }
}

/// The head: what is under a checksum, or if that is not to be had the first line.
fn head(
    line: Result<RecordingHead, ReadError>,
    blocks: &[Found],
    bytes: &dyn Backing,
) -> Result<RecordingHead, ReadError> {
    let mut again = blocks.iter().filter(|block| block.kind == BlockKind::Head);
    let again = again.find_map(|block| block.body(bytes));
    again.map_or(line, |line| RecordingHead::parse(&line))
}

/// The blocks without those whose checksum is wrong of the heads, and of events that do not fit their
/// neighbours: what they say would displace the others.
fn without_false_heads(blocks: Vec<Found>, bytes: &dyn Backing) -> Vec<Found> {
    let events = || blocks.iter().enumerate().filter(|(_, block)| block.kind == BlockKind::Events);
    let mut doubtful: Vec<usize> = events().next().into_iter().map(|(n, _)| n).collect();
    doubtful.extend(events().next_back().map(|(n, _)| n));
    for ((n, one), (m, next)) in events().zip(events().skip(1)) {
        if next.first != one.last().next() || next.from < one.until {
            doubtful.extend([n, m]);
        }
    }
    // The head says where it begins.
    let heads = blocks.iter().enumerate().filter(|(_, block)| block.kind == BlockKind::Head);
    doubtful.extend(heads.map(|(n, _)| n));
    doubtful.sort_unstable();
    doubtful.dedup();
    doubtful.retain(|n| !blocks[*n].is_whole(bytes));
    let mut n = 0..;
    blocks
        .into_iter()
        .filter(|_| n.next().is_some_and(|n| doubtful.binary_search(&n).is_err()))
        .collect()
}

/// The blocks of events in the order of their events, with a stretch of lost ones where some are
/// missing. Whatever overlaps, or goes back in time, is not taken.
fn stretches(blocks: &[Found], worlds: bool) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let first = |kind| blocks.iter().find(|block| block.kind == kind);
    // The head says which event it begins after.
    let begins = first(BlockKind::Head).map(|block| block.first.next());
    let begins = begins.or(first(BlockKind::Events).map(|block| block.first));
    let mut next = begins.unwrap_or(Seq(1));
    let (mut t, mut world) = (Nanos(0), None);
    for (n, block) in blocks.iter().enumerate() {
        match block.kind {
            BlockKind::Key if worlds => world = Some((block.first, BlockId(n))),
            BlockKind::Events if block.first >= next && block.from >= t => {
                if block.first > next {
                    let last = block.first.back();
                    let (from, until) = (t, block.from);
                    let lost =
                        Stretch { first: next, last, from, until, events: None, world: None };
                    stretches.push(lost);
                }
                let before = block.first.back();
                let world = world.filter(|(at, _)| *at == before).map(|(_, id)| id);
                let (first, last) = (block.first, block.last());
                let (from, until) = (block.from, block.until);
                let events = Some(BlockId(n));
                stretches.push(Stretch { first, last, from, until, events, world });
                (next, t) = (last.next(), until);
            }
            _ => {}
        }
    }
    stretches
}
