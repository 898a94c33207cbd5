//! A recording found again in any bytes: pure, and as much of it as there is.

use super::MODEL;
use super::block::{BlockKind, Found, scan};
use super::error::ReadError;
use super::head::{LONGEST, RecordingHead};
use crate::event::{Event, Kind, Nanos, Output, Seq, SyscallRecord};
use crate::journal::{BlockId, Stretch, pack};
use crate::model::World;

/// A recording in memory.
pub struct Recording {
    bytes: Vec<u8>,
    head: RecordingHead,
    blocks: Vec<Found>,
    stretches: Vec<Stretch>,
    /// A block says that nothing follows.
    ended: bool,
}

impl Recording {
    /// Finds the blocks in a file's bytes.
    ///
    /// # Errors
    /// If there is nothing in it that could be shown.
    pub fn read(bytes: Vec<u8>) -> Result<Self, ReadError> {
        let end = bytes.iter().take(LONGEST).position(|byte| *byte == b'\n').unwrap_or(0);
        let line = RecordingHead::parse(&bytes[..end]);
        let blocks = scan(&bytes, if line.is_ok() { end + 1 } else { 0 });
        let blocks = without_false_heads(blocks, &bytes);
        let head = head(line, &blocks, &bytes)?;
        let stretches = stretches(&blocks, head.model == MODEL);
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

    /// The events of a block, if it is sound.
    pub(super) fn events(&self, block: BlockId) -> Option<Vec<Event>> {
        let block = self.blocks.get(block.0)?;
        let body = block.body(&self.bytes)?;
        let count = usize::try_from(block.count).ok().filter(|count| *count <= body.len())?;
        let (mut events, mut t) = (Vec::with_capacity(count), block.from);
        let whole = pack::unpack(&body, block.first, block.from, |event| {
            let sound = event.t >= t && event.t <= block.until && is_timely(&event);
            t = event.t;
            events.push(event);
            sound && events.len() <= count
        });
        let begins = events.first().is_some_and(|event| event.t == block.from);
        let ends = events.last().is_some_and(|event| event.t == block.until);
        (whole && begins && ends && events.len() == count).then_some(events)
    }

    /// The world of a block, if it is sound.
    pub(super) fn world(&self, block: BlockId) -> Option<World> {
        let block = self.blocks.get(block.0)?;
        let body = block.body(&self.bytes)?;
        let (world, rest): (World, _) = postcard::take_from_bytes(&body).ok()?;
        let same = world.seq == block.first && world.t == block.from && rest.is_empty();
        (same && world.is_sound()).then_some(world)
    }
}

/// The head: what is under a checksum, or if that is not to be had the first line.
fn head(
    line: Result<RecordingHead, ReadError>,
    blocks: &[Found],
    bytes: &[u8],
) -> Result<RecordingHead, ReadError> {
    let mut again = blocks.iter().filter(|block| block.kind == BlockKind::Head);
    let again = again.find_map(|block| block.body(bytes));
    again.map_or(line, |line| RecordingHead::parse(&line))
}

/// The blocks without those whose checksum is wrong of the heads, and of events that do not fit their
/// neighbours: what they say would displace the others.
fn without_false_heads(blocks: Vec<Found>, bytes: &[u8]) -> Vec<Found> {
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
