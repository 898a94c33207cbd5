//! The time of a case: sleeps, and whether the machine kept it.
//!
//! A case with timers says how many milliseconds pass between its steps, and leaves some slack for
//! the steps themselves. On a machine that is too busy even for that its expectations mean nothing.
//! What the tool waits on purpose, for a TCP buffer that stays full or for what does not arrive, is
//! no such delay: it takes as long on any machine.

use crate::event::Nanos;

use super::Runner;

/// What steps may take, and a sleep too long, before the case is late.
const SLACK: u64 = 15_000_000;

/// Since when, by the file, how much time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nominal {
    since: Nanos,
    passed: u64,
}

impl Runner {
    /// Time begins anew with a timer.
    pub(super) fn timer_started(&mut self) {
        self.real.take_waited();
        self.nominal = Some(Nominal { since: self.now(), passed: 0 });
    }

    /// So much time has passed by the file, too: a call slept.
    pub(super) fn time_passed(&mut self, time: Nanos) {
        if let Some(nominal) = &mut self.nominal {
            nominal.passed += time.0;
        }
    }

    /// How much later it is than the file says.
    fn lateness(&mut self) -> Nanos {
        let waited = self.real.take_waited().as_nanos();
        self.time_passed(Nanos(u64::try_from(waited).unwrap_or(u64::MAX)));
        let by =
            |nominal: &Nominal| self.now().since(nominal.since).0.saturating_sub(nominal.passed);
        Nanos(self.nominal.as_ref().map_or(0, by))
    }

    /// Notes whether the case is too late to mean anything.
    pub(super) fn watch_time(&mut self) {
        let late = self.lateness();
        if late.0 > SLACK {
            self.late = self.late.max(late);
        }
    }

    /// The timeout of a thread was over before its step came.
    pub(super) fn too_early(&mut self) {
        self.late = self.late.max(Nanos(SLACK));
    }

    /// How long a sleep takes: after a timer was started each ends where it would if nothing else
    /// took time.
    pub(super) fn sleep_of(&mut self, time: Nanos) -> Nanos {
        // From here on too much lateness is forgotten, but not that it was.
        self.watch_time();
        let late = self.lateness().0;
        let (made_up, forgotten) = if late > SLACK { (0, late) } else { (late, 0) };
        self.time_passed(Nanos(time.0 + forgotten));
        Nanos(time.0.saturating_sub(made_up))
    }
}
