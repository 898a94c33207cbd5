//! The curve: nanoseconds of one wait by watched descriptors, both as logarithms.

use crate::event::Backend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Points};

use super::app::CompareApp;
use crate::compare::ReadyPlace;
use crate::compare::why::count;
use crate::tui::draw::{Align, Row, cells};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// Draws the curve with its axes.
pub(super) struct CurveChart<'a>(pub(super) &'a CompareApp, pub(super) &'a Theme);

/// Columns of the labels at the left, with the axis.
const LABELS: u16 = 10;
/// Rows of the axis below.
const AXIS: u16 = 2;

/// A line or a band, as logarithms of watched descriptors and nanoseconds.
struct Curve {
    name: Backend,
    mark: char,
    role: Role,
    /// From the lower to the upper edge, which are one where it is a line.
    points: Vec<(f64, f64, f64)>,
}

impl Curve {
    /// Both edges at `x`, on the straight way between the points beside it.
    fn at(&self, x: f64) -> Option<(f64, f64)> {
        let pairs = self.points.windows(2);
        for pair in pairs {
            let ((x0, low0, high0), (x1, low1, high1)) = (pair[0], pair[1]);
            if x >= x0 - 1e-9 && x <= x1 + 1e-9 {
                let part = ((x - x0) / (x1 - x0)).clamp(0.0, 1.0);
                return Some((low0 + (low1 - low0) * part, high0 + (high1 - high0) * part));
            }
        }
        None
    }
}

/// What is drawn in which range.
struct Frame {
    x: [f64; 2],
    y: [f64; 2],
}

impl CurveChart<'_> {
    /// The pane's title.
    pub(super) fn title(app: &CompareApp) -> Vec<String> {
        let ready = match app.ready() {
            ReadyPlace::All => "all ready",
            _ => "one ready",
        };
        vec![
            "One wait".to_owned(),
            format!("ns by watched descriptors, {ready}, log-log"),
            "measured here and now".to_owned(),
        ]
    }

    fn curves(&self) -> Vec<Curve> {
        let glyphs = self.1.glyphs;
        let first = |text: &str| text.chars().next().unwrap_or('*');
        let marks = [
            ("epoll", 'e', Role::Ready),
            ("poll", first(glyphs.put_back), Role::Edge),
            ("select", first(glyphs.listed), Role::Handled),
        ];
        marks
            .into_iter()
            .filter_map(|(word, mark, role)| {
                let name = Backend::parse(word)?;
                let points = self.edges(name);
                (points.len() > 1).then_some(Curve { name, mark, role, points })
            })
            .collect()
    }

    /// The edges of a loop's line, or band from "first ready" to "last ready".
    fn edges(&self, name: Backend) -> Vec<(f64, f64, f64)> {
        let board = &self.0.board;
        let ready = self.0.ready();
        let low =
            board.series(name, if ready == ReadyPlace::All { ready } else { ReadyPlace::First });
        let high =
            board.series(name, if ready == ReadyPlace::All { ready } else { ReadyPlace::Last });
        let middle = board.series(name, ReadyPlace::Middle);
        // Where the ready one stands is nothing to epoll: it has a line.
        let (low, high) = if low.is_empty() { (middle.clone(), middle) } else { (low, high) };
        let log = |ns: f64| ns.max(1.0).log10();
        low.iter()
            .zip(&high)
            .map(|((watched, low), (_, high))| {
                (f64::from(*watched).log10(), log(low.min(*high)), log(low.max(*high)))
            })
            .collect()
    }

    fn legend(&self, curves: &[Curve], area: Rect, buf: &mut Buffer) {
        let fits = self.0.board.fits(self.0.ready());
        for (n, curve) in curves.iter().rev().enumerate() {
            let slope = fits.iter().find(|fit| fit.name == curve.name);
            let slope =
                slope.map_or_else(String::new, |fit| format!("slope {:.2}", fit.slope.abs()));
            let mut row = Row::new(buf, area, cells(n));
            row.put(&curve.mark.to_string(), self.1.style(curve.role));
            row.put(&format!(" {:<8}{slope}", curve.name), self.1.style(Role::Text));
        }
        // In a low one it would stand before the curves.
        if self.0.ready() != ReadyPlace::All && area.height >= 8 {
            let text = "band: first ready .. last ready";
            Row::new(buf, area, cells(curves.len())).put(text, self.1.style(Role::Dim));
        }
    }

    fn axes(&self, frame: &Frame, plot: Rect, buf: &mut Buffer) {
        let style = self.1.style(Role::Dim);
        let glyphs = self.1.glyphs;
        for n in 0..plot.height {
            let at = Rect { x: plot.x - 1, width: 1, ..plot };
            Row::new(buf, at, n).put(glyphs.vertical, style);
        }
        for decade in decades(frame.y) {
            let row = plot.bottom() - 1 - place(decade, frame.y, plot.height);
            let label = Rect { x: plot.x - LABELS, y: row, width: LABELS - 1, height: 1 };
            Row::new(buf, label, 0).column(&time(decade), LABELS - 2, Align::Right, style);
            let at = Rect { x: plot.x - 1, y: row, width: 1, height: 1 };
            Row::new(buf, at, 0).put(glyphs.join_right, style);
        }
        let below = Rect { x: plot.x - 1, y: plot.bottom(), width: plot.width + 1, height: AXIS };
        let line = glyphs.horizontal.repeat(usize::from(plot.width));
        Row::new(buf, below, 0).put(glyphs.bottom_left, style).put(&line, style);
        for decade in decades(frame.x) {
            let column = plot.x + place(decade, frame.x, plot.width);
            let text = count(power(decade));
            let width = cells(words::width(&text));
            let begin = column.saturating_sub(width / 2).min(plot.right().saturating_sub(width));
            let room = Rect { x: begin, y: plot.bottom() + 1, width, height: 1 };
            Row::new(buf, room, 0).put(&text, style);
            let at = Rect { x: column, y: plot.bottom(), width: 1, height: 1 };
            Row::new(buf, at, 0).put("+", style);
        }
    }

    fn plot(&self, curves: &[Curve], frame: &Frame, plot: Rect, buf: &mut Buffer) {
        let canvas = Canvas::default().x_bounds(frame.x).y_bounds(frame.y).paint(|context| {
            for (n, curve) in curves.iter().enumerate() {
                context.marker(Marker::Custom(curve.mark));
                let coords = coords(curve, n, frame, plot);
                let color = self.1.style(curve.role).fg.unwrap_or(Color::Reset);
                context.draw(&Points { coords: &coords, color });
            }
        });
        canvas.render(plot, buf);
    }
}

