//! Going through a recording: by its own time, by calls, by marks. Pure, as slow motion is: the time
//! that has passed is a number.

use super::App;
use crate::event::{Event, Kind, Nanos, Seq};
use crate::model::Bookmark;
use crate::session::Scene;
use crate::tui::action::{Direction, KeyAction};
use crate::tui::key::KeyPress;
use crate::tui::keymap::{self, Mode};
use crate::tui::ui::{Past, ReplayState, UiContext};
use crate::tui::words;

/// So much time passes between two looks at the clock at the most, in milliseconds: a program that
/// was suspended does not jump.
const TICK_MAX: u64 = 100;
/// And so much at the least; where so much happens that it goes by worlds that are kept, as much as
/// between two pictures of a busy server.
const FRAME: u64 = 16;
const BUSY: u64 = 33;
/// Over so many events it goes by a world that is kept.
const FOLDED: u64 = 32_768;

impl App {
    /// Whether a recording is looked at.
    pub(super) fn is_replay(&self) -> bool {
        self.ui.place == UiContext::Replay
    }

    /// Why there is no server to ask, and what can be done instead; `None` if there is one.
    pub(super) fn nobody(&self) -> Option<&'static str> {
        match self.ui.place {
            UiContext::Replay => {
                Some("a recording has no server: . and , go by calls, F finds, e exports")
            }
            UiContext::Watch => {
                Some("who looks on asks nothing of the server: [ goes back, F finds, e exports")
            }
            _ => None,
        }
    }

    /// Says why a key that means something before a server does nothing here.
    pub(super) fn refuse(&mut self, press: KeyPress) {
        let Some(wished) = keymap::action(Mode::Live, press) else { return };
        let why = match (wished, self.ui.place) {
            (KeyAction::Lessons, _) => {
                Some("the lessons are not here: epollscope lesson opens them")
            }
            (KeyAction::Record, UiContext::Replay) => {
                Some("this is a recording already: e exports it, or a part of it")
            }
            (KeyAction::Still, UiContext::Replay) => {
                Some("a recording stays where it is: space plays it, and stands")
            }
            _ => self.nobody(),
        };
        if let Some(why) = why {
            self.ui.warn(why);
        }
    }

    /// Opens a recording at that time, or at its beginning.
    pub(crate) fn open_replay(
        &mut self,
        replay: ReplayState,
        at: Option<Nanos>,
        scene: &Scene<'_>,
    ) {
        self.ui.place = UiContext::Replay;
        self.ui.replay = Some(replay);
        self.go_to(Seq(0), scene);
        if let Some(t) = at {
            self.at(t, scene);
        }
    }

    /// Faster or slower.
    pub(super) fn speed(&mut self, step: Direction) {
        let Some(replay) = &mut self.ui.replay else { return };
        replay.speed = replay.speed.changed(step);
    }

    /// The recording's time goes on by what has passed on the screen's clock, times its speed.
    pub(super) fn tick(&mut self, now: u64, scene: &Scene<'_>) -> (bool, Option<u64>) {
        let (speed, idle) =
            self.ui.replay.as_ref().map(|it| (it.speed, it.idle)).unwrap_or_default();
        let viewed = self.viewed(scene);
        let Some(clock) = self.ui.play.as_mut().and_then(|play| play.clock.as_mut()) else {
            return (false, None);
        };
        let passed = now.saturating_sub(*clock.seen.get_or_insert(now)).min(TICK_MAX);
        clock.seen = Some(now);
        clock.t.0 = clock.t.0.saturating_add(speed.recorded(passed).0);
        let t = clock.t;
        let reached = scene.journal.seq_at(t).unwrap_or(viewed).max(viewed);
        self.go_on_to(reached, scene);
        let Some(next) = following(reached, scene) else {
            self.played_out(scene);
            return (true, None);
        };
        let left = next.t.since(t);
        if let Some(cut) = idle.filter(|idle| left > *idle).map(|idle| left.since(idle)) {
            if let Some(clock) = self.ui.play.as_mut().and_then(|play| play.clock.as_mut()) {
                clock.t.0 += cut.0;
            }
            let cut = words::lasting(scene.live, cut);
            self.ui.say(format!("{cut} in which nothing happened are left out"));
        }
        let wait = speed.passes(idle.map_or(left, |idle| left.min(idle)));
        let least = if reached.0 - viewed.0 > FOLDED { BUSY } else { FRAME };
        (true, Some(now + wait.clamp(least, TICK_MAX)))
    }

    /// Shows the screen as it was at a later event.
    pub(crate) fn go_on_to(&mut self, seq: Seq, scene: &Scene<'_>) {
        let before = self.viewed(scene);
        if seq <= before {
            return;
        }
        if seq.0 - before.0 > FOLDED {
            self.go_to(seq, scene);
            return;
        }
        let mut gap = false;
        if let Some(Past { seq: at, world, .. }) = &mut self.ui.past {
            let mut folded = self.folded.as_mut().filter(|folded| folded.world().seq == before);
            scene.journal.forward_from(before.next(), |event| {
                if event.seq <= seq {
                    world.apply(event);
                    *at = event.seq;
                    if let Some(folded) = &mut folded {
                        folded.apply(event, scene.journal);
                    }
                }
                gap |= matches!(event.kind, Kind::Gap { .. });
                event.seq < seq
            });
        }
        if gap {
            // After it a world may be kept.
            self.go_to(seq, scene);
            return;
        }
        self.settle(scene);
        self.refold(scene);
    }

    /// Whether the view goes through a recording by its time, and nobody looks at one moment.
    pub(super) fn passes(&self) -> bool {
        self.ui.play.as_ref().is_some_and(|play| play.clock.is_some() && !play.stands)
    }

    /// The call of the selected thread before or after the viewed event.
    pub(super) fn go_to_call(&mut self, step: Direction, scene: &Scene<'_>) {
        let lane = self.ui.lane;
        let is_call = |event: &Event| event.lane == lane && event.record().is_some();
        if !self.go_to_event(step, scene, is_call) {
            self.ui.say(format!("no such call of {lane}"));
        }
    }

    /// Where the selected thread went to sleep, before or after the viewed event.
    pub(super) fn go_to_wait(&mut self, step: Direction, scene: &Scene<'_>) {
        let lane = self.ui.lane;
        let waits = |event: &Event| {
            event.lane == lane && matches!(&event.kind, Kind::Enter(call) if call.may_sleep())
        };
        if !self.go_to_event(step, scene, waits) {
            self.ui.say(format!("no such wait of {lane}"));
        }
    }

    /// The event before or after the viewed one that is such a one; whether there is one.
    fn go_to_event(
        &mut self,
        step: Direction,
        scene: &Scene<'_>,
        is: impl Fn(&Event) -> bool,
    ) -> bool {
        let now = self.viewed(scene);
        let mut found = None;
        let visit = |event: &Event| {
            found = is(event).then_some(event.seq);
            found.is_none()
        };
        match step {
            Direction::On => scene.journal.forward_from(now.next(), visit),
            Direction::Back if now > Seq(1) => scene.journal.back_from(now.back(), visit),
            Direction::Back => {}
        }
        if let Some(seq) = found {
            self.go_to(seq, scene);
        }
        found.is_some()
    }

    /// Marks the viewed event, for as long as the recording is looked at.
    pub(super) fn bookmark(&mut self, note: &str, scene: &Scene<'_>) {
        let (seq, t) = (self.viewed(scene), self.world(scene).t);
        let place = self.ui.bookmarks.partition_point(|mark| mark.seq <= seq);
        self.ui.bookmarks.insert(place, Bookmark { seq, t, note: note.into() });
        self.ui.say(format!("marked {}", words::when(scene.live, t)));
    }

    /// The moment before or after the viewed event that was marked.
    pub(super) fn go_to_bookmark(&mut self, step: Direction, scene: &Scene<'_>) {
        let now = self.viewed(scene);
        let all = || scene.live.bookmarks.iter().chain(&self.ui.bookmarks);
        let found = match step {
            Direction::Back => all().filter(|mark| mark.seq < now).max_by_key(|mark| mark.seq),
            Direction::On => all().filter(|mark| mark.seq > now).min_by_key(|mark| mark.seq),
        };
        let Some(Bookmark { seq, t, note }) = found.cloned() else {
            self.ui.say("no moment there was marked: M marks one");
            return;
        };
        self.visit(seq, scene);
        if !note.is_empty() {
            let note = crate::event::visible(note.as_bytes(), 200);
            self.ui.say(format!("{}: {note}", words::moment(scene.live, t)));
        }
    }
}

/// The event after that one.
fn following(seq: Seq, scene: &Scene<'_>) -> Option<Event> {
    let mut next = None;
    scene.journal.forward_from(seq.next(), |event| {
        next = Some(event.clone());
        false
    });
    next
}
