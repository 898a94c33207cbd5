//! Clicks and the wheel: what stands under the pointer is found by drawing the screen once more.

use ratatui::buffer::Buffer;

use super::App;
use crate::event::Command;
use crate::model::TrackId;
use crate::session::Scene;
use crate::tui::action::{Direction, Reach};
use crate::tui::pane::RenderContext;
use crate::tui::screen;
use crate::tui::spots::{Spot, Spots, on_screen};
use crate::tui::theme::PLAIN;

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
        screen::draw(&look, &mut Buffer::empty(on_screen(self.ui.size)));
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
            Spot::Row(n) if self.ui.export.is_some() => self.choose_export(n),
            // The menu of lessons and a comparison have screens of their own.
            Spot::Pane(_) | Spot::Cover | Spot::Row(_) => {}
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
