//! The doorbell: a consumer that arms it, looks once more and sleeps is not left asleep over an
//! item, and is rung once.

use std::sync::Arc;

use crate::engine::doorbell::Doorbell;
use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, lock, wait};

/// The items as the rings have them: published by a store, seen by a load. And the sleeper.
struct Rig {
    bell: Doorbell,
    pushed: [AtomicUsize; 2],
    rung: Arc<(Mutex<usize>, Condvar)>,
}

fn rig() -> Arc<Rig> {
    let rung = Arc::new((Mutex::new(0), Condvar::new()));
    let ring = Arc::clone(&rung);
    let bell = Doorbell::new(move || {
        *lock(&ring.0) += 1;
        ring.1.notify_all();
    });
    Arc::new(Rig { bell, pushed: [AtomicUsize::new(0), AtomicUsize::new(0)], rung })
}

impl Rig {
    fn produce(&self, ring: usize, items: usize) {
        for item in 1..=items {
            self.pushed[ring].store(item, Ordering::Release);
            self.bell.pushed();
        }
    }

    fn seen(&self) -> usize {
        self.pushed.iter().map(|ring| ring.load(Ordering::Acquire)).sum()
    }

    /// Consumes until that many items have been seen, sleeping whenever there is nothing new.
    fn consume(&self, items: usize) {
        let (mut seen, mut slept) = (0, 0);
        for armed in 1.. {
            self.bell.arm();
            let now = self.seen();
            if now == items {
                self.bell.disarm();
            } else if now == seen {
                let mut rings = lock(&self.rung.0);
                while *rings == slept {
                    rings = wait(&self.rung.1, rings);
                }
                slept = *rings;
            }
            assert!(*lock(&self.rung.0) <= armed, "rung twice for one arming");
            if now == items {
                return;
            }
            seen = now;
        }
    }
}

fn check(producers: usize, items: usize, preemptions: Option<usize>) {
    crate::check(preemptions, move || {
        let rig = rig();
        let threads: Vec<_> = (0..producers)
            .map(|ring| {
                let own = Arc::clone(&rig);
                loom::thread::spawn(move || own.produce(ring, items))
            })
            .collect();
        rig.consume(producers * items);
        for thread in threads {
            thread.join().expect("a producer");
        }
    });
}

#[test]
fn consumer_is_not_left_asleep_over_an_item() {
    check(1, 2, Some(4));
}

#[test]
#[ignore = "takes some seconds"]
fn consumer_is_not_left_asleep_over_an_item_in_any_order() {
    check(1, 2, None);
}

#[test]
fn consumer_of_two_producers_is_not_left_asleep_and_rung_once_an_arming() {
    check(2, 1, Some(3));
}

#[test]
fn an_arming_is_worth_one_ring() {
    crate::check(None, || {
        let rig = rig();
        rig.bell.arm();
        let threads: Vec<_> = (0..2)
            .map(|ring| {
                let own = Arc::clone(&rig);
                loom::thread::spawn(move || own.produce(ring, 2))
            })
            .collect();
        for thread in threads {
            thread.join().expect("a producer");
        }
        assert_eq!(*lock(&rig.rung.0), 1);
    });
}