/// Where a curve has cells. Two bands that lie on each other take the columns in turn.
fn coords(curve: &Curve, number: usize, frame: &Frame, plot: Rect) -> Vec<(f64, f64)> {
    let mut coords = Vec::new();
    let rows = f64::from(plot.height.max(2) - 1);
    let step = (frame.y[1] - frame.y[0]) / rows;
    for column in 0..plot.width {
        if number == 2 && column % 2 == 1 {
            continue;
        }
        let part = f64::from(column) / f64::from(plot.width.max(2) - 1);
        let x = frame.x[0] + (frame.x[1] - frame.x[0]) * part;
        let Some((low, high)) = curve.at(x) else { continue };
        let mut y = low;
        while y < high {
            coords.push((x, y));
            y += step;
        }
        coords.push((x, high));
    }
    coords
}

/// The whole numbers within a range: its powers of ten.
#[expect(clippy::cast_possible_truncation, reason = "powers of ten up to a few dozen")]
fn decades(range: [f64; 2]) -> impl Iterator<Item = i32> {
    (range[0] - 1e-9).ceil() as i32..=(range[1] + 1e-9).floor() as i32
}

/// The cell of a power of ten among so many.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies within the cells of a screen"
)]
fn place(decade: i32, range: [f64; 2], cells: u16) -> u16 {
    let part = (f64::from(decade) - range[0]) / (range[1] - range[0]);
    (part * f64::from(cells.max(1) - 1)).round().clamp(0.0, f64::from(cells.max(1) - 1)) as u16
}

fn power(decade: i32) -> u64 {
    10u64.saturating_pow(decade.max(0).unsigned_abs())
}

/// A power of ten of nanoseconds in the unit that fits.
fn time(decade: i32) -> String {
    match decade {
        ..=2 => format!("{} ns", power(decade)),
        3..=5 => format!("{} us", power(decade - 3)),
        6..=8 => format!("{} ms", power(decade - 6)),
        _ => format!("{} s", power(decade - 9)),
    }
}

impl Widget for CurveChart<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let curves = self.curves();
        let all = || curves.iter().flat_map(|curve| &curve.points);
        let least = |of: fn(&(f64, f64, f64)) -> f64| all().map(of).fold(f64::INFINITY, f64::min);
        let most =
            |of: fn(&(f64, f64, f64)) -> f64| all().map(of).fold(f64::NEG_INFINITY, f64::max);
        if curves.is_empty() || area.width < LABELS + 20 || area.height < AXIS + 3 {
            let text = " it is measured after the rounds";
            let text = if curves.is_empty() { text } else { "" };
            Row::new(buf, area, 0).put(text, self.1.style(Role::Dim));
            return;
        }
        let frame = Frame {
            x: [least(|p| p.0), most(|p| p.0)],
            y: [least(|p| p.1).floor(), most(|p| p.2).max(least(|p| p.1).floor() + 1.0)],
        };
        let plot = Rect {
            x: area.x + LABELS,
            y: area.y,
            width: area.width - LABELS - 2,
            height: area.height - AXIS,
        };
        self.axes(&frame, plot, buf);
        self.plot(&curves, &frame, plot, buf);
        let legend = Rect { x: plot.x + 2, width: plot.width / 2, ..plot };
        self.legend(&curves, legend, buf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_their_powers_of_ten() {
        assert_eq!(decades([1.0, 3.99]).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!([time(2), time(3), time(5), time(7)], ["100 ns", "1 us", "100 us", "10 ms"]);
        assert_eq!((place(1, [1.0, 4.0], 31), place(2, [1.0, 4.0], 31)), (0, 10));
    }

    #[test]
    fn a_curve_goes_straight_between_its_points() {
        let points = vec![(1.0, 2.0, 2.0), (3.0, 4.0, 6.0)];
        let name = Backend::ALL[0];
        let curve = Curve { name, mark: 'e', role: Role::Text, points };
        assert_eq!(curve.at(2.0), Some((3.0, 4.0)));
        assert_eq!((curve.at(0.0), curve.at(3.5)), (None, None));
    }
}
