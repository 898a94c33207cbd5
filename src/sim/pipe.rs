//! A pipe: a ring of page slots between a reading and a writing end (pipe(7), fs/pipe.c).

use std::collections::VecDeque;

use crate::event::{Errno, Mask, Reason};

use super::Flaw;
use super::wakes::{READABLE, WRITABLE, Wakes, Whom, count};

/// Bytes of a page.
const PAGE: u64 = 4096;

/// A slot of the ring: where its bytes begin in the page, and how many there are.
#[derive(Clone, Copy, Debug)]
struct Slot {
    from: u64,
    len: u64,
}

/// The pipe between two ends.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    /// Most slots of the ring.
    size: usize,
    ring: VecDeque<Slot>,
    reader: bool,
    writer: bool,
    /// Whether it was ever polled (`poll_usage`): from then on a write that fails wakes too.
    polled: bool,
}

impl Pipe {
    /// An empty pipe with room for that many bytes, in whole pages (F_SETPIPE_SZ, fcntl(2)).
    pub(super) fn new(bytes: u32) -> Self {
        let size = usize::try_from(u64::from(bytes) / PAGE).unwrap_or(0).max(1);
        Self { size, ring: VecDeque::new(), reader: true, writer: true, polled: false }
    }

    fn full(&self) -> bool {
        self.ring.len() >= self.size
    }

    /// Bytes in it.
    pub(super) fn unread(&self) -> u64 {
        self.ring.iter().map(|slot| slot.len).sum()
    }

    /// What poll answers (`pipe_poll`): HUP to a reader without a writer, ERR to a writer without a
    /// reader.
    pub(super) fn peek(&self, writes: bool) -> Mask {
        if writes {
            Mask::EMPTY.with(WRITABLE, !self.full()).with(Mask::ERR, !self.reader)
        } else {
            Mask::EMPTY.with(READABLE, !self.ring.is_empty()).with(Mask::HUP, !self.writer)
        }
    }

    /// Poll, which a pipe remembers.
    pub(super) fn poll(&mut self, writes: bool) -> Mask {
        self.polled = true;
        self.peek(writes)
    }

    /// `read(2)` on the reading end: writers are woken when a slot of a full ring comes free.
    pub(super) fn read(&mut self, n: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        let (mut got, mut room) = (0, false);
        while got < n {
            let full = self.full();
            let Some(slot) = self.ring.front_mut() else { break };
            let take = slot.len.min(n - got);
            slot.from += take;
            slot.len -= take;
            got += take;
            if slot.len == 0 {
                room |= full;
                self.ring.pop_front();
            }
        }
        if room || (got > 0 && wakes.flawed(Flaw::PipeReadAlwaysWakes)) {
            wakes.one(Whom::Other, WRITABLE, Reason::Room);
        }
        if got == 0 && n > 0 && self.writer {
            return Err(Errno::EAGAIN);
        }
        Ok(got)
    }

    /// `write(2)` on the writing end: readers are woken when the pipe was empty, and, once it was
    /// polled, by every write, also one that fails.
    pub(super) fn write(&mut self, n: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        if n == 0 {
            return Ok(0);
        }
        let was_empty = self.reader && self.ring.is_empty();
        let done = if self.reader { self.put(n) } else { 0 };
        let silent = done == 0 && wakes.flawed(Flaw::FailedPipeWriteIsSilent);
        let silent = silent || (!was_empty && wakes.flawed(Flaw::PipeWakesOnlyWhenEmpty));
        if (was_empty || self.polled) && !silent {
            wakes.one(Whom::Other, READABLE, Reason::Arrived(count(self.unread())));
        }
        match done {
            0 if self.reader => Err(Errno::EAGAIN),
            0 => Err(Errno::EPIPE),
            done => Ok(done),
        }
    }

    /// Puts bytes into the ring and says how many went in: what is left over after whole pages is
    /// first tried on the last page, where it must fit as a whole.
    fn put(&mut self, n: u64) -> u64 {
        let mut done = 0;
        let odd = n % PAGE;
        if let Some(last) = self.ring.back_mut()
            && odd > 0
            && last.from + last.len + odd <= PAGE
        {
            last.len += odd;
            done = odd;
        }
        while done < n && !self.full() {
            let len = PAGE.min(n - done);
            self.ring.push_back(Slot { from: 0, len });
            done += len;
        }
        done
    }

    /// The last close of an end wakes everybody on both, without a key.
    pub(super) fn release(&mut self, writes: bool, wakes: &mut Wakes) {
        if writes {
            self.writer = false;
        } else {
            self.reader = false;
        }
        if self.reader != self.writer {
            wakes.all(Whom::Other, Reason::PeerClosed);
        }
    }
}
