//! An io_uring as `/proc/self/fdinfo/N` has it (io_uring/fdinfo.c: `io_uring_show_fdinfo`).

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;

use crate::event::{Cqe, Fd, Ret, RingHeads, RingOp, RingRead};
use crate::sys::descriptor;

/// Bytes that a ring with some hundred operations takes.
const ROOM: usize = 16_384;

/// `IORING_CQE_F_BUFFER`: the upper half of the flags is the number of a buffer.
const HAS_BUFFER: u32 = 1;
/// `IORING_CQE_F_MORE`
const MORE: u32 = 2;

/// The file of one ring of this process. It stays open: whoever needed a descriptor for each look
/// would take it from a server that has none left.
#[derive(Debug)]
pub struct RingFdinfo {
    ring: Fd,
    file: File,
    text: String,
}

impl RingFdinfo {
    /// Opens the file of that ring.
    ///
    /// # Errors
    /// What open(2) lists; `NotFound` if the number is closed.
    pub fn open(ring: Fd) -> io::Result<Self> {
        let file = File::open(format!("/proc/self/fdinfo/{ring}"))?;
        let file = File::from(descriptor::out_of_the_way(OwnedFd::from(file)));
        Ok(Self { ring, file, text: String::with_capacity(ROOM) })
    }

    /// Whose file it is.
    pub fn ring(&self) -> Fd {
        self.ring
    }

    /// Reads it; `None` if the ring's lock was taken, so that the kernel left the queues out.
    ///
    /// # Errors
    /// What read(2) lists; `NotFound` if the number is closed by now.
    pub fn read(&mut self) -> io::Result<Option<RingRead>> {
        self.text.clear();
        self.file.rewind()?;
        self.file.read_to_string(&mut self.text)?;
        Ok(parse(&self.text))
    }
}

/// Parses the text of such a file. `None` if it is not whole: without its queues, or another file's.
pub fn parse(text: &str) -> Option<RingRead> {
    let number = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        rest.trim().parse::<u32>().ok()
    };
    let entries = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t0x"))?;
        u32::from_str_radix(rest, 16).ok()?.checked_add(1)
    };
    let heads = RingHeads {
        sq_head: number("SqHead")?,
        sq_tail: number("SqTail")?,
        cq_head: number("CqHead")?,
        cq_tail: number("CqTail")?,
        ..RingHeads::default()
    };
    let pending: Box<[Cqe]> = part(text, "CQEs:").filter_map(completion).collect();
    // Before Linux 6.0 there is no list of those: such a ring cannot be had here.
    let overflow: Box<[Cqe]> = part(text, "CqOverflowList:").filter_map(completion).collect();
    let mut armed: Vec<(RingOp, u32)> = Vec::new();
    for op in part(text, "PollList:").filter_map(operation) {
        match armed.iter_mut().find(|(known, _)| *known == op) {
            Some((_, count)) => *count += 1,
            None => armed.push((op, 1)),
        }
    }
    armed.sort_unstable();
    let whole = text.lines().any(|line| line.starts_with("PollList:"));
    let heads = RingHeads { overflow: !overflow.is_empty(), ..heads };
    let entries = (entries("SqMask")?, entries("CqMask")?);
    whole.then(|| RingRead { heads, entries, pending, overflow, armed: armed.into() })
}

/// The lines that belong to a heading.
fn part<'a>(text: &'a str, heading: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().skip_while(move |line| !line.starts_with(heading));
    lines.skip(1).take_while(|line| line.starts_with(' '))
}

/// `    0: user_data:8, res:-2, flag:0`, and in the overflow list
/// `  user_data=8, res=-2, flags=0`; the flags are hexadecimal.
fn completion(line: &str) -> Option<Cqe> {
    let mut words = line.split([',', ' ']).filter(|word| !word.is_empty());
    let mut value = |name: &str| {
        let word = words.find(|word| word.starts_with(name))?;
        Some(word.get(name.len()..)?.trim_start_matches(['s', ':', '=']).to_owned())
    };
    let (id, res, flags) = (value("user_data")?, value("res")?, value("flag")?);
    let flags = u32::from_str_radix(&flags, 16).ok()?;
    Some(Cqe {
        id: id.parse().ok()?,
        ret: Ret::from_raw(res.parse::<i32>().ok()?.into()),
        more: flags & MORE != 0,
        buffer: if flags & HAS_BUFFER != 0 { u16::try_from(flags >> 16).ok() } else { None },
    })
}

/// `  op=27, task_works=0`
fn operation(line: &str) -> Option<RingOp> {
    let number = line.trim_start().strip_prefix("op=")?.split(',').next()?;
    RingOp::of_number(number.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Errno;

    /// What Linux 6.18 wrote of a ring with a recv in flight, and what it writes of an overflow.
    const TEXT: &str = "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t25315274\n\
        SqMask:\t0x3\nSqHead:\t1\nSqTail:\t2\nCachedSqHead:\t1\nCqMask:\t0x7\nCqHead:\t0\n\
        CqTail:\t2\nCachedCqTail:\t2\nSQEs:\t1\n    1: opcode:ASYNC_CANCEL, fd:-1, flags:0, off:0, \
        addr:0x63, rw_flags:0x0, buf_index:0 user_data:8\nCQEs:\t2\n    0: user_data:8, res:-2, \
        flag:0\n    1: user_data:9, res:5, flag:70003\nSqThread:\t-1\nUserFiles:\t0\nUserBufs:\t0\n\
        PollList:\n  op=27, task_works=0\n  op=13, task_works=0\n  op=27, task_works=0\n\
        CqOverflowList:\n  user_data=7, res=4, flags=2\nNAPI:\tdisabled\n";

    #[test]
    fn a_ring_is_read_with_its_queues() {
        let none = Cqe { id: 8, ret: Ret::err(Errno::ENOENT), more: false, buffer: None };
        let some = Cqe { id: 9, ret: Ret::ok(5), more: true, buffer: Some(7) };
        let late = Cqe { id: 7, ret: Ret::ok(4), more: true, buffer: None };
        let heads = RingHeads {
            sq_head: 1,
            sq_tail: 2,
            cq_head: 0,
            cq_tail: 2,
            overflow: true,
            taskrun: false,
        };
        let expected = RingRead {
            entries: (4, 8),
            heads,
            pending: [none, some].into(),
            overflow: [late].into(),
            armed: [(RingOp::Recv, 2), (RingOp::Accept, 1)].into(),
        };
        assert_eq!(parse(TEXT), Some(expected));
    }

    #[test]
    fn a_look_beside_a_taken_lock_says_nothing() {
        let cut = TEXT.split("PollList").next().expect("text");
        for text in ["", "pos:\t0\ntfd: 7 events: 19 data: 3\n", cut] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
