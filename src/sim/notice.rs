//! Signals that tell of arrivals (`F_SETSIG`, `O_ASYNC`; fcntl(2)), and the queue that they stand in.

use std::collections::VecDeque;

use crate::event::{Errno, Fd, FileId, Mask};

use super::KernelModel;
use super::wakes::READABLE;

/// The queue of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices {
    /// For how many there is room (`RLIMIT_SIGPENDING`, less what others of the same user have in
    /// the queue); `None` is without bound.
    room: Option<u64>,
    /// Realtime signals: the descriptor and the bits of each (`si_fd`, `si_band`), oldest first.
    queued: VecDeque<(Fd, Mask)>,
    /// A SIGIO is pending, which came in place of one for which there was no room, or of several.
    plain: bool,
}

impl KernelModel {
    /// `fcntl(2)`: from now on each arrival at the file sends a realtime signal that names `fd`.
    /// Only sockets and pipes have that.
    ///
    /// # Errors
    /// EBADF if the number is not open.
    pub fn send_signals(&mut self, fd: Fd) -> Result<(), Errno> {
        let file = self.file_at(fd)?;
        if let Some(file) = self.files.get_mut(&file) {
            file.signals = Some(fd);
        }
        Ok(())
    }

    /// `setrlimit(2)` of RLIMIT_SIGPENDING: room for so many signals; `None` for any number.
    pub fn limit_signals(&mut self, room: Option<u64>) {
        // Those that are queued already have theirs.
        let queued = self.notices.queued.len() as u64;
        self.notices.room = room.map(|room| room + queued);
    }

    /// `sigtimedwait(2)` with a timeout of 0: the descriptor and the bits that a signal names, `None`
    /// of a SIGIO. The smaller number comes first: SIGIO before any realtime signal (signal(7)).
    ///
    /// # Errors
    /// EAGAIN if none is queued.
    pub fn take_notice(&mut self) -> Result<Option<(Fd, Mask)>, Errno> {
        if std::mem::take(&mut self.notices.plain) {
            return Ok(None);
        }
        self.notices.queued.pop_front().map(Some).ok_or(Errno::EAGAIN)
    }

    /// Something arrived at a file (`sk_wake_async`, `kill_fasync`; `send_sigio_to_task`).
    pub(super) fn notify(&mut self, file: FileId) {
        let Some(fd) = self.files.get(&file).and_then(|file| file.signals) else { return };
        let queued = self.notices.queued.len() as u64;
        if self.notices.room.is_some_and(|room| queued >= room) {
            self.notices.plain = true;
        } else {
            self.notices.queued.push_back((fd, READABLE));
        }
    }
}
