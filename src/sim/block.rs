//! A thread that sleeps in read(2) of a blocking socket (`unix_stream_data_wait`, `sk_wait_data`).

use crate::event::{Errno, Fd, FileId, LaneId};

use super::queue::Hook;
use super::thread::Sleep;
use super::{KernelModel, Woke};

impl KernelModel {
    /// A thread calls `read(2)` of a blocking socket: it returns at once if there is something to
    /// read, or the end, or sleeps.
    ///
    /// # Errors
    /// EBADF if the number is not open; then the thread has returned with that.
    pub fn park_read(&mut self, thread: LaneId, fd: Fd, n: u64) -> Result<(), Errno> {
        let file = self.file_at(fd)?;
        self.hold(file);
        self.threads.insert(thread, Sleep::Read { file, n, woken: true });
        self.woken.push_back(thread);
        self.settle();
        Ok(())
    }

    /// It runs: a look at the socket, and to sleep again if there is nothing.
    pub(super) fn run_reader(&mut self, thread: LaneId, file: FileId, n: u64) {
        if let Some(Sleep::Read { woken, .. }) = self.threads.get_mut(&thread) {
            *woken = false;
        }
        match self.read_of(file, n) {
            Err(Errno::EAGAIN) => {
                let flaw = self.flaw;
                if let Some(file) = self.files.get_mut(&file) {
                    file.queue.leave(thread);
                    file.queue.hook(Hook::Reader { thread }, flaw);
                }
            }
            result => self.leave(thread, Woke::Number(result)),
        }
    }

    /// A thread in read was woken.
    pub(super) fn wake_reader(&mut self, thread: LaneId) {
        if let Some(Sleep::Read { woken, .. }) = self.threads.get_mut(&thread)
            && !std::mem::replace(woken, true)
        {
            self.woken.push_back(thread);
        }
    }
}
