//! The whole screen of a comparison.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::app::CompareApp;
use super::chart::CurveChart;
use super::mirrored::MirrorPane;
use super::table::CompareTable;
use crate::compare::ComparePhase;
use crate::compare::why::{count, percent};
use crate::event::Header;
use crate::history::History;
use crate::tui::draw::{Accent, Row, borders, cells, ground, heading, inside, sign_cuts};
use crate::tui::layout::{SMALLEST, WIDE, strip};
use crate::tui::pane::{Help, Hints, RenderContext, TooSmall};
use crate::tui::spots::{Spot, Spots, on_screen};
use crate::tui::theme::{PLAIN, Role, Theme};
use crate::tui::words;

/// Rows of the sentences, with their title: by the screen's size as elsewhere.
fn why_rows(width: u16, height: u16) -> u16 {
    match height {
        0..20 => 2,
        20..50 if width >= 100 => 4,
        _ => 5,
    }
}

/// Draws everything into `buf`.
pub(crate) fn paint(app: &CompareApp, theme: &Theme, buf: &mut Buffer) {
    draw(app, theme, None, buf);
}

/// What stands in a cell of the screen.
pub(super) fn under(app: &CompareApp, cell: (u16, u16)) -> Option<Spot> {
    let spots = Spots::default();
    draw(app, &PLAIN, Some(&spots), &mut Buffer::empty(on_screen(app.ui.size)));
    spots.at(cell)
}

/// The same; where something stands is written into `spots`.
fn draw(app: &CompareApp, theme: &Theme, spots: Option<&Spots>, buf: &mut Buffer) {
    let area = buf.area;
    ground(buf, theme);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        TooSmall(theme, "the comparison goes on; q quits").render(area, buf);
        return;
    }
    header(app, theme, Rect { height: 1, ..area }, buf);
    let why = why_rows(area.width, area.height);
    let rows = cells(app.board.plan.rows()) + 2;
    let body = area.height - 2 - why;
    let (table, next) = strip(area, 1, rows.min(body / 2 + 2));
    let (chart, next) = strip(area, next, body + 1 - next);
    let (below, last) = strip(area, next, why);
    let parts = [(table, Accent::Focus), (chart, Accent::None), (below, Accent::None)];
    borders(buf, &parts, theme);
    let title = ["Side by side", "counted: seen, model, kernel", "ratio to the first loop"];
    heading(buf, table, &title.map(str::to_owned), theme, Accent::Focus);
    CompareTable(app, theme, spots).render(inside(table), buf);
    if let (Some(mirror), true) = (&app.mirror, app.mirrored) {
        heading(buf, chart, &MirrorPane::title(mirror), theme, Accent::None);
        MirrorPane(mirror, theme).render(inside(chart), buf);
    } else {
        heading(buf, chart, &CurveChart::title(app), theme, Accent::None);
        CurveChart(app, theme).render(inside(chart), buf);
    }
    sentences(app, theme, below, buf);
    let (nothing, header) = (History::default(), Header::default());
    let look = RenderContext { scene: nothing.scene(&header, None), ui: &app.ui, theme, spots };
    Hints(look).render(Rect { y: last, height: 1, ..area }, buf);
    if let Some(first) = app.ui.help {
        Help(look, first).render(Rect { y: 1, height: area.height - 2, ..area }, buf);
    }
    sign_cuts(buf, theme);
}

fn sentences(app: &CompareApp, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let reports = app.board.reports();
    let report = reports.get(app.selected);
    let name = report.map_or_else(String::new, |report| {
        format!("{}{}", report.name, if report.again { " again" } else { "" })
    });
    heading(buf, area, &["Why".to_owned(), name], theme, Accent::None);
    let inner = inside(area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    for (n, line) in words::wrap(&app.why(), inner.width.into()).iter().enumerate() {
        Row::new(buf, inner, cells(n)).put(line, theme.style(Role::Text));
    }
}

/// The first row; its last pieces give way.
fn header(app: &CompareApp, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let plan = &app.board.plan;
    let all = plan.active == plan.clients;
    let active =
        if all { "all active".to_owned() } else { format!("{} active", count(plan.active.into())) };
    let clients = words::plural(plan.clients.into(), "client");
    let noisy = app.board.is_noisy();
    let noise = app.board.noise().map(|noise| format!("noise {} %", percent(noise)));
    let noise = noise.unwrap_or_default();
    let much = if noisy { format!("{noise}: a busy machine") } else { String::new() };
    let busy = !matches!(app.board.phase, ComparePhase::Done | ComparePhase::Stopped);
    let pieces = [
        (format!("{clients}, {active}, {} B", count(plan.size.into())), Role::Text),
        (app.doing(), if busy { Role::Badge } else { Role::Good }),
        (much, Role::Bad),
        (noise, if noisy { Role::Bad } else { Role::Text }),
        (app.kernel.clone(), Role::Dim),
        (words::plural(app.cpus as u64, "cpu"), Role::Dim),
    ];
    let mut row = Row::new(buf, area, 0);
    let name = if area.width < WIDE { " compare" } else { " epollscope compare" };
    row.put(name, theme.style(Role::Title));
    row.put("  ", theme.style(Role::Text));
    row.put(&words::plural(plan.loops.len() as u64, "loop"), theme.style(Role::Text));
    let mut told = String::new();
    for (text, role) in pieces {
        // What is said at length is not said once more.
        let known = text.is_empty() || told.starts_with(&text);
        if known || words::width(&text) + 2 > usize::from(row.left()) {
            continue;
        }
        row.put("  ", theme.style(Role::Text)).put(&text, theme.style(role));
        told = text;
    }
}

/// The table as lines of text, for a terminal from which the screen has gone.
pub(super) fn printed(app: &CompareApp, theme: &Theme, width: u16) -> String {
    let rows = cells(app.board.plan.rows()) + 1;
    let mut buf = Buffer::empty(Rect::new(0, 0, width, rows));
    CompareTable(app, theme, None).render(buf.area, &mut buf);
    let mut text = String::new();
    for y in 0..rows {
        let line: String = (0..width).map(|x| buf[(x, y)].symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
