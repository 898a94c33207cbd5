//! What is done: ideas, how often each is had, and the actions that they come to.

use crate::event::{FileKind, How, Mask};
use crate::lesson::case::{Action, Amount, ConnectTarget, FdArg, Label, Scan, SockOpt, Wait};

use super::{Maker, Sort};

/// Descriptors beyond which no more are made.
const MOST_OPEN: usize = 40;

/// What a step does; several actions may belong to one idea.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idea {
    Add,
    Mod,
    Del,
    Ctl,
    Nest,
    Wait,
    Poll,
    Write,
    Burst,
    Read,
    Drain,
    Fill,
    Close,
    Dup,
    Shutdown,
    Buffer,
    Park,
    Signal,
    Freeze,
    Thaw,
    Connect,
    Accept,
    Reset,
    Lowat,
    Flood,
    Stuff,
    Sip,
    Leave,
    Half,
    /// An operation is written into a ring.
    Sqe,
    /// What is written is submitted.
    Submit,
    Reap,
}

/// How often each is had, by one thread and by several. Several threads never fill or drain: each
/// of its calls may wake somebody who runs beside the next.
pub(super) const ALONE: [(usize, Idea); 16] = [
    (16, Idea::Add),
    (9, Idea::Mod),
    (3, Idea::Del),
    (1, Idea::Ctl),
    (3, Idea::Nest),
    (24, Idea::Wait),
    (4, Idea::Poll),
    (20, Idea::Write),
    (3, Idea::Burst),
    (12, Idea::Read),
    (4, Idea::Drain),
    (1, Idea::Fill),
    (2, Idea::Close),
    (2, Idea::Dup),
    (2, Idea::Shutdown),
    (1, Idea::Buffer),
];
/// What is added where there are connections.
pub(super) const CONNECTED: [(usize, Idea); 4] =
    [(10, Idea::Connect), (6, Idea::Accept), (1, Idea::Reset), (2, Idea::Lowat)];
/// What is added where TCP queues are filled. To fill one for good takes the kernel a quarter of a
/// second; a write of more than it takes fills it at once.
pub(super) const FULL: [(usize, Idea); 8] = [
    (24, Idea::Flood),
    (1, Idea::Stuff),
    (24, Idea::Sip),
    (3, Idea::Drain),
    (16, Idea::Wait),
    (4, Idea::Leave),
    (4, Idea::Half),
    (1, Idea::Reset),
];
pub(super) const TOGETHER: [(usize, Idea); 15] = [
    (12, Idea::Add),
    (5, Idea::Mod),
    (1, Idea::Del),
    (2, Idea::Nest),
    (3, Idea::Wait),
    (2, Idea::Poll),
    (12, Idea::Write),
    (5, Idea::Read),
    (1, Idea::Close),
    (1, Idea::Dup),
    (1, Idea::Shutdown),
    (14, Idea::Park),
    (1, Idea::Signal),
    (9, Idea::Freeze),
    (9, Idea::Thaw),
];

impl Maker {
    pub(super) fn action(&mut self, idea: Idea) -> Option<Action> {
        match idea {
            Idea::Add | Idea::Mod | Idea::Del | Idea::Ctl | Idea::Nest => self.control(idea),
            Idea::Wait => Some(Action::Wait(Wait {
                ep: self.epoll()?,
                max: self.rng.weigh(&[(6, 1), (3, 2), (3, 3), (6, 64), (1, 0), (1, -1)])?,
                timeout: Some(0),
                thread: None,
            })),
            Idea::Poll => self.scan(None),
            Idea::Write | Idea::Burst | Idea::Read | Idea::Drain | Idea::Fill => self.data(idea),
            Idea::Close | Idea::Dup | Idea::Shutdown | Idea::Buffer => self.number(idea),
            Idea::Connect | Idea::Accept | Idea::Reset | Idea::Lowat => self.connection(idea),
            Idea::Flood | Idea::Stuff | Idea::Sip | Idea::Leave | Idea::Half => self.full(idea),
            Idea::Sqe | Idea::Submit | Idea::Reap => self.ring(idea),
            Idea::Park => self.park(),
            Idea::Freeze | Idea::Thaw | Idea::Signal => self.thread(idea),
        }
    }

