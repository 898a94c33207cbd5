//! Slow motion: what was recorded is gone through again, an event at a time, at a pace that an eye
//! can follow. It is the view's own: the server goes on meanwhile, and nothing of it is asked.

use super::App;
use crate::event::{Event, Kind, LaneId, Output, Seq, Syscall};
use crate::session::Scene;
use crate::tui::action::Direction;
use crate::tui::ui::{Pane, PlayClock, SlowMotion};

/// Paces that `-` and `+` step through, in milliseconds an event.
pub(crate) const PACES: [u64; 8] = [50, 100, 200, 400, 800, 1600, 3200, 6400];

/// How many events back the last turn is looked for.
const TURN_MAX: u64 = 65_536;

impl App {
    /// Goes forward from the viewed event to the one that is the newest now.
    pub(super) fn play(&mut self, scene: &Scene<'_>) {
        if self.ui.past.is_none() {
            self.ui.say("this is now: [ and h go back in time, P plays the last turn");
            return;
        }
        self.begin_play(scene.live.seq, false);
    }

    /// Goes through the last turn of the selected thread, from what woke it to its next sleep, and
    /// returns to now.
    pub(super) fn play_turn(&mut self, scene: &Scene<'_>) {
        match last_turn(scene, self.ui.lane) {
            Some((first, last)) => {
                self.go_to(first, scene);
                self.begin_play(last, true);
                self.look_at_changes(scene);
            }
            None => self.ui.say(format!("no turn of {} is kept", self.ui.lane)),
        }
    }

    /// Goes through what was done since that event, and returns to now: to what was then read.
    /// Whether anything was done.
    pub(crate) fn play_since(&mut self, seen: Seq, scene: &Scene<'_>) -> bool {
        let mut until = seen;
        scene.journal.forward_from(seen.next(), |event| {
            if !event.kind.is_look() {
                until = event.seq;
            }
            true
        });
        if until == seen {
            return false;
        }
        let selected = (self.ui.watch, self.ui.chosen);
        self.go_to(seen, scene);
        self.begin_play(until, true);
        if let Some(play) = &mut self.ui.play {
            play.selected = Some(selected);
        }
        true
    }

    fn begin_play(&mut self, until: Seq, returns: bool) {
        self.own_view();
        let pointed = self.ui.looked.clone();
        let (stands, due, clock, selected) = (false, None, None, None);
        self.ui.play = Some(SlowMotion { until, returns, stands, pointed, selected, due, clock });
    }

    /// Stands, or goes on; a recording begins to play.
    pub(super) fn stand(&mut self, scene: &Scene<'_>) {
        let (replay, looks_on) = (self.is_replay(), self.looks_on());
        match &mut self.ui.play {
            Some(play) => {
                (play.stands, play.due) = (!play.stands, None);
                if let Some(clock) = &mut play.clock {
                    clock.seen = None;
                }
            }
            None if replay => self.begin_replay(scene),
            None if looks_on => self.play(scene),
            None => {}
        }
    }

    /// Plays the recording on from the viewed event, by its own time.
    pub(crate) fn begin_replay(&mut self, scene: &Scene<'_>) {
        if self.viewed(scene) >= scene.live.seq {
            self.go_to(Seq(0), scene);
        }
        self.begin_play(scene.live.seq, false);
        let t = self.world(scene).t;
        if let Some(play) = &mut self.ui.play {
            play.clock = Some(PlayClock { t, seen: None });
        }
    }

    /// It is over, wherever it was.
    pub(super) fn end_play(&mut self) {
        if let Some(play) = self.ui.play.take() {
            self.ui.looked = play.pointed;
            if let Some(selected) = play.selected {
                (self.ui.watch, self.ui.chosen) = selected;
            }
        }
    }

    /// Faster or slower.
    pub(super) fn pace(&mut self, step: Direction) {
        if self.ui.play.as_ref().is_none_or(|play| play.clock.is_some()) && self.is_replay() {
            self.speed(step);
            return;
        }
        let now = self.ui.pace;
        let next = match step {
            Direction::Back => PACES.iter().find(|ms| **ms > now),
            Direction::On => PACES.iter().rev().find(|ms| **ms < now),
        };
        self.ui.pace = *next.unwrap_or(&now);
        if let Some(play) = &mut self.ui.play {
            play.due = None;
        }
        self.ui.say(format!("an event each {} ms", self.ui.pace));
    }

    /// The time is `now`, in milliseconds of any clock that only goes on: makes the step that is
    /// due, if one is. Whether anything changed, and when the next step is due, if there is one.
    pub(crate) fn advance(&mut self, now: u64, scene: &Scene<'_>) -> (bool, Option<u64>) {
        if self.look_on(scene) {
            return (true, self.ui.find.map(|_| now));
        }
        let pace = self.ui.pace;
        let Some(play) = &mut self.ui.play else { return (false, None) };
        if play.stands {
            return (false, None);
        }
        if play.clock.is_some() {
            return self.tick(now, scene);
        }
        let due = *play.due.get_or_insert(now + pace);
        if now < due {
            return (false, Some(due));
        }
        play.due = Some(now + pace);
        let until = play.until;
        if !self.next_shown(until, scene) {
            self.played_out(scene);
            return (true, None);
        }
        (true, Some(now + pace))
    }

