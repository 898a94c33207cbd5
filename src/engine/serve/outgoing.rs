//! The queue of a connection.

use super::QUEUE_CAP;

/// Bytes on their way to a client.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
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
}
