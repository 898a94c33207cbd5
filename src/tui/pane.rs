//! The panes: each a pure function of a scene, the screen's state and a theme, drawn straight into
//! cells, visible rows only.

mod asked;
mod bar;
mod calls;
mod completions;
mod connections;
mod export;
mod file;
mod findings;
mod found;
pub(crate) mod glossary;
mod goroutines;
mod header;
mod help;
mod hints;
mod interest;
mod order;
mod page;
mod path;
mod prompt;
mod ready;
mod ring;
mod run_queue;
mod scan;
mod timeline;
mod too_small;
mod waiting;
mod why;

pub(crate) use asked::AskedPane;
pub(crate) use bar::Bar;
pub(crate) use calls::Calls;
pub(crate) use export::ExportPane;
pub(crate) use findings::FindingsPane;
pub(crate) use header::HeaderPane;
pub(crate) use help::Help;
pub(crate) use hints::Hints;
pub(crate) use interest::Interest;
pub(crate) use page::PagePane;
pub(crate) use path::PathPane;
pub(crate) use prompt::Prompt;
pub(crate) use ready::Ready;
pub(crate) use timeline::TimelinePane;
pub(crate) use too_small::TooSmall;
pub(crate) use waiting::Waiting;
pub(crate) use why::Why;
pub(crate) use why::unforetold;

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::spots::{Spot, Spots};
use super::theme::{Role, Theme};
use super::ui::{Ui, UiContext};
use super::words;
use crate::event::{Order, WatchKey};
use crate::model::EpollView;
use crate::session::Scene;

/// What a pane is drawn from.
#[derive(Clone, Copy)]
pub struct RenderContext<'a> {
    /// What is to be seen.
    pub scene: Scene<'a>,
    /// Where the view stands.
    pub ui: &'a Ui,
    /// How it looks.
    pub theme: &'a Theme,
    /// Where it is written down what stands where, if that is asked for.
    pub(crate) spots: Option<&'a Spots>,
}

impl<'a> RenderContext<'a> {
    /// Writes down what stands in an area.
    pub(super) fn note(&self, area: Rect, spot: Spot) {
        if let Some(spots) = self.spots {
            spots.note(area, spot);
        }
    }

    /// Writes down what stands in row `n` of an area.
    fn note_row(&self, area: Rect, n: u16, spot: Spot) {
        if n < area.height {
            self.note(Rect { y: area.y + n, height: 1, ..area }, spot);
        }
    }

    /// The same of a row that is about a file, if it is about one.
    fn note_file(&self, area: Rect, n: u16, key: Option<WatchKey>) {
        if let Some(key) = key {
            self.note_row(area, n, Spot::File(key));
        }
    }

    fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// The viewed world, through the epoll instance that is looked at.
    pub(super) fn world(&self) -> EpollView<'a> {
        self.scene.world.through(self.ui.poller)
    }

    /// The world as it is now, through the same.
    fn live(&self) -> EpollView<'a> {
        self.scene.live.through(self.ui.poller)
    }

    /// Whether the panes may say what the next `epoll_wait` will do: not while a question about
    /// just that is open. Of a lesson elsewhere it is not known whether one is.
    pub(super) fn foretells(&self) -> bool {
        let now = self.scene.world.seq == self.scene.live.seq;
        let asks = match self.ui.place {
            UiContext::Question => true,
            UiContext::Watch => self.scene.world.labelled,
            _ => false,
        };
        !(now && asks)
    }

    /// Whether a step of a lesson is being gone through: its lists are read after it, and nothing is
    /// known of them before.
    fn within_step(&self) -> bool {
        self.scene.world.labelled && self.ui.play.is_some()
    }

    /// How a list is known, for its title.
    fn known_by(&self, source: impl Into<String>) -> String {
        if self.within_step() { "as before".to_owned() } else { source.into() }
    }

    /// The epoll instance's name, for a title, if it has one.
    fn named(&self, title: &mut Vec<String>) {
        let name = &self.world().instance.name;
        if !name.is_empty() {
            title.push(crate::event::visible(name.as_bytes(), 20));
        }
    }

    /// How many rows a list has, for its title; under a filter how many of them are shown, too.
    fn numbers(&self, all: usize, shown: impl FnOnce() -> usize) -> String {
        let all = words::count(all as u64);
        if self.ui.filter.is_all() {
            return all;
        }
        format!("{} of {all}", words::count(shown() as u64))
    }

    /// The order of the list of what is waited for, for its title, if the person chose one.
    fn sorted(&self, title: &mut Vec<String>) {
        if self.ui.order != Order::Number {
            title.push(format!("by {}", self.ui.order));
        }
    }

    /// What an empty list says where only the filter makes it so.
    fn no_match(&self) -> Option<String> {
        let text = crate::event::visible(self.ui.filter.text().as_bytes(), 30);
        (!self.ui.filter.is_all()).then(|| format!(" no match for {text}: Esc forgets the filter"))
    }

    /// The filter, for a title, if there is one.
    fn filtered(&self, title: &mut Vec<String>) {
        if !self.ui.filter.is_all() {
            let text = crate::event::visible(self.ui.filter.text().as_bytes(), 30);
            title.push(format!("only {text}"));
        }
    }
}
