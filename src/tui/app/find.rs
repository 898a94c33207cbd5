//! Looking for an event by what it says, a stretch of the history at a time: keys are answered
//! meanwhile, and any of them ends it.

use super::App;
use crate::event::{Event, Fd, LaneId, Seq};
use crate::model::World;
use crate::session::Scene;
use crate::text;
use crate::tui::action::Direction;
use crate::tui::ui::FindState;
use crate::tui::words::count;

/// Events that are looked at in one go.
const STRETCH: u64 = 32_768;

impl App {
    /// Goes to the next event that has all these words; from now it is looked for backwards.
    pub(super) fn find(&mut self, words: &str, scene: &Scene<'_>) {
        self.ui.sought = words.split_whitespace().map(str::to_owned).collect();
        let live = self.ui.past.is_none();
        self.find_next(if live { Direction::Back } else { Direction::On }, scene);
    }

    /// Goes to the next one of the last words, or to the one before.
    pub(super) fn find_next(&mut self, step: Direction, scene: &Scene<'_>) {
        if self.ui.sought.is_empty() {
            self.ui.say("F asks for words: fd=7 EAGAIN, T2 accept4, hello");
            return;
        }
        let now = self.viewed(scene);
        let next = match step {
            Direction::On => now.next(),
            Direction::Back if self.ui.past.is_none() => now,
            Direction::Back => now.back(),
        };
        self.end_play();
        self.own_view();
        self.ui.find = Some(FindState { next, step, seen: 0 });
    }

    /// Looks at the next stretch, if something is looked for.
    pub(super) fn look_on(&mut self, scene: &Scene<'_>) -> bool {
        let Some(FindState { next, step, seen }) = self.ui.find.take() else { return false };
        let (mut left, mut found, mut goes_on) = (STRETCH, None, None);
        let sought = &self.ui.sought;
        let visit = |event: &Event| {
            if left == 0 {
                goes_on = Some(event.seq);
                return false;
            }
            left -= 1;
            found = has_all(event, sought, scene.live).then_some(event.seq);
            found.is_none()
        };
        match step {
            Direction::On => scene.journal.forward_from(next, visit),
            Direction::Back if next > Seq(0) => scene.journal.back_from(next, visit),
            Direction::Back => {}
        }
        let seen = seen + STRETCH - left;
        let words = sought.join(" ");
        match (found, goes_on) {
            (Some(seq), _) => self.visit(seq, scene),
            (None, Some(next)) => {
                self.ui.find = Some(FindState { next, step, seen });
                self.ui.say(format!("looking for {words}: {} events", count(seen)));
            }
            (None, None) => {
                let way = if step == Direction::On { "after" } else { "before" };
                self.ui.say(format!("no event {way} this one has {words}"));
            }
        }
        true
    }
}

/// Whether an event has all these words: `fd=7` is its file, `T2` its thread, any other stands in its
/// row.
fn has_all(event: &Event, words: &[String], world: &World) -> bool {
    let mut row = None;
    words.iter().all(|word| {
        if let Some(fd) = word.strip_prefix("fd=").and_then(|number| number.parse().ok()) {
            return event.fd() == Some(Fd(fd));
        }
        if let Some(lane) = LaneId::parse(word) {
            return event.lane == lane;
        }
        row.get_or_insert_with(|| text::row(world, event)).contains(word.as_str())
    })
}
