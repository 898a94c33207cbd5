//! The whole screen of a lesson.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::app::LessonApp;
use super::layout::{LayoutPlan, columns, layout};
use super::pane::{LessonLook, Narration, StepList, TopRow};
use crate::tui::draw::{Accent, heading, inside, sign_cuts};
use crate::tui::layout::{Layout, Part, SMALLEST};
use crate::tui::pane::{ExportPane, Help, Hints, Prompt, RenderContext, TooSmall};
use crate::tui::screen::{draw_borders, draw_slot};
use crate::tui::spots::Spots;
use crate::tui::theme::Theme;

/// Where the panes of a lesson stand on its screen; `None` if that is too small.
pub(crate) fn planned(lesson: &LessonApp, theme: &Theme) -> Option<Layout> {
    let size = lesson.app.ui.size;
    if size.0 < SMALLEST.0 || size.1 < SMALLEST.1 {
        return None;
    }
    let teller = lesson.teller(columns(size, lesson.shown), theme.glyphs);
    let world = lesson.view().world;
    layout(&LayoutPlan {
        size,
        shown: lesson.shown,
        longest: teller.longest(),
        story: teller.story(lesson.viewed, 0).len(),
        lanes: world.lanes.len(),
        ready: world.through(lesson.app.ui.poller).instance.ready.len(),
    })
}

/// Draws everything into `buf`.
pub fn paint(lesson: &LessonApp, theme: &Theme, buf: &mut Buffer) {
    draw(lesson, theme, None, buf);
}

/// The same; where something stands is written into `spots`.
pub(crate) fn draw(lesson: &LessonApp, theme: &Theme, spots: Option<&Spots>, buf: &mut Buffer) {
    let area = buf.area;
    buf.set_style(area, theme.base());
    let size = (area.width, area.height);
    if size.0 < SMALLEST.0 || size.1 < SMALLEST.1 {
        TooSmall(theme, "the lesson waits; q leaves").render(area, buf);
        return;
    }
    let teller = lesson.teller(columns(size, lesson.shown), theme.glyphs);
    let scene = lesson.view();
    let Some(layout) = planned(lesson, theme) else { return };
    let rows = layout.slots.iter().find(|slot| slot.part == Part::Story);
    let rows = rows.map_or(0, |slot| usize::from(inside(slot.area).height));
    let story = teller.story(lesson.viewed, rows);
    let own = LessonLook { lesson, theme };
    let look = RenderContext { scene, ui: &lesson.app.ui, theme, spots };
    TopRow(own).render(layout.header, buf);
    draw_borders(&look, &layout.slots, buf);
    for slot in &layout.slots {
        let inner = inside(slot.area);
        let title = match slot.part {
            Part::Story => Narration::title(&own),
            Part::Steps => StepList::title(&own),
            Part::Pane(_) | Part::Why => {
                draw_slot(&look, slot, buf);
                continue;
            }
        };
        heading(buf, slot.area, &title, theme, Accent::None);
        match slot.part {
            Part::Story => Narration(own, &story).render(inner, buf),
            _ => StepList(own).render(inner, buf),
        }
    }
    Hints(look).render(layout.hints, buf);
    if let Some(first) = lesson.app.ui.help {
        let below = Rect { y: 1, height: area.height - 2, ..area };
        Help(look, first).render(below, buf);
    }
    if let Some(dialog) = &lesson.app.ui.export {
        ExportPane(look, dialog).render(area, buf);
    }
    if let Some(entry) = &lesson.app.ui.entry {
        Prompt(look, entry).render(area, buf);
    }
    sign_cuts(buf, theme);
}
