//! What a thread leaves behind when it goes back to wait, of which nobody will be told.

use crate::event::{
    Arm, ConnState, Delivery, Event, Fd, FileId, Kind, LaneId, Mask, Output, Syscall,
    SyscallRecord, Trigger, WatchKey,
};

use super::ledger::{About, Shown};
use super::state::FileState;
use super::{Evidence, FindingKind, Findings};
use crate::model::{InterestEntry, OpenFile, World};

/// Empty returns in a row of `epoll_wait` with timeout 0 that make a spin.
const EMPTY_RETURNS: u32 = 64;
/// What nobody will be told of.
pub(super) const LEFT: [FindingKind; 3] =
    [FindingKind::EdgeStranded, FindingKind::EmfileStranded, FindingKind::OneshotDisarmed];

/// Waiting, and what is left behind by then.
impl Findings {
    pub(super) fn waited(
        &mut self,
        event: &Event,
        record: &SyscallRecord,
        timeout_ms: i32,
        world: &World,
    ) {
        // A call that cannot sleep is not announced by an Enter.
        self.rest(event, world);
        let events: &[Delivery] = match &record.output {
            Output::Events { events, .. } | Output::Scan { ready: events, .. } => events,
            _ => &[],
        };
        // A thread that looks for what has come before it waits for it makes no mistake.
        if timeout_ms == 0 && record.ret.value() == Some(0) && world.netpoll().is_none() {
            self.empty_return(event, record.call);
        } else {
            self.turn(event.lane).empty = 0;
        }
        self.turn(event.lane).returned = event.t;
        // A goroutine that another thread runs may do what this one is told.
        let own = world.netpoll().is_none();
        for delivery in events.iter().filter(|_| own) {
            self.delivered(delivery, event, record, world);
        }
    }

    pub(super) fn empty_return(&mut self, event: &Event, call: Syscall) {
        let turn = self.turn(event.lane);
        turn.empty = turn.empty.saturating_add(1);
        if turn.empty >= EMPTY_RETURNS {
            let about = About::lane(FindingKind::TimeoutZeroSpin, event.lane);
            let shown = Shown { fd: call.fd(), lane: Some(event.lane) };
            let lane = event.lane;
            self.ledger.see(about, shown, event, |n| Evidence::TimeoutZero {
                lane,
                call,
                times: n + 63,
            });
        }
    }

    /// The thread no longer polls with timeout 0.
    pub(super) fn sleeps(&mut self, lane: LaneId) {
        self.turn(lane).empty = 0;
        self.ledger.end(About::lane(FindingKind::TimeoutZeroSpin, lane));
    }

    /// The thread has done with its batch and waits again.
    pub(super) fn rest(&mut self, event: &Event, world: &World) {
        let turn = self.turn(event.lane);
        turn.run = None;
        let mut touched = std::mem::take(&mut turn.touched);
        for file in touched.drain(..) {
            if let Some(state) = self.files.get_mut(&file) {
                state.touched.remove(event.lane);
                state.fresh.remove(event.lane);
                self.check_left(file, event, world);
            }
        }
        // Its room is kept for the next turn.
        self.turn(event.lane).touched = touched;
    }

    pub(super) fn touch(&mut self, lane: LaneId, file: FileId, fd: Fd) -> &mut FileState {
        let known = self.files.get(&file).is_some_and(|state| state.touched.contains(lane));
        if !known {
            self.turn(lane).touched.push(file);
        }
        let state = self.state(file, fd);
        state.touched.insert(lane);
        state
    }

    pub(super) fn recheck(&mut self, fd: Fd, event: &Event, world: &World) {
        if let Some(file) = world.fds.get(&fd) {
            self.check_left(*file, event, world);
        }
    }

    /// Whether something is left in the file of which nobody will be told.
    pub(super) fn check_left(&mut self, file: FileId, event: &Event, world: &World) {
        let Some(state) = self.files.get(&file) else { return };
        // What is read is of one time only at the end of a look.
        if !world.deduces_files() && !matches!(event.kind, Kind::Compared { .. }) {
            return;
        }
        // What is left there is known to the file's goroutine: it has not come to EAGAIN.
        if world.netpoll().is_some() {
            return;
        }
        let key = WatchKey { fd: state.fd, file };
        let found = world.files.get(&file).and_then(|open| {
            let mut entries = world.entries(key);
            entries.find_map(|entry| left(state, entry, open))
        });
        for kind in LEFT.into_iter().filter(|kind| Some(*kind) != found) {
            self.end(kind, file);
        }
        if let Some(kind) = found
            && !self.ledger.is_active(About::file(kind, file))
        {
            self.see(kind, key, event, |_| Evidence::left(world, key));
        }
    }

    pub(super) fn check_ghost(&mut self, file: FileId, world: &World) {
        if let Some(state) = self.files.get(&file)
            && state.may(FindingKind::Ghost)
            && !world.views().any(|view| view.is_ghost(WatchKey { fd: state.fd, file }))
        {
            self.end(FindingKind::Ghost, file);
        }
    }
}

/// What is left behind in a file that no thread has in hand.
fn left(state: &FileState, entry: &InterestEntry, open: &OpenFile) -> Option<FindingKind> {
    if !state.touched.is_empty() {
        return None;
    }
    let unread = open.unread.is_some_and(|n| n > 0);
    let unended = open.ended() && !state.ended;
    if entry.arm() == Arm::Disarmed {
        let waiting = unread || unended || state.woken;
        return waiting.then_some(FindingKind::OneshotDisarmed);
    }
    if entry.trigger() == Trigger::Level
        || entry.listed
        || state.emptied
        || open.conn != ConnState::Open
        || !entry.mask.has(Mask::IN)
        || !(unread || unended)
    {
        return None;
    }
    Some(if state.emfile > 0 { FindingKind::EmfileStranded } else { FindingKind::EdgeStranded })
}
