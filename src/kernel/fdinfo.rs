//! The interest list as `/proc/self/fdinfo/EPFD` has it (proc(5)).

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;

use crate::event::{Fd, FdinfoEntry, FileId, Mask};
use crate::sys::descriptor;

/// Bytes that some two hundred registrations take: one read is enough for most.
const ROOM: usize = 16_384;

/// The file of one epoll instance of this process. It stays open: whoever needed a descriptor for
/// each look would take it from a server that has none left.
#[derive(Debug)]
pub struct Fdinfo {
    ep: Fd,
    file: File,
    text: String,
}

impl Fdinfo {
    /// Opens the file of the epoll instance `ep`.
    ///
    /// # Errors
    /// What open(2) lists; `NotFound` if the number is closed.
    pub fn open(ep: Fd) -> io::Result<Self> {
        Self::open_kept(ep, descriptor::out_of_the_way)
    }

    /// Opens it, with a descriptor that `keep` may move.
    ///
    /// # Errors
    /// As [`Fdinfo::open`].
    pub fn open_kept(ep: Fd, keep: impl Fn(OwnedFd) -> OwnedFd) -> io::Result<Self> {
        let file = File::open(format!("/proc/self/fdinfo/{ep}"))?;
        let file = File::from(keep(OwnedFd::from(file)));
        Ok(Self { ep, file, text: String::with_capacity(ROOM) })
    }

    /// Whose file it is.
    pub fn ep(&self) -> Fd {
        self.ep
    }

    /// Reads the interest list, in no particular order.
    ///
    /// # Errors
    /// What read(2) lists; `NotFound` if the number is closed by now.
    pub fn read(&mut self) -> io::Result<Vec<FdinfoEntry>> {
        self.fill()?;
        Ok(parse(&self.text))
    }

    /// Reads the interest list with all 64 bits of the data, in no particular order.
    ///
    /// # Errors
    /// What read(2) lists; `NotFound` if the number is closed by now.
    pub fn registrations(&mut self) -> io::Result<Vec<Registration>> {
        self.fill()?;
        Ok(self.text.lines().filter_map(parse_line).collect())
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.file.rewind()?;
        self.file.read_to_string(&mut self.text).map(drop)
    }
}

/// A line of such a file as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registration {
    /// `tfd`
    pub fd: Fd,
    /// `events`, the kernel's own bits included
    pub events: u32,
    /// `data`
    pub data: u64,
}

impl From<Registration> for FdinfoEntry {
    /// The low half of the data is the tool's number for the open file.
    fn from(line: Registration) -> Self {
        let file = u32::try_from(line.data & 0xffff_ffff).unwrap_or_default();
        Self { fd: line.fd, mask: Mask(line.events), file: FileId(file) }
    }
}

/// Reads the interest list of the epoll instance `ep` of this process once.
///
/// # Errors
/// What open(2) and read(2) list; `NotFound` if the number is closed.
pub fn read(ep: Fd) -> io::Result<Vec<FdinfoEntry>> {
    Fdinfo::open(ep)?.read()
}

/// Parses the text of such a file; lines that are no registrations are skipped.
pub fn parse(text: &str) -> Vec<FdinfoEntry> {
    text.lines().filter_map(parse_line).map(FdinfoEntry::from).collect()
}

/// `tfd:        7 events: 80002019 data:        700000003  pos:0 ino:1f sdev:8`; all but the number
/// is hexadecimal.
fn parse_line(line: &str) -> Option<Registration> {
    let mut words = line.strip_prefix("tfd:")?.split_whitespace();
    let fd = words.next()?.parse().ok()?;
    let events = words.next().filter(|w| *w == "events:").and(words.next())?;
    let data = words.next().filter(|w| *w == "data:").and(words.next())?;
    Some(Registration {
        fd: Fd(fd),
        events: u32::from_str_radix(events, 16).ok()?,
        data: u64::from_str_radix(data, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrations_are_found_between_the_other_lines() {
        let text = "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1057\n\
            tfd:        7 events: 80002019 data:        700000003  pos:0 ino:1f sdev:8\n\
            tfd:       12 events: 40000000 data:        c0000000a  pos:0 ino:20 sdev:8\n";
        let expected = [
            FdinfoEntry {
                fd: Fd(7),
                mask: Mask::IN | Mask::ALWAYS | Mask::RDHUP | Mask::ET,
                file: FileId(3),
            },
            FdinfoEntry { fd: Fd(12), mask: Mask::ONESHOT, file: FileId(10) },
        ];
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn broken_lines_are_skipped() {
        for text in ["", "tfd:", "tfd: x events: 1 data: 1", "tfd: 7 events: 1", "tfd: 7 1 2 3"] {
            assert_eq!(parse(text), [], "{text}");
        }
    }
}