    /// On to the next event that changes something to be seen. Whether there was one up to `until`.
    fn next_shown(&mut self, until: Seq, scene: &Scene<'_>) -> bool {
        loop {
            let next = self.viewed(scene).next();
            if next > until || self.ui.past.is_none() {
                return false;
            }
            self.go_to(next, scene);
            if self.look_at_changes(scene) {
                return true;
            }
        }
    }

    /// Points at the panes that the viewed event changed. Whether there are any.
    fn look_at_changes(&mut self, scene: &Scene<'_>) -> bool {
        let event = scene.journal.get(self.viewed(scene));
        let changed = event.map_or(&[][..], |event| changed(&event));
        self.ui.looked = changed.to_vec();
        !changed.is_empty()
    }

    /// It is cut short: back to now, without a word.
    pub(crate) fn leave_play(&mut self, scene: &Scene<'_>) {
        if self.ui.play.is_some() {
            self.end_play();
            self.live(scene);
            self.ui.message = None;
        }
    }

    pub(super) fn played_out(&mut self, scene: &Scene<'_>) {
        let returns = self.ui.play.as_ref().is_some_and(|play| play.returns);
        self.end_play();
        self.refold(scene);
        if returns {
            self.live(scene);
            self.ui.message = None;
        } else if self.is_replay() {
            self.ui.say("this is the end: space plays it again, Home goes to the beginning");
        } else {
            self.ui.say("played up to here: g goes to now");
        }
    }
}

/// The first and the last event of the thread's last turn: what woke it, and its next sleep or the
/// newest event.
fn last_turn(scene: &Scene<'_>, lane: LaneId) -> Option<(Seq, Seq)> {
    let live = scene.live.seq;
    let sleeps = |event: &Event| {
        event.lane == lane && matches!(&event.kind, Kind::Enter(call) if call.may_sleep())
    };
    // The newest first: whether the thread has done anything since it went to sleep.
    let (mut after, mut ends, mut begun) = (false, None, None);
    scene.journal.back_from(live, |event| {
        if sleeps(event) {
            if ends.is_some() || after {
                begun = Some(event.seq);
                return false;
            }
            ends = Some(event.seq);
        } else if event.lane == lane && ends.is_none() {
            after = true;
        }
        live.0 - event.seq.0 < TURN_MAX
    });
    let begun = begun?;
    let mut first = begun.next();
    scene.journal.forward_from(first, |event| {
        let wakes = matches!(event.kind, Kind::Wakeup(_));
        let returns = event.lane == lane;
        if wakes || returns {
            first = event.seq;
        }
        !(wakes || returns)
    });
    Some((first, ends.unwrap_or(live)))
}

/// The panes in which an event is to be seen; none if it changes nothing there.
fn changed(event: &Event) -> &'static [Pane] {
    match &event.kind {
        Kind::Return(record) => match (&record.call, &record.output) {
            (_, Output::Events { .. } | Output::Scan { .. }) => &[Pane::Ready, Pane::Waiting],
            (Syscall::EpollCtl { .. }, _) => &[Pane::Interest, Pane::Ready],
            _ => &[Pane::Interest, Pane::Calls],
        },
        Kind::Wakeup(_) | Kind::Handle { .. } | Kind::Stale { .. } => &[Pane::Ready],
        Kind::Enter(_)
        | Kind::Park { .. }
        | Kind::Unpark(_)
        | Kind::Lane(_)
        | Kind::Threads(_)
        | Kind::Asleep { .. } => &[Pane::Waiting],
        Kind::Arrive { .. } | Kind::Set { .. } | Kind::Conn { .. } | Kind::Open { .. } => {
            &[Pane::Interest]
        }
        Kind::Go { .. } => &[Pane::Interest, Pane::Ready, Pane::Waiting],
        Kind::Gap { .. } | Kind::Backend { .. } => &[Pane::Ready, Pane::Interest],
        Kind::Sqe { .. } | Kind::Reap { .. } | Kind::Give { .. } => {
            &[Pane::Interest, Pane::Ready, Pane::Calls]
        }
        Kind::Refused(_)
        | Kind::Client(_)
        | Kind::Measured { .. }
        | Kind::ListRead(_)
        | Kind::Rings { .. }
        | Kind::WakeupLog(_)
        | Kind::Files { .. }
        | Kind::Poller { .. }
        | Kind::Compared { .. }
        | Kind::Settings(_)
        | Kind::Command { .. }
        | Kind::Note(_)
        | Kind::Mark(_)
        | Kind::Idle => &[],
    }
}
