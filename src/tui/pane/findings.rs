//! The findings: states that are bugs in real servers, newest first; below them, where the model and
//! the kernel did not agree, and how often that could not be told.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{Mistake, visible};
use crate::model::{Check, Difference, Divergence, Finding, Poller, RingCheck};
use crate::text::{self, Sentence};
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::keymap;
use crate::tui::spots::Spot;
use crate::tui::theme::Role;
use crate::tui::ui::UiContext;
use crate::tui::words;

/// Draws the findings.
pub(crate) struct FindingsPane<'a>(pub RenderContext<'a>);

/// Rows of a finding: its name, its sentence, a blank.
const ROWS: usize = 5;

impl FindingsPane<'_> {
    /// The pane's title: how many hold now, of how many.
    pub(crate) fn title(look: &RenderContext<'_>) -> Vec<String> {
        let findings = &look.world().findings;
        let active = findings.iter().filter(|f| f.active).count();
        let all = findings.iter().count();
        let numbers = format!("{active} now, {all} in all");
        let mut title = vec!["Findings".to_owned(), numbers];
        let diverged = look.live().check().diverged;
        if diverged > 0 {
            title.push(words::plural(diverged, "divergence"));
        }
        let marks = look.scene.live.bookmarks.len() + look.ui.bookmarks.len();
        if marks > 0 {
            title.push(words::plural(marks as u64, "mark"));
        }
        title.push("model".to_owned());
        title
    }

    fn draw(&self, finding: &Finding, chosen: bool, area: Rect, buf: &mut Buffer) {
        let look = &self.0;
        let marker = if chosen { look.theme.glyphs.selected } else { " " };
        let (glyph, role, word) = if finding.active {
            (look.theme.glyphs.stuck, Role::Bad, "now")
        } else {
            (look.theme.glyphs.idle, Role::Dim, "over")
        };
        let about = match (finding.fd, finding.lane) {
            (Some(fd), _) => format!("fd {fd}"),
            (None, Some(lane)) => lane.to_string(),
            (None, None) => String::new(),
        };
        let mut row = Row::new(buf, area, 0);
        row.put(marker, look.style(Role::Focus)).put(glyph, look.style(role));
        row.put(" ", look.style(role)).column(
            finding.kind.word(),
            19,
            Align::Left,
            look.style(role),
        );
        row.column(&about, 8, Align::Left, look.style(Role::Title));
        row.column(word, 5, Align::Left, look.style(role));
        let (first, last) = (finding.first.1, finding.last.1);
        let when = match finding.count {
            1 => format!("seen {}", words::when(&look.world(), first)),
            n => {
                let [first, last] = [first, last].map(|t| words::moment(&look.world(), t));
                format!("seen {} times, {first} to {last}", words::count(n))
            }
        };
        row.put(&when, look.style(Role::Dim));
        let Sentence { text, remedy, .. } = text::finding(finding);
        if let Some(remedy) = remedy.filter(|_| finding.active && !look.ui.keyless) {
            row.put(&format!(": press {}", keymap::remedy(remedy)), look.style(Role::Text));
        }
        let below = Rect { x: area.x + 3, width: area.width.saturating_sub(4), ..area };
        // The sentence speaks of what was seen then.
        let past = finding.active || finding.kind.is_instant();
        let text = if past { text } else { format!("While it held: {text}") };
        self.sentence(&text, below, buf);
    }

    fn sentence(&self, text: &str, below: Rect, buf: &mut Buffer) {
        let ellipsis = self.0.theme.glyphs.ellipsis;
        let lines = words::paragraph(text, usize::from(below.width), ROWS - 2, ellipsis);
        for (n, line) in lines.iter().enumerate() {
            Row::new(buf, below, cells(n) + 1).put(line, self.0.style(Role::Text));
        }
    }

    fn divergence(&self, divergence: &Divergence, chosen: bool, area: Rect, buf: &mut Buffer) {
        let look = &self.0;
        let marker = if chosen { look.theme.glyphs.selected } else { " " };
        let bad = look.style(Role::Bad);
        let (about, text) = difference(divergence.what);
        let mut row = Row::new(buf, area, 0);
        row.put(marker, look.style(Role::Focus)).put(look.theme.glyphs.lost, bad);
        row.put(" ", bad).column("divergence", 19, Align::Left, bad);
        row.column(&about, 8, Align::Left, look.style(Role::Title));
        let (seq, when) = (divergence.seq.0, words::when(&look.world(), divergence.t));
        let when = format!("event {} {when}, in {}", words::count(seq), divergence.lane);
        row.put(&when, look.style(Role::Dim));
        let below = Rect { x: area.x + 3, width: area.width.saturating_sub(4), ..area };
        self.sentence(&text, below, buf);
    }

    /// How far the model can be believed, at the foot of the pane; the rows that are left.
    fn foot(&self, area: Rect, buf: &mut Buffer) -> Rect {
        let live = self.0.live();
        let text = match live.world.pollers.own() {
            Some(Poller::Ring(rings)) => ring_reckoning(rings.check),
            Some(Poller::Threads(_)) => {
                "No list is deduced: each thread sleeps in its own call.".to_owned()
            }
            Some(Poller::Scan(set)) => reckoning(live.check(), Some(set.backend.word())),
            Some(Poller::Netpoll(_)) | None => {
                reckoning(live.check(), (!live.labelled).then_some("epoll_wait"))
            }
        };
        let lines = words::wrap(&text, usize::from(area.width.saturating_sub(2)));
        let rows = cells(lines.len());
        if area.height < rows + cells(ROWS) {
            return area;
        }
        let left = area.height - rows;
        let below = Rect { x: area.x + 1, y: area.y + left, height: rows, ..area };
        for (n, line) in lines.iter().enumerate() {
            Row::new(buf, below, cells(n)).put(line, self.0.style(Role::Dim));
        }
        Rect { height: left, ..area }
    }

    /// The moments that were marked, above the foot: the last ones up to the viewed one, if there are
    /// too many; the rows that are left.
    fn marks(&self, area: Rect, buf: &mut Buffer) -> Rect {
        let look = &self.0;
        let mut marks: Vec<_> =
            look.scene.live.bookmarks.iter().chain(&look.ui.bookmarks).collect();
        marks.sort_by_key(|mark| mark.seq);
        let rows = marks.len().min(usize::from(area.height) / 3);
        if rows == 0 {
            return area;
        }
        let seq = look.world().seq;
        let viewed = marks.partition_point(|mark| mark.seq <= seq).checked_sub(1);
        let first = first_row(viewed.unwrap_or(0), marks.len(), rows);
        let left = area.height - cells(rows);
        let below = Rect { y: area.y + left, height: cells(rows), ..area };
        for (n, mark) in marks.iter().enumerate().skip(first).take(rows) {
            let marker = if viewed == Some(n) { look.theme.glyphs.selected } else { " " };
            let mut row = Row::new(buf, below, cells(n - first));
            row.put(marker, look.style(Role::Focus));
            row.put(look.theme.glyphs.accept, look.style(Role::Key))
                .put(" ", look.style(Role::Text));
            row.column(
                &words::moment(&look.world(), mark.t),
                10,
                Align::Left,
                look.style(Role::Title),
            );
            let event = format!("event {}", words::count(mark.seq.0));
            row.column(&event, 17, Align::Left, look.style(Role::Dim));
            row.put(&visible(mark.note.as_bytes(), 200), look.style(Role::Text));
        }
        Rect { height: left, ..area }
    }

    fn nothing(&self, area: Rect, buf: &mut Buffer) {
        let look = &self.0;
        if matches!(look.ui.place, UiContext::Replay | UiContext::Watch) {
            let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
            let text = "None: this server did what it should.";
            Row::new(buf, inner, 0).put(text, look.style(Role::Text));
            return;
        }
        let text = "None: this server does what it should. To meet one, switch a protection off: \
                    press : and type mistake with one of these names.";
        let columns = usize::from(area.width.saturating_sub(2));
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let lines = words::wrap(text, columns);
        let mut y = 0;
        for line in &lines {
            Row::new(buf, inner, y).put(line, look.style(Role::Text));
            y += 1;
        }
        let rows = usize::from(area.height.saturating_sub(y + 1));
        let cut = Mistake::ALL.len() > rows;
        let shown = if cut { rows.saturating_sub(1) } else { Mistake::ALL.len() };
        for mistake in Mistake::ALL.into_iter().take(shown) {
            y += 1;
            let mut row = Row::new(buf, inner, y);
            row.column(mistake.word(), 17, Align::Left, look.style(Role::Key));
            row.put(mistake.about(), look.style(Role::Text));
        }
        if cut {
            let more = format!("and {} more", Mistake::ALL.len() - shown);
            Row::new(buf, inner, y + 1).put(&more, look.style(Role::Dim));
        }
    }
}

