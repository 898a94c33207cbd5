//! Going back in time and returning.

use super::App;
use crate::event::{Nanos, Seq, Viewpoint};
use crate::history::{Folded, Hindsight};
use crate::model::{Mark, Track, TrackId};
use crate::session::Scene;
use crate::text;
use crate::tui::action::Direction;
use crate::tui::ui::{Hold, Past, TrackChoice, Ui, WhyTopic};
use crate::tui::words;

impl App {
    /// The viewed event.
    pub(super) fn viewed(&self, scene: &Scene<'_>) -> Seq {
        self.ui.past.as_ref().map_or(scene.live.seq, |past| past.seq)
    }

    /// Where the person looks.
    pub fn viewpoint(&self) -> Viewpoint {
        let Ui { past, watch, lane, view, poller, .. } = &self.ui;
        let seq = past.as_ref().map(|past| past.seq);
        Viewpoint { seq, watch: *watch, lane: *lane, view: *view, poller: *poller, asks: None }
    }

    /// Shows the screen as it was at `seq`.
    pub(crate) fn go_to(&mut self, seq: Seq, scene: &Scene<'_>) {
        let (Some(first), Some(last)) = (scene.journal.first(), scene.journal.last()) else {
            self.ui.say("nothing has happened yet");
            return;
        };
        let seq = seq.clamp(first, last);
        self.ui.topic = WhyTopic::Event;
        if let Some(past) = &mut self.ui.past
            && past.seq.next() == seq
            && let Some(event) = scene.journal.get(seq)
        {
            past.world.apply(&event);
            past.seq = seq;
            past.hold = Hold::Past;
            self.refold(scene);
        } else {
            self.fold(Some(seq), scene);
            let folded = self.folded.as_ref().map(Folded::world).filter(|world| world.seq == seq);
            let world = folded.cloned().unwrap_or_else(|| scene.journal.at(seq));
            self.ui.past = Some(Past { seq, hold: Hold::Past, world });
        }
        self.settle(scene);
    }

    /// Folds the tracks around the viewed event again, if what is known of them is too little.
    pub(super) fn refold(&mut self, scene: &Scene<'_>) {
        self.fold(self.ui.past.as_ref().map(|past| past.seq), scene);
    }

    /// Folds the tracks around an event of the past, if those of now begin after it.
    fn fold(&mut self, seq: Option<Seq>, scene: &Scene<'_>) {
        let far = |seq: &Seq| scene.live.seq.0.saturating_sub(seq.0) >= Folded::NEAR;
        let Some(seq) = seq.filter(far) else {
            self.folded = None;
            return;
        };
        let hindsight = if self.passes() { Hindsight::Short } else { Hindsight::Long };
        let has = |folded: &mut Folded| folded.reach(scene.journal, seq, hindsight);
        if !self.folded.as_mut().is_some_and(has) {
            self.folded = Some(Folded::at(scene.journal, seq, hindsight));
        }
    }

    /// Shows the screen as it was at `seq`, if that is still kept.
    pub(super) fn visit(&mut self, seq: Seq, scene: &Scene<'_>) {
        if scene.journal.first().is_some_and(|first| first <= seq) {
            self.go_to(seq, scene);
        } else {
            self.ui.say("that event has been dropped from the history");
        }
    }

    pub(super) fn seek(&mut self, step: Direction, scene: &Scene<'_>) {
        let now = self.viewed(scene);
        match step {
            Direction::Back if scene.journal.first().is_none_or(|first| now <= first) => {
                let begins = scene.journal.begins().unwrap_or(Nanos(0));
                let begins = words::when(scene.live, begins);
                self.ui.say(format!("the history begins {begins}"));
            }
            Direction::Back => {
                let mut before = now.back();
                scene.journal.back_from(before, |event| {
                    before = event.seq;
                    false
                });
                self.go_to(before, scene);
            }
            Direction::On if self.ui.past.is_none() => {
                self.ui.say("this is now: [ goes back in time");
            }
            Direction::On if now >= scene.live.seq => self.live(scene),
            // Where events are missing, one stands for all of them.
            Direction::On => {
                let mut next = now.next();
                scene.journal.forward_from(next, |event| {
                    next = event.seq;
                    false
                });
                self.go_to(next, scene);
            }
        }
    }

