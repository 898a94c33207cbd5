//! The array of poll(2): one entry a file, in the order in which the files came; the last entry
//! takes the place of one that goes.

use nix::errno::Errno;
use rustc_hash::FxHashMap;

use super::scan::FileSet;
use crate::engine::door::Scannable;
use crate::engine::table::Watched;
use crate::event::{Backend, Delivery, Fd, FileId, Mask, PollSet, Refusal, Syscall};
use crate::sys::number::RawPollSet;

/// The array with the files that its entries stand for.
#[derive(Debug, Default)]
pub(crate) struct PollArray {
    array: RawPollSet,
    files: Vec<(Fd, FileId)>,
    places: FxHashMap<FileId, usize>,
}

/// A place as the events have it.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Scannable for PollArray {
    fn call(&self, timeout_ms: i32) -> Syscall {
        Syscall::Poll { set: PollSet::array(number(self.files.len())), timeout_ms }
    }

    fn make(&mut self, timeout_ms: i32) -> Result<usize, Errno> {
        self.array.call(timeout_ms)
    }

    fn found(&self, count: usize, batch: &mut Vec<Delivery>) {
        let answers = self.array.answers().zip(&self.files).filter(|(answer, _)| *answer != 0);
        batch.extend(answers.take(count).map(|(answer, (fd, file))| Delivery {
            file: *file,
            fd: *fd,
            mask: Mask(answer),
        }));
    }

    fn asked_up_to(&self, found: &Delivery) -> u32 {
        self.places.get(&found.file).map_or(0, |place| number(*place).saturating_add(1))
    }
}

impl FileSet for PollArray {
    const BACKEND: Backend = Backend::Poll;

    fn put(&mut self, file: &Watched, events: Mask) -> Result<u32, Refusal> {
        if let Some(place) = self.places.get(&file.file) {
            self.array.ask(*place, events.0);
            return Ok(number(*place));
        }
        let place = self.files.len();
        self.array.push(file.fd.0, events.0);
        self.files.push((file.fd, file.file));
        self.places.insert(file.file, place);
        Ok(number(place))
    }

    fn files(&self) -> Vec<(Fd, FileId)> {
        self.files.clone()
    }

    fn take(&mut self, file: &Watched) -> Option<u32> {
        let place = self.places.remove(&file.file)?;
        self.array.swap_remove(place);
        self.files.swap_remove(place);
        if let Some((_, moved)) = self.files.get(place) {
            self.places.insert(*moved, place);
        }
        Some(number(place))
    }

    fn refuses(_: Fd) -> Option<Refusal> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, OwnedFd};

    use super::*;
    use crate::event::{FileKind, Peer};

    fn watched(file: u32, fd: &OwnedFd) -> Watched {
        Watched::new(FileId(file), Fd(fd.as_raw_fd()), FileKind::Tcp, Peer::Unknown, None)
    }

    #[test]
    fn the_last_entry_takes_the_place_of_one_that_goes() {
        let (read, write) = nix::unistd::pipe().expect("pipe");
        let [first, second, third] = [watched(1, &read), watched(2, &write), watched(3, &read)];
        let mut set = PollArray::default();
        for (place, file) in (0..).zip([&first, &second, &third]) {
            assert_eq!(set.put(file, Mask::IN), Ok(place));
        }
        assert_eq!(set.put(&second, Mask::OUT), Ok(1), "it keeps its place");
        assert_eq!(set.take(&first), Some(0));
        assert_eq!(set.take(&first), None);
        assert_eq!(set.put(&third, Mask::IN), Ok(0), "it was the last");
        let mut batch = Vec::new();
        assert_eq!(set.make(0), Ok(1));
        set.found(1, &mut batch);
        assert_eq!(batch, [Delivery { file: FileId(2), fd: second.fd, mask: Mask::OUT }]);
    }
}
