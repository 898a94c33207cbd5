//! Goroutines: who runs, who can, who is parked on what (runtime/netpoll.go, runtime/proc.go).

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::event::{FileId, GoChange, GoId, GoWait, LaneId, Mask, Nanos, Seq, WatchKey};

/// What a goroutine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GoState {
    /// It stands in the run queue.
    Runnable(GoReason),
    /// That thread runs it.
    Runs(LaneId),
    /// Its stack waits for that, and no thread does.
    Parked(GoWait),
}

/// Why a goroutine can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GoReason {
    /// It is new.
    New,
    /// The netpoller was told that of its file; empty: another goroutine made it so.
    Ready(Mask),
    /// It let the others run.
    Yielded,
}

/// A goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goroutine {
    /// Which.
    pub id: GoId,
    /// The file that it serves; `None` if its making was not seen.
    pub key: Option<WatchKey>,
    /// What it is doing.
    pub state: GoState,
    /// Since when.
    pub since: (Seq, Nanos),
    /// For what it was parked last.
    pub parked_on: Option<GoWait>,
    /// How often it was parked.
    pub parks: u64,
}

/// What `rg` or `wg` of a file is (runtime/netpoll.go: `pollDesc`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GoSlot {
    /// Nothing.
    #[default]
    Nil,
    /// It came before anybody waited for it: the next who wants to wait takes that note.
    Ready,
    /// That goroutine waits.
    Wait(GoId),
}

/// All goroutines of the server, with their run queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netpoll {
    gos: BTreeMap<GoId, Goroutine>,
    queue: VecDeque<GoId>,
    /// Those that serve each file.
    files: FxHashMap<FileId, Vec<GoId>>,
    /// What each thread runs.
    running: BTreeMap<LaneId, GoId>,
    /// What has come for a file before anybody waited: to read, to write.
    notes: FxHashMap<FileId, [bool; 2]>,
    /// The goroutine that the last event is about.
    pub delta: Option<GoId>,
    /// Something of them was lost.
    pub unsure: bool,
}

/// The place of a note.
fn side(on: GoWait) -> Option<usize> {
    match on {
        GoWait::Read => Some(0),
        GoWait::Write => Some(1),
        GoWait::Queue | GoWait::Room | GoWait::Descriptor => None,
    }
}