    fn control(&mut self, idea: Idea) -> Option<Action> {
        let ep = self.epoll()?;
        Some(match idea {
            Idea::Nest => {
                let fd = self.one(&self.of_kind(|kind| kind == FileKind::Epoll))?;
                Action::Add { ep, fd, mask: self.mask(), who: None }
            }
            Idea::Add => Action::Add { ep, fd: self.file()?, mask: self.mask_to_add(), who: None },
            Idea::Mod => Action::Mod { ep, fd: self.file()?, mask: self.mask(), who: None },
            Idea::Del => Action::Del { ep, fd: self.file()?, who: None },
            _ => Action::Ctl { ep, fd: self.file()?, mask: self.mask() },
        })
    }

    /// Reads and writes.
    fn data(&mut self, idea: Idea) -> Option<Action> {
        Some(match idea {
            Idea::Read => Action::Read { fd: self.file()?, n: self.size()?, who: None },
            Idea::Drain => {
                // A semaphore that was set to a large number has no end.
                let ends = |kind| !matches!(kind, FileKind::Epoll | FileKind::Eventfd);
                let fd = self.one(&self.of_kind(ends))?;
                // Nor, nearly, has what a full queue holds, byte by byte.
                let much = self.sort == Sort::Full;
                let n = if much { *self.rng.pick(&[20_000, 65_536])? } else { self.size()? };
                Action::Drain { fd, n, who: None }
            }
            Idea::Fill => {
                let filled = |kind| matches!(kind, FileKind::PipeWriter | FileKind::Unix);
                let fd = self.one(&self.of_kind(filled))?;
                Action::Fill { fd, n: self.rng.weigh(&[(1, 1000), (1, 4096)])?, who: None }
            }
            _ => {
                let fd = self.file()?;
                Action::Write { what: self.amount(&fd), fd, who: None }
            }
        })
    }

    /// What changes descriptors and sockets.
    fn number(&mut self, idea: Idea) -> Option<Action> {
        match idea {
            Idea::Close => {
                let all = self.rng.percent(10);
                let fd = self
                    .one(&self.of_kind(|kind| {
                        kind != FileKind::Ring && (all || kind != FileKind::Epoll)
                    }))?;
                Some(Action::Close { fd, who: None })
            }
            Idea::Dup => {
                let fd = self.file()?;
                let full = self.model.open().count() >= MOST_OPEN;
                (!full).then(|| Action::Dup { fd, name: self.name("d"), least: self.least() })
            }
            Idea::Shutdown => {
                let fd = self.one(&self.of_kind(is_socket))?;
                Some(Action::Shutdown { fd, how: *self.rng.pick(&[How::Rd, How::Wr, How::RdWr])? })
            }
            _ => {
                let fd = self.one(&self.of_kind(is_socket))?;
                let value = *self.rng.pick(&[1, 4000, 20000, 100_000])?;
                Some(Action::Sockopt { fd, opt: SockOpt::SndBuf, value })
            }
        }
    }

    /// What is done with connections.
    fn connection(&mut self, idea: Idea) -> Option<Action> {
        let listeners = self.of_kind(|kind| kind == FileKind::Listener);
        if idea == Idea::Accept {
            let fd = self.one(&listeners)?;
            return Some(Action::Accept { fd, name: self.name("a"), who: None });
        }
        let fd = self.one(&self.of_kind(|kind| kind == FileKind::Tcp))?;
        Some(match idea {
            Idea::Connect => {
                let nobody = self.rng.percent(15);
                let to = self.rng.pick(&listeners).filter(|_| !nobody).cloned();
                Action::Connect {
                    fd,
                    to: to.map_or(ConnectTarget::Nobody, ConnectTarget::Listener),
                }
            }
            Idea::Reset => Action::Rst { fd },
            _ => {
                let value = *self.rng.pick(&[0, 1, 2, 150])?;
                Action::Sockopt { fd, opt: SockOpt::RcvLowat, value }
            }
        })
    }

