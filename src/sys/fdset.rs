//! The bitmaps of select(2) as the C library has them: numbers below FD_SETSIZE.
#![expect(unsafe_code, reason = "nix ties an fd_set to the life of every descriptor in it")]

use std::cmp::Ordering;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

/// Bits of a word.
const WORD: usize = 64;
/// Words of a set.
const WORDS: usize = libc::FD_SETSIZE / WORD;

/// The two sets that a server passes, those to read and those to write, and what a call left of
/// them.
#[derive(Clone, Debug, Default)]
pub struct FdSets {
    asked: [[u64; WORDS]; 2],
    left: [[u64; WORDS]; 2],
    /// The highest number in either set, plus one.
    nfds: i32,
}

/// In [`FdSets::put`]: the number is in the set of those to read.
pub const READ: u8 = 1;
/// The number is in the set of those to write.
pub const WRITE: u8 = 2;

impl FdSets {
    /// The first number that does not fit (FD_SETSIZE, select(2)).
    pub const END: i32 = 1024;

    /// Puts a number into these sets and out of the others; whether it fits.
    pub fn put(&mut self, fd: i32, sets: u8) -> bool {
        let Some((word, bit)) = place(fd) else { return false };
        for (set, member) in self.asked.iter_mut().zip([READ, WRITE]) {
            let mask = 1_u64 << bit;
            set[word] = if sets & member == 0 { set[word] & !mask } else { set[word] | mask };
        }
        if sets != 0 {
            self.nfds = self.nfds.max(fd + 1);
        } else if fd + 1 == self.nfds {
            let [read, write] = &self.asked;
            let used = read.iter().zip(write).rposition(|(r, w)| r | w != 0);
            self.nfds = used.map_or(0, |word| {
                let bits = WORD - (read[word] | write[word]).leading_zeros() as usize;
                i32::try_from(word * WORD + bits).unwrap_or(Self::END)
            });
        }
        true
    }

    /// `nfds`: the highest number in either set, plus one.
    pub fn nfds(&self) -> u32 {
        self.nfds.unsigned_abs()
    }

    /// How many numbers are in either set, in that of those to read, and in that of those to write.
    pub fn counts(&self) -> [u32; 3] {
        let [read, write] = &self.asked;
        let either = read.iter().zip(write).map(|(r, w)| (r | w).count_ones()).sum();
        let ones = |set: &[u64; WORDS]| set.iter().map(|word| word.count_ones()).sum();
        [either, ones(read), ones(write)]
    }

    /// How many numbers up to that one are in either set.
    pub(crate) fn up_to(&self, fd: i32) -> u32 {
        let [read, write] = &self.asked;
        let (Ok(at), bits) = (usize::try_from(fd / 64), 63 - fd.rem_euclid(64)) else { return 0 };
        let either = read.iter().zip(write).map(|(r, w)| r | w);
        let count = |(word, set): (usize, u64)| match word.cmp(&at) {
            Ordering::Less => set.count_ones(),
            Ordering::Equal => (set << bits).count_ones(),
            Ordering::Greater => 0,
        };
        either.enumerate().map(count).sum()
    }

    /// Makes the call on a copy; how many bits are left in it. A negative timeout is for ever.
    ///
    /// # Errors
    /// What select(2) lists.
    pub fn call(&mut self, timeout_ms: i32) -> Result<usize, Errno> {
        self.left = self.asked;
        let [read, write] = self.left.each_mut().map(|set| set.as_mut_ptr().cast());
        let time = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let time = time.map(|time| libc::timespec {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(0),
            tv_nsec: libc::c_long::from(time.subsec_nanos().cast_signed()),
        });
        let limit = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let (none, mask) = (std::ptr::null_mut(), std::ptr::null());
        // SAFETY: each set has FD_SETSIZE bits, and `nfds` is not above that (select(2)); the third
        // set, the timeout and the signal mask may be null.
        let done = unsafe { libc::pselect(self.nfds, read, write, none, limit, mask) };
        Errno::result(done).map(|count| usize::try_from(count).unwrap_or(0))
    }

    /// The numbers that the last successful call left in the sets, in ascending order, with the
    /// sets.
    pub fn left(&self) -> impl Iterator<Item = (i32, u8)> {
        let [read, write] = &self.left;
        let used = self.nfds().div_ceil(64) as usize;
        let words = read.iter().zip(write).enumerate().take(used);
        words.flat_map(|(word, (read, write))| {
            Bits(read | write).map(move |bit| {
                let member = |set: &u64, member| if set >> bit & 1 == 1 { member } else { 0 };
                let fd = i32::try_from(word * WORD + bit).unwrap_or(-1);
                (fd, member(read, READ) | member(write, WRITE))
            })
        })
    }
}

/// The places of the bits that are set, the lowest first.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros() as usize;
        let some = self.0 != 0;
        self.0 &= self.0.wrapping_sub(1);
        some.then_some(bit)
    }
}

/// The word and the bit of a number, if it fits.
fn place(fd: i32) -> Option<(usize, usize)> {
    let number = usize::try_from(fd).ok().filter(|number| *number < libc::FD_SETSIZE)?;
    Some((number / WORD, number % WORD))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn the_highest_number_is_known_when_others_go() {
        let mut sets = FdSets::default();
        assert!(sets.put(3, READ) && sets.put(63, READ | WRITE) && sets.put(1003, WRITE));
        assert_eq!((sets.nfds(), sets.counts()), (1004, [3, 2, 2]));
        assert_eq!([2, 3, 62, 63, 64, 1003].map(|fd| sets.up_to(fd)), [0, 1, 1, 2, 2, 3]);
        assert!(sets.put(1003, 0) && sets.put(63, WRITE));
        assert_eq!((sets.nfds(), sets.counts()), (64, [2, 1, 1]));
        assert!(sets.put(63, 0) && sets.put(3, 0));
        assert_eq!((sets.nfds(), sets.counts()), (0, [0, 0, 0]));
        assert!(sets.put(FdSets::END - 1, READ) && !sets.put(FdSets::END, READ));
        assert!(!sets.put(-1, READ));
        assert_eq!(sets.nfds(), 1024);
    }

    #[test]
    fn what_is_left_is_what_is_ready() {
        let (r, w) = nix::unistd::pipe().expect("pipe");
        let (r_fd, w_fd) = (r.as_raw_fd(), w.as_raw_fd());
        let mut sets = FdSets::default();
        sets.put(r_fd, READ);
        sets.put(w_fd, WRITE);
        assert_eq!(sets.call(0), Ok(1));
        assert_eq!(sets.left().collect::<Vec<_>>(), [(w_fd, WRITE)]);
        assert_eq!(nix::unistd::write(&w, b"x"), Ok(1));
        assert_eq!(sets.call(-1), Ok(2));
        let mut both = [(r_fd, READ), (w_fd, WRITE)];
        both.sort_unstable();
        assert_eq!(sets.left().collect::<Vec<_>>(), both);
        drop((r, w));
        assert_eq!(sets.call(0), Err(Errno::EBADF));
    }
}