/// What the model said against what the kernel did.
fn difference(what: Difference) -> (String, String) {
    let (key, text) = match what {
        Difference::NotListed(key) => (
            key,
            "epoll_wait reported it, and the model had not listed it: no wake-up was seen".into(),
        ),
        Difference::NotReported(key) => {
            (key, "the model had it listed and ready, and epoll_wait passed it over".into())
        }
        Difference::Order(key) => {
            (key, "epoll_wait reported it in another place of the order".into())
        }
        Difference::Bits { key, expected, reported } => {
            let bits = (expected.join(" "), reported.join(" "));
            (key, format!("epoll_wait reported {}, and the model expected {}", bits.1, bits.0))
        }
        Difference::Interest(key) => {
            (key, "fdinfo shows this registration otherwise than the model had it".into())
        }
    };
    let then = "The list has been corrected by what the kernel did.";
    (format!("fd {}", key.fd), format!("{text}. {then}"))
}

/// How often the model was right, wrong, and not to be judged, of that call; of what a lesson compares
/// if of none.
fn reckoning(check: &Check, call: Option<&str>) -> String {
    let agreed = words::count(check.agreed);
    let diverged = words::plural(check.diverged, "divergence");
    // A lesson compares more than a call's returns.
    let Some(call) = call else {
        return format!(
            "Results, who returned, who sleeps, interest lists: {agreed} as the model said, {diverged}."
        );
    };
    let unjudged = match check.unjudged {
        0 => "every one could be judged".to_owned(),
        n => format!(
            "{} could not be judged (threads overlapped, or wake-ups were lost or late)",
            words::count(n)
        ),
    };
    format!("Returns of {call}: {agreed} as the model said, {diverged}, {unjudged}.")
}

