//! Where the panes stand, for a size and a view. Pure arithmetic.

use ratatui::layout::Rect;

use super::ui::{Pane, Ui, UiContext};
use crate::event::View;

/// The smallest screen that is drawn.
pub(crate) const SMALLEST: (u16, u16) = (60, 16);
/// From this width on the ready list stands beside the interest list.
pub(crate) const WIDE: u16 = 118;
/// Below this height a narrow overview has its two lists and a line of Why.
const LOW: u16 = 20;
/// From this height on the overview has a timeline.
const TALL: u16 = 34;

/// From this size on the overview shows the way of one event, too.
const LARGE: (u16, u16) = (160, 50);
/// Rows of that, with its title; and with what happens in each place.
const PATH: u16 = 14;
const PATH_EXPLAINED: u16 = 30;
/// From this size on the calls and the findings have a column of their own.
const HUGE: (u16, u16) = (200, 60);
/// Columns in which a row of the interest list has room.
const INTEREST: u16 = 84;

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A pane that the keys can move in.
    Pane(Pane),
    /// The Why sentence.
    Why,
    /// A lesson's narration.
    Story,
    /// A lesson's steps.
    Steps,
}

/// A part of the screen.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// What stands there.
    pub part: Part,
    /// Where, with its frame, of which it shares each side with its neighbour there.
    pub area: Rect,
}

/// The whole screen.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The first row.
    pub header: Rect,
    /// The panes.
    pub slots: Vec<Slot>,
    /// The last row.
    pub hints: Rect,
}

/// The panes of a view, in the order of Tab.
pub fn panes(size: (u16, u16), view: View) -> Vec<Pane> {
    let slots = layout(size, view, 1).map_or_else(Vec::new, |layout| layout.slots);
    let panes = slots.iter().filter_map(|slot| match slot.part {
        Part::Pane(pane) => Some(pane),
        Part::Why | Part::Story | Part::Steps => None,
    });
    panes.collect()
}

/// Whether a screen is too small for anything but to say so.
pub(crate) fn is_too_small((width, height): (u16, u16)) -> bool {
    width < SMALLEST.0 || height < SMALLEST.1
}

/// What there is for the panes and a row above and below them: of a recording the bar takes one, if
/// that is not too small then.
pub(crate) fn beside_bar(ui: &Ui, (width, height): (u16, u16)) -> (u16, u16) {
    let bar = ui.place == UiContext::Replay && !is_too_small((width, height.saturating_sub(1)));
    (width, height - u16::from(bar))
}

/// Rows of the Why sentence with its title: it is what the screen is for, and has room for four
/// lines where they are short.
fn why_rows((width, height): (u16, u16)) -> u16 {
    match height {
        0..LOW => 2,
        LOW..22 => 4,
        22..50 if width >= WIDE => 4,
        _ => 5,
    }
}

/// The layout; `None` if the screen is too small.
pub fn layout(size: (u16, u16), view: View, lanes: usize) -> Option<Layout> {
    let (width, height) = size;
    if is_too_small(size) {
        return None;
    }
    let why = why_rows(size);
    let body = Rect::new(0, 1, width, height - 2 - why);
    let whole = strip(body, body.y, body.height).0;
    let mut slots = match view {
        View::Overview if width >= HUGE.0 && height >= HUGE.1 => huge(body, lanes),
        View::Overview if width >= WIDE => wide(body, height, lanes),
        View::Overview if height < LOW => low(body),
        View::Overview => narrow(body, height),
        View::Timeline => vec![slot(Pane::Timeline, whole)],
        View::Calls => vec![slot(Pane::Calls, whole)],
        View::Findings => vec![slot(Pane::Findings, whole)],
        View::Path => vec![slot(Pane::Path, whole)],
    };
    let (below, last) = strip(body, body.bottom(), why);
    slots.push(Slot { part: Part::Why, area: below });
    let header = Rect::new(0, 0, width, 1);
    Some(Layout { header, slots, hints: Rect::new(0, last, width, 1) })
}

fn slot(pane: Pane, area: Rect) -> Slot {
    Slot { part: Part::Pane(pane), area }
}

/// A strip of `area` from row `from` on with so many rows, its title one of them, and the row in
/// which its lower border is the title of the next.
pub(crate) fn strip(area: Rect, from: u16, rows: u16) -> (Rect, u16) {
    (Rect { y: from, height: rows + 1, ..area }, from + rows)
}

/// The left part of a strip with so many columns, and what is right of it: they share a border.
pub(crate) fn split(strip: Rect, columns: u16) -> [Rect; 2] {
    let left = Rect { width: columns, ..strip };
    let x = left.right() - 1;
    [left, Rect { x, width: strip.right() - x, ..strip }]
}

/// Below one another.
fn stack(area: Rect, panes: &[(Pane, u16)]) -> Vec<Slot> {
    let mut next = area.y;
    let slots = panes.iter().map(|(pane, rows)| {
        let (area, below) = strip(area, next, *rows);
        next = below;
        slot(*pane, area)
    });
    slots.collect()
}

/// The interest list, and beside it the ready list above the threads.
fn lists(area: Rect, rows: u16, interest: u16, lanes: usize) -> Vec<Slot> {
    let [left, right] = split(strip(area, area.y, rows).0, interest);
    let wanted = super::draw::cells(lanes).saturating_add(4).clamp(5, 12);
    let waiting = wanted.min(rows / 2);
    let mut slots = vec![slot(Pane::Interest, left)];
    slots.extend(stack(right, &[(Pane::Ready, rows - waiting), (Pane::Waiting, waiting)]));
    slots
}

