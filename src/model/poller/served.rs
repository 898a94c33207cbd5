//! Which thread serves which file, where each client has a thread of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{LaneId, WatchKey};

/// The files with the threads that serve them: no list of the kernel holds both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    files: BTreeMap<WatchKey, Vec<LaneId>>,
}

impl Served {
    /// The files in the order of their numbers, each with its threads.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = (WatchKey, &[LaneId])> + ExactSizeIterator {
        self.files.iter().map(|(key, lanes)| (*key, &**lanes))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether a thread serves that file, or did last.
    pub fn has(&self, key: WatchKey) -> bool {
        self.files.contains_key(&key)
    }

    /// The threads that serve that file.
    pub fn by(&self, key: WatchKey) -> &[LaneId] {
        self.files.get(&key).map_or(&[], |lanes| lanes)
    }

    /// The file that a thread serves.
    pub fn of(&self, lane: LaneId) -> Option<WatchKey> {
        self.files.iter().find(|(_, lanes)| lanes.contains(&lane)).map(|(key, _)| *key)
    }

    /// The thread made a call on that file.
    pub(in crate::model) fn note(&mut self, lane: LaneId, key: WatchKey) {
        let lanes = self.files.entry(key).or_default();
        if !lanes.contains(&lane) {
            lanes.push(lane);
            lanes.sort_unstable();
        }
    }

    /// The thread has ended.
    pub(in crate::model) fn left(&mut self, lane: LaneId) {
        self.files.values_mut().for_each(|lanes| lanes.retain(|other| *other != lane));
    }

    /// The file is closed.
    pub(in crate::model) fn closed(&mut self, key: WatchKey) {
        self.files.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fd, FileId};

    #[test]
    fn a_file_has_its_threads_until_it_is_closed() {
        let key = WatchKey { fd: Fd(9), file: FileId(3) };
        let mut served = Served::default();
        for lane in [LaneId(7), LaneId(2), LaneId(7)] {
            served.note(lane, key);
        }
        assert_eq!(served.by(key), [LaneId(2), LaneId(7)]);
        assert_eq!(served.of(LaneId(7)), Some(key));
        served.left(LaneId(7));
        assert_eq!((served.of(LaneId(7)), served.has(key)), (None, true));
        served.closed(key);
        assert!(served.is_empty());
    }
}
