//! The bell between producers and consumer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::engine::doorbell::Doorbell;

#[test]
fn bell_rings_once_for_each_arming() {
    let rung = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&rung);
    let bell = Doorbell::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    bell.pushed();
    assert_eq!(rung.load(Ordering::SeqCst), 0);
    bell.arm();
    bell.pushed();
    bell.pushed();
    assert_eq!(rung.load(Ordering::SeqCst), 1);
    bell.arm();
    bell.disarm();
    bell.pushed();
    assert_eq!(rung.load(Ordering::SeqCst), 1);
}
