//! What a server has in an io_uring: operations in flight, the two queues, the buffers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::event::{Cqe, Fd, FileId, Nanos, Ret, RingHeads, RingOp, RingRead, Seq, Sqe, WatchKey};

/// How many operations that are over are remembered by their number.
const PAST: usize = 4096;

/// An operation that was written and is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// As it was written.
    pub sqe: Sqe,
    /// The file that it is about.
    pub file: Option<FileId>,
    /// When it was written.
    pub written: (Seq, Nanos),
    /// When it was submitted.
    pub submitted: Option<(Seq, Nanos)>,
    /// How many of its completions were taken.
    pub done: u64,
    /// How many of them are posted and not taken.
    pub posted: u32,
}

impl Flight {
    /// The file and its number, if it is about one that is known.
    pub fn key(&self) -> Option<WatchKey> {
        self.file.map(|file| WatchKey { fd: self.sqe.fd, file })
    }
}

/// A completion in the CQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedCqe {
    /// As it stands there.
    pub cqe: Cqe,
    /// When it was first seen there.
    pub at: (Seq, Nanos),
}

/// How the last operation that brought input ended for a file that has none in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedInput {
    /// When its last completion was taken.
    pub at: (Seq, Nanos),
    /// Which operation it was.
    pub op: RingOp,
    /// Its last result.
    pub ret: Ret,
}

/// How well what is deduced agrees with the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingCheck {
    /// Looks at fdinfo that agreed.
    pub agreed: u64,
    /// Looks that did not.
    pub diverged: u64,
    /// Something was lost: the operations in flight are to be told once more.
    pub wants_resync: bool,
    /// The last look did not agree.
    pub doubted: bool,
}

/// A ring as its server uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rings {
    /// Its number.
    pub fd: Option<Fd>,
    /// SQEs that there is room for.
    pub entries: u32,
    /// CQEs that there is room for.
    pub cq_entries: u32,
    /// Buffers that the kernel chooses from.
    pub buffers: u32,
    /// The operations in flight by their `user_data`.
    pub(in crate::model) flights: BTreeMap<u64, Flight>,
    /// What each file has in flight, cancels left out.
    pub(in crate::model) of_file: FxHashMap<FileId, Vec<u64>>,
    /// Written and not submitted, oldest first.
    pub sq: VecDeque<u64>,
    /// Posted and not taken, oldest first.
    pub cq: VecDeque<PostedCqe>,
    /// Completions that found no room, as fdinfo had them.
    pub overflow: Vec<Cqe>,
    /// Where the queues were when that was last told.
    pub heads: RingHeads,
    /// Buffers that were taken with a completion and not given back.
    pub held: BTreeSet<u16>,
    /// Files whose input is not armed any more, and why.
    pub(in crate::model) ended: FxHashMap<FileId, EndedInput>,
    /// Operations that are over, newest last.
    past: VecDeque<(u64, RingOp, Fd)>,
    /// How well that agrees with the kernel.
    pub check: RingCheck,
    /// Completions that were taken.
    pub completions: u64,
    /// Calls of io_uring_enter(2).
    pub enters: u64,
    /// What the last event changed.
    pub delta: Vec<WatchKey>,
}

impl Rings {
    /// A ring of that number with room for so many SQEs and CQEs, and nothing in flight. If none
    /// are asked for, there is room for twice as many CQEs (io_uring_setup(2)).
    pub(in crate::model) fn new(ring: Fd, (entries, completions): (u32, u32)) -> Self {
        let cq_entries = if completions == 0 { entries.saturating_mul(2) } else { completions };
        Self { fd: Some(ring), entries, cq_entries, ..Self::default() }
    }

    /// The operations in flight, oldest first, cancels left out.
    pub fn flights(&self) -> impl DoubleEndedIterator<Item = &Flight> {
        self.flights.values().filter(|flight| flight.sqe.op != RingOp::Cancel)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.flights().count()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.flights().next().is_none()
    }

