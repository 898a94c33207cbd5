//! The help: all keys and what they do, made from the table of keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::RenderContext;
use crate::tui::draw::{Accent, Align, Row, cells, frame, inside};
use crate::tui::keymap::{self, Group};
use crate::tui::theme::Role;
use crate::tui::ui::UiContext;
use crate::tui::words;

/// Draws the help over everything; the number is its first row.
pub(crate) struct Help<'a>(pub RenderContext<'a>, pub usize);

enum Line {
    Heading(&'static str),
    Keys(String, &'static str, &'static str),
    Word(String, &'static str),
    Usage(String),
    Below(&'static str),
    Mark(&'static str, &'static str),
    Blank,
}

/// Columns that there are beside a usage on the smallest screen.
const BESIDE: usize = 52;

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
    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let server = self.0.ui.place == UiContext::Server;
        let groups = match self.0.ui.place {
            UiContext::Server => &Group::ALL[..],
            UiContext::Menu => &[Group::Menu, Group::Lesson, Group::LessonLook, Group::Entry],
            UiContext::Compare => &[Group::Compare],
            UiContext::Lesson | UiContext::Question | UiContext::Ended => &Group::LESSON,
        };
        for group in groups.iter().copied() {
            lines.push(Line::Heading(group.title()));
            lines.extend(
                keymap::rows(group).map(|b| Line::Keys(keymap::keys(b), b.help, b.palette)),
            );
            lines.push(Line::Blank);
        }
        if self.0.ui.place == UiContext::Compare {
            lines.push(Line::Heading("Columns, each for one request"));
            lines.extend(COMPARED.iter().map(|(word, what)| Line::Mark(word, what)));
            return lines;
        }
        let grammar: Vec<_> = if server {
            lines.push(Line::Heading("Commands without a key (press : first)"));
            keymap::keyless().collect()
        } else {
            lines.push(Line::Heading("What can be tried (press v first)"));
            crate::lesson::line::GRAMMAR.to_vec()
        };
        for (word, arguments, help) in grammar {
            let usage = format!("{word} {arguments}").trim_end().to_owned();
            if words::width(&usage) > 24 || words::width(help) > BESIDE {
                lines.push(Line::Usage(usage));
                lines.push(Line::Below(help));
            } else {
                lines.push(Line::Word(usage, help));
            }
        }
        lines.push(Line::Blank);
        self.marks(&mut lines);
        lines.push(Line::Heading("How it is known"));
        let known = if server { &KNOWN[..] } else { &KNOWN_IN_LESSONS };
        lines.extend(known.iter().map(|(word, what)| Line::Mark(word, what)));
        lines
    }

    fn marks(&self, lines: &mut Vec<Line>) {
        let g = self.0.theme.glyphs;
        lines.push(Line::Heading("Marks"));
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
        lines.extend(marks.map(|(glyph, what)| Line::Mark(glyph, what)));
        lines.push(Line::Blank);
        if self.0.ui.place != UiContext::Server {
            lines.push(Line::Heading("Marks of the steps"));
            let steps = [
                (g.check, "predicted rightly"),
                (g.close, "predicted wrongly"),
                ("?", "asks for a prediction"),
                (g.idle, "made, or asked without an answer that counts"),
                (g.stuck, "came out otherwise than the lesson or the model says"),
                (g.lost, "could not be made here"),
            ];
            lines.extend(steps.map(|(glyph, what)| Line::Mark(glyph, what)));
            lines.push(Line::Blank);
        }
    }
}

impl Widget for Help<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        let width = area.width.min(110);
        let area = Rect { x: area.x + (area.width - width) / 2, width, ..area };
        Clear.render(area.intersection(buf.area), buf);
        buf.set_style(area.intersection(buf.area), look.theme.base());
        let title = ["Help".to_owned(), "j and k scroll".to_owned(), "? closes".to_owned()];
        frame(buf, area, &title, look.theme, Accent::Focus);
        let inner = inside(area);
        let lines = self.lines();
        let server = look.ui.place == UiContext::Server;
        let keyed = lines.iter().map(|line| match line {
            Line::Keys(keys, ..) => words::width(keys) + 1,
            _ => 0,
        });
        let keyed = if server { 10 } else { cells(keyed.max().unwrap_or(0)).clamp(10, 24) };
        let rows = usize::from(inner.height);
        let first = self.1.min(lines.len().saturating_sub(rows));
        let palette = inner.width >= 100;
        for (n, line) in lines.iter().skip(first).take(rows).enumerate() {
            let mut row = Row::new(buf, inner, cells(n));
            row.put(" ", look.style(Role::Text));
            match line {
                Line::Heading(text) => row.put(text, look.style(Role::Title)),
                Line::Keys(keys, help, word) => {
                    row.column(keys, keyed, Align::Left, look.style(Role::Key));
                    row.put(help, look.style(Role::Text));
                    if palette {
                        row.end(&format!("{word} "), look.style(Role::Dim));
                    }
                    &mut row
                }
                Line::Word(usage, help) => row
                    .column(usage, 24, Align::Left, look.style(Role::Key))
                    .put(help, look.style(Role::Text)),
                Line::Usage(usage) => row.put(usage, look.style(Role::Key)),
                Line::Below(help) => row
                    .column("", 4, Align::Left, look.style(Role::Text))
                    .put(help, look.style(Role::Text)),
                Line::Mark(glyph, what) => row
                    .column(glyph, 12, Align::Left, look.style(Role::Key))
                    .put(what, look.style(Role::Text)),
                Line::Blank => &mut row,
            };
        }
        let left = lines.len().saturating_sub(first + rows);
        if left > 0 && area.height > 0 {
            let foot = Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area };
            let more = format!(" {} ", words::plural(left as u64, "more row"));
            Row::new(buf, foot, area.height - 1).end(&more, look.style(Role::Title));
        }
    }
}
