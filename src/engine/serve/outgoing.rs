//! The queue of a connection.

use super::QUEUE_CAP;

/// Bytes on their way to a client.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    /// How many bytes the kernel has on loan: they come before all others.
    lent: usize,
    /// Memory for the next loan.
    spare: Vec<u8>,
}

impl Outgoing {
    pub(super) fn len(&self) -> usize {
        self.lent + self.bytes.len() - self.sent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length as the events have it.
    pub(super) fn queued(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Where more is to be appended.
    pub(super) fn tail(&mut self) -> &mut Vec<u8> {
        if self.sent > QUEUE_CAP {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        &mut self.bytes
    }

    /// Moves what is queued out, for the kernel to send from until [`Self::give_back`]: it stays
    /// where it is meanwhile, whatever is queued behind it. `None` if nothing is, or while bytes
    /// are on loan.
    pub(super) fn lend(&mut self) -> Option<Vec<u8>> {
        if self.lent > 0 || self.is_empty() {
            return None;
        }
        self.bytes.drain(..self.sent);
        self.sent = 0;
        let lent = std::mem::replace(&mut self.bytes, std::mem::take(&mut self.spare));
        self.lent = lent.len();
        Some(lent)
    }

    /// What was lent comes back, of which the first `sent` bytes are sent: the rest is the first
    /// again.
    pub(super) fn give_back(&mut self, mut lent: Vec<u8>, sent: usize) {
        self.lent = 0;
        let sent = sent.min(lent.len());
        if sent < lent.len() {
            lent.extend_from_slice(&self.bytes);
            (self.bytes, self.sent) = (lent, sent);
        } else {
            lent.clear();
            // Room for one long answer is not kept for ever.
            if lent.capacity() <= QUEUE_CAP {
                self.spare = lent;
            }
        }
    }

    /// The first `count` bytes are sent.
    pub(super) fn consume(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sent_bytes_leave_the_queue() {
        let mut out = Outgoing::default();
        out.tail().extend_from_slice(b"hello");
        out.consume(2);
        assert_eq!((out.bytes(), out.len()), (&b"llo"[..], 3));
        out.consume(9);
        assert!(out.is_empty());
    }

    #[test]
    fn lent_bytes_stay_in_front_until_they_are_sent() {
        let mut out = Outgoing::default();
        assert_eq!(out.lend(), None);
        out.tail().extend_from_slice(b"hello");
        out.consume(1);
        let lent = out.lend().expect("bytes");
        assert_eq!((&*lent, out.lend()), (&b"ello"[..], None));
        out.tail().extend_from_slice(b" world");
        assert_eq!((out.len(), out.is_empty()), (10, false));
        out.give_back(lent, 3);
        assert_eq!((out.bytes(), out.len()), (&b"o world"[..], 7));
        let lent = out.lend().expect("the rest");
        out.give_back(lent, 7);
        assert!(out.is_empty());
    }
}
