//! What the labels of a case stand for: which has which number, which open file is behind it, and
//! which thread and which registration has which name. Everything that turns a label into a number,
//! or back, asks this table; the kernel and the model keep one each.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Cqe, CtlOp, Fd, FileId, FileKind, LaneId, RingOp};
use crate::lesson::case::{CqeEntry, Entry, FdArg, Label, Seen};
use crate::lesson::query::Query;
use crate::sim::{Place, Reported};

/// The lane of the main thread; those of the others follow.
pub(crate) const MAIN: LaneId = LaneId(1);
/// The numbers 0, 1 and 2 are never a case's.
pub(crate) const FIRST_NUMBER: i32 = 3;

/// An open file description, or one that was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// The tool's number for it.
    pub(crate) id: FileId,
    /// What it is.
    pub(crate) what: FileKind,
    /// The label that it was made under.
    pub(crate) name: Label,
    /// The numbers that name it now.
    pub(crate) fds: Vec<Fd>,
}

/// What an `epoll_event.data` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// The name that it was registered under.
    pub(crate) label: Label,
    /// The file that was registered.
    pub(crate) file: FileId,
    /// The number that was registered.
    pub(crate) fd: Fd,
}

/// The labels of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    open: BTreeMap<Fd, (Label, FileId)>,
    /// The number that each label got last.
    numbers: BTreeMap<Label, Fd>,
    files: BTreeMap<FileId, File>,
    /// The registrations, by `epoll_event.data` less 1.
    tags: Vec<Tag>,
    /// The threads beside the main one, by lane less 2.
    threads: Vec<Label>,
    /// The thread that returned first in the last step in which one did.
    pub(crate) woken: Option<LaneId>,
    /// What the last select of the main thread left in its sets.
    pub(crate) sets: Option<Query>,
    /// The files of which arrivals send signals.
    pub(crate) signalling: BTreeSet<FileId>,
    /// The files whose calls may sleep.
    pub(crate) blocking: BTreeSet<FileId>,
    /// The goroutines that have run.
    pub(crate) goroutines: BTreeSet<Label>,
    /// The operations of rings, by `user_data` less 1.
    ops: Vec<(Label, RingOp)>,
    /// How many descriptors were open at a time, at most.
    pub(crate) most_open: usize,
    /// The largest number that was ever open.
    pub(crate) highest: Option<Fd>,
    /// How many epoll instances were open at a time, at most.
    pub(crate) most_epolls: usize,
}

impl Table {
    // --- descriptors

    /// The number that `arg` stands for: a label's is the one that it got last, -1 if it never got
    /// one.
    pub(crate) fn number(&self, arg: &FdArg) -> Fd {
        match arg {
            FdArg::Named(label) => self.number_of(label).unwrap_or(Fd(-1)),
            FdArg::Number(number) => Fd(*number),
        }
    }

    /// The number that `label` got last.
    pub(crate) fn number_of(&self, label: &Label) -> Option<Fd> {
        self.numbers.get(label).copied()
    }

