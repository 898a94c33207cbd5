//! The whole screen: the layout's slots, each with its frame and its pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::draw::{Accent, borders, ground, heading, inside, sign_cuts};
use super::layout::{Part, Slot, beside_bar, layout};
use super::pane::{
    AskedPane, Bar, Calls, ExportPane, FindingsPane, HeaderPane, Help, Hints, Interest, PagePane,
    PathPane, Prompt, Ready, RenderContext, TimelinePane, TooSmall, Waiting, Why,
};
use super::spots::Spot;
use super::ui::{Pane, UiContext};

/// Draws everything into `buf`.
pub fn draw(look: &RenderContext<'_>, buf: &mut Buffer) {
    let area = buf.area;
    ground(buf, look.theme);
    let lanes = look.scene.world.lanes.len();
    let whole = (area.width, area.height);
    let body = beside_bar(look.ui, whole);
    let Some(layout) = layout(body, look.ui.view, lanes) else {
        let meanwhile = match look.ui.place {
            UiContext::Replay => "the recording stays where it is; q quits",
            UiContext::Watch => "the session goes on; q quits",
            _ => "the server goes on; q quits",
        };
        TooSmall(look.theme, meanwhile).render(area, buf);
        return;
    };
    HeaderPane(*look).render(layout.header, buf);
    draw_borders(look, &layout.slots, buf);
    for slot in &layout.slots {
        draw_slot(look, slot, buf);
    }
    if let Some(page) = look.ui.page {
        let why = layout.slots.iter().find(|slot| slot.part == Part::Why);
        let below = why.map_or(layout.hints.y, |slot| slot.area.y);
        let over = Rect { y: 1, height: below.saturating_sub(1), ..area };
        PagePane(*look, page).render(over, buf);
    }
    // Between the panes and the hints.
    let below = Rect { y: layout.hints.y + whole.1 - body.1, ..layout.hints };
    if below != layout.hints {
        Bar(*look).render(layout.hints, buf);
    }
    if let Some(question) = &look.ui.question {
        let over = Rect { y: 1, height: layout.hints.y.saturating_sub(1), ..area };
        AskedPane(*look, question).render(over, buf);
    }
    Hints(*look).render(below, buf);
    if let Some(first) = look.ui.help {
        let below = Rect { y: 1, height: area.height - 2, ..area };
        Help(*look, first).render(below, buf);
    }
    if let Some(dialog) = &look.ui.export {
        ExportPane(*look, dialog).render(area, buf);
    }
    if let Some(entry) = &look.ui.entry {
        Prompt(*look, entry).render(area, buf);
    }
    sign_cuts(buf, look.theme);
}

/// How the frame of a part stands out.
fn accent(look: &RenderContext<'_>, part: Part) -> Accent {
    let server = matches!(look.ui.place, UiContext::Server | UiContext::Replay | UiContext::Watch);
    match part {
        Part::Pane(pane) if look.ui.looked.contains(&pane) => Accent::Look,
        Part::Pane(pane) if server && pane == look.ui.focus => Accent::Focus,
        Part::Pane(_) | Part::Why | Part::Story | Part::Steps => Accent::None,
    }
}

/// Draws the borders of all parts, before any title is written over them.
pub(super) fn draw_borders(look: &RenderContext<'_>, slots: &[Slot], buf: &mut Buffer) {
    let panes: Vec<_> = slots.iter().map(|slot| (slot.area, accent(look, slot.part))).collect();
    borders(buf, &panes, look.theme);
}

/// Draws a pane within its borders.
pub(super) fn draw_slot(look: &RenderContext<'_>, slot: &Slot, buf: &mut Buffer) {
    let title = match slot.part {
        Part::Why => Why::title(look),
        // These are the lesson's own.
        Part::Story | Part::Steps => return,
        Part::Pane(Pane::Interest) => Interest::title(look),
        Part::Pane(Pane::Ready) => Ready::title(look),
        Part::Pane(Pane::Waiting) => Waiting::title(look),
        Part::Pane(Pane::Timeline) => TimelinePane::title(look),
        Part::Pane(Pane::Calls) => Calls::title(look),
        Part::Pane(Pane::Findings) => FindingsPane::title(look),
        Part::Pane(Pane::Path) => PathPane::title(look),
    };
    heading(buf, slot.area, &title, look.theme, accent(look, slot.part));
    let inner = inside(slot.area);
    if let Part::Pane(pane) = slot.part {
        look.note(slot.area, Spot::Pane(pane));
    }
    match slot.part {
        Part::Why => Why(*look).render(inner, buf),
        Part::Story | Part::Steps => {}
        Part::Pane(Pane::Interest) => Interest(*look).render(inner, buf),
        Part::Pane(Pane::Ready) => Ready(*look).render(inner, buf),
        Part::Pane(Pane::Waiting) => Waiting(*look).render(inner, buf),
        Part::Pane(Pane::Timeline) => TimelinePane(*look).render(inner, buf),
        Part::Pane(Pane::Calls) => Calls(*look).render(inner, buf),
        Part::Pane(Pane::Findings) => FindingsPane(*look).render(inner, buf),
        Part::Pane(Pane::Path) => PathPane(*look).render(inner, buf),
    }
}
