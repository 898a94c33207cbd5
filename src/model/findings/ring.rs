//! What goes wrong with an io_uring: completions without room, no buffers, input that nobody armed
//! again, sockets that an operation holds open.

use crate::event::{ConnState, Cqe, Errno, Event, Fd, FileId, Output, RingOp, Sqe, SyscallRecord};
use crate::event::{Syscall, WatchKey};

use super::ledger::{About, Shown};
use super::{Evidence, FindingKind, Findings, WatchIdentity};
use crate::model::{Rings, World};

/// What is found of a file of a ring.
const OF_FILES: [FindingKind; 3] =
    [FindingKind::NoBuffers, FindingKind::MultishotEnded, FindingKind::RingGhost];

impl Findings {
    /// io_uring_enter(2) returned.
    pub(super) fn ring_entered(&mut self, event: &Event, record: &SyscallRecord, world: &World) {
        let Output::Ring { posted, .. } = &record.output else { return };
        let polls = matches!(record.call, Syscall::UringEnter { wait: 0, .. });
        if polls && record.call.ends_turn() && posted.is_empty() {
            self.empty_return(event, record.call);
        } else if record.call.ends_turn() {
            self.turn(event.lane).empty = 0;
        }
        self.overflows(event, world);
    }

    /// Whether completions find no room.
    pub(super) fn overflows(&mut self, event: &Event, world: &World) {
        let Some(rings) = world.ring() else { return };
        let about = About::all(FindingKind::CqOverflow);
        if !rings.heads.overflow && rings.overflow.is_empty() {
            self.ledger.end(about);
            return;
        }
        let (room, waiting) = (rings.cq_entries, rings.overflow.len() as u64);
        let shown = Shown { fd: rings.fd, lane: None };
        self.ledger.see(about, shown, event, |_| Evidence::CqOverflow { room, waiting });
    }

    /// An operation was written: if it brings input, nothing is wrong with that file's.
    pub(super) fn written(&mut self, sqe: &Sqe, world: &World) {
        if let Some(file) = world.fds.get(&sqe.fd).filter(|_| sqe.op != RingOp::Send) {
            self.end(FindingKind::NoBuffers, *file);
            self.end(FindingKind::MultishotEnded, *file);
        }
    }

    /// A completion was taken.
    pub(super) fn reaped(&mut self, op: RingOp, cqe: &Cqe, event: &Event, world: &World) {
        let Some(rings) = world.ring() else { return };
        self.input_reaped(op, cqe, event, world);
        if let Some((fd, file)) = rings.name(cqe.id).and_then(|(_, fd)| {
            let file = world.fds.get(&fd)?;
            Some((fd, *file))
        }) && cqe.ret.is(Errno::ENOBUFS)
        {
            let key = WatchKey { fd, file };
            let (buffers, held) = (rings.buffers, rings.held.len() as u64);
            let watch = WatchIdentity::of(world, key);
            self.see(FindingKind::NoBuffers, key, event, |_| Evidence::NoBuffers {
                watch,
                buffers,
                held,
            });
        }
        for file in std::mem::take(&mut self.held_open) {
            if rings.of(file).next().is_some() {
                self.held_open.push(file);
            } else {
                self.end(FindingKind::RingGhost, file);
                self.files.remove(&file);
            }
        }
    }

    /// The completion is of a recv: it moved something, or told of the end.
    fn input_reaped(&mut self, op: RingOp, cqe: &Cqe, event: &Event, world: &World) {
        let fd = world.ring().and_then(|rings| rings.name(cqe.id)).map(|(_, fd)| fd);
        let file = fd.and_then(|fd| world.fds.get(&fd).copied());
        let (RingOp::Recv, Some(fd), Some(file)) = (op, fd, file) else { return };
        match cqe.ret.value() {
            Some(0) => self.end_again(WatchKey { fd, file }, op.word(), event, world),
            Some(_) => self.progress(file),
            None => {}
        }
    }

    /// A number was closed that named this file: an operation may hold it.
    pub(super) fn closed_in_flight(&mut self, fd: Fd, file: FileId, event: &Event, world: &World) {
        let Some(flight) = world.ring().and_then(|rings| rings.of(file).next()) else { return };
        let (op, id) = (flight.sqe.op, flight.sqe.id);
        self.held_open.push(file);
        let watch = WatchIdentity { fd, file: None };
        let key = WatchKey { fd, file };
        self.see(FindingKind::RingGhost, key, event, |_| Evidence::HeldOpen { watch, op, id });
    }

    /// The thread goes to wait: the input of every file should be armed.
    pub(super) fn waits_for_completions(&mut self, event: &Event, world: &World) {
        let Some(rings) = world.ring() else { return };
        for file in forgotten(rings, world) {
            let Some(ended) = rings.ended(file) else { continue };
            let Some(fd) = world.files.get(&file).map(|open| open.fd) else { continue };
            let key = WatchKey { fd, file };
            let (op, ret) = (ended.op, ended.ret);
            let watch = WatchIdentity::of(world, key);
            self.end(FindingKind::NoBuffers, file);
            let evidence = |_| Evidence::InputEnded { watch, op, ret };
            self.see(FindingKind::MultishotEnded, key, event, evidence);
        }
    }

    /// The server waits in another way: what a ring did is over.
    pub(super) fn ring_left(&mut self) {
        self.ledger.end(About::all(FindingKind::CqOverflow));
        let files: Vec<FileId> = self.files.keys().copied().collect();
        for (file, kind) in files.iter().flat_map(|file| OF_FILES.map(|kind| (*file, kind))) {
            self.end(kind, file);
        }
        // What spun may not spin in the next way.
        for file in files {
            self.progress(file);
        }
        for file in std::mem::take(&mut self.held_open) {
            self.files.remove(&file);
        }
    }
}

/// Files whose input has ended, for no reason that the server has, and is not armed.
fn forgotten(rings: &Rings, world: &World) -> Vec<FileId> {
    let mut files: Vec<FileId> = rings
        .ended
        .iter()
        .filter(|(file, ended)| {
            let open = world.files.get(file).is_some_and(|open| open.conn == ConnState::Open);
            let meant = match (ended.ret.errno(), ended.ret.value()) {
                (Some(Errno::ENOBUFS), _) => rings.free_buffers() == 0,
                (Some(Errno::ECANCELED | Errno::EINTR), _) | (None, Some(0)) => true,
                (Some(errno), _) => errno.is_out_of_descriptors(),
                _ => false,
            };
            open && !meant
        })
        .map(|(file, _)| *file)
        .collect();
    files.sort_unstable();
    files
}