    /// What is done with connections that are full, or may become so.
    fn full(&mut self, idea: Idea) -> Option<Action> {
        const FLOODS: [u32; 6] = [2000, 20_000, 65_536, 300_000, 5_000_000, 5_000_000];
        const SIPS: [u32; 6] = [1, 1000, 20_000, 65_536, 65_536, 1_000_000];
        let fd = self.one(&self.of_kind(|kind| kind == FileKind::Tcp))?;
        Some(match idea {
            Idea::Flood => {
                let what = Amount::Bytes(*self.rng.pick(&FLOODS)?);
                Action::Write { fd, what, who: None }
            }
            Idea::Stuff => {
                Action::Fill { fd, n: self.rng.weigh(&[(1, 4096), (1, 65536)])?, who: None }
            }
            Idea::Sip => Action::Read { fd, n: *self.rng.pick(&SIPS)?, who: None },
            Idea::Leave => Action::Close { fd, who: None },
            _ => Action::Shutdown { fd, how: *self.rng.pick(&[How::Rd, How::Wr, How::RdWr])? },
        })
    }

    /// What is done with threads, but that they go to sleep.
    fn thread(&mut self, idea: Idea) -> Option<Action> {
        match idea {
            Idea::Freeze if self.sort == Sort::Held => {
                let ep = self.one(&self.of_kind(|kind| kind == FileKind::Epoll))?;
                let max = self.rng.weigh(&[(1, 1), (1, 2), (2, 64)])?;
                let at = self.rng.weigh(&[(3, 1), (2, 2), (1, 3)])?.min(max);
                Some(Action::Freeze { ep, thread: self.awake()?, max, at })
            }
            Idea::Thaw => {
                let frozen = self.model.frozen();
                Some(Action::Thaw { thread: self.rng.pick(&frozen)?.clone() })
            }
            Idea::Signal => {
                let mut asleep = Self::names();
                asleep.retain(|name| self.model.sleeps(name));
                Some(Action::Signal { thread: self.rng.pick(&asleep)?.clone() })
            }
            _ => None,
        }
    }

    /// From which number on a duplicate may be.
    fn least(&mut self) -> Option<u32> {
        let far = self.rng.percent(25);
        self.rng.pick(&[3, 60, 200, 1000]).copied().filter(|_| far)
    }

    /// poll or select over some of what is open, sometimes over what is not.
    fn scan(&mut self, thread: Option<Label>) -> Option<Action> {
        if thread.is_none() && self.rng.percent(8) {
            return Some(Action::SelectAgain);
        }
        let mut labels = self.of_kind(|_| true);
        if self.rng.percent(10) {
            labels.extend(self.model.closed().cloned());
        }
        let mut fds = Vec::new();
        for _ in 0..=self.rng.roll(if thread.is_some() { 2 } else { labels.len() }) {
            let label = self.rng.pick(&labels)?.clone();
            labels.retain(|other| *other != label);
            let masks = [Mask::IN, Mask::OUT, Mask::IN | Mask::OUT, Mask::PRI, Mask::RDHUP];
            let mask = *self.rng.pick(&masks)?;
            fds.push((FdArg::Named(label), mask));
            if labels.is_empty() {
                break;
            }
        }
        let timeout = if thread.is_some() { None } else { Some(0) };
        let select = self.rng.percent(40);
        if select {
            // What select cannot be asked for.
            fds.retain(|(_, mask)| *mask != Mask::RDHUP);
            self.model.closed().for_each(|gone| fds.retain(|(fd, _)| fd.label() != Some(gone)));
        }
        let scan = Scan { fds, timeout, thread };
        match scan.fds.as_slice() {
            [] => None,
            _ if select => Some(Action::Select(scan)),
            _ => {
                let mut scan = scan;
                // A negative number is skipped.
                let nobody = (FdArg::Number(-1), Mask::IN);
                scan.fds.extend(self.rng.percent(5).then_some(nobody));
                Some(Action::Poll(scan))
            }
        }
    }

    /// A thread that is awake goes to sleep in epoll_wait, or sometimes in poll or select.
    fn park(&mut self) -> Option<Action> {
        let thread = self.awake()?;
        if self.rng.percent(25) {
            return self.scan(Some(thread));
        }
        let ep = self.one(&self.of_kind(|kind| kind == FileKind::Epoll))?;
        let max = self.rng.weigh(&[(2, 1), (1, 2), (3, 64)])?;
        Some(Action::Wait(Wait { ep, max, timeout: None, thread: Some(thread) }))
    }
}

fn is_socket(kind: FileKind) -> bool {
    use FileKind::{Datagram, Listener, Tcp, Udp, Unix};
    matches!(kind, Unix | Datagram | Udp | Tcp | Listener)
}
