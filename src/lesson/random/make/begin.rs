//! How a sequence begins: what there is, and for some sorts calls that lead to something of interest.

use crate::event::{FileKind, Mask};
use crate::lesson::case::{Action, Actor, ActorKind, Amount, FdArg, Label, SockOpt, Wait};

use super::action::Idea;
use super::{Maker, Sort};

impl Maker {
    pub(super) fn actors(&mut self) {
        let epolls = self.rng.weigh(&[(3, 1), (2, 2), (1, 3), (1, 7)]).unwrap_or(1);
        self.tower = epolls > 3;
        for n in 0..epolls {
            self.actor(format!("e{n}"), ActorKind::Epoll);
        }
        if self.sort.has_connections() {
            let backlog = self.rng.weigh(&[(3, 64), (1, 0), (1, 1)]).unwrap_or(64);
            self.actor("L".to_owned(), ActorKind::Listener { backlog });
            for n in 0..2 + self.rng.roll(3) {
                self.actor(format!("c{n}"), ActorKind::Client);
            }
        }
        let least = if self.sort == Sort::Held { 2 } else { 0 };
        for n in 0..=least + self.rng.roll(4) {
            let kind = self.kind();
            self.actor(format!("s{n}"), kind);
        }
    }

    /// Where there are threads, they wait for something that several epolls watch; where harvests
    /// are held, there is something to harvest.
    pub(super) fn waiting(&mut self) {
        use FileKind::{Datagram, Eventfd, Pipe, Unix};
        let readable = self.of_kind(|kind| matches!(kind, Pipe | Unix | Datagram | Eventfd));
        let exclusive = self.rng.percent(40);
        let epolls = self.of_kind(|kind| kind == FileKind::Epoll);
        for ep in epolls.into_iter().take(3).map(FdArg::Named) {
            let watched = if self.sort == Sort::Held {
                readable.clone()
            } else {
                readable[..1.min(readable.len())].to_vec()
            };
            for fd in watched {
                let flags = self.mask() & (Mask::ET | Mask::ONESHOT | Mask::OUT);
                let flags =
                    if exclusive { (flags - Mask::ONESHOT) | Mask::EXCLUSIVE } else { flags };
                let fd = FdArg::Named(fd);
                self.step(Action::Add { ep: ep.clone(), fd, mask: Mask::IN | flags, who: None });
            }
            for _ in 0..self.rng.roll(if self.sort == Sort::Held { 2 } else { 4 }) {
                let Some(thread) = self.awake() else { return };
                let wait = Wait { ep: ep.clone(), max: 64, timeout: None, thread: Some(thread) };
                self.step(Action::Wait(wait));
            }
        }
        if self.sort == Sort::Held {
            for label in &readable {
                self.make_readable(label);
            }
            for _ in 0..3 {
                let held = self.action(Idea::Freeze);
                held.map(|action| self.step(action));
            }
        }
    }

    /// What is small is soon full. A receive buffer is set before there is a connection: one that
    /// shrinks drops what was sent, and TCP sends it again when a timer says so.
    pub(super) fn buffers(&mut self) {
        use FileKind::{Listener, Tcp};
        for fd in self.of_kind(|kind| matches!(kind, Listener | Tcp)).into_iter().map(FdArg::Named)
        {
            for opt in [SockOpt::RcvBuf, SockOpt::SndBuf] {
                let value = self.rng.pick(&[1, 4000, 20_000, 100_000]).copied();
                let value = value.filter(|_| self.rng.percent(50));
                value.map(|value| self.step(Action::Sockopt { fd: fd.clone(), opt, value }));
            }
        }
    }

    /// Clients connect and are accepted, and what comes of it is watched.
    pub(super) fn connections(&mut self) {
        for idea in [Idea::Connect, Idea::Accept, Idea::Connect, Idea::Accept, Idea::Lowat] {
            let action = self.action(idea);
            action.filter(|_| self.rng.percent(80)).map(|action| self.step(action));
        }
        for fd in self.of_kind(|kind| kind == FileKind::Tcp).into_iter().map(FdArg::Named) {
            let (ep, mask) = (self.epoll(), self.mask());
            ep.map(|ep| self.step(Action::Add { ep, fd, mask, who: None }));
        }
    }

    /// Writes to the other end of it.
    fn make_readable(&mut self, label: &Label) {
        let other = match label.as_str().split_once('.') {
            Some((name, "r")) => Label::new(format!("{name}.w")),
            Some((name, "a")) => Label::new(format!("{name}.b")),
            Some((name, _)) => Label::new(format!("{name}.a")),
            None => label.clone(),
        };
        let value = other == *label;
        let what = if value { Amount::Value(1) } else { Amount::Bytes(1) };
        self.step(Action::Write { fd: FdArg::Named(other), what, who: None });
    }

    fn actor(&mut self, name: String, kind: ActorKind) {
        let actor = Actor { line: 0, name: Label::new(name), kind, count: None };
        if self.model.make(&actor) {
            self.case.actors.push(actor);
        }
    }

    pub(super) fn kind(&mut self) -> ActorKind {
        let size = self.rng.weigh(&[(2, 4096), (1, 8192), (1, 65536)]).unwrap_or(4096);
        let sndbuf = self.rng.weigh(&[(1, None), (1, Some(1)), (1, Some(4000)), (1, Some(20000))]);
        let sndbuf = sndbuf.unwrap_or_default();
        match self.rng.roll(13) {
            0..=2 => ActorKind::Pipe { size },
            3..=5 => ActorKind::Pair { sndbuf },
            6..=8 => ActorKind::Dgram { sndbuf },
            9 => ActorKind::Udp,
            _ => ActorKind::Eventfd {
                value: self.rng.weigh(&[(3, 0), (1, 1), (1, 2)]).unwrap_or(0),
                semaphore: self.rng.percent(30),
            },
        }
    }
}
