//! What a wait brought: each event is turned to, and believed only if its file is still there.

use std::sync::Arc;

use super::Loop;
use crate::engine::table::Watched;
use crate::engine::worker::Worker;
use crate::event::{Delivery, Mask, Mistake};

/// Turns to an event; its file, if that has not been closed meanwhile.
pub(super) fn take<const OBSERVED: bool, L: Loop>(
    worker: &mut Worker<'_, OBSERVED, L>,
    delivery: Delivery,
) -> Option<Arc<Watched>> {
    if OBSERVED {
        worker.door.lane().handle(delivery.fd, delivery.file);
    }
    let watched = worker.shared.table.get(delivery.file);
    if watched.is_none() {
        stale(worker, delivery);
    }
    watched
}

/// The file of the event has been closed by an earlier event of the batch, or by another thread.
/// The number may be somebody else's by now.
fn stale<const OBSERVED: bool, L: Loop>(worker: &mut Worker<'_, OBSERVED, L>, delivery: Delivery) {
    let Delivery { file, fd, mask } = delivery;
    let believed = worker.mistake(Mistake::TrustBatch);
    if OBSERVED {
        worker.door.lane().stale(fd, file, believed);
    }
    if !believed {
        return;
    }
    match worker.shared.table.at(fd).filter(|w| w.is_stream()) {
        Some(other) if mask.any(Mask::ERR | Mask::HUP) => worker.close(&other),
        Some(other) => worker.handle(&other, mask),
        None => {}
    }
}
