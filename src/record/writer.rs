//! Blocks go into a file by a thread of its own: whoever makes them never waits for a disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use nix::sys::signal::{SigSet, Signal};

use super::block::{Block, BlockKind};
use super::head::RecordingHead;
use super::press::Outlet;
use crate::event::Nanos;
use crate::sys::thread;

/// Blocks that wait to be written at the most.
const BLOCKS: usize = 64;
/// Bytes that wait to be written at the most.
const BYTES: usize = 16 << 20;
/// Bytes that are left for the end.
const END: u64 = 512;

/// Why a recording ended before it was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteEnd {
    /// It is as long as it may become.
    Limit,
    /// It could not be written, for this reason.
    Failed(String),
}

/// How far the thread is.
#[derive(Debug, Default)]
struct Written {
    /// Bytes that wait to be written.
    queued: AtomicUsize,
    /// Bytes in the file.
    bytes: AtomicU64,
    /// The last time up to which it is whole.
    until: AtomicU64,
    ended: OnceLock<WriteEnd>,
}

/// A file that is being written.
pub struct Writer {
    queue: SyncSender<Block>,
    written: Arc<Written>,
    thread: JoinHandle<()>,
    /// A full queue is waited for.
    patient: bool,
}

impl Writer {
    /// Makes the file, which must not be there yet, and begins it. It does not become longer than
    /// `limit` bytes.
    ///
    /// # Errors
    /// If it is there, or cannot be made, or the system refuses a thread.
    pub fn create(path: &Path, head: &RecordingHead, limit: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let line = head.line();
        file.write_all(&line)?;
        let written = Arc::new(Written::default());
        let at = u64::try_from(line.len()).unwrap_or(0);
        written.bytes.store(at, Ordering::Relaxed);
        let (queue, blocks) = sync_channel(BLOCKS);
        let state = Arc::clone(&written);
        let thread = thread::spawn("record", move || write(file, &blocks, (at, limit), &state))?;
        Ok(Self { queue, written, thread, patient: false })
    }

    /// Bytes in the file.
    pub fn bytes(&self) -> u64 {
        self.written.bytes.load(Ordering::Relaxed)
    }

    /// The time up to which the file is whole.
    pub fn until(&self) -> Nanos {
        Nanos(self.written.until.load(Ordering::Relaxed))
    }

    /// Why it ended, if it did by itself.
    pub fn ended(&self) -> Option<&WriteEnd> {
        self.written.ended.get()
    }

    /// From now on nothing is lost because the queue is full: it is waited for.
    pub fn wait_for_all(&mut self) {
        self.patient = true;
    }

    /// Ends it when all is written.
    ///
    /// # Errors
    /// Why not all of it could be.
    pub fn finish(self) -> Result<u64, WriteEnd> {
        let Self { queue, written, thread, .. } = self;
        drop(queue);
        let died = thread.join().is_err();
        match written.ended.get() {
            Some(end) => Err(end.clone()),
            None if died => Err(WriteEnd::Failed("its thread died".to_owned())),
            None => Ok(written.bytes.load(Ordering::Relaxed)),
        }
    }
}

impl Outlet for Writer {
    fn put(&mut self, block: Block) -> bool {
        let bytes = block.raw.len();
        let queued = &self.written.queued;
        if !self.patient && queued.load(Ordering::Relaxed).saturating_add(bytes) > BYTES {
            return false;
        }
        queued.fetch_add(bytes, Ordering::Relaxed);
        let taken = if self.patient {
            self.queue.send(block).is_ok()
        } else {
            self.queue.try_send(block).is_ok()
        };
        if !taken {
            queued.fetch_sub(bytes, Ordering::Relaxed);
        }
        taken
    }
}

/// Writes block after block, until there are no more or one cannot be written.
fn write(mut file: File, blocks: &Receiver<Block>, (at, limit): (u64, u64), state: &Written) {
    // Over RLIMIT_FSIZE write(2) says EFBIG, instead of ending the program (setrlimit(2)).
    let _refused = SigSet::from(Signal::SIGXFSZ).thread_block();
    let mut at = at;
    for block in blocks {
        state.queued.fetch_sub(block.raw.len(), Ordering::Relaxed);
        let bytes = block.encode();
        let end = at + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let full = block.kind != BlockKind::End && end.saturating_add(END) > limit;
        let last = full.then(|| Block {
            kind: BlockKind::End,
            raw: br#"{"why":"limit"}"#.to_vec(),
            first: block.first,
            count: 0,
            from: block.from,
            until: block.from,
        });
        let bytes = last.as_ref().map_or(bytes, Block::encode);
        if let Err(error) = file.write_all(&bytes) {
            // What is half written would be taken for damage.
            let _refused = file.set_len(at);
            let _told = state.ended.set(WriteEnd::Failed(reason(&error)));
            return;
        }
        at += u64::try_from(bytes.len()).unwrap_or(0);
        state.bytes.store(at, Ordering::Relaxed);
        if full {
            let _told = state.ended.set(WriteEnd::Limit);
            return;
        }
        state.until.store(block.until.0, Ordering::Relaxed);
    }
}

/// The error number in words, without its number.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_lowercase(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Seq;

    #[test]
    fn a_full_disk_is_the_reason_in_words() {
        // Each write(2) to it says ENOSPC (full(4)).
        let full = OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let (queue, blocks) = sync_channel(1);
        let (first, from) = (Seq(1), Nanos(5));
        let block =
            Block { kind: BlockKind::Mark, first, count: 0, from, until: from, raw: vec![1] };
        queue.send(block).expect("room for one");
        drop(queue);
        let state = Written::default();
        write(full, &blocks, (0, u64::MAX), &state);
        let told = WriteEnd::Failed("no space left on device".to_owned());
        assert_eq!(state.ended.get(), Some(&told));
        assert_eq!((state.bytes.into_inner(), state.until.into_inner()), (0, 0));
    }
}
