//! Where the panes of a lesson stand. Pure arithmetic.
//!
//! The narration is what the eye begins with: it stands on top, as high as the lesson's longest
//! step needs, so that nothing moves from step to step.

use ratatui::layout::Rect;

use crate::tui::action::Shown;
use crate::tui::draw::cells;
use crate::tui::layout::{Layout, Part, SMALLEST, Slot, WIDE, split, strip};
use crate::tui::ui::Pane;

/// From this height on there is room for a timeline, the calls and the Why sentence.
const TALL: u16 = 34;
/// From this height on there is room for blank lines.
const AIRY: u16 = 50;
/// The fewest rows of the narration, its title included.
const LEAST: u16 = 9;
/// Columns of the list of steps.
const STEPS: u16 = 45;
/// The fewest rows of the ready list beside many threads, its title included.
const READY: u16 = 4;

/// The fewest rows of the way of one event, the title included: a row a place.
const PATH: u16 = 8;

/// The fewest rows of the timeline or of the calls, the title included.
const LEAST_PANE: u16 = 4;

/// Columns beyond which a line is hard to read.
const READABLE: usize = 96;

/// How a lesson is laid out.
#[derive(Clone, Copy, Debug)]
pub struct LayoutPlan {
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// What is shown below the narration.
    pub shown: Shown,
    /// Rows of the longest story.
    pub longest: usize,
    /// Rows of the story that is shown.
    pub story: usize,
    /// Threads.
    pub lanes: usize,
    /// Entries of the ready list.
    pub ready: usize,
}

/// Columns of the narration's text.
pub fn columns(size: (u16, u16), shown: Shown) -> usize {
    let frame = 4;
    usize::from((size.0 - steps_width(size, shown)).saturating_sub(frame)).min(READABLE)
}

/// Columns of the list of steps beside the narration, if there is room for one.
fn steps_width(size: (u16, u16), shown: Shown) -> u16 {
    match size.0 {
        width if width < WIDE || shown == Shown::Steps => 0,
        width => (STEPS + (width - WIDE) / 4).min(80),
    }
}

fn slot(part: Part, area: Rect) -> Slot {
    Slot { part, area }
}

fn pane(pane: Pane, area: Rect) -> Slot {
    slot(Part::Pane(pane), area)
}

/// The layout; `None` if the screen is too small.
pub fn layout(plan: &LayoutPlan) -> Option<Layout> {
    let (width, height) = plan.size;
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return None;
    }
    let body = Rect::new(0, 1, width, height - 2);
    let (top, next) = strip(body, body.y, story_rows(plan, body.height));
    let beside = steps_width(plan.size, plan.shown);
    let [story, steps] = split(top, width - beside);
    let below = Rect { y: next, height: body.bottom() - next, ..body };
    let whole = strip(below, next, below.height).0;
    let mut slots = vec![slot(Part::Story, story)];
    if beside > 0 {
        slots.push(slot(Part::Steps, steps));
    }
    match plan.shown {
        Shown::Overview => overview(plan, below, &mut slots),
        Shown::Timeline => slots.push(pane(Pane::Timeline, whole)),
        Shown::Calls => slots.push(pane(Pane::Calls, whole)),
        Shown::Path => slots.push(pane(Pane::Path, whole)),
        Shown::Steps => slots.push(slot(Part::Steps, whole)),
        // Of which registration it speaks is chosen in the list.
        Shown::Why => {
            let (interest, next) = strip(below, below.y, below.height / 2);
            slots.push(pane(Pane::Interest, interest));
            let why = strip(below, next, below.bottom() - next).0;
            slots.push(slot(Part::Why, why));
        }
    }
    let header = Rect::new(0, 0, width, 1);
    Some(Layout { header, slots, hints: Rect::new(0, height - 1, width, 1) })
}