    /// The operation of that `user_data`, if it is in flight.
    pub fn get(&self, id: u64) -> Option<&Flight> {
        self.flights.get(&id)
    }

    /// What that file has in flight, oldest first.
    pub fn of(&self, file: FileId) -> impl DoubleEndedIterator<Item = &Flight> {
        let ids = self.of_file.get(&file).into_iter().flatten();
        ids.filter_map(|id| self.flights.get(id))
    }

    /// What brings that file's input, if it is armed.
    pub fn input(&self, file: FileId) -> Option<&Flight> {
        self.of(file).find(|flight| flight.sqe.op != RingOp::Send)
    }

    /// How that file's input ended, if it is not armed.
    pub fn ended(&self, file: FileId) -> Option<EndedInput> {
        self.ended.get(&file).copied()
    }

    /// The first completion of that file in the CQ: its place from 0, and it.
    pub fn posted(&self, file: FileId) -> Option<(usize, &PostedCqe)> {
        let is_its = |one: &PostedCqe| {
            self.flights.get(&one.cqe.id).is_some_and(|flight| flight.file == Some(file))
        };
        self.cq.iter().enumerate().find(|(_, one)| is_its(one))
    }

    /// What the operation of that `user_data` does or did, and with which number.
    pub fn name(&self, id: u64) -> Option<(RingOp, Fd)> {
        let flying = self.flights.get(&id).map(|flight| (flight.sqe.op, flight.sqe.fd));
        flying.or_else(|| {
            self.past.iter().rev().find(|(past, ..)| *past == id).map(|(_, op, fd)| (*op, *fd))
        })
    }

    /// Buffers that the kernel may choose: neither in a completion nor in the server's hands.
    pub fn free_buffers(&self) -> u32 {
        let posted = self.cq.iter().filter(|one| one.cqe.buffer.is_some()).count();
        let taken = u32::try_from(posted + self.held.len()).unwrap_or(u32::MAX);
        self.buffers.saturating_sub(taken)
    }

    /// Files that have something in flight, in the order of their numbers.
    pub(in crate::model) fn files(&self) -> Vec<WatchKey> {
        let mut keys: Vec<_> = self.flights().filter_map(Flight::key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// An operation was written.
    pub(in crate::model) fn write(&mut self, sqe: Sqe, file: Option<FileId>, at: (Seq, Nanos)) {
        let flight = Flight { sqe, file, written: at, submitted: None, done: 0, posted: 0 };
        self.delta.extend(flight.key());
        self.flights.insert(sqe.id, flight);
        self.sq.push_back(sqe.id);
        if let Some(file) = file.filter(|_| sqe.op != RingOp::Cancel) {
            self.of_file.entry(file).or_default().push(sqe.id);
            if sqe.op != RingOp::Send {
                self.ended.remove(&file);
            }
        }
    }

    /// The kernel took so many of those that were written. The files of recvs that go on: their
    /// sockets are read until they are empty, or no buffer is left (io_uring/net.c: `io_recv`).
    pub(in crate::model) fn submit(&mut self, count: u32, at: (Seq, Nanos)) -> Vec<FileId> {
        let mut emptied = Vec::new();
        for _ in 0..count {
            let Some(id) = self.sq.pop_front() else { break };
            if let Some(flight) = self.flights.get_mut(&id) {
                flight.submitted = Some(at);
                self.delta.extend(flight.key());
                if flight.sqe.op == RingOp::Recv && flight.sqe.multi {
                    emptied.extend(flight.file);
                }
            }
        }
        emptied
    }

    /// Those are posted and not taken; which of them are new.
    pub(in crate::model) fn post(&mut self, posted: &[Cqe], at: (Seq, Nanos)) -> Vec<Cqe> {
        let known = self.cq.len().min(posted.len());
        let new = posted[known..].to_vec();
        for cqe in &new {
            if let Some(flight) = self.flights.get_mut(&cqe.id) {
                flight.posted += 1;
                self.delta.extend(flight.key());
            }
            self.cq.push_back(PostedCqe { cqe: *cqe, at });
        }
        new
    }

    /// The oldest completion was taken; the operation as it was, if it was known.
    pub(in crate::model) fn reap(&mut self, cqe: &Cqe, at: (Seq, Nanos)) -> Option<Flight> {
        let first = self.cq.iter().position(|one| one.cqe.id == cqe.id);
        // Those before it were taken without a word: some observations were lost.
        if let Some(first) = first {
            self.cq.drain(..=first);
        }
        self.completions += 1;
        self.held.extend(cqe.buffer);
        let flight = self.flights.get_mut(&cqe.id)?;
        flight.done += 1;
        flight.posted = flight.posted.saturating_sub(u32::from(first.is_some()));
        flight.submitted.get_or_insert(at);
        self.delta.extend(flight.key());
        let flight = flight.clone();
        if !cqe.more {
            self.over(&flight, cqe.ret, at);
        }
        Some(flight)
    }

    fn over(&mut self, flight: &Flight, ret: Ret, at: (Seq, Nanos)) {
        let Sqe { id, op, fd, .. } = flight.sqe;
        self.flights.remove(&id);
        if self.past.len() == PAST {
            self.past.pop_front();
        }
        self.past.push_back((id, op, fd));
        let Some(file) = flight.file else { return };
        if let Some(ids) = self.of_file.get_mut(&file) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.of_file.remove(&file);
            }
        }
        if !matches!(op, RingOp::Send | RingOp::Cancel) {
            self.ended.insert(file, EndedInput { at, op, ret });
        }
    }

