//! The last row, over the lowest border: a message if there is one, else the keys that matter now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::Command;
use crate::model::ThreadLane;
use crate::tui::action::{KeyAction, LessonAction};
use crate::tui::draw::{Row, cells};
use crate::tui::keymap::{self, Binding};
use crate::tui::theme::Role;
use crate::tui::ui::Tone;
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
            KeyAction::Lesson(LessonAction::AskTry) => ui.can_try,
            // What epoll alone has gives way to what there is beside it.
            KeyAction::Do(Command::Backend(_)) => beside,
            KeyAction::Do(Command::Trigger(..)) | KeyAction::ReadPolicy => !beside,
            _ => true,
        }
    }

    /// The hints that fit, in order; leaving is always told.
    fn fitting(&self, room: u16) -> Vec<(String, &'static str)> {
        let all: Vec<_> = keymap::hints(self.0.ui.mode())
            .filter(|b| self.holds(b))
            .filter_map(|b| {
                Some((
                    b.keys.first()?.to_string(),
                    self.word(b),
                    matches!(b.action, KeyAction::Quit | KeyAction::Lesson(LessonAction::Leave)),
                ))
            })
            .collect();
        let width = |key: &str, word: &str| cells(words::width(key) + words::width(word) + 3);
        let quit: u16 = all.iter().filter(|h| h.2).map(|(k, w, _)| width(k, w)).sum();
        // No gap is needed behind the last one.
        let mut left = (room + 2).saturating_sub(quit);
        let mut kept = Vec::new();
        for (key, word, leaves) in all {
            let needs = width(&key, word);
            if leaves {
                kept.push((key, word));
            } else if needs <= left {
                left -= needs;
                kept.push((key, word));
            }
        }
        kept
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
        for (key, word) in self.fitting(row.left()) {
            row.put(&key, look.style(Role::Key)).put(" ", border);
            row.put(word, look.style(Role::Text)).put("  ", border);
        }
    }
}
