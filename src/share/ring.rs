//! One ring for all who watch: each is a place in it, and whoever is too slow loses that.

use std::collections::VecDeque;

/// The last of what was told, up to so many and so many bytes.
#[derive(Debug)]
pub(super) struct Ring<T> {
    items: VecDeque<(T, usize)>,
    /// The number of the first one that is kept.
    first: u64,
    bytes: usize,
    most: (usize, usize),
}

/// What a place is gone for: it is no longer kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

impl<T> Ring<T> {
    /// An empty ring for so many items, and so many bytes.
    pub(super) fn new(items: usize, bytes: usize) -> Self {
        Self { items: VecDeque::new(), first: 0, bytes: 0, most: (items, bytes) }
    }

    /// Adds an item of so many bytes; the oldest ones give way, but never the newest.
    pub(super) fn push(&mut self, item: T, bytes: usize) {
        self.items.push_back((item, bytes));
        self.bytes += bytes;
        while self.items.len() > 1 && (self.items.len() > self.most.0 || self.bytes > self.most.1) {
            let Some((_, bytes)) = self.items.pop_front() else { break };
            self.bytes -= bytes;
            self.first += 1;
        }
    }

    /// Where the next one will be.
    pub(super) fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// The item there; `None` if it is yet to come.
    pub(super) fn get(&self, place: u64) -> Result<Option<&T>, Gone> {
        let at = place.checked_sub(self.first).ok_or(Gone)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        Ok(self.items.get(at).map(|(item, _)| item))
    }

    /// The last item of which that holds, and its place.
    pub(super) fn last_where(&self, holds: impl Fn(&T) -> bool) -> Option<u64> {
        let at = self.items.iter().rposition(|(item, _)| holds(item))?;
        Some(self.first + at as u64)
    }

    /// Bytes of what comes behind that place.
    pub(super) fn bytes_after(&self, place: u64) -> usize {
        let at = usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.items.iter().skip(at.saturating_add(1)).map(|(_, bytes)| bytes).sum()
    }

    /// Forgets what is before that place.
    pub(super) fn forget(&mut self, place: u64) {
        while self.first < place
            && let Some((_, bytes)) = self.items.pop_front()
        {
            self.bytes -= bytes;
            self.first += 1;
        }
    }

    /// Forgets all; places stay what they are.
    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.items.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_does_not_keep_up_loses_its_place() {
        let mut ring = Ring::new(3, 100);
        assert_eq!((ring.end(), ring.get(0)), (0, Ok(None)));
        for item in 0..5 {
            ring.push(item, 10);
        }
        assert_eq!(
            (ring.get(1), ring.get(2), ring.get(4)),
            (Err(Gone), Ok(Some(&2)), Ok(Some(&4)))
        );
        assert_eq!((ring.get(5), ring.end()), (Ok(None), 5));
        assert_eq!(ring.last_where(|item| *item < 4), Some(3));
        assert_eq!((ring.bytes_after(3), ring.bytes_after(4)), (10, 0));
        ring.push(5, 95);
        assert_eq!((ring.get(4), ring.get(5)), (Err(Gone), Ok(Some(&5))));
        ring.push(6, 1000);
        assert_eq!((ring.get(5), ring.get(6)), (Err(Gone), Ok(Some(&6))));
        ring.push(7, 10);
        ring.forget(7);
        assert_eq!((ring.get(6), ring.get(7), ring.end()), (Err(Gone), Ok(Some(&7)), 8));
        ring.clear();
        assert_eq!((ring.get(7), ring.get(8)), (Err(Gone), Ok(None)));
    }
}
