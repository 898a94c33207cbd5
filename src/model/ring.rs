//! io_uring(7): what is written, submitted, posted and taken, and what that makes of the files.

use crate::event::{
    Admitted, Cqe, Errno, Fd, FileId, FileKind, LaneId, Mask, Output, RingOp, RingRead, Sqe,
    Syscall, SyscallRecord, WatchKey,
};

use super::lane::LaneState;
use super::poller::{Poller, Rings};
use super::world::World;

impl World {
    /// The ring that the server uses, while it waits so.
    pub fn ring(&self) -> Option<&Rings> {
        self.pollers.ring()
    }

    /// A ring was made, of so many SQEs and CQEs: it has nothing in flight.
    pub(super) fn ring_made(&mut self, ring: Fd, entries: (u32, u32)) {
        self.pollers.set_own(Some(Poller::Ring(Box::new(Rings::new(ring, entries)))));
    }

    /// The server waits by that ring. One whose making was lost begins here: what is in flight is
    /// to be told.
    pub(super) fn ring_entered_by(&mut self, ring: Option<Fd>) {
        if let Some(fd) = ring.filter(|_| self.pollers.ring().is_none()) {
            let mut rings = Rings::new(fd, (0, 0));
            rings.check.wants_resync = true;
            self.pollers.set_own(Some(Poller::Ring(Box::new(rings))));
        }
    }

    /// It has so many buffers.
    pub(super) fn ring_buffers(&mut self, buffers: u32) {
        if let Some(rings) = self.pollers.ring_mut() {
            rings.buffers = buffers;
        }
    }

    /// An operation was written.
    pub(super) fn sqe_written(&mut self, ring: Fd, sqe: &Sqe) {
        let at = (self.seq, self.t);
        let file = self.fds.get(&sqe.fd).copied();
        let Some(rings) = self.pollers.ring_mut() else { return };
        rings.fd = Some(ring);
        rings.write(*sqe, file, at);
    }

    /// io_uring_enter(2) returned.
    pub(super) fn ring_entered(&mut self, id: LaneId, record: &SyscallRecord) {
        let Output::Ring { heads, posted, .. } = &record.output else { return };
        let at = (self.seq, self.t);
        if let Some(lane) = self.lane_mut(id) {
            lane.turns += u64::from(matches!(record.call, Syscall::UringEnter { wait: 1.., .. }));
            lane.batch.clear();
        }
        let Some(rings) = self.pollers.ring_mut() else { return };
        rings.enters += 1;
        // A call that was interrupted after it had submitted says how much it submitted.
        let left = heads.sq_tail.wrapping_sub(heads.sq_head);
        let written = u32::try_from(rings.sq.len()).unwrap_or(u32::MAX);
        let emptied = rings.submit(written.saturating_sub(left), at);
        rings.heads = *heads;
        if !heads.overflow {
            rings.overflow.clear();
        }
        let new = rings.post(posted, at);
        self.sockets_emptied(&emptied);
        for cqe in new {
            self.kernel_did(&cqe);
        }
    }

    fn sockets_emptied(&mut self, files: &[FileId]) {
        let seq = self.seq;
        for id in files {
            if let Some(file) = self.files.get_mut(id) {
                file.unread = Some(0);
                file.unread_at = seq;
            }
        }
    }

    /// What the kernel did with a file before it posted that.
    fn kernel_did(&mut self, cqe: &Cqe) {
        let seq = self.seq;
        let Some(flight) = self.ring().and_then(|rings| rings.get(cqe.id)) else { return };
        let (op, fd, file) = (flight.sqe.op, flight.sqe.fd, flight.file);
        let current = file.is_some_and(|file| self.fds.get(&fd) == Some(&file));
        let Some(file) = file.and_then(|file| self.files.get_mut(&file)).filter(|_| current) else {
            return;
        };
        file.unread_at = seq;
        match (op, cqe.ret.count()) {
            // Its bytes stay there, and nobody has counted them.
            (RingOp::Recv, None) if cqe.ret.is(Errno::ENOBUFS) => file.unread = None,
            (RingOp::Recv, Some(0)) => {
                file.state |= Mask::RDHUP;
                file.unread = Some(0);
            }
            (RingOp::Recv, Some(n)) => {
                file.unread = file.unread.map(|unread| unread.saturating_sub(n));
            }
            (RingOp::Accept, Some(_)) => {
                file.unread = file.unread.map(|unread| unread.saturating_sub(1));
            }
            (RingOp::Read, Some(_)) => file.unread = Some(0),
            _ => {}
        }
    }