/// The lists, the way of one event and the timeline below each other, and beside them all calls
/// and findings that there is room for.
fn huge(body: Rect, lanes: usize) -> Vec<Slot> {
    let calls = (body.width * 2 / 5).min(110);
    let [left, right] = split(strip(body, body.y, body.height).0, body.width - calls);
    let path = if body.height >= 2 * PATH_EXPLAINED { PATH_EXPLAINED } else { PATH };
    let rest = body.height - path;
    let top = rest / 2;
    let mut slots = lists(left, top, INTEREST.min(left.width - 46), lanes);
    let below = Rect { y: left.y + top, ..left };
    slots.extend(stack(below, &[(Pane::Path, path), (Pane::Timeline, rest - top)]));
    let findings = body.height / 3;
    let beside = [(Pane::Calls, body.height - findings), (Pane::Findings, findings)];
    slots.extend(stack(right, &beside));
    slots
}

fn wide(body: Rect, height: u16, lanes: usize) -> Vec<Slot> {
    let timeline = height >= TALL;
    let path = if body.width >= LARGE.0 && height >= LARGE.1 { PATH } else { 0 };
    let shared = body.height - path;
    let top = if timeline { shared * 2 / 5 } else { shared * 3 / 5 };
    let interest = (body.width - 45 - (body.width - WIDE) / 3).min(INTEREST);
    let mut slots = lists(body, top, interest, lanes);
    let rest = shared - top;
    let below = Rect { y: body.y + top, ..body };
    slots.extend(match (path, timeline) {
        (0, false) => stack(below, &[(Pane::Calls, rest)]),
        (0, true) => stack(below, &[(Pane::Timeline, rest / 2), (Pane::Calls, rest - rest / 2)]),
        _ => stack(
            below,
            &[(Pane::Path, path), (Pane::Timeline, rest / 2), (Pane::Calls, rest - rest / 2)],
        ),
    });
    slots
}

fn narrow(body: Rect, height: u16) -> Vec<Slot> {
    let timeline = height >= TALL;
    let interest = if timeline { body.height * 3 / 10 } else { body.height * 4 / 9 };
    let lists = (body.height / 5).max(5);
    let mut slots = stack(body, &[(Pane::Interest, interest)]);
    let (both, next) = strip(body, body.y + interest, lists);
    let [ready, waiting] = split(both, body.width / 2 + 1);
    slots.extend([slot(Pane::Ready, ready), slot(Pane::Waiting, waiting)]);
    let rest = body.height - interest - lists;
    let below = Rect { y: next, ..body };
    slots.extend(if timeline {
        stack(below, &[(Pane::Timeline, rest / 2), (Pane::Calls, rest - rest / 2)])
    } else {
        stack(below, &[(Pane::Calls, rest)])
    });
    slots
}

/// The two lists, and nothing else.
fn low(body: Rect) -> Vec<Slot> {
    let ready = (body.height * 2 / 5).max(4);
    stack(body, &[(Pane::Interest, body.height - ready), (Pane::Ready, ready)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cell of every screen, by the parts that stand there.
    #[test]
    fn parts_fill_the_screen_and_share_nothing_but_borders() {
        let widths = [60, 79, 80, 117, 118, 159, 160, 199, 200, 240];
        for width in widths {
            for height in (16..40).chain([49, 50, 59, 60, 70, 80]) {
                for lanes in [1, 60] {
                    let layout = layout((width, height), View::Overview, lanes);
                    let layout = layout.unwrap_or_else(|| panic!("{width}x{height}"));
                    let areas: Vec<_> = layout.slots.iter().map(|slot| slot.area).collect();
                    for at in Rect::new(0, 1, width, height - 1).positions() {
                        let inside =
                            areas.iter().filter(|a| super::super::draw::inside(**a).contains(at));
                        let whose = areas.iter().filter(|area| area.contains(at)).count();
                        let alone = inside.count();
                        assert!(whose >= 1 && alone <= 1, "{at} of {width}x{height}");
                        assert!(alone == 0 || whose == 1, "{at} of {width}x{height}");
                    }
                    for slot in &layout.slots {
                        let inner = super::super::draw::inside(slot.area);
                        assert!(
                            inner.height >= 1 && inner.width >= 20,
                            "{slot:?} {width}x{height}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_less_for_a_status_line_takes_no_pane_away() {
        let whole = panes((80, 24), View::Overview);
        assert_eq!(panes((80, 23), View::Overview), whole);
        assert_eq!(whole, [Pane::Interest, Pane::Ready, Pane::Waiting, Pane::Calls]);
        assert_eq!(panes((60, 16), View::Overview), [Pane::Interest, Pane::Ready]);
        assert!(panes((59, 16), View::Overview).is_empty());
        assert!(panes((60, 15), View::Overview).is_empty());
    }

    #[test]
    fn a_larger_screen_shows_more() {
        let shown = |size| panes(size, View::Overview).len();
        let sizes = [(60, 16), (80, 24), (120, 40), (160, 50), (240, 70)];
        assert_eq!(sizes.map(shown), [2, 4, 5, 6, 7]);
    }
}
