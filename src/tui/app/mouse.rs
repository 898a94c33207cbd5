//! Clicks and the wheel: what stands under the pointer is found by drawing the screen once more.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::App;
use crate::event::Command;
use crate::model::TrackId;
use crate::session::Scene;
use crate::tui::action::{Direction, Reach};
use crate::tui::pane::RenderContext;
use crate::tui::screen;
use crate::tui::spots::{Spot, Spots};
use crate::tui::theme::PLAIN;

/// The largest screen on which the pointer is looked for, as that is drawn.
const LARGEST: (u16, u16) = (1000, 500);

impl App {
    /// What stands where on the screen.
    fn spots(&self, scene: &Scene<'_>) -> Spots {
        let spots = Spots::default();
        let look = RenderContext {
            scene: self.view(*scene),
            ui: &self.ui,
            theme: &PLAIN,
            spots: Some(&spots),
        };
        let (width, height) = self.ui.size;
        let area = Rect::new(0, 0, width.min(LARGEST.0), height.min(LARGEST.1));
        screen::draw(&look, &mut Buffer::empty(area));
        spots
    }

    /// A click moves the focus, selects what stands there, or does what the key does that is named
    /// there; a command for the server may come out.
    pub(crate) fn click(&mut self, at: (u16, u16), scene: &Scene<'_>) -> Option<Command> {
        let spots = self.spots(scene);
        if let Some(pane) = spots.pane(at) {
            self.ui.focus = pane;
        }
        match spots.at(at)? {
            Spot::Key(press) => return self.key(press, scene),
            Spot::Suggestion(n) => {
                let entry = self.ui.entry.as_mut()?;
                entry.chosen = Some(n);
                entry.take_chosen(scene.live);
            }
            Spot::File(key) => self.select(key),
            Spot::Lane(lane) => self.select_lane(lane, scene),
            Spot::Event(seq) => {
                self.end_play();
                self.visit(seq, scene);
            }
            Spot::Mark(id, seq) => {
                match id {
                    TrackId::Watch(key) => self.select(key),
                    TrackId::Lane(lane) => self.select_lane(lane, scene),
                }
                self.end_play();
                self.visit(seq, scene);
            }
            Spot::Finding(row) => self.choose_finding(row, scene),
            Spot::Pane(_) | Spot::Cover => {}
        }
        self.turn_page(scene);
        None
    }

    /// The wheel moves in what is under it: the help, the list of suggestions, a pane.
    pub(crate) fn wheel(&mut self, step: Direction, at: (u16, u16), scene: &Scene<'_>) {
        if self.ui.help.is_some() {
            self.go(Reach::Row, step, scene);
        } else if let Some(entry) = &mut self.ui.entry {
            if step == Direction::On || entry.chosen.is_some() {
                entry.choose(step, scene.live, &self.ui.typed);
            }
        } else if let Some(pane) = self.spots(scene).pane(at) {
            self.go_in(pane, Reach::Row, step, scene);
        }
    }
}