/// Rows of the narration: what the lesson needs, up to a part of the screen; more only if the step
/// that is shown needs more.
fn story_rows(plan: &LayoutPlan, body: u16) -> u16 {
    let tall = plan.size.1 >= TALL;
    let usual = match plan.shown {
        _ if tall => body * 2 / 5,
        Shown::Path => (body / 2).min(body - PATH),
        _ => body / 2,
    };
    // The lists keep a row each, with their titles and the heading.
    let most = if tall { body / 2 } else { body - 9 };
    let needs = |rows: usize| cells(rows).saturating_add(1);
    // Where there is room the parts of the story stand apart.
    let air = if plan.size.1 >= AIRY { 6 } else { 0 };
    let wanted = needs(plan.longest + air).clamp(LEAST.min(usual), usual);
    wanted.max(needs(plan.story).min(most))
}

fn overview(plan: &LayoutPlan, area: Rect, slots: &mut Vec<Slot>) {
    let (width, height) = plan.size;
    let why = if height >= 50 { 5 } else { 4 };
    let tall = height >= TALL && area.height >= 20;
    let usual = (area.height.saturating_sub(why)) * 9 / 20;
    let most = area.height.saturating_sub(why);
    let lists_rows = match (tall, width >= WIDE) {
        (false, _) => area.height,
        (true, false) => usual,
        // Many threads get rows of the timeline and the calls.
        (true, true) => (waiting_rows(plan) + READY).clamp(usual, most),
    };
    // A pane of a row or two shows nothing.
    let lists_rows = if tall && most - lists_rows < LEAST_PANE { most } else { lists_rows };
    let lists = Rect { height: lists_rows, ..area };
    if width >= WIDE {
        wide(plan, lists, slots);
    } else {
        narrow(lists, slots);
    }
    if !tall {
        return;
    }
    let rest = area.height - lists_rows - why;
    // Of the two the timeline goes first: the steps say what was when.
    let timeline_rows = if rest < 2 * LEAST_PANE { 0 } else { rest / 2 };
    let (timeline, below) = strip(area, lists.bottom(), timeline_rows);
    if timeline_rows > 0 {
        slots.push(pane(Pane::Timeline, timeline));
    }
    let (calls, below) = strip(area, below, rest - timeline_rows);
    if rest > timeline_rows {
        slots.push(pane(Pane::Calls, calls));
    }
    slots.push(slot(Part::Why, strip(area, below, why).0));
}

/// Rows of the threads, their title included.
fn waiting_rows(plan: &LayoutPlan) -> u16 {
    (cells(plan.lanes).saturating_add(1)).clamp(3, 11)
}

fn wide(plan: &LayoutPlan, lists: Rect, slots: &mut Vec<Slot>) {
    let width = plan.size.0;
    let left = (width - 45 - (width - WIDE) / 3).min(116);
    let [interest, right] = split(strip(lists, lists.y, lists.height).0, left);
    // The ready list keeps what it needs now.
    let ready = (cells(plan.ready).saturating_add(3)).max(READY).min(lists.height.div_ceil(2));
    let waiting = waiting_rows(plan).min(lists.height - ready);
    let (ready, below) = strip(right, right.y, lists.height - waiting);
    slots.push(pane(Pane::Interest, interest));
    slots.push(pane(Pane::Ready, ready));
    slots.push(pane(Pane::Waiting, strip(right, below, waiting).0));
}

fn narrow(lists: Rect, slots: &mut Vec<Slot>) {
    // Both have a title, and the interest list a heading.
    let rows = lists.height.div_ceil(2).max(4);
    let (interest, next) = strip(lists, lists.y, rows.min(lists.height));
    let (both, _) = strip(lists, next, lists.height.saturating_sub(rows));
    let [ready, waiting] = split(both, both.width / 2 + 1);
    slots.push(pane(Pane::Interest, interest));
    slots.push(pane(Pane::Ready, ready));
    slots.push(pane(Pane::Waiting, waiting));
}
