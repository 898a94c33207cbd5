//! The mask of a registration, and the call that brings it about.

use crate::engine::table::{State, Watched};
use crate::event::{CtlOp, FileKind, Mask, Mistake, Settings, Trigger};

/// What the kernel should be asked to watch now.
fn mask(file: &Watched, state: &State, settings: &Settings) -> Mask {
    let (flags, plain) = (&state.flags, file.asks(state, settings));
    let mask = plain.with(Mask::ET, flags.trigger == Trigger::Edge);
    if flags.exclusive {
        (mask | Mask::EXCLUSIVE) - Mask::RDHUP
    } else {
        mask.with(Mask::ONESHOT, flags.oneshot)
    }
}

/// The `epoll_ctl` that the file needs next, if it is open and needs one.
pub(super) fn next_ctl(
    file: &Watched,
    state: &State,
    settings: &Settings,
) -> Option<(CtlOp, Mask)> {
    // The control eventfd is the mailbox's.
    let open = state.fd.is_some() || file.what == FileKind::Eventfd;
    if open { registration(file, state, settings) } else { None }
}

fn registration(file: &Watched, state: &State, settings: &Settings) -> Option<(CtlOp, Mask)> {
    let want = mask(file, state, settings);
    let Some(held) = state.held else { return Some((CtlOp::Add, want)) };
    let forgotten = settings.mistakes.has(Mistake::NoRearm);
    if held == want && (state.armed || forgotten) {
        return None;
    }
    // An exclusive registration can neither be modified nor made by a modification.
    if held.has(Mask::EXCLUSIVE) || want.has(Mask::EXCLUSIVE) {
        return Some((CtlOp::Del, Mask::EMPTY));
    }
    Some((CtlOp::Mod, want))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fd, FileId, Peer};

    fn stream() -> Watched {
        Watched::new(FileId(3), Fd(7), FileKind::Tcp, Peer::Unknown, None)
    }

    #[track_caller]
    fn check(change: impl Fn(&mut State), settings: &Settings, expected: &str) {
        let watched = stream();
        let mut state = State::default();
        change(&mut state);
        assert_eq!(mask(&watched, &state, settings).to_string(), expected);
    }

    #[test]
    fn mask_follows_the_state_of_the_connection() {
        let plain = Settings::default();
        let mut zero = plain;
        zero.mistakes.set(Mistake::MaskZero, true);
        let full = |s: &mut State| {
            s.conn.enqueue(&vec![0; 1 << 20]);
            s.conn.advance(false);
        };
        check(|_| {}, &plain, "IN|RDHUP");
        check(|s| s.conn.enqueue(b"x"), &plain, "IN|OUT|RDHUP");
        check(full, &plain, "OUT");
        check(|s| assert!(s.conn.switch_off()), &zero, "0");
        check(|s| s.flags.watch_out = true, &plain, "IN|OUT|RDHUP");
        check(|s| s.flags.trigger = Trigger::Edge, &plain, "IN|RDHUP|ET");
        check(|s| s.flags.oneshot = true, &plain, "IN|RDHUP|ONESHOT");
        let both = |s: &mut State| (s.flags.exclusive, s.flags.oneshot) = (true, true);
        check(both, &plain, "IN|EXCLUSIVE");
        let mut wrong = plain;
        wrong.mistakes.set(Mistake::OutAlways, true);
        check(|_| {}, &wrong, "IN|OUT|RDHUP");
    }

    #[test]
    fn exclusive_goes_by_del_and_add() {
        let (watched, settings) = (stream(), Settings::default());
        let mut state =
            State { held: Some(Mask::IN | Mask::RDHUP), armed: true, ..State::default() };
        assert_eq!(registration(&watched, &state, &settings), None);
        state.flags.exclusive = true;
        assert_eq!(registration(&watched, &state, &settings), Some((CtlOp::Del, Mask::EMPTY)));
        state.held = None;
        let add = Some((CtlOp::Add, Mask::IN | Mask::EXCLUSIVE));
        assert_eq!(registration(&watched, &state, &settings), add);
    }

    #[test]
    fn fired_one_shot_is_armed_again_by_the_same_mask() {
        let watched = stream();
        let mask = Mask::IN | Mask::RDHUP | Mask::ONESHOT;
        let mut state = State { held: Some(mask), armed: false, ..State::default() };
        state.flags.oneshot = true;
        let mut settings = Settings::default();
        assert_eq!(registration(&watched, &state, &settings), Some((CtlOp::Mod, mask)));
        settings.mistakes.set(Mistake::NoRearm, true);
        assert_eq!(registration(&watched, &state, &settings), None);
    }
}