impl Netpoll {
    /// The goroutines in the order in which they were made.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Goroutine> + ExactSizeIterator {
        self.gos.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.gos.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.gos.is_empty()
    }

    /// That one.
    pub fn get(&self, id: GoId) -> Option<&Goroutine> {
        self.gos.get(&id)
    }

    /// Those that serve that file.
    pub fn of_file(&self, file: FileId) -> impl Iterator<Item = &Goroutine> {
        let ids = self.files.get(&file).into_iter().flatten();
        let known = ids.filter_map(|id| self.gos.get(id));
        known.filter(move |go| go.key.is_some_and(|key| key.file == file))
    }

    /// The run queue, head first.
    pub fn queue(&self) -> impl ExactSizeIterator<Item = &Goroutine> {
        let known: Vec<_> = self.queue.iter().filter_map(|id| self.gos.get(id)).collect();
        known.into_iter()
    }

    /// Where in the run queue it stands, from 0.
    pub fn place(&self, id: GoId) -> Option<usize> {
        self.queue.iter().position(|other| *other == id)
    }

    /// The goroutine that a thread runs.
    pub fn run_by(&self, lane: LaneId) -> Option<&Goroutine> {
        self.running.get(&lane).and_then(|id| self.gos.get(id))
    }

    /// `rg` or `wg` of that file.
    pub fn slot(&self, file: FileId, on: GoWait) -> GoSlot {
        let parked = self.of_file(file).find(|go| go.state == GoState::Parked(on));
        match (parked, side(on)) {
            (Some(go), _) => GoSlot::Wait(go.id),
            (None, Some(side)) if self.notes.get(&file).is_some_and(|notes| notes[side]) => {
                GoSlot::Ready
            }
            (None, _) => GoSlot::Nil,
        }
    }

    /// Forgets the last event.
    pub(in crate::model) fn clear(&mut self) {
        self.delta = None;
    }

    /// A goroutine came to that.
    pub(in crate::model) fn change(
        &mut self,
        lane: LaneId,
        id: GoId,
        what: GoChange,
        at: (Seq, Nanos),
    ) {
        self.delta = Some(id);
        self.leaves_queue(id);
        self.running.retain(|_, other| *other != id);
        if what == GoChange::End {
            self.remove(id);
            return;
        }
        let new = GoState::Runnable(GoReason::New);
        let go = self.gos.entry(id).or_insert(Goroutine {
            id,
            key: None,
            state: new,
            since: at,
            parked_on: None,
            parks: 0,
        });
        go.since = at;
        go.state = match what {
            GoChange::Spawn { fd, file } => {
                go.key = Some(WatchKey { fd, file });
                new
            }
            GoChange::Run => GoState::Runs(lane),
            GoChange::Park { on } => {
                go.parked_on = Some(on);
                go.parks += 1;
                GoState::Parked(on)
            }
            GoChange::Ready { mask } => GoState::Runnable(GoReason::Ready(mask)),
            GoChange::Yield | GoChange::End => GoState::Runnable(GoReason::Yielded),
        };
        let (state, file) = (go.state, go.key.map(|key| key.file));
        match (state, file) {
            (GoState::Runnable(_), _) => self.queue.push_back(id),
            // Who parks has found no note.
            (GoState::Parked(on), Some(file)) => self.note(file, on, false),
            // A thread runs one at a time: what became of another that it ran was lost.
            (GoState::Runs(lane), _) => {
                if let Some(lost) = self.running.insert(lane, id) {
                    self.remove(lost);
                }
            }
            (GoState::Parked(_), None) => {}
        }
        if let (GoChange::Spawn { .. }, Some(file)) = (what, file) {
            let own = self.files.entry(file).or_default();
            if !own.contains(&id) {
                own.push(id);
            }
        }
    }

    /// Most leave it at its head.
    fn leaves_queue(&mut self, id: GoId) {
        if self.queue.front() == Some(&id) {
            self.queue.pop_front();
        } else if self.gos.get(&id).is_some_and(|go| matches!(go.state, GoState::Runnable(_))) {
            self.queue.retain(|other| *other != id);
        }
    }

    fn remove(&mut self, id: GoId) {
        let Some(key) = self.gos.remove(&id).and_then(|go| go.key) else { return };
        if let Some(own) = self.files.get_mut(&key.file) {
            own.retain(|other| *other != id);
            if own.is_empty() {
                self.files.remove(&key.file);
            }
        }
    }

    /// `epoll_wait` told of a file: what nobody waits for is noted (`netpollready`).
    pub(in crate::model) fn told(&mut self, file: FileId, mask: Mask) {
        let failed = mask.any(Mask::HUP | Mask::ERR);
        if !self.files.contains_key(&file) {
            return;
        }
        let sides = [(GoWait::Read, Mask::IN | Mask::RDHUP), (GoWait::Write, Mask::OUT)];
        for (on, bits) in sides {
            if (failed || mask.any(bits)) && !matches!(self.slot(file, on), GoSlot::Wait(_)) {
                self.note(file, on, true);
            }
        }
    }

    /// A call on that file said EAGAIN: the note is taken.
    pub(in crate::model) fn again(&mut self, file: FileId, on: GoWait) {
        self.note(file, on, false);
    }

    /// The file is closed.
    pub(in crate::model) fn closed(&mut self, file: FileId) {
        self.notes.remove(&file);
    }

    fn note(&mut self, file: FileId, on: GoWait, ready: bool) {
        if let Some(side) = side(on) {
            self.notes.entry(file).or_default()[side] = ready;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fd;

    const FILE: FileId = FileId(3);

    fn go(netpoll: &mut Netpoll, id: u32, what: GoChange) {
        netpoll.change(LaneId(1), GoId(id), what, (Seq(1), Nanos(1)));
    }

    fn spawn() -> GoChange {
        GoChange::Spawn { fd: Fd(9), file: FILE }
    }

    fn state(netpoll: &Netpoll, id: u32) -> Option<GoState> {
        netpoll.get(GoId(id)).map(|go| go.state)
    }

    #[test]
    fn a_goroutine_parks_and_comes_back_at_the_tail() {
        let mut all = Netpoll::default();
        go(&mut all, 7, spawn());
        go(&mut all, 8, GoChange::Spawn { fd: Fd(12), file: FileId(4) });
        go(&mut all, 7, GoChange::Run);
        assert_eq!(state(&all, 7), Some(GoState::Runs(LaneId(1))));
        assert_eq!(all.run_by(LaneId(1)).map(|go| go.id), Some(GoId(7)));
        go(&mut all, 7, GoChange::Park { on: GoWait::Read });
        assert_eq!(all.slot(FILE, GoWait::Read), GoSlot::Wait(GoId(7)));
        assert_eq!(all.slot(FILE, GoWait::Write), GoSlot::Nil);
        all.told(FILE, Mask::IN | Mask::OUT);
        assert_eq!(all.slot(FILE, GoWait::Write), GoSlot::Ready, "nobody waits for room");
        go(&mut all, 7, GoChange::Ready { mask: Mask::IN | Mask::OUT });
        assert_eq!(all.slot(FILE, GoWait::Read), GoSlot::Nil);
        let queue: Vec<_> = all.queue().map(|go| go.id.0).collect();
        assert_eq!(queue, [8, 7]);
        go(&mut all, 7, GoChange::End);
        assert_eq!((all.len(), all.place(GoId(8))), (1, Some(0)));
    }

    #[test]
    fn a_note_is_taken_by_the_next_that_finds_nothing() {
        let mut all = Netpoll::default();
        go(&mut all, 7, spawn());
        go(&mut all, 7, GoChange::Run);
        all.told(FILE, Mask::RDHUP);
        assert_eq!(all.slot(FILE, GoWait::Read), GoSlot::Ready);
        all.again(FILE, GoWait::Read);
        assert_eq!(all.slot(FILE, GoWait::Read), GoSlot::Nil);
        all.told(FILE, Mask::HUP);
        let both = [GoWait::Read, GoWait::Write].map(|on| all.slot(FILE, on));
        assert_eq!(both, [GoSlot::Ready; 2]);
        all.closed(FILE);
        assert_eq!(all.slot(FILE, GoWait::Read), GoSlot::Nil);
    }

    #[test]
    fn a_thread_runs_one_at_a_time() {
        let mut all = Netpoll::default();
        go(&mut all, 7, spawn());
        go(&mut all, 8, spawn());
        go(&mut all, 7, GoChange::Run);
        // What became of it was lost.
        go(&mut all, 8, GoChange::Run);
        assert_eq!((state(&all, 7), all.len()), (None, 1));
    }
}
