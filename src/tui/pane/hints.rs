//! The last row, over the lowest border: a message if there is one, else the keys that matter now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{Command, View};
use crate::model::ThreadLane;
use crate::tui::action::{ExportAction, KeyAction, LessonAction};
use crate::tui::draw::{Row, cells};
use crate::tui::key::KeyPress;
use crate::tui::keymap::{self, Binding};
use crate::tui::spots::Spot;
use crate::tui::theme::Role;
use crate::tui::ui::{Tone, UiContext};
use crate::tui::words;

/// Draws the last row.
pub(crate) struct Hints<'a>(pub RenderContext<'a>);

impl Hints<'_> {
    /// What the hint of a key says now.
    fn word(&self, binding: &Binding) -> &'static str {
        match binding.action {
            KeyAction::Hold if self.0.scene.live.lanes.iter().any(ThreadLane::has_died) => {
                "restart"
            }
            KeyAction::Hold if self.0.scene.live.settings.paused => "run",
            KeyAction::Stand if self.0.ui.play.as_ref().is_some_and(|play| !play.stands) => "stand",
            KeyAction::Follow if self.0.ui.watching.as_ref().is_some_and(|it| it.follows) => {
                "own view"
            }
            KeyAction::CloseAnswers if self.0.ui.question.as_ref().is_some_and(|it| !it.open) => {
                "put away"
            }
            KeyAction::Live if self.0.ui.watching.is_some() => "now",
            KeyAction::Lesson(LessonAction::Answer(_)) => match self.0.ui.choices {
                2 => "or 2 answer",
                3 => "to 3 answer",
                _ => binding.hint,
            },
            _ => binding.hint,
        }
    }

    /// Whether a key does something now.
    fn holds(&self, binding: &Binding) -> bool {
        let RenderContext { scene, ui, .. } = self.0;
        let beside = scene.world.pollers.own().is_some();
        match binding.action {
            KeyAction::Lesson(LessonAction::Instance(_)) => scene.world.pollers.len() > 1,
            KeyAction::Lesson(LessonAction::Answer(_)) => ui.choices > 0,
            KeyAction::Lesson(LessonAction::AskAnswer) => ui.choices == 0,
            KeyAction::Lesson(LessonAction::CloseClass) => ui.offers.class,
            KeyAction::CloseAnswers => ui.question.is_some(),
            KeyAction::Lesson(LessonAction::AskTry) => ui.offers.own,
            KeyAction::Lesson(LessonAction::Undo) => ui.offers.undo,
            KeyAction::Lesson(LessonAction::Next) if ui.place == UiContext::Ended => {
                ui.offers.following
            }
            // What epoll alone has gives way to what there is beside it.
            KeyAction::Do(Command::Backend(_)) => beside,
            KeyAction::Do(Command::Trigger(..)) | KeyAction::ReadPolicy => !beside,
            _ => true,
        }
    }

    /// The hints that fit, in the order of the table: leaving is always told, and what is wanted
    /// less often only where all else is.
    fn fitting(&self, room: u16) -> Vec<(KeyPress, &'static str)> {
        let all: Vec<_> = keymap::hints(self.0.ui.mode())
            .filter(|b| self.holds(b))
            .filter_map(|b| Some((*b.keys.first()?, self.word(b), rank(&b.action))))
            .collect();
        // No gap is needed behind the last one.
        let mut left = room + 2;
        let mut kept = vec![false; all.len()];
        for rank in [Rank::Always, Rank::Often, Rank::Rarely] {
            for (n, (key, word, _)) in all.iter().enumerate().filter(|(_, hint)| hint.2 == rank) {
                let needs = cells(words::width(&key.to_string()) + words::width(word) + 3);
                kept[n] = rank == Rank::Always || needs <= left;
                left = if kept[n] { left.saturating_sub(needs) } else { left };
            }
        }
        let all = all.into_iter().zip(kept).filter(|(_, kept)| *kept);
        all.map(|((key, word, _), _)| (key, word)).collect()
    }

    /// What is wrong now, and the key that says more of it.
    fn alarm(&self, row: &mut Row<'_>) {
        let look = &self.0;
        let active = look.world().findings.iter().filter(|f| f.active).count() as u64;
        let live = matches!(look.ui.place, UiContext::Server | UiContext::Watch)
            && look.ui.view != View::Findings;
        let Some(key) = keymap::findings().filter(|_| active > 0 && live) else { return };
        let found = format!("{} {}", look.theme.glyphs.stuck, words::plural(active, "finding"));
        row.put(&found, look.style(Role::Bad)).put("  ", look.style(Role::Border));
        let from = row.at();
        row.put(&key.to_string(), look.style(Role::Key)).put(" look", look.style(Role::Text));
        look.note(row.since(from), Spot::Key(key));
        row.put("  ", look.style(Role::Text));
    }
}

/// Which hints give way to which.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Always,
    Often,
    Rarely,
}

fn rank(action: &KeyAction) -> Rank {
    match action {
        KeyAction::Quit
        | KeyAction::Lesson(LessonAction::Leave)
        | KeyAction::Export(ExportAction::Leave) => Rank::Always,
        KeyAction::Do(
            Command::Close(_)
            | Command::Reset(_)
            | Command::Oneshot(..)
            | Command::Watch(..)
            | Command::Rearm(_),
        )
        | KeyAction::ReadPolicy
        | KeyAction::TriggerAll
        | KeyAction::Delay(_)
        | KeyAction::Threads(_)
        | KeyAction::Focus(_)
        | KeyAction::View(_)
        | KeyAction::Zoom(_)
        | KeyAction::Still
        | KeyAction::Copy => Rank::Rarely,
        _ => Rank::Often,
    }
}

impl Widget for Hints<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        if area.width < 2 {
            return;
        }
        let border = look.style(Role::Border);
        let inner = Rect { x: area.x + 1, width: area.width - 2, ..area };
        // The words are no part of the line that they are written over.
        buf.set_style(inner.intersection(buf.area), Style::reset().patch(look.theme.base()));
        let mut row = Row::new(buf, inner, 0);
        row.put(" ", border);
        if let Some(message) = &look.ui.message {
            let text = crate::event::visible(message.text.as_bytes(), usize::from(area.width));
            let (mark, role) = match message.tone {
                Tone::Plain => ("", Role::Title),
                Tone::Bad => ("! ", Role::Bad),
            };
            row.put(mark, look.style(role)).put(&text, look.style(role)).put("   ", border);
        }
        self.alarm(&mut row);
        for (key, word) in self.fitting(row.left()) {
            let from = row.at();
            row.put(&key.to_string(), look.style(Role::Key)).put(" ", border);
            row.put(word, look.style(Role::Text));
            look.note(row.since(from), Spot::Key(key));
            row.put("  ", border);
        }
        row.fill(border);
    }
}
