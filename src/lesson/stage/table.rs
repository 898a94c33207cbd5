//! Which label has which number, and which open file is behind it.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::event::{Fd, FileId, FileKind};
use crate::lesson::case::{FdArg, Label};

use super::own::FIRST_NUMBER;

/// An open descriptor of the case.
#[derive(Debug)]
struct Held {
    fd: OwnedFd,
    label: Label,
    file: FileId,
}

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

/// What a close did.
#[derive(Debug)]
pub(crate) struct Closing {
    /// The descriptor itself, to be closed.
    pub(crate) fd: OwnedFd,
    /// The file behind it.
    pub(crate) file: FileId,
    /// It was the last descriptor of that file.
    pub(crate) last: bool,
}

/// The descriptors of a case.
#[derive(Debug, Default)]
pub(crate) struct Table {
    held: BTreeMap<Fd, Held>,
    /// The number that each label got last.
    numbers: BTreeMap<Label, Fd>,
    files: BTreeMap<FileId, File>,
}

impl Table {
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
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (Label, Fd)> {
        self.numbers.iter().map(|(label, fd)| (label.clone(), *fd))
    }

    /// The label of an open number.
    pub(crate) fn label_at(&self, fd: Fd) -> Option<&Label> {
        self.held.get(&fd).map(|held| &held.label)
    }

    /// Whether `label` names an open descriptor.
    pub(crate) fn is_open(&self, label: &Label) -> bool {
        self.number_of(label).is_some_and(|fd| self.label_at(fd) == Some(label))
    }

    /// The file behind a number.
    pub(crate) fn file_at(&self, fd: Fd) -> Option<&File> {
        self.files.get(&self.held.get(&fd)?.file)
    }

    /// A file by its number.
    pub(crate) fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(&id)
    }

    /// How many open files are so.
    pub(crate) fn open_files(&self, is: impl Fn(&File) -> bool) -> usize {
        self.files.values().filter(|file| !file.fds.is_empty() && is(file)).count()
    }

    /// Whether a later file was made under the same label.
    pub(crate) fn made_again(&self, file: &File) -> bool {
        self.files.values().any(|other| other.id > file.id && other.name == file.name)
    }

    /// The number of the next file.
    pub(crate) fn next_file(&self) -> FileId {
        let last = self.files.last_key_value().map_or(0, |(id, _)| id.0);
        FileId(last + 1)
    }

    /// The lowest number that is free after `skip` other free ones.
    pub(crate) fn free(&self, skip: u32) -> Fd {
        let mut free = (FIRST_NUMBER..).map(Fd).filter(|fd| !self.held.contains_key(fd));
        free.nth(skip as usize).unwrap_or(Fd(i32::MAX))
    }

    /// A new file under `label`; its number is returned.
    pub(crate) fn insert(&mut self, label: Label, fd: OwnedFd, what: FileKind) -> (Fd, FileId) {
        let id = self.next_file();
        self.files.insert(id, File { id, what, name: label.clone(), fds: Vec::new() });
        (self.hold(label, fd, id), id)
    }

    /// Another descriptor of the file that has the number `of`.
    pub(crate) fn duplicate(&mut self, of: Fd, label: Label, fd: OwnedFd) -> Option<(Fd, FileId)> {
        let file = self.held.get(&of)?.file;
        Some((self.hold(label, fd, file), file))
    }

    fn hold(&mut self, label: Label, fd: OwnedFd, file: FileId) -> Fd {
        let number = Fd(fd.as_raw_fd());
        self.numbers.insert(label.clone(), number);
        self.held.insert(number, Held { fd, label, file });
        if let Some(file) = self.files.get_mut(&file) {
            file.fds.push(number);
        }
        number
    }

    /// Takes the descriptor out, to be closed.
    pub(crate) fn take(&mut self, fd: Fd) -> Option<Closing> {
        let held = self.held.remove(&fd)?;
        let file = self.files.get_mut(&held.file);
        let last = file.is_none_or(|file| {
            file.fds.retain(|number| *number != fd);
            file.fds.is_empty()
        });
        Some(Closing { fd: held.fd, file: held.file, last })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file() -> OwnedFd {
        fs::File::open("/dev/null").expect("open").into()
    }

    #[test]
    fn a_closed_label_keeps_its_old_number_and_a_file_its_last_descriptor() {
        let mut table = Table::default();
        let (a, id) = table.insert("a".into(), file(), FileKind::Plain);
        let (b, same) = table.duplicate(a, "b".into(), file()).expect("a is open");
        assert_eq!((id, table.file_at(b).map(|file| file.id)), (same, Some(id)));
        assert!(!table.take(a).expect("open").last);
        assert!(!table.is_open(&"a".into()));
        assert_eq!(table.number(&FdArg::Named("a".into())), a);
        assert!(table.take(b).expect("open").last);
        assert!(table.take(b).is_none());
        assert_eq!(table.number(&FdArg::Named("never".into())), Fd(-1));
        assert_eq!(table.next_file(), FileId(2));
    }

    #[test]
    fn free_numbers_begin_after_the_standard_ones() {
        let mut table = Table::default();
        assert_eq!((table.free(0), table.free(2)), (Fd(3), Fd(5)));
        let (taken, _) = table.insert("a".into(), file(), FileKind::Plain);
        assert!((0..100).all(|skip| table.free(skip) != taken));
    }
}
