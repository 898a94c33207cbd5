//! The whole screen: the layout's slots, each with its frame and its pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::draw::{frame, inside};
use super::layout::{Part, Slot, layout};
use super::pane::{
    Calls, FindingsPane, Header, Help, Hints, Interest, Look, Prompt, Ready, TimelinePane,
    TooSmall, Waiting, Why,
};
use super::ui::Pane;

/// Draws everything into `buf`.
pub fn draw(look: &Look<'_>, buf: &mut Buffer) {
    let area = buf.area;
    buf.set_style(area, look.theme.base());
    let lanes = look.scene.world.lanes.len();
    let Some(layout) = layout((area.width, area.height), look.ui.view, lanes) else {
        TooSmall(look.theme).render(area, buf);
        return;
    };
    Header(*look).render(layout.header, buf);
    for slot in &layout.slots {
        draw_slot(look, slot, buf);
    }
    Hints(*look).render(layout.hints, buf);
    if let Some(first) = look.ui.help {
        let below = Rect { y: 1, height: area.height - 2, ..area };
        Help(*look, first).render(below, buf);
    }
    if let Some(entry) = &look.ui.entry {
        Prompt(*look, entry).render(area, buf);
    }
}

fn draw_slot(look: &Look<'_>, slot: &Slot, buf: &mut Buffer) {
    let title = match slot.part {
        Part::Why => Why::title(look),
        Part::Pane(Pane::Interest) => Interest::title(look),
        Part::Pane(Pane::Ready) => Ready::title(look),
        Part::Pane(Pane::Waiting) => Waiting::title(look),
        Part::Pane(Pane::Timeline) => TimelinePane::title(look),
        Part::Pane(Pane::Calls) => Calls::title(look),
        Part::Pane(Pane::Findings) => FindingsPane::title(look),
    };
    let focused = slot.part == Part::Pane(look.ui.focus);
    frame(buf, slot.area, slot.joint, &title, look.theme, focused);
    let inner = inside(slot.area, slot.joint);
    match slot.part {
        Part::Why => Why(*look).render(inner, buf),
        Part::Pane(Pane::Interest) => Interest(*look).render(inner, buf),
        Part::Pane(Pane::Ready) => Ready(*look).render(inner, buf),
        Part::Pane(Pane::Waiting) => Waiting(*look).render(inner, buf),
        Part::Pane(Pane::Timeline) => TimelinePane(*look).render(inner, buf),
        Part::Pane(Pane::Calls) => Calls(*look).render(inner, buf),
        Part::Pane(Pane::Findings) => FindingsPane(*look).render(inner, buf),
    }
}