/// How often the kernel had a ring as what was seen makes it.
fn ring_reckoning(check: RingCheck) -> String {
    let RingCheck { agreed, diverged, .. } = check;
    let looks = words::plural(agreed + diverged, "look");
    format!(
        "{looks} at the ring in fdinfo: {} as what was seen makes it, {} not.",
        words::count(agreed),
        words::count(diverged)
    )
}

impl Widget for FindingsPane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let Self(look) = self;
        let area = self.foot(area.intersection(buf.area), buf);
        let area = self.marks(area, buf);
        let found: Vec<_> = look.scene.world.findings.iter().rev().collect();
        let divergences: Vec<_> = look.live().check().recent().rev().collect();
        let len = found.len() + divergences.len();
        if len == 0 {
            self.nothing(area, buf);
            return;
        }
        let selected = look.ui.divergence.and_then(|d| divergences.iter().position(|o| **o == d));
        let at = selected.map_or(look.ui.finding, |n| found.len() + n);
        let rows = (usize::from(area.height) / ROWS).max(1);
        let first = first_row(at, len, rows);
        for n in (first..len).take(rows) {
            let from = cells((n - first) * ROWS).min(area.height);
            let part = Rect { y: area.y + from, height: area.height - from, ..area };
            look.note(part, Spot::Finding(n));
            match n.checked_sub(found.len()) {
                None => self.draw(found[n], n == at, part, buf),
                Some(m) => self.divergence(divergences[m], n == at, part, buf),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_was_compared() {
        let mut check = Check::default();
        (check.agreed, check.diverged) = (12, 1);
        let server =
            "Returns of epoll_wait: 12 as the model said, 1 divergence, every one could be judged.";
        assert_eq!(reckoning(&check, Some("epoll_wait")), server);
        let lesson = "Results, who returned, who sleeps, interest lists: 12 as the model said, 1 divergence.";
        assert_eq!(reckoning(&check, None), lesson);
        let ring = RingCheck { agreed: 12, diverged: 1, ..RingCheck::default() };
        assert_eq!(
            ring_reckoning(ring),
            "13 looks at the ring in fdinfo: 12 as what was seen makes it, 1 not."
        );
    }
}
