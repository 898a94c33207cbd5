//! The bytes that a recording is found in: a file's, or some in memory. No more of them is held than
//! is looked at.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// Bytes that are looked at in one go, if no more are asked for.
const LOOK: usize = 8 << 10;

/// Bytes that can be had at any place.
pub(super) trait Backing {
    /// How many there are.
    fn len(&self) -> usize;

    /// Fills `to` with those from `at` on; whether they are all there.
    fn read(&self, at: usize, to: &mut [u8]) -> bool;

    /// So many of them, if they are there.
    fn range(&self, at: usize, len: usize) -> Option<Vec<u8>> {
        at.checked_add(len).filter(|end| *end <= self.len())?;
        let mut bytes = vec![0; len];
        self.read(at, &mut bytes).then_some(bytes)
    }
}

impl Backing for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    fn read(&self, at: usize, to: &mut [u8]) -> bool {
        let from = at.checked_add(to.len()).and_then(|end| self.get(at..end));
        from.is_some_and(|from| {
            to.copy_from_slice(from);
            true
        })
    }
}

/// A file as long as it was when it was opened. It is read (pread(2)), and not mapped: if it is cut
/// meanwhile, that is an error and no SIGBUS (mmap(2)).
pub(super) struct FileBacking {
    file: File,
    len: usize,
}

impl FileBacking {
    pub(super) fn new(file: File, len: u64) -> Self {
        Self { file, len: usize::try_from(len).unwrap_or(usize::MAX) }
    }
}

impl Backing for FileBacking {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, at: usize, to: &mut [u8]) -> bool {
        u64::try_from(at).is_ok_and(|at| self.file.read_exact_at(to, at).is_ok())
    }
}

/// A stretch of the bytes, which follows what is looked at.
pub(super) struct Window<'a> {
    backing: &'a dyn Backing,
    at: usize,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(super) fn new(backing: &'a dyn Backing) -> Self {
        Self { backing, at: 0, bytes: Vec::new() }
    }

    /// How many bytes there are in all.
    pub(super) fn end(&self) -> usize {
        self.backing.len()
    }

    /// The bytes from `at` on, at least `len` of them; `None` if there are not so many.
    pub(super) fn get(&mut self, at: usize, len: usize) -> Option<&[u8]> {
        let end = at.checked_add(len).filter(|end| *end <= self.end())?;
        if at < self.at || end > self.at + self.bytes.len() {
            let most = LOOK.max(len).min(self.end() - at);
            self.bytes.resize(most, 0);
            self.at = at;
            if !self.backing.read(at, &mut self.bytes) {
                self.bytes.clear();
                return None;
            }
        }
        self.bytes.get(at - self.at..)
    }
}
