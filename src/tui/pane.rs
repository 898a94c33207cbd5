//! The panes: each a pure function of a scene, the screen's state and a theme, drawn straight into
//! cells, visible rows only.

mod bar;
mod calls;
mod completions;
mod connections;
mod file;
mod findings;
mod found;
pub(crate) mod glossary;
mod goroutines;
mod header;
mod help;
mod hints;
mod interest;
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

pub(crate) use bar::Bar;
pub(crate) use calls::Calls;
pub(crate) use findings::FindingsPane;
pub(crate) use header::HeaderPane;
pub(crate) use help::Help;
pub(crate) use hints::Hints;
pub(crate) use interest::Interest;
pub(crate) use path::PathPane;
pub(crate) use prompt::Prompt;
pub(crate) use ready::Ready;
pub(crate) use timeline::TimelinePane;
pub(crate) use too_small::TooSmall;
pub(crate) use waiting::Waiting;
pub(crate) use why::Why;
pub(crate) use why::unforetold;

use ratatui::style::Style;

use super::theme::{Role, Theme};
use super::ui::{Ui, UiContext};
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
}

impl<'a> RenderContext<'a> {
    fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// The viewed world, through the epoll instance that is looked at.
    fn world(&self) -> EpollView<'a> {
        self.scene.world.through(self.ui.poller)
    }

    /// The world as it is now, through the same.
    fn live(&self) -> EpollView<'a> {
        self.scene.live.through(self.ui.poller)
    }

    /// Whether the panes may say what the next `epoll_wait` will do: not while a question about
    /// just that is open.
    fn foretells(&self) -> bool {
        let now = self.scene.world.seq == self.scene.live.seq;
        !(now && self.ui.place == UiContext::Question)
    }

    /// The epoll instance's name, for a title, if it has one.
    fn named(&self, title: &mut Vec<String>) {
        let name = &self.world().instance.name;
        if !name.is_empty() {
            title.push(crate::event::visible(name.as_bytes(), 20));
        }
    }

    /// The filter, for a title, if there is one.
    fn filtered(&self, title: &mut Vec<String>) {
        if !self.ui.filter.is_all() {
            let text = crate::event::visible(self.ui.filter.text().as_bytes(), 30);
            title.push(format!("only {text}"));
        }
    }
}
