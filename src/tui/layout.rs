//! Where the panes stand, for a size and a view. Pure arithmetic.

use ratatui::layout::Rect;

use super::ui::Pane;
use crate::event::View;

/// The smallest screen that is drawn.
pub(crate) const SMALLEST: (u16, u16) = (80, 24);
/// From this width on the ready list stands beside the interest list.
pub(crate) const WIDE: u16 = 118;
/// From this height on the overview has a timeline.
const TALL: u16 = 34;

/// From this size on the overview shows the way of one event, too.
const LARGE: (u16, u16) = (160, 50);
/// Rows of that, with its title.
const PATH: u16 = 14;

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
    match view {
        View::Overview if size.0 >= LARGE.0 && size.1 >= LARGE.1 => vec![
            Pane::Interest,
            Pane::Ready,
            Pane::Waiting,
            Pane::Path,
            Pane::Timeline,
            Pane::Calls,
        ],
        View::Overview if size.1 >= TALL => {
            vec![Pane::Interest, Pane::Ready, Pane::Waiting, Pane::Timeline, Pane::Calls]
        }
        View::Overview => vec![Pane::Interest, Pane::Ready, Pane::Waiting, Pane::Calls],
        View::Timeline => vec![Pane::Timeline],
        View::Calls => vec![Pane::Calls],
        View::Findings => vec![Pane::Findings],
        View::Path => vec![Pane::Path],
    }
}

/// The layout; `None` if the screen is too small.
pub fn layout(size: (u16, u16), view: View, lanes: usize) -> Option<Layout> {
    let (width, height) = size;
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return None;
    }
    // The sentence is what the screen is for: it has room for four lines where they are short.
    let why = if height >= 50 || width < WIDE { 5 } else { 4 };
    let body = Rect::new(0, 1, width, height - 2 - why);
    let whole = strip(body, body.y, body.height).0;
    let mut slots = match view {
        View::Overview if width >= WIDE => wide(body, why, lanes),
        View::Overview => narrow(body, why),
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

/// Whether the overview has room for a timeline: by the screen's height, as [`panes`] says.
fn has_timeline(body: Rect, why: u16) -> bool {
    body.height + why + 2 >= TALL
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

fn wide(body: Rect, why: u16, lanes: usize) -> Vec<Slot> {
    let timeline = has_timeline(body, why);
    let path = body.width >= LARGE.0 && body.height + why + 2 >= LARGE.1;
    let shared = body.height - if path { PATH } else { 0 };
    let top_rows = if timeline { shared * 2 / 5 } else { shared * 3 / 5 };
    let (top, next) = strip(body, body.y, top_rows);
    // Beyond the longest address the interest list gains nothing by more room.
    let left_width = (body.width - 45 - (body.width - WIDE) / 3).min(116);
    let [left, right] = split(top, left_width);
    let wanted = super::draw::cells(lanes).saturating_add(3).clamp(4, 11);
    let waiting_rows = (wanted + 1).min(top_rows / 2);
    let (ready, below) = strip(right, right.y, top_rows - waiting_rows);
    let (waiting, _) = strip(right, below, waiting_rows);
    let mut slots =
        vec![slot(Pane::Interest, left), slot(Pane::Ready, ready), slot(Pane::Waiting, waiting)];
    let rest = shared - top_rows;
    let (area, next) = strip(body, next, if path { PATH } else { 0 });
    if path {
        slots.push(slot(Pane::Path, area));
    }
    if timeline {
        let (area, next) = strip(body, next, rest / 2);
        slots.push(slot(Pane::Timeline, area));
        slots.push(slot(Pane::Calls, strip(body, next, rest - rest / 2).0));
    } else {
        slots.push(slot(Pane::Calls, strip(body, next, rest).0));
    }
    slots
}

fn narrow(body: Rect, why: u16) -> Vec<Slot> {
    let timeline = has_timeline(body, why);
    let interest_rows = if timeline { body.height * 3 / 10 } else { body.height * 4 / 9 };
    let list_rows = (body.height / 5).max(5);
    let (interest, next) = strip(body, body.y, interest_rows);
    let (lists, next) = strip(body, next, list_rows);
    let [ready, waiting] = split(lists, body.width / 2 + 1);
    let mut slots = vec![
        slot(Pane::Interest, interest),
        slot(Pane::Ready, ready),
        slot(Pane::Waiting, waiting),
    ];
    let rest = body.height - interest_rows - list_rows;
    if timeline {
        let (area, next) = strip(body, next, rest / 2);
        slots.push(slot(Pane::Timeline, area));
        slots.push(slot(Pane::Calls, strip(body, next, rest - rest / 2).0));
    } else {
        slots.push(slot(Pane::Calls, strip(body, next, rest).0));
    }
    slots
}

/// The pane at a cell, and there the row below the heading and the rows there are.
pub(crate) fn hit(
    size: (u16, u16),
    view: View,
    scene: &crate::session::Scene<'_>,
    (x, y): (u16, u16),
) -> Option<(Pane, Option<(usize, usize)>)> {
    let layout = layout(size, view, scene.live.lanes.len())?;
    // A border belongs to the pane whose title stands in it.
    let slot = layout.slots.iter().rfind(|s| s.area.contains((x, y).into()))?;
    let Part::Pane(pane) = slot.part else { return None };
    let inner = super::draw::inside(slot.area);
    let row = y.checked_sub(inner.y + 1).filter(|_| inner.contains((x, y).into()));
    Some((pane, row.map(|row| (row.into(), inner.height.saturating_sub(1).into()))))
}