    /// All that is in flight was told.
    pub(in crate::model) fn read(&mut self, list: &[(Sqe, Option<FileId>)], at: (Seq, Nanos)) {
        let before = std::mem::take(&mut self.flights);
        self.of_file.clear();
        self.sq.clear();
        for (sqe, file) in list {
            let known = before.get(&sqe.id).cloned();
            self.write(*sqe, *file, at);
            if let Some(flight) = self.flights.get_mut(&sqe.id) {
                // It is not told which of them are submitted: those that wait for input surely are.
                flight.submitted = Some(at);
                if let Some(known) = known {
                    *flight = Flight { submitted: known.submitted.or(Some(at)), ..known };
                }
            }
        }
        self.sq.clear();
        self.cq.retain(|one| self.flights.contains_key(&one.cqe.id));
        self.held.clear();
        self.check.wants_resync = false;
    }

    /// Whether fdinfo says the same: as many SQEs and CQEs as were told, what was told to be posted
    /// is the beginning of what is, and each operation that waits for input is there.
    pub(in crate::model) fn agrees(&self, read: &RingRead) -> bool {
        let told = &self.heads;
        let written = u32::try_from(self.sq.len()).unwrap_or(u32::MAX);
        let sq = read.heads.sq_tail.wrapping_sub(read.heads.sq_head) == written;
        let cq = read.heads.cq_tail.wrapping_sub(told.cq_tail) <= self.cq_entries.max(1);
        let posted = self.cq.iter().zip(read.pending.iter()).all(|(one, cqe)| one.cqe == *cqe);
        let length = self.cq.len() <= read.pending.len();
        sq && cq && posted && length && self.armed_agree(read)
    }

    /// Each operation that brings input either waits for its file, or its last completion is
    /// posted. A send waits only if there was no room.
    fn armed_agree(&self, read: &RingRead) -> bool {
        let over = |id: u64| {
            let ends = read.pending.iter().chain(&read.overflow);
            ends.filter(|cqe| cqe.id == id).any(|cqe| !cqe.more)
        };
        [RingOp::Accept, RingOp::Recv, RingOp::Read].into_iter().all(|op| {
            let flying = self.flights.values().filter(|flight| {
                flight.sqe.op == op && flight.submitted.is_some() && !over(flight.sqe.id)
            });
            let armed = read.armed.iter().find(|(known, _)| *known == op).map_or(0, |(_, n)| *n);
            u32::try_from(flying.count()) == Ok(armed)
        })
    }
}