    /// Every label with the number that it got last.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&Label, Fd)> {
        self.numbers.iter().map(|(label, fd)| (label, *fd))
    }

    /// The label of an open number.
    pub(crate) fn label_at(&self, fd: Fd) -> Option<&Label> {
        self.open.get(&fd).map(|(label, _)| label)
    }

    /// The open numbers, each with its label.
    pub(crate) fn numbers_open(&self) -> impl Iterator<Item = (Fd, &Label)> {
        self.open.iter().map(|(fd, (label, _))| (*fd, label))
    }

    /// Whether `label` names an open descriptor.
    pub(crate) fn is_open(&self, label: &Label) -> bool {
        self.number_of(label).is_some_and(|fd| self.label_at(fd) == Some(label))
    }

    /// The file behind a number.
    pub(crate) fn file_at(&self, fd: Fd) -> Option<&File> {
        self.files.get(&self.open.get(&fd)?.1)
    }

    /// What the file with this number is.
    pub(crate) fn kind(&self, fd: Fd) -> Option<FileKind> {
        self.file_at(fd).map(|file| file.what)
    }

    /// A file by its number.
    pub(crate) fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(&id)
    }

    /// How many epoll instances are open.
    pub(crate) fn epolls(&self) -> usize {
        let open = |file: &&File| file.what == FileKind::Epoll && !file.fds.is_empty();
        self.files.values().filter(open).count()
    }

    /// Whether a later file was made under the same label.
    pub(crate) fn made_again(&self, file: &File) -> bool {
        self.files.values().any(|other| other.id > file.id && other.name == file.name)
    }

    /// The lowest number that is free after `skip` other free ones.
    pub(crate) fn free(&self, skip: u32) -> Fd {
        let mut free = (FIRST_NUMBER..).map(Fd).filter(|fd| !self.open.contains_key(fd));
        free.nth(skip as usize).unwrap_or(Fd(i32::MAX))
    }

    /// The lowest free number that is not below `least`.
    pub(crate) fn free_from(&self, least: Fd) -> Fd {
        let mut free = (least.0..).map(Fd).filter(|fd| !self.open.contains_key(fd));
        free.next().unwrap_or(Fd(i32::MAX))
    }

    /// The place of a new file that takes the lowest number after `skip` other files.
    pub(crate) fn next_place(&self, skip: u32) -> Place {
        let last = self.files.last_key_value().map_or(0, |(id, _)| id.0);
        Place { fd: self.free(skip), file: FileId(last + 1 + skip) }
    }

    /// There is a new file under `label`.
    pub(crate) fn insert(&mut self, label: Label, at: Place, what: FileKind) {
        let file = File { id: at.file, what, name: label.clone(), fds: Vec::new() };
        self.files.insert(at.file, file);
        self.hold(label, at);
        if what == FileKind::Epoll {
            self.most_epolls = self.most_epolls.max(self.epolls());
        }
    }

    /// The file at `of` has another number.
    pub(crate) fn duplicate(&mut self, of: Fd, label: Label, fd: Fd) {
        if let Some(file) = self.file_at(of).map(|file| file.id) {
            self.hold(label, Place { fd, file });
        }
    }

    fn hold(&mut self, label: Label, at: Place) {
        self.numbers.insert(label.clone(), at.fd);
        self.open.insert(at.fd, (label, at.file));
        if let Some(file) = self.files.get_mut(&at.file) {
            file.fds.push(at.fd);
        }
        self.most_open = self.most_open.max(self.open.len());
        self.highest = self.highest.max(Some(at.fd));
    }

    /// A number is closed: its file, and whether this was the last descriptor of it.
    pub(crate) fn close(&mut self, fd: Fd) -> Option<(FileId, bool)> {
        let (_, id) = self.open.remove(&fd)?;
        let last = self.files.get_mut(&id).is_none_or(|file| {
            file.fds.retain(|number| *number != fd);
            file.fds.is_empty()
        });
        Some((id, last))
    }

    // --- registrations

    /// The `epoll_event.data` of a call that registers `fd` under this label, or does not.
    pub(crate) fn tag(&mut self, op: CtlOp, label: &Label, fd: Fd) -> u64 {
        if op == CtlOp::Del {
            return 0;
        }
        let file = self.file_at(fd).map_or(FileId(0), |file| file.id);
        self.tags.push(Tag { label: label.clone(), file, fd });
        self.tags.len() as u64
    }

    /// What an `epoll_event.data` stands for.
    pub(crate) fn tag_of(&self, data: u64) -> Option<&Tag> {
        let at = usize::try_from(data).ok()?.checked_sub(1)?;
        self.tags.get(at)
    }

    /// The label of an `epoll_event.data`.
    pub(crate) fn label_of(&self, data: u64) -> Label {
        self.tag_of(data).map_or_else(|| Label::new("?"), |tag| tag.label.clone())
    }

    /// Events with the labels that they were registered under.
    pub(crate) fn reported(&self, events: &[Reported]) -> Seen {
        let entry = |event: &Reported| Entry { label: self.label_of(event.data), mask: event.mask };
        Seen::Events(events.iter().map(entry).collect())
    }

    // --- operations of rings

    /// The `user_data` of a new operation with this name.
    pub(crate) fn new_op(&mut self, name: Label, op: RingOp) -> u64 {
        self.ops.push((name, op));
        self.ops.len() as u64
    }

    /// What a `user_data` stands for.
    pub(crate) fn op(&self, id: u64) -> Option<&(Label, RingOp)> {
        self.ops.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    /// The `user_data` of the last operation with this name; 0, which none has, if there is none.
    pub(crate) fn op_of(&self, name: &Label) -> u64 {
        let at = self.ops.iter().rposition(|(other, _)| other == name);
        at.map_or(0, |at| at as u64 + 1)
    }

    /// A completion with the name of its operation.
    pub(crate) fn completed(&self, cqe: &Cqe) -> CqeEntry {
        match self.op(cqe.id) {
            Some((name, op)) => CqeEntry::new(name.clone(), *op, cqe),
            None => CqeEntry::new(Label::new("?"), RingOp::Nop, cqe),
        }
    }

    /// Whether the calls of the file with this number may sleep.
    pub(crate) fn blocks(&self, fd: Fd) -> bool {
        self.file_at(fd).is_some_and(|file| self.blocking.contains(&file.id))
    }

    // --- threads

    /// The lane of the thread with this name, if it was ever named.
    pub(crate) fn lane_of(&self, name: &Label) -> Option<LaneId> {
        let at = self.threads.iter().position(|other| other == name)?;
        Some(lane(at))
    }

    /// The lane that the next thread gets.
    pub(crate) fn next_lane(&self) -> LaneId {
        lane(self.threads.len())
    }

    /// There is a new thread: its lane.
    pub(crate) fn begin(&mut self, name: Label) -> LaneId {
        let lane = self.next_lane();
        self.threads.push(name);
        lane
    }

    /// The name of a thread.
    pub(crate) fn name_of(&self, lane: LaneId) -> Label {
        let at = usize::from(lane.0).checked_sub(usize::from(MAIN.0) + 1);
        let name = at.and_then(|at| self.threads.get(at)).cloned();
        name.unwrap_or_else(|| Label::new("main"))
    }
}

