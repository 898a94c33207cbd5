//! The bitmaps of select(2), within the limit of the C library's type: a number from 1024 on is
//! turned away.

use nix::errno::Errno;

use super::scan::FileSet;
use crate::engine::door::Scannable;
use crate::engine::table::Watched;
use crate::event::{Backend, Delivery, Fd, FileId, Mask, PollSet, Refusal, Syscall};
use crate::sys::fdset::{FdSets, READ, WRITE};

/// The two bitmaps, with the file that each number stands for.
#[derive(Debug, Default)]
pub(crate) struct SelectSets {
    sets: FdSets,
    files: Vec<Option<FileId>>,
}

/// The sets that stand for those bits.
fn sets(events: Mask) -> u8 {
    let member = |bit, member| if events.has(bit) { member } else { 0 };
    member(Mask::IN, READ) | member(Mask::OUT, WRITE)
}

/// The bits that stand for those sets.
fn events(sets: u8) -> Mask {
    Mask::EMPTY.with(Mask::IN, sets & READ != 0).with(Mask::OUT, sets & WRITE != 0)
}

fn index(fd: Fd) -> usize {
    usize::try_from(fd.0).unwrap_or(usize::MAX)
}

impl SelectSets {
    fn file(&mut self, fd: Fd) -> Option<&mut Option<FileId>> {
        let end = usize::try_from(FdSets::END).unwrap_or(0);
        if self.files.len() < end {
            self.files.resize(end, None);
        }
        self.files.get_mut(index(fd))
    }
}

impl Scannable for SelectSets {
    fn call(&self, timeout_ms: i32) -> Syscall {
        let [count, read, write] = self.sets.counts();
        let set = PollSet::bitmaps(count, [read, write, 0], self.sets.nfds());
        Syscall::Select { set, timeout_ms }
    }

    fn make(&mut self, timeout_ms: i32) -> Result<usize, Errno> {
        self.sets.call(timeout_ms)
    }

    fn found(&self, count: usize, batch: &mut Vec<Delivery>) {
        if count == 0 {
            return;
        }
        batch.extend(self.sets.left().filter_map(|(fd, left)| {
            let file = self.files.get(index(Fd(fd))).copied().flatten()?;
            Some(Delivery { file, fd: Fd(fd), mask: events(left) })
        }));
    }

    fn asked_up_to(&self, found: &Delivery) -> u32 {
        self.sets.up_to(found.fd.0)
    }
}

impl FileSet for SelectSets {
    const BACKEND: Backend = Backend::Select;

    fn put(&mut self, file: &Watched, events: Mask) -> Result<u32, Refusal> {
        if let Some(refusal) = Self::refuses(file.fd) {
            return Err(refusal);
        }
        if let Some(place) = self.file(file.fd) {
            *place = Some(file.file);
        }
        self.sets.put(file.fd.0, sets(events));
        Ok(file.fd.0.unsigned_abs())
    }

    fn files(&self) -> Vec<(Fd, FileId)> {
        let named = (0..).zip(&self.files).filter_map(|(fd, file)| Some((Fd(fd), (*file)?)));
        named.collect()
    }

    fn take(&mut self, file: &Watched) -> Option<u32> {
        let place = self.file(file.fd)?;
        // The number may be another file's by now.
        if *place != Some(file.file) {
            return None;
        }
        *place = None;
        self.sets.put(file.fd.0, 0);
        Some(file.fd.0.unsigned_abs())
    }

    fn refuses(fd: Fd) -> Option<Refusal> {
        (fd.0 >= FdSets::END).then_some(Refusal::FdSetSize(fd))
    }
}