    /// A completion was taken.
    pub(super) fn reaped(
        &mut self,
        lane: LaneId,
        op: RingOp,
        cqe: &Cqe,
        admitted: Option<&Admitted>,
    ) {
        let at = (self.seq, self.t);
        if let Some(lane) = self.lane_mut(lane) {
            lane.brought(1);
        }
        let Some(rings) = self.pollers.ring_mut() else { return };
        let Some(flight) = rings.reap(cqe, at) else { return };
        let fd = flight.sqe.fd;
        if let Some(file) = flight.file.and_then(|file| self.files.get_mut(&file)) {
            file.served = Some(at);
            file.counts.completed(op, cqe.ret.count().map(u64::from));
            let took = cqe.ret.count().is_some_and(|n| n > 0);
            if matches!(op, RingOp::Recv | RingOp::Read | RingOp::Accept) && took {
                file.read = Some(at.1);
            }
        }
        if let (Some(new), Some(Admitted { file, peer })) = (cqe.ret.fd(), admitted) {
            self.accepted(fd, new, *file, peer);
        }
    }

    /// A buffer was given back.
    pub(super) fn buffer_given(&mut self, buffer: u16) {
        if let Some(rings) = self.pollers.ring_mut() {
            rings.held.remove(&buffer);
        }
    }

    /// fdinfo was read: compared with what was deduced, and then believed.
    pub(super) fn ring_read(&mut self, read: &RingRead) {
        let at = (self.seq, self.t);
        let Some(rings) = self.pollers.ring_mut() else { return };
        if rings.entries == 0 {
            // Its making was lost: this is the first that is known of its queues.
            (rings.entries, rings.cq_entries) = read.entries;
        } else if rings.agrees(read) {
            rings.check.agreed += 1;
            rings.check.doubted = false;
        } else {
            rings.check.diverged += 1;
            // They are asked for once: what differs again is shown, and asking would not end.
            rings.check.wants_resync = !std::mem::replace(&mut rings.check.doubted, true);
            rings.cq.clear();
        }
        rings.heads = read.heads;
        rings.overflow = read.overflow.to_vec();
        let new = rings.post(&read.pending, at);
        for cqe in new {
            self.kernel_did(&cqe);
        }
    }

    /// What is in flight was told.
    pub(super) fn flights_read(&mut self, list: &[(Sqe, Option<FileId>)]) {
        let at = (self.seq, self.t);
        let Some(rings) = self.pollers.ring_mut() else { return };
        rings.read(list, at);
        for (sqe, file) in list {
            let Some(file) = *file else { continue };
            if self.files.contains_key(&file) {
                continue;
            }
            let what = if sqe.op == RingOp::Accept { FileKind::Listener } else { FileKind::Tcp };
            let mut open = super::file::OpenFile::new(file, sqe.fd, what, "?".into(), at.1);
            open.room = None;
            if what == FileKind::Tcp {
                open.peer = Some(crate::event::Peer::Unknown);
            }
            self.open(open);
        }
    }

    /// A thread enters the call, which first submits (`io_submit_sqes`). Whether it sleeps then: it
    /// waits, and nothing is posted.
    pub(super) fn ring_enters(&mut self, call: Syscall) -> bool {
        let at = (self.seq, self.t);
        if let (Syscall::UringEnter { submit, .. }, Some(rings)) = (call, self.pollers.ring_mut()) {
            let emptied = rings.submit(submit, at);
            self.sockets_emptied(&emptied);
        }
        call.may_sleep() && self.ring().is_some_and(|rings| rings.cq.is_empty())
    }

    /// An arrival for an armed operation completes it, and wakes who sleeps in the call.
    pub(super) fn ring_woken(&mut self, key: WatchKey) {
        let t = self.t;
        let Some(rings) = self.pollers.ring_mut() else { return };
        if rings.input(key.file).is_none() {
            return;
        }
        rings.delta.push(key);
        for lane in &mut self.lanes {
            if let LaneState::Asleep(call @ Syscall::UringEnter { .. }) = lane.state {
                lane.becomes(LaneState::Harvesting(call), t);
                lane.since = t;
            }
        }
    }

    /// Those threads were found asleep at some time after `since`: one in the call sleeps there.
    pub(super) fn ring_asleep(&mut self, asleep: &[LaneId], since: crate::event::Nanos) {
        for lane in &mut self.lanes {
            if let LaneState::Harvesting(call @ Syscall::UringEnter { .. }) = lane.state
                && asleep.contains(&lane.id)
                && lane.since <= since
            {
                lane.becomes(LaneState::Asleep(call), since);
            }
        }
    }
}

#[cfg(test)]
mod tests;
