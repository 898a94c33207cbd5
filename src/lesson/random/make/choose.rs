//! What a call is made with: descriptors, masks, amounts, threads.

use crate::event::{FileKind, Mask};
use crate::lesson::case::{Amount, FdArg, Label};

use super::Maker;
use crate::lesson::random::rng::Rng;

/// Most threads that sleep at a time.
const MOST_THREADS: usize = 6;

/// The conditions that are watched, before flags are added.
const WATCHED: [Mask; 9] = [
    Mask::IN,
    Mask::OUT,
    Mask(Mask::IN.0 | Mask::OUT.0),
    Mask(Mask::IN.0 | Mask::RDHUP.0),
    Mask::PRI,
    Mask::EMPTY,
    Mask::HUP,
    Mask(Mask::IN.0 | Mask::RDNORM.0 | Mask::WRNORM.0),
    Mask::ERR,
];

/// Flags, with how often in a hundred each is added.
const FLAGS: [(usize, Mask); 6] = [
    (45, Mask::ET),
    (20, Mask::ONESHOT),
    (8, Mask::EXCLUSIVE),
    (10, Mask::RDHUP),
    (3, Mask::WAKEUP),
    (3, Mask(Mask::RDBAND.0 | Mask::WRBAND.0)),
];

impl Maker {
    pub(super) fn of_kind(&self, wanted: impl Fn(FileKind) -> bool) -> Vec<Label> {
        let open = self.model.open().filter(|(_, kind)| wanted(*kind));
        open.map(|(label, _)| label.clone()).collect()
    }

    pub(super) fn one(&mut self, from: &[Label]) -> Option<FdArg> {
        self.rng.pick(from).map(|label| FdArg::Named(label.clone()))
    }

    /// Something that is no epoll, most of the time; sometimes one, or a number that was closed.
    pub(super) fn file(&mut self) -> Option<FdArg> {
        let wanted = match self.rng.roll(100) {
            0..94 => self.of_kind(|kind| !matches!(kind, FileKind::Epoll | FileKind::Ring)),
            94..97 => self.of_kind(|kind| kind != FileKind::Ring),
            _ => self.model.closed().cloned().collect(),
        };
        self.one(&wanted)
    }

    /// An epoll, nearly always.
    pub(super) fn epoll(&mut self) -> Option<FdArg> {
        let any = self.rng.percent(2);
        let wanted = self.of_kind(|kind| any || kind == FileKind::Epoll);
        self.one(&wanted)
    }

    pub(super) fn mask(&mut self) -> Mask {
        if self.rng.percent(2) {
            // Any bits that have a name.
            let named = Mask(0x23df) | Mask::PRIVATE;
            let half = |rng: &mut Rng| u32::try_from(rng.roll(1 << 16)).unwrap_or(0);
            return Mask(half(&mut self.rng) << 16 | half(&mut self.rng)) & named;
        }
        let mask = self.rng.pick(&WATCHED).copied().unwrap_or(Mask::IN);
        FLAGS.iter().fold(mask, |mask, (often, flag)| {
            mask.with(*flag, self.rng.percent(*often) || mask.has(*flag))
        })
    }

    /// For a thread's own ADD exclusive ones are of interest.
    pub(super) fn mask_to_add(&mut self) -> Mask {
        let mask = self.mask();
        if self.sort.has_threads() && self.rng.percent(30) {
            return (mask - Mask::ONESHOT - Mask::RDHUP - Mask::PRI) | Mask::EXCLUSIVE;
        }
        mask
    }

    pub(super) fn amount(&mut self, fd: &FdArg) -> Amount {
        const BYTES: [u32; 9] = [1, 1, 1, 100, 3000, 4096, 6000, 9000, 0];
        let kind = self.model.open().find(|(label, _)| Some(*label) == fd.label()).map(|(_, k)| k);
        match kind {
            Some(FileKind::Eventfd) => {
                const VALUES: [u64; 7] = [0, 1, 1, 2, u64::MAX - 1, u64::MAX - 2, u64::MAX];
                Amount::Value(self.rng.pick(&VALUES).copied().unwrap_or(1))
            }
            // A message of several chunks wakes several times.
            Some(FileKind::Unix) if self.sort.has_threads() => Amount::Bytes(1),
            // A datagram that finds no room is dropped, which is not modelled.
            Some(FileKind::Udp) => {
                Amount::Bytes(self.rng.pick(&[1, 1, 100, 65508, 0]).copied().unwrap_or(1))
            }
            // What the buffers of TCP hold is not modelled either.
            Some(FileKind::Tcp) => {
                Amount::Bytes(self.rng.pick(&[1, 1, 100, 2000, 0]).copied().unwrap_or(1))
            }
            _ => Amount::Bytes(self.rng.pick(&BYTES).copied().unwrap_or(1)),
        }
    }

    pub(super) fn size(&mut self) -> Option<u32> {
        self.rng.pick(&[1, 100, 4096, 65536]).copied()
    }

    pub(super) fn names() -> Vec<Label> {
        (1..=MOST_THREADS).map(|n| Label::new(format!("t{n}"))).collect()
    }

    /// A thread that is in no call.
    pub(super) fn awake(&self) -> Option<Label> {
        Self::names().into_iter().find(|name| !self.model.sleeps(name))
    }

    pub(super) fn name(&mut self, first: &str) -> Label {
        self.made += 1;
        Label::new(format!("{first}{}", self.made))
    }
}
