//! The rules of one eventpoll, each stated once: what its registrations store, what a wake-up and a
//! report do to them, and in which order its ready list is left (fs/eventpoll.c).
//!
//! [`super::KernelModel`], which knows every file, and the `World` of `model`, which knows what the
//! live server sees, both ask here.

use std::collections::VecDeque;

use crate::event::{CtlOp, Mask};

/// The bits that may stand beside EPOLLEXCLUSIVE (`EPOLLEXCLUSIVE_OK_BITS`).
const BESIDE_EXCLUSIVE: Mask = Mask(
    Mask::IN.0
        | Mask::OUT.0
        | Mask::ERR.0
        | Mask::HUP.0
        | Mask::WAKEUP.0
        | Mask::ET.0
        | Mask::EXCLUSIVE.0,
);

/// What ADD and MOD store for the mask that was asked for: the kernel reports ERR and HUP always
/// (`do_epoll_ctl`).
pub(crate) fn stored(asked: Mask) -> Mask {
    asked | Mask::ALWAYS
}

/// Whether a registration can report at all: a one-shot report leaves only the private bits
/// (`ep_send_events`).
pub(crate) fn armed(stored: Mask) -> bool {
    !(stored - Mask::PRIVATE).is_empty()
}

/// Whether a wake-up with this key concerns a registration (`ep_poll_callback`). The empty key is a
/// wake-up without one, which concerns everybody who is armed.
pub(crate) fn concerns(stored: Mask, key: Mask) -> bool {
    armed(stored) && (key.is_empty() || key.any(stored))
}

/// What a report does to the registration that was reported (`ep_send_events`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Edge-triggered: it is off the ready list until it is woken again.
    Gone,
    /// One-shot: it is off the list, and this mask, which reports nothing, is stored.
    Disarmed(Mask),
    /// Level-triggered: it goes back to the tail of the list.
    Back,
}

/// What a report does to a registration with this mask; ONESHOT comes before ET.
pub(crate) fn reported(stored: Mask) -> After {
    if stored.has(Mask::ONESHOT) {
        After::Disarmed(stored & Mask::PRIVATE)
    } else if stored.has(Mask::ET) {
        After::Gone
    } else {
        After::Back
    }
}

/// The ready list after a harvest (`ep_done_scan`): `list`, which the harvest did not reach, then
/// what was woken while it ran, oldest first, then what it put back, in the order reported.
pub(crate) fn merge<T>(
    list: &mut VecDeque<T>,
    woken: impl IntoIterator<Item = T>,
    put_back: impl IntoIterator<Item = T>,
) {
    list.extend(woken);
    list.extend(put_back);
}

/// Whether a wake-up counts an exclusive registration as served, so that the walk over the file's
/// wait queue may stop there (`ep_poll_callback`): a thread of its epoll slept, and the key is
/// none of IN and OUT, or just one of them and that one is watched.
pub(crate) fn serves_exclusively(stored: Mask, key: Mask, a_thread_slept: bool) -> bool {
    let io = key & (Mask::IN | Mask::OUT);
    let both = io.has(Mask::IN | Mask::OUT);
    a_thread_slept && (io.is_empty() || (!both && io.any(stored)))
}

/// Whether EPOLLEXCLUSIVE may be asked for like that (`do_epoll_ctl`): only by ADD, not for an
/// epoll instance, with few bits beside it.
pub(crate) fn exclusive_is_fine(op: CtlOp, asked: Mask, is_epoll: bool) -> bool {
    let bits = !is_epoll && (asked - BESIDE_EXCLUSIVE).is_empty();
    match op {
        CtlOp::Del | CtlOp::Invalid(_) => true,
        CtlOp::Mod => !asked.has(Mask::EXCLUSIVE),
        CtlOp::Add => !asked.has(Mask::EXCLUSIVE) || bits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_must_meet_the_mask_and_no_key_meets_every_armed_one() {
        let watched = stored(Mask::IN);
        assert!(concerns(watched, Mask::IN | Mask::RDNORM));
        assert!(!concerns(watched, Mask::OUT));
        assert!(concerns(watched, Mask::ERR), "asked for or not");
        assert!(concerns(watched, Mask::EMPTY));
        assert!(!concerns(Mask::ONESHOT | Mask::ET, Mask::EMPTY), "disarmed");
    }

    #[test]
    fn a_report_leaves_level_disarms_oneshot_and_ends_edge() {
        assert_eq!(reported(stored(Mask::IN)), After::Back);
        assert_eq!(reported(stored(Mask::IN | Mask::ET)), After::Gone);
        let both = Mask::ONESHOT | Mask::ET;
        assert_eq!(reported(stored(Mask::IN) | both), After::Disarmed(both));
    }

    #[test]
    fn an_exclusive_registration_is_served_by_one_direction() {
        let watched = stored(Mask::IN | Mask::EXCLUSIVE);
        assert!(serves_exclusively(watched, Mask::IN | Mask::RDNORM, true));
        assert!(!serves_exclusively(watched, Mask::IN, false), "nobody slept");
        assert!(!serves_exclusively(watched, Mask::OUT, true), "not watched");
        assert!(!serves_exclusively(watched | Mask::OUT, Mask::IN | Mask::OUT, true), "both");
        assert!(serves_exclusively(watched, Mask::EMPTY, true));
        assert!(serves_exclusively(watched, Mask::ERR, true));
    }

    #[test]
    fn exclusive_is_for_add_alone_with_few_bits() {
        let asked = Mask::IN | Mask::EXCLUSIVE;
        assert!(exclusive_is_fine(CtlOp::Add, asked | Mask::ET | Mask::WAKEUP, false));
        assert!(!exclusive_is_fine(CtlOp::Add, asked | Mask::RDHUP, false));
        assert!(!exclusive_is_fine(CtlOp::Add, asked | Mask::ONESHOT, false));
        assert!(!exclusive_is_fine(CtlOp::Add, asked, true));
        assert!(!exclusive_is_fine(CtlOp::Mod, asked, false));
        assert!(exclusive_is_fine(CtlOp::Del, asked | Mask::RDHUP, true));
        assert!(exclusive_is_fine(CtlOp::Mod, Mask::IN | Mask::ONESHOT, true));
    }
}