    pub(super) fn at(&mut self, t: Nanos, scene: &Scene<'_>) {
        match scene.journal.seq_at(t) {
            Some(seq) => {
                self.go_to(seq, scene);
                if let Some(begins) = scene.journal.begins().filter(|begins| t < *begins) {
                    self.ui.say(format!(
                        "the history begins {}: --history-events and --history-bytes keep more",
                        words::when(scene.live, begins)
                    ));
                }
            }
            None => self.ui.say("nothing has happened yet"),
        }
    }

    pub(super) fn live(&mut self, scene: &Scene<'_>) {
        if self.is_replay() {
            self.go_to(scene.live.seq, scene);
            return;
        }
        if self.ui.past.take().is_some() {
            self.ui.say("back to now");
        }
        if self.ui.topic == WhyTopic::Event {
            self.ui.topic = match self.ui.track {
                TrackChoice::Watch => WhyTopic::Watch,
                TrackChoice::Lane => WhyTopic::Lane,
            };
        }
        self.settle(scene);
    }

    pub(super) fn still(&mut self, on: Option<bool>, scene: &Scene<'_>) {
        let is = self.ui.past.is_some();
        match (is, on) {
            (true, None | Some(false)) => self.live(scene),
            (false, None | Some(true)) => {
                let world = scene.live.clone();
                self.ui.past = Some(Past { seq: world.seq, hold: Hold::Still, world });
            }
            (true, Some(true)) | (false, Some(false)) => {}
        }
    }

    /// Goes `n` rows of the calls pane back or on.
    pub(super) fn rows(&mut self, n: usize, step: Direction, scene: &Scene<'_>) {
        let now = self.viewed(scene);
        let live = self.ui.past.is_none();
        let mut left = n;
        let mut found = None;
        {
            let world = self.world(scene);
            let mut visit = |event: &crate::event::Event| {
                if text::is_row(event) && self.ui.filter.shows_event(world, event) {
                    found = Some(event.seq);
                    left -= 1;
                }
                left > 0
            };
            match step {
                Direction::On if live => {}
                Direction::On => scene.journal.forward_from(now.next(), &mut visit),
                Direction::Back if live => scene.journal.back_from(now, &mut visit),
                Direction::Back => scene.journal.back_from(now.back(), &mut visit),
            }
        }
        match (found, step) {
            (Some(seq), _) => self.go_to(seq, scene),
            (None, Direction::On) => self.live(scene),
            (None, Direction::Back) => self.ui.say("no earlier call is kept"),
        }
    }

    /// Goes to the oldest row of the calls pane.
    pub(super) fn oldest_row(&mut self, scene: &Scene<'_>) {
        let mut found = None;
        let first = scene.journal.first().unwrap_or(Seq(1));
        scene.journal.forward_from(first, |event| {
            let shown = text::is_row(event) && self.ui.filter.shows_event(scene.live, event);
            found = shown.then_some(event.seq);
            !shown
        });
        match found {
            Some(seq) => self.go_to(seq, scene),
            None => self.ui.say("no call is kept"),
        }
    }

    /// Goes to the mark before or after the viewed event on the selected track.
    pub(super) fn along_track(&mut self, step: Direction, scene: &Scene<'_>) {
        let now = self.viewed(scene);
        let id = match (self.ui.track, self.ui.watch) {
            (TrackChoice::Watch, Some(key)) => TrackId::Watch(key),
            _ => TrackId::Lane(self.ui.lane),
        };
        let Some(track) = scene.timeline.track(id) else {
            self.ui.say("this track has no marks: j and k select another in the timeline");
            return;
        };
        let found = match step {
            Direction::Back if self.ui.past.is_none() => mark_before(track, now.next()),
            Direction::Back => mark_before(track, now),
            Direction::On => track.window(Nanos(0), Nanos(u64::MAX)).map(seq).find(|s| *s > now),
        };
        match (found, step) {
            (Some(seq), _) => self.go_to(seq, scene),
            (None, Direction::On) => self.live(scene),
            (None, Direction::Back) => self.ui.say("no earlier mark is kept"),
        }
    }
}

fn seq(mark: Mark) -> Seq {
    mark.seq
}

fn mark_before(track: &Track, now: Seq) -> Option<Seq> {
    track.window(Nanos(0), Nanos(u64::MAX)).map(seq).take_while(|s| *s < now).last()
}
