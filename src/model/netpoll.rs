//! Goroutines in the picture: what calls and their scheduler tell of them.

use crate::event::{
    Errno, FileId, GoChange, GoId, GoWait, LaneId, Output, Syscall, SyscallRecord, WatchKey,
};

use super::poller::{GoState, Goroutine, Netpoll};
use super::world::World;

impl World {
    /// The goroutines, while the server waits by them.
    pub fn netpoll(&self) -> Option<&Netpoll> {
        self.pollers.netpoll()
    }

    /// A goroutine that is parked to read from a connection whose peer has sent its end, or that
    /// waits to be asked to read it again: nobody will wake it.
    pub fn leaked(&self, file: FileId) -> Option<&Goroutine> {
        let open = self.files.get(&file)?;
        let parked = |go: &&Goroutine| go.state == GoState::Parked(GoWait::Room);
        let ended = open.ended() || open.end_read;
        self.netpoll()?.of_file(file).find(parked).filter(|_| ended && open.queued == 0)
    }

    pub(super) fn goroutine_changed(&mut self, lane: LaneId, id: GoId, what: GoChange) {
        let at = (self.seq, self.t);
        if let Some(netpoll) = self.pollers.netpoll_mut() {
            netpoll.change(lane, id, what, at);
        }
    }

    /// What a call means for those who wait.
    pub(super) fn netpoll_returned(&mut self, lane: LaneId, record: &SyscallRecord) {
        if self.netpoll().is_none() {
            return;
        }
        if let Syscall::Read { fd, .. } = record.call
            && record.ret.value() == Some(0)
            && let Some(file) = self.file_at_mut(fd)
        {
            file.end_read = true;
        }
        let (on, fd) = match record.call {
            Syscall::EpollWait { .. } => {
                self.netpoll_told(lane, record);
                return;
            }
            Syscall::Read { fd, .. } | Syscall::Accept { fd } => (GoWait::Read, fd),
            Syscall::Send { fd, .. } => (GoWait::Write, fd),
            _ => return,
        };
        let file = self.fds.get(&fd).copied().filter(|_| record.ret.is(Errno::EAGAIN));
        if let (Some(file), Some(netpoll)) = (file, self.pollers.netpoll_mut()) {
            netpoll.again(file, on);
        }
    }

    /// What was reported is handed over at once: the thread has no batch to work through.
    fn netpoll_told(&mut self, lane: LaneId, record: &SyscallRecord) {
        if let Some(lane) = self.lane_mut(lane) {
            lane.batch.clear();
        }
        let Output::Events { events, .. } = &record.output else { return };
        let Some(netpoll) = self.pollers.netpoll_mut() else { return };
        for event in events {
            netpoll.told(event.file, event.mask);
        }
    }

    /// The key of what a goroutine serves.
    pub(crate) fn goroutine_key(&self, id: GoId) -> Option<WatchKey> {
        self.netpoll()?.get(id)?.key
    }
}
