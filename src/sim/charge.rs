//! What AF_UNIX messages are charged to their sender (`skb->truesize`).

use std::collections::BTreeMap;

/// Charges that were learnt from the kernel, by kind of socket and size of the message.
#[derive(Clone, Debug, Default)]
pub(super) struct Charges(BTreeMap<(bool, u64), u64>);

/// What is charged for a message beside its bytes, where nothing was learnt.
const OVERHEAD: u64 = 768;

impl Charges {
    pub(super) fn learn(&mut self, datagram: bool, bytes: u64, charge: u64) {
        self.0.insert((datagram, bytes), charge);
    }

    pub(super) fn knows(&self, datagram: bool, bytes: u64) -> bool {
        self.0.contains_key(&(datagram, bytes))
    }

    pub(super) fn of(&self, datagram: bool, bytes: u64) -> u64 {
        self.0.get(&(datagram, bytes)).copied().unwrap_or(bytes + OVERHEAD)
    }
}
