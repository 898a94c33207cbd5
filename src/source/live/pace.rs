//! Whether wake-ups are worth recording: a signal for each costs the server a tenth of its speed,
//! and above some rate nobody can follow them.

use crate::event::{Kind, Nanos, WakeupLogMode};

/// Over which time rates are taken.
const WINDOW: Nanos = Nanos(100_000_000);
/// Wake-ups in a window above which recording ends: 5,000 a second.
const FAST: u32 = 500;
/// Calls in a window below which the server is calm: 1,000 a second.
const SLOW: u32 = 100;
/// Calm windows after which recording begins again.
const CALM_WINDOWS: u32 = 3;
/// When recording that could not begin is tried again, where it is always wanted.
const AGAIN: Nanos = Nanos(500_000_000);

/// The rates of late, and what follows from them.
pub(super) struct Pace {
    mode: WakeupLogMode,
    recording: bool,
    since: Nanos,
    wakeups: u32,
    calls: u32,
    calm: u32,
    /// Threads were found asleep, and nothing has returned since.
    asleep: bool,
}

impl Pace {
    /// Whether recording is on at the start depends on whether it could be.
    pub(super) fn new(mode: WakeupLogMode, recording: bool) -> Self {
        Self { mode, recording, since: Nanos(0), wakeups: 0, calls: 0, calm: 0, asleep: false }
    }

    /// Whether wake-ups are recorded from now on: what was decided may have been impossible, and is
    /// then not tried again at once.
    pub(super) fn records(&mut self, recording: bool, now: Nanos) {
        if !recording {
            (self.calm, self.since) = (0, now);
        }
        self.recording = recording;
    }

    /// Counts an event.
    pub(super) fn note(&mut self, kind: &Kind) {
        match kind {
            Kind::Wakeup(_) => self.wakeups += 1,
            Kind::Return(_) => {
                self.calls += 1;
                self.asleep = false;
            }
            Kind::Asleep { .. } => self.asleep = true,
            Kind::Gap { lost } => {
                self.calls = self.calls.saturating_add(u32::try_from(*lost).unwrap_or(u32::MAX));
            }
            _ => {}
        }
    }

    /// Whether recording is to be switched, and to what.
    pub(super) fn decide(&mut self, now: Nanos) -> Option<bool> {
        let wanted = match self.mode {
            WakeupLogMode::On => self.recording || now.since(self.since) >= AGAIN,
            WakeupLogMode::Off => false,
            WakeupLogMode::Auto => self.worth_it(now),
        };
        (wanted != self.recording).then_some(wanted)
    }

    fn worth_it(&mut self, now: Nanos) -> bool {
        if now.since(self.since) < WINDOW {
            return self.recording;
        }
        // A window that the front end was late for is longer: rates, not counts, decide.
        let windows = u32::try_from(now.since(self.since).0 / WINDOW.0).unwrap_or(u32::MAX);
        let (wakeups, calls) = (self.wakeups / windows, self.calls / windows);
        (self.since, self.wakeups, self.calls) = (now, 0, 0);
        self.calm = if calls < SLOW { self.calm + 1 } else { 0 };
        let enough = if self.asleep { 1 } else { CALM_WINDOWS };
        if self.recording { wakeups <= FAST } else { self.calm >= enough }
    }

    /// When to decide again although nothing happens: while recording is off by its own decision.
    pub(super) fn due(&self) -> Option<Nanos> {
        let every = match self.mode {
            WakeupLogMode::Auto => WINDOW,
            WakeupLogMode::On => AGAIN,
            WakeupLogMode::Off => return None,
        };
        (!self.recording).then_some(Nanos(self.since.0 + every.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fd, Mask, Wakeup};

    fn wakeups(pace: &mut Pace, count: u32) {
        let wakeup =
            Wakeup { fd: Fd(7), band: Mask::IN, unread: None, counted: Nanos(0), after: Nanos(0) };
        (0..count).for_each(|_| pace.note(&Kind::Wakeup(wakeup)));
    }

    /// What is decided in each window of so many wake-ups.
    fn decisions(mode: WakeupLogMode, windows: &[u32]) -> Vec<Option<bool>> {
        let mut pace = Pace::new(mode, true);
        let decide = |(n, count): (usize, &u32)| {
            wakeups(&mut pace, *count);
            (0..*count).for_each(|_| pace.note(&Kind::Gap { lost: 1 }));
            let decided = pace.decide(Nanos((n as u64 + 1) * WINDOW.0));
            decided.inspect(|on| pace.records(*on, Nanos((n as u64 + 1) * WINDOW.0)))
        };
        windows.iter().enumerate().map(decide).collect()
    }

    #[test]
    fn recording_ends_above_the_rate_and_begins_again_when_calm() {
        let told = decisions(WakeupLogMode::Auto, &[10, 499, 900, 900, 0, 0, 0, 0]);
        let mut expected = [None; 8];
        expected[2] = Some(false);
        expected[6] = Some(true);
        assert_eq!(told, expected);
    }

    #[test]
    fn sleepers_are_calm_at_once() {
        let mut pace = Pace::new(WakeupLogMode::Auto, false);
        (0..900).for_each(|_| pace.note(&Kind::Gap { lost: 1 }));
        pace.note(&Kind::Asleep { lanes: Box::default(), since: Nanos(0) });
        assert_eq!(pace.decide(WINDOW), None, "that window was busy");
        assert_eq!(pace.decide(Nanos(2 * WINDOW.0)), Some(true));
    }

    #[test]
    fn recording_that_could_not_begin_is_tried_again() {
        let mut pace = Pace::new(WakeupLogMode::Auto, false);
        let mut decide = |window: u64| {
            let decided = pace.decide(Nanos(window * WINDOW.0));
            decided.inspect(|_| pace.records(window > 7, Nanos(window * WINDOW.0)))
        };
        let told: Vec<_> = (1..=12).map(&mut decide).collect();
        let mut expected = [None; 12];
        for n in [2, 5, 8] {
            expected[n] = Some(true);
        }
        assert_eq!(told, expected);
    }

    #[test]
    fn the_other_modes_stay_as_they_are() {
        assert_eq!(decisions(WakeupLogMode::On, &[9000, 9000]), [None, None]);
        assert_eq!(decisions(WakeupLogMode::Off, &[0, 0]), [Some(false), None]);
    }
}
