//! Event masks of `epoll_ctl(2)` and `epoll_wait(2)`.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not, Sub};

use serde::{Deserialize, Serialize};

/// The 32 bits of `epoll_event.events` (epoll_ctl(2)).
///
/// Its words are the names of the constants without `EPOLL`, as in the kernel's `fs/eventpoll.c`.
///
/// ```
/// use epollscope::event::{Mask, Trigger};
/// use nix::libc;
///
/// let asked = Mask::parse("IN|RDHUP|ET").unwrap();
/// assert_eq!(asked.0, (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET).cast_unsigned());
/// assert_eq!(asked.trigger(), Trigger::Edge);
///
/// // The kernel adds ERR and HUP, whoever asks for what: so it stands in /proc/PID/fdinfo.
/// let stored = asked | Mask::ALWAYS;
/// assert_eq!(format!("{:x}", stored.0), "80002019");
/// assert_eq!(stored.to_string(), "IN|ERR|HUP|RDHUP|ET");
/// assert_eq!(stored.asked(), Mask::IN | Mask::RDHUP);
///
/// // A one-shot registration that has fired keeps no condition, not even those two.
/// let fired = (Mask::IN | Mask::ALWAYS | Mask::ONESHOT) & Mask::PRIVATE;
/// assert_eq!(fired.to_string(), "ONESHOT");
///
/// assert_eq!(Mask::parse("0"), Some(Mask::EMPTY));
/// assert_eq!(Mask::parse("EPOLLIN"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mask(pub u32);

/// Bits with their names, in the order in which they are printed.
const NAMES: [(Mask, &str); 14] = [
    (Mask::IN, "IN"),
    (Mask::PRI, "PRI"),
    (Mask::OUT, "OUT"),
    (Mask::ERR, "ERR"),
    (Mask::HUP, "HUP"),
    (Mask::RDNORM, "RDNORM"),
    (Mask::RDBAND, "RDBAND"),
    (Mask::WRNORM, "WRNORM"),
    (Mask::WRBAND, "WRBAND"),
    (Mask::RDHUP, "RDHUP"),
    (Mask::EXCLUSIVE, "EXCLUSIVE"),
    (Mask::WAKEUP, "WAKEUP"),
    (Mask::ONESHOT, "ONESHOT"),
    (Mask::ET, "ET"),
];

impl Mask {
    /// Nothing.
    pub const EMPTY: Self = Self(0);
    /// `EPOLLIN`
    pub const IN: Self = Self(0x1);
    /// `EPOLLPRI`
    pub const PRI: Self = Self(0x2);
    /// `EPOLLOUT`
    pub const OUT: Self = Self(0x4);
    /// `EPOLLERR`
    pub const ERR: Self = Self(0x8);
    /// `EPOLLHUP`
    pub const HUP: Self = Self(0x10);
    /// `EPOLLRDNORM`
    pub const RDNORM: Self = Self(0x40);
    /// `EPOLLRDBAND`
    pub const RDBAND: Self = Self(0x80);
    /// `EPOLLWRNORM`
    pub const WRNORM: Self = Self(0x100);
    /// `EPOLLWRBAND`
    pub const WRBAND: Self = Self(0x200);
    /// `EPOLLRDHUP`
    pub const RDHUP: Self = Self(0x2000);
    /// `EPOLLEXCLUSIVE`
    pub const EXCLUSIVE: Self = Self(1 << 28);
    /// `EPOLLWAKEUP`
    pub const WAKEUP: Self = Self(1 << 29);
    /// `EPOLLONESHOT`
    pub const ONESHOT: Self = Self(1 << 30);
    /// `EPOLLET`
    pub const ET: Self = Self(1 << 31);
    /// The bits that say how to report rather than what (`EP_PRIVATE_BITS`).
    pub const PRIVATE: Self = Self(0xf << 28);
    /// What the kernel adds to every registration (`ep_insert`, `ep_modify`).
    pub const ALWAYS: Self = Self(0x18);

    /// Whether no bit is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every bit of `other` is set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// This mask with `bits` set or cleared.
    #[must_use]
    pub fn with(self, bits: Self, on: bool) -> Self {
        if on { self | bits } else { self - bits }
    }

    /// The bits that name conditions, without the kernel's own ERR and HUP: what a program asked
    /// to watch.
    #[must_use]
    pub fn asked(self) -> Self {
        self - Self::PRIVATE - Self::ALWAYS
    }

    /// How the registration reports: edge- or level-triggered.
    pub fn trigger(self) -> Trigger {
        if self.has(Self::ET) { Trigger::Edge } else { Trigger::Level }
    }

    /// Parses names joined by `|`, as [`fmt::Display`] prints them; `0` is the empty mask.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self::EMPTY);
        }
        text.split('|').try_fold(Self::EMPTY, |mask, word| {
            let (bit, _) = NAMES.iter().find(|(_, name)| *name == word.trim())?;
            Some(mask | *bit)
        })
    }

    /// The names of the set bits, in printing order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(bit, _)| self.any(*bit)).map(|(_, name)| *name)
    }

    /// The names of the set bits with `separator` between them; `0` if there are none.
    pub fn join(self, separator: &str) -> String {
        if self.is_empty() {
            return "0".to_owned();
        }
        let mut text = self.names().collect::<Vec<_>>().join(separator);
        let rest = NAMES.iter().fold(self.0, |rest, (bit, _)| rest & !bit.0);
        if rest != 0 {
            let gap = if text.is_empty() { "" } else { separator };
            text = format!("{text}{gap}{rest:#x}");
        }
        text
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.join("|"))
    }
}

impl BitOr for Mask {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Mask {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Mask {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Sub for Mask {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl Not for Mask {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

/// How a registration reports (epoll(7), "Level-triggered and edge-triggered").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Trigger {
    /// Reported by every `epoll_wait` as long as the condition holds.
    #[default]
    Level,
    /// Reported once for every wake-up.
    Edge,
}

impl Trigger {
    /// The other one.
    #[must_use]
    pub fn flipped(self) -> Self {
        match self {
            Self::Level => Self::Edge,
            Self::Edge => Self::Level,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Level => "level",
            Self::Edge => "edge",
        })
    }
}

/// Whether a registration can report at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Arm {
    /// It can.
    Armed,
    /// A one-shot registration that has fired: no condition bit is left (`ep_send_events`).
    Disarmed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_print_as_they_parse() {
        for text in ["0", "IN", "IN|RDHUP", "IN|OUT|ERR|HUP|ONESHOT|ET"] {
            assert_eq!(Mask::parse(text).map(|m| m.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Mask::parse("IN|BOGUS"), None);
        assert_eq!(Mask(0x1 | 0x20).to_string(), "IN|0x20");
    }

    #[test]
    fn asked_leaves_out_what_the_kernel_adds() {
        let stored = Mask::IN | Mask::RDHUP | Mask::ALWAYS | Mask::ET;
        assert_eq!(stored.asked(), Mask::IN | Mask::RDHUP);
        assert_eq!(stored.trigger(), Trigger::Edge);
    }
}
