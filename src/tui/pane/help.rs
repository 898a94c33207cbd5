//! The help: all keys and what they do, made from the table of keys, and the words of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::RenderContext;
use super::glossary::GLOSSARY;
use crate::event::Header;
use crate::history::History;
use crate::tui::action::{Direction, Reach};
use crate::tui::draw::{Accent, Align, Row, cells, frame, inside};
use crate::tui::keymap::{self, Binding, Group, Mode};
use crate::tui::spots::Spot;
use crate::tui::theme::{PLAIN, Role};
use crate::tui::ui::{Ui, UiContext};
use crate::tui::words;

/// Draws the help over everything; the number is its first row.
pub(crate) struct Help<'a>(pub RenderContext<'a>, pub usize);

/// A row of the help.
enum Line {
    Heading(&'static str),
    /// What is explained, in so many columns, what is said of it, and the command for it.
    Row(String, u16, String, &'static str),
    Blank,
}

/// Columns of a key, of a command, of a mark, of a word.
const KEYS: u16 = 10;
const USAGE: u16 = 24;
const MARK: u16 = 12;
const WORD: u16 = 14;
/// From this width on the help names the commands of the keys.
const PALETTE: usize = 100;
/// The widest help.
const WIDEST: u16 = 110;

/// Lines being put together, so many columns wide.
struct Lines {
    columns: usize,
    all: Vec<Line>,
}

impl Lines {
    fn heading(&mut self, text: &'static str) {
        self.all.extend((!self.all.is_empty()).then_some(Line::Blank));
        self.all.push(Line::Heading(text));
    }

    /// What is explained in `columns`, or in a row of its own if it needs more, and the text beside
    /// it or below, broken into rows.
    fn row(&mut self, what: &str, columns: u16, text: &str, command: &'static str) {
        let beside = words::width(what) <= usize::from(columns);
        let indent = if beside { columns } else { 4 };
        // A blank before what is explained, one behind it, and one at the end.
        let command = if self.columns >= PALETTE { command } else { "" };
        let taken = usize::from(indent) + 3 + words::width(command);
        let room = self.columns.saturating_sub(taken).max(1);
        if !beside {
            self.all.push(Line::Row(what.to_owned(), WIDEST, String::new(), ""));
        }
        for (n, text) in words::wrap(text, room).into_iter().enumerate() {
            let first = n == 0;
            let what = if first && beside { what } else { "" };
            let command = if first { command } else { "" };
            self.all.push(Line::Row(what.to_owned(), indent, text, command));
        }
    }

    fn rows(&mut self, columns: u16, rows: &[(&str, &str)]) {
        for (what, text) in rows {
            self.row(what, columns, text, "");
        }
    }
}

/// What the words in the panes' titles say.
const KNOWN: [(&str, &str); 6] = [
    ("kernel", "read from the kernel: fdinfo, queue lengths"),
    ("seen", "a system call that this program made, with its result"),
    ("model", "deduced from calls and wake-ups by the kernel's rules"),
    ("model 12", "so many returns of epoll_wait were what the model said"),
    ("divergence", "one was not; view 4 lists it, and counts those not to be judged"),
    ("lost sync", "observations were lost; the list is not known for a while"),
];

/// The same in a lesson.
const KNOWN_IN_LESSONS: [(&str, &str); 5] = [
    ("kernel", "read from the kernel: fdinfo"),
    ("seen", "a system call that this program made, with its result"),
    ("model", "what a model of the kernel says of the same calls"),
    ("model 12", "so many results, wake-ups and lists were what it said"),
    ("divergence", "one was not; the narration of that step says which"),
];

/// What the columns of a comparison say.
const COMPARED: [(&str, &str); 10] = [
    ("req/s", "seen: requests answered in a second of the loop's own turns"),
    ("CPU/req", "kernel: what the server's threads ran (schedstat), the median"),
    ("ratio", "to the first loop in the same round: median and quartiles"),
    ("same", "no further from it than it is from itself, in the last row"),
    ("calls", "seen: system calls"),
    ("copied", "seen: bytes of the arguments of waits, by the ABI"),
    ("asked, hooks", "model: files asked whether they are ready; wait queues stood on"),
    ("sqe, cqe", "seen: entries of the rings"),
    ("sleeps", "kernel: voluntary context switches"),
    ("KiB/client", "kernel: growth of the memory in use (VmRSS), without kernel stacks"),
];

impl Help<'_> {
    /// The first row after a move.
    pub(crate) fn scrolled(&self, reach: Reach, step: Direction) -> usize {
        let (width, height) = self.0.ui.size;
        let inner = inside(frame_of(Rect::new(0, 1, width, height.saturating_sub(2))));
        let rows = usize::from(inner.height);
        let last = self.lines(inner.width.into()).len().saturating_sub(rows);
        let by = match reach {
            Reach::Row => 1,
            // A row of the page before is to be seen again.
            Reach::Page => rows.saturating_sub(1).max(1),
            Reach::End => usize::MAX,
        };
        match step {
            Direction::Back => self.1.min(last).saturating_sub(by),
            Direction::On => self.1.saturating_add(by).min(last),
        }
    }

    /// Scrolls the help of a screen that has no server, if it is open; whether it is.
    pub(crate) fn scroll(ui: &mut Ui, reach: Reach, step: Direction) -> bool {
        let Some(first) = ui.help else { return false };
        let (nothing, header) = (History::default(), Header::default());
        let scene = nothing.scene(&header, None);
        let look = RenderContext { scene, ui, theme: &PLAIN, spots: None };
        ui.help = Some(Help(look, first).scrolled(reach, step));
        true
    }

    fn lines(&self, columns: usize) -> Vec<Line> {
        let mut lines = Lines { columns, all: Vec::new() };
        let server = self.0.ui.place == UiContext::Server;
        let lesson = self.in_lesson();
        let groups = match self.0.ui.place {
            UiContext::Server => &Group::ALL[..],
            UiContext::Menu => &[Group::Menu, Group::Lesson, Group::LessonLook, Group::Entry],
            UiContext::Compare => &[Group::Compare],
            UiContext::Replay => &Group::REPLAY[..],
            UiContext::Watch => &Group::WATCH[..],
            UiContext::Lesson | UiContext::Question | UiContext::Ended if self.retold() => {
                &Group::RETOLD
            }
            UiContext::Lesson | UiContext::Question | UiContext::Ended => &Group::LESSON,
        };
        let rows = |group: Group| keymap::rows(group).filter(|row| self.holds(row));
        let bindings = || groups.iter().flat_map(|group| rows(*group));
        let longest = bindings().map(|b| words::width(&keymap::keys(b)) + 1).max();
        let keyed = if server { KEYS } else { cells(longest.unwrap_or(0)).clamp(KEYS, USAGE) };
        for group in groups.iter().copied() {
            lines.heading(group.title());
            for binding in rows(group) {
                lines.row(&keymap::keys(binding), keyed, binding.help, binding.palette);
            }
        }
        if self.0.ui.place == UiContext::Compare {
            lines.heading("Columns, each for one request");
            lines.rows(MARK, &COMPARED);
            return lines.all;
        }
        let grammar: Vec<_> = if self.retold() {
            Vec::new()
        } else if lesson {
            lines.heading("What can be tried (press v first)");
            crate::lesson::line::GRAMMAR.to_vec()
        } else {
            if server {
                lines.heading("Commands without a key (press : first)");
            }
            keymap::keyless().filter(|_| server).collect()
        };
        for (word, arguments, help) in grammar {
            lines.row(format!("{word} {arguments}").trim_end(), USAGE, help, "");
        }
        self.marks(&mut lines);
        lines.heading("How it is known");
        lines.rows(MARK, if lesson { &KNOWN_IN_LESSONS } else { &KNOWN });
        for topic in &GLOSSARY {
            lines.heading(topic.title);
            lines.rows(WORD, topic.terms);
        }
        lines.all
    }

    /// Whether a row holds where the person is: of the server's some have another meaning, or none.
    fn holds(&self, row: &Binding) -> bool {
        let mode = match self.0.ui.place {
            UiContext::Replay => Mode::Replay,
            UiContext::Watch => Mode::Watch,
            _ if self.retold() => Mode::Retold,
            _ => return true,
        };
        row.group == Group::Entry || row.modes.contains(&mode)
    }

    /// Whether it is that of a lesson which was gone through earlier.
    fn retold(&self) -> bool {
        self.0.ui.offers.retold
    }

    /// Whether it is that of a lesson, or of the menu of lessons.
    fn in_lesson(&self) -> bool {
        match self.0.ui.place {
            UiContext::Lesson | UiContext::Question | UiContext::Ended | UiContext::Menu => true,
            UiContext::Server | UiContext::Compare | UiContext::Replay | UiContext::Watch => false,
        }
    }

    fn marks(&self, lines: &mut Lines) {
        let g = self.0.theme.glyphs;
        lines.heading("Marks");
        let marks = [
            (g.ready, "ready: on the ready list; on a track: reported by epoll_wait"),
            (g.idle, "idle"),
            (g.handled, "being handled"),
            (g.stuck, "stuck, or a finding"),
            (g.asleep, "asleep in epoll_wait"),
            (g.held, "held at the gate, before a call"),
            (g.accept, "accept"),
            (g.arrive, "data or a connection arrived"),
            (g.listed, "on the ready list"),
            (g.put_back, "put back on the ready list (level-triggered)"),
            (g.level, "level-triggered, not on the ready list"),
            (g.edge, "edge-triggered, not on the ready list"),
            (g.read, "read"),
            (g.write, "write"),
            (g.again, "EAGAIN"),
            (g.end, "end of stream"),
            (g.close, "close or reset"),
            (g.changed, "mask or trigger changed"),
            (g.lost, "observations were lost; in the findings: a divergence"),
            ("?", "behind a ready entry: its place in the order is not certain"),
        ];
        lines.rows(MARK, &marks);
        if self.in_lesson() {
            lines.heading("Marks of the steps");
            let steps = [
                (g.check, "predicted rightly"),
                (g.close, "predicted wrongly"),
                ("?", "asks for a prediction"),
                (g.idle, "made, or asked without an answer that counts"),
                (g.stuck, "came out otherwise than the lesson or the model says"),
                (g.lost, "could not be made here"),
            ];
            lines.rows(MARK, &steps);
        }
    }
}

/// Where the frame of the help stands in that area.
fn frame_of(area: Rect) -> Rect {
    let width = area.width.min(WIDEST);
    Rect { x: area.x + (area.width - width) / 2, width, ..area }
}

impl Widget for Help<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        look.note(area, Spot::Cover);
        let area = frame_of(area);
        Clear.render(area.intersection(buf.area), buf);
        buf.set_style(area.intersection(buf.area), look.theme.base());
        // A comparison has its columns there.
        let end = if look.ui.place == UiContext::Compare { "" } else { "End: the words" };
        let title = ["Help", "j and k scroll", end, "? closes"].into_iter();
        let title: Vec<_> = title.filter(|part| !part.is_empty()).map(str::to_owned).collect();
        frame(buf, area, &title, look.theme, Accent::Focus);
        let inner = inside(area);
        let lines = self.lines(inner.width.into());
        let rows = usize::from(inner.height);
        let first = self.1.min(lines.len().saturating_sub(rows));
        for (n, line) in lines.iter().skip(first).take(rows).enumerate() {
            let mut row = Row::new(buf, inner, cells(n));
            row.put(" ", look.style(Role::Text));
            match line {
                Line::Heading(text) => {
                    row.put(text, look.style(Role::Title));
                }
                Line::Row(what, columns, text, command) => {
                    row.column(what, *columns, Align::Left, look.style(Role::Key));
                    row.put(text, look.style(Role::Text));
                    if !command.is_empty() {
                        row.end(&format!("{command} "), look.style(Role::Dim));
                    }
                }
                Line::Blank => {}
            }
        }
        let left = lines.len().saturating_sub(first + rows);
        if left > 0 && area.height > 0 {
            let foot = Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area };
            let more = format!(" {} ", words::plural(left as u64, "more row"));
            Row::new(buf, foot, area.height - 1).end(&more, look.style(Role::Title));
        }
    }
}
