//! What is done with io_urings.

use crate::event::{FileKind, Mask, RingOp};
use crate::lesson::case::{Action, Actor, ActorKind, Enter, FdArg, Submit};

use super::Maker;
use super::action::Idea;

/// How often each idea is had of those that are about rings.
pub(super) const RINGS: [(usize, Idea); 3] = [(10, Idea::Sqe), (8, Idea::Submit), (6, Idea::Reap)];

impl Maker {
    /// Rings, and something whose other end can be written to.
    pub(super) fn rings(&mut self) {
        for n in 0..self.rng.weigh(&[(4, 1), (1, 2)]).unwrap_or(1) {
            let entries = self.rng.weigh(&[(1, 1), (2, 2), (2, 4), (1, 16)]).unwrap_or(4);
            self.begin_with(&format!("u{n}"), ActorKind::Ring { entries });
        }
        for n in 0..=self.rng.roll(2) {
            self.begin_with(&format!("p{n}"), ActorKind::Pair { sndbuf: None });
        }
    }

    fn begin_with(&mut self, name: &str, kind: ActorKind) {
        let actor = Actor { line: 0, name: name.into(), kind, count: None };
        if self.model.make(&actor) {
            self.case.actors.push(actor);
        }
    }

    pub(super) fn ring(&mut self, idea: Idea) -> Option<Action> {
        let rings = self.of_kind(|kind| kind == FileKind::Ring);
        let ring = self.one(&rings)?;
        Some(match idea {
            Idea::Sqe => Action::Submit(self.sqe(ring)?),
            Idea::Submit => {
                let submit =
                    self.rng.weigh(&[(6, None), (1, Some(1)), (1, Some(9)), (1, Some(0))])?;
                Action::Enter(Enter { ring, submit, wait: 0, thread: None })
            }
            _ => Action::Reap { ring, max: self.rng.weigh(&[(4, 64), (1, 1)])? },
        })
    }

    fn sqe(&mut self, ring: FdArg) -> Option<Submit> {
        use RingOp::{Accept, Cancel, Nop, Poll, Read, Recv, Send};
        let op = self.rng.weigh(&[(8, Recv), (5, Poll), (2, Send), (1, Nop), (4, Cancel)])?;
        let of = if op == Cancel { Some(self.rng.pick(&self.ops)?.clone()) } else { None };
        let fd = match op {
            Nop | Cancel | Accept | Read => None,
            Recv if self.rng.percent(10) => self.file(),
            Recv => {
                self.one(&self.of_kind(|kind| matches!(kind, FileKind::Unix | FileKind::Datagram)))
            }
            Send => self.one(&self.of_kind(|kind| kind == FileKind::Unix)),
            Poll => self.one(&self.of_kind(is_polled)),
        };
        if fd.is_none() && matches!(op, Recv | Send | Poll) {
            return None;
        }
        let n = if matches!(op, Recv | Send) { *self.rng.pick(&[1, 100, 3000])? } else { 0 };
        let masks = [Mask::IN, Mask::IN, Mask::OUT, Mask::IN | Mask::OUT, Mask::RDHUP, Mask::EMPTY];
        let mask = if op == Poll { *self.rng.pick(&masks)? } else { Mask::EMPTY };
        let multi = op == Poll && self.rng.percent(40);
        let name = self.name("r");
        self.ops.push(name.clone());
        Some(Submit { ring, op, fd, n, mask, multi, of, name })
    }
}

/// What a ring polls here. A datagram socket asks its peer for room in a way of its own.
fn is_polled(kind: FileKind) -> bool {
    use FileKind::{Eventfd, Pipe, PipeWriter, Unix};
    matches!(kind, Unix | Pipe | PipeWriter | Eventfd)
}