fn lane(at: usize) -> LaneId {
    LaneId(u16::try_from(at).unwrap_or(u16::MAX).saturating_add(MAIN.0 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_label_keeps_its_old_number_and_a_file_its_last_descriptor() {
        let mut table = Table::default();
        let place = table.next_place(0);
        table.insert("a".into(), place, FileKind::Plain);
        let (a, b) = (place.fd, table.free(0));
        table.duplicate(a, "b".into(), b);
        assert_eq!(table.file_at(b).map(|file| file.id), Some(place.file));
        assert_eq!(table.close(a), Some((place.file, false)));
        assert!(!table.is_open(&"a".into()));
        assert_eq!(table.number(&FdArg::Named("a".into())), a);
        assert_eq!(table.close(b), Some((place.file, true)));
        assert_eq!(table.close(b), None);
        assert_eq!(table.number(&FdArg::Named("never".into())), Fd(-1));
        assert_eq!(table.next_place(0), Place { fd: Fd(3), file: FileId(2) });
        assert_eq!(table.most_open, 2);
    }

    #[test]
    fn free_numbers_begin_after_the_standard_ones() {
        let mut table = Table::default();
        assert_eq!((table.free(0), table.free(2)), (Fd(3), Fd(5)));
        table.insert("a".into(), table.next_place(1), FileKind::Plain);
        assert_eq!((table.free(0), table.free(1)), (Fd(3), Fd(5)));
    }

    #[test]
    fn threads_have_lanes_in_the_order_in_which_they_are_named() {
        let mut table = Table::default();
        assert_eq!((table.begin("A".into()), table.begin("B".into())), (LaneId(2), LaneId(3)));
        assert_eq!(
            (table.lane_of(&"B".into()), table.name_of(LaneId(3))),
            (Some(LaneId(3)), "B".into())
        );
        assert_eq!(table.name_of(MAIN), "main".into());
    }
}
