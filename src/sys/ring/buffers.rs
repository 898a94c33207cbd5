//! Buffers that the kernel chooses from when bytes come (io_uring_register_buf_ring(3)).
#![expect(unsafe_code, reason = "the kernel reads the ring and writes the buffers at any time")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

/// The ring must begin on a page.
const PAGE: usize = 65_536;

/// The ring with its buffers, in one piece of memory: first the ring, then, from the next page on,
/// the buffers.
#[derive(Debug)]
pub(super) struct Buffers {
    memory: NonNull<u8>,
    layout: Layout,
    /// Where the buffers begin.
    first: usize,
    /// Bytes of each.
    each: u32,
    tail: u16,
    /// Whose turn each is: ours, or the kernel's.
    ours: Box<[bool]>,
}

impl Buffers {
    /// So many buffers, a power of two up to 32,768, of that many bytes. All are ours. `None` if
    /// there is no memory.
    pub(super) fn new(count: u16, each: u32) -> Option<Self> {
        let entries = size_of::<BufRingEntry>().checked_mul(count.into())?;
        let first = entries.checked_next_multiple_of(PAGE)?;
        let size = usize::try_from(each).ok()?.checked_mul(count.into())?.checked_add(first)?;
        let layout = Layout::from_size_align(size, PAGE).ok()?;
        if !count.is_power_of_two() || each == 0 {
            return None;
        }
        // SAFETY: the size is not 0 (GlobalAlloc::alloc_zeroed).
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let ours = vec![true; count.into()].into();
        Some(Self { memory, layout, first, each, tail: 0, ours })
    }

    /// Where the ring begins.
    pub(super) fn ring_address(&self) -> u64 {
        self.memory.as_ptr().expose_provenance() as u64
    }

    /// How many there are.
    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.ours.len()).unwrap_or(u16::MAX)
    }

    /// Where a buffer begins in the memory, if there is one of that number.
    fn place(&self, number: u16) -> Option<usize> {
        let each = usize::try_from(self.each).ok()?;
        (usize::from(number) < self.ours.len()).then(|| self.first + usize::from(number) * each)
    }

    /// The kernel handed that buffer over.
    pub(super) fn took(&mut self, number: u16) {
        if let Some(ours) = self.ours.get_mut(usize::from(number)) {
            *ours = true;
        }
    }

    /// Its first `len` bytes; none while it is the kernel's.
    pub(super) fn bytes(&self, number: u16, len: usize) -> &[u8] {
        let (Some(place), Some(true)) =
            (self.place(number), self.ours.get(usize::from(number)).copied())
        else {
            return &[];
        };
        let len = len.min(usize::try_from(self.each).unwrap_or(0));
        // SAFETY: a buffer lies inside the memory.
        let start = unsafe { self.memory.as_ptr().add(place) };
        // SAFETY: the bytes were zero at first, so they are initialised; the kernel does not write
        // there until the buffer is given back, for which this must not be borrowed any more.
        unsafe { std::slice::from_raw_parts(start, len) }
    }

    /// Lets the kernel choose that buffer from now on, if it is ours.
    pub(super) fn give(&mut self, number: u16) {
        let Some(place) = self.place(number) else { return };
        let Some(ours) = self.ours.get_mut(usize::from(number)).filter(|ours| **ours) else {
            return;
        };
        *ours = false;
        let slot = usize::from(self.tail) & (self.ours.len() - 1);
        // SAFETY: a buffer lies inside the memory.
        let start = unsafe { self.memory.as_ptr().add(place) };
        let ring = self.memory.cast::<BufRingEntry>();
        // SAFETY: the ring has as many entries as there are buffers.
        let entry = unsafe { ring.as_ptr().add(slot) };
        // SAFETY: an entry is plain numbers, aligned, and the kernel does not read it before the
        // tail has passed it. The last of its words in the first entry is the tail, which these
        // calls do not touch (io_uring_buf_ring_add(3)).
        let entry = unsafe { &mut *entry };
        entry.set_addr(start.expose_provenance() as u64);
        entry.set_len(self.each);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the address is that of the first entry.
        let tail = unsafe { BufRingEntry::tail(ring.as_ptr()) };
        // SAFETY: the tail is an aligned word in that memory, which only we write and the kernel
        // reads (io_uring_buf_ring_advance(3)).
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: it was allocated with that layout; who drops it knows that the kernel is done.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_readable_only_while_it_is_ours() {
        let mut buffers = Buffers::new(4, 16).expect("memory");
        assert_eq!(buffers.bytes(3, 99), [0; 16]);
        buffers.give(3);
        buffers.give(3);
        assert_eq!((buffers.bytes(3, 99), buffers.tail), (&[][..], 1));
        buffers.took(3);
        assert_eq!(buffers.bytes(3, 2), [0; 2]);
        assert_eq!(buffers.bytes(4, 2), [0_u8; 0]);
        buffers.give(4);
        assert_eq!(buffers.tail, 1);
    }
}
