//! What only a lesson has on its screen: the first row, the narration, the list of steps.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::app::LessonApp;
use super::spelled;
use super::story::Line;
use crate::event::visible;
use crate::lesson::case::{Action as Do, Outcome};
use crate::lesson::course::{Course, Moment, Phase, What};
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// A lesson with the look of the screen.
#[derive(Clone, Copy)]
pub(crate) struct LessonLook<'a> {
    /// The lesson.
    pub lesson: &'a LessonApp,
    /// How it looks.
    pub theme: &'a Theme,
}

impl LessonLook<'_> {
    fn course(&self) -> &Course {
        self.lesson.course()
    }

    /// The step that is shown, from 1, or 0 before the first; and whether it is being asked about.
    fn step(&self) -> (usize, bool) {
        let course = self.course();
        let of = |what: &What, before: usize| match what {
            What::Start => 0,
            What::Step(step) => step + 1,
            What::Try(_) => before,
        };
        match self.lesson.viewed {
            Some(at) => {
                let moments = course.moments.iter().take(at + 1);
                (moments.fold(0, |before, moment| of(&moment.what, before)), false)
            }
            None if course.phase == Phase::Asking => (course.next + 1, true),
            None => (course.next, false),
        }
    }

    /// The chapter of a step, counted from 1.
    fn chapter(&self, step: usize) -> Option<String> {
        let steps = &self.course().case.steps;
        let mut before = steps.iter().take(step).rev();
        let chapter = before.find_map(|step| step.chapter.as_deref())?;
        Some(visible(chapter.as_bytes(), 60))
    }
}

// --- the first row

/// Draws the first row: which lesson, how far, how well.
pub(crate) struct TopRow<'a>(pub LessonLook<'a>);

impl Widget for TopRow<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        let course = look.course();
        let style = |role| look.theme.style(role);
        let mut row = Row::new(buf, area, 0);
        row.put(" ", style(Role::Text));
        let mut right = Vec::new();
        let score = course.score();
        if score.asked > 0 {
            right.push(format!("{} of {} right", score.right, score.asked));
        }
        let (instances, at) = look.lesson.instances();
        if let Some((_, name)) = instances.get(at).filter(|_| instances.len() > 1) {
            let name = visible(name.as_bytes(), 20);
            right.push(format!("epoll {name}, {} of {}", at + 1, instances.len()));
        }
        right.push(look.lesson.kernel().to_owned());
        if area.width < 100 {
            right.truncate(2);
        }
        let right = right.join("  ");
        let badge = [badge(look.lesson), recorded(look.lesson)].concat();
        let shared = look.lesson.app.ui.sharing.map(|sharing| sharing.badge(area.width));
        let shared = shared.unwrap_or_default();
        let (step, _) = look.step();
        let progress = format!("step {step} of {}", course.case.steps.len());
        let used = words::width(&right) + words::width(&badge) + words::width(&progress) + 8;
        let used = used + words::width(&shared);
        let room = usize::from(row.left()).saturating_sub(used);
        let title = visible(course.case.title.as_bytes(), room.max(10));
        row.put(&title, style(Role::Title)).put("  ", style(Role::Text));
        row.put(&progress, style(Role::Text)).put("  ", style(Role::Text));
        if !badge.is_empty() {
            row.put(&badge, style(Role::Badge));
        }
        if !shared.is_empty() {
            row.put("  ", style(Role::Text)).put(&shared, style(Role::Badge));
        }
        row.end(&format!("{right} "), style(Role::Text));
    }
}

/// What must not be overlooked.
fn badge(lesson: &LessonApp) -> String {
    // A film of it shows it as it was gone through for the first time.
    let again = lesson.is_recorded() && !lesson.app.ui.keyless;
    if let Some(watching) = &lesson.app.ui.watching {
        let what = match (lesson.viewed, &lesson.course().phase) {
            _ if watching.news.ended.is_some() => "ended ",
            (Some(_), _) if lesson.playing => "PLAYING ",
            (Some(_), _) => "PAST ",
            (None, _) if lesson.app.ui.play.is_some() => "SLOW MOTION ",
            (None, Phase::Asking) => "QUESTION ",
            (None, _) => "",
        };
        return format!(" WATCHING {} {what}", watching.host);
    }
    match &lesson.course().phase {
        _ if again && lesson.playing => " PLAYING ".to_owned(),
        _ if again => " REPLAY ".to_owned(),
        _ if lesson.viewed.is_some() => " PAST ".to_owned(),
        _ if lesson.app.ui.play.is_some() => " SLOW MOTION ".to_owned(),
        Phase::Asking => " QUESTION ".to_owned(),
        Phase::Starting | Phase::Making => " ... ".to_owned(),
        Phase::Stopped(_) => " STOPPED ".to_owned(),
        Phase::Finished => " END ".to_owned(),
        Phase::Ready if lesson.playing => " PLAYING ".to_owned(),
        Phase::Ready => String::new(),
    }
}

/// How much of it is recorded.
fn recorded(lesson: &LessonApp) -> String {
    let progress = lesson.app.ui.recording.as_ref();
    progress.map_or_else(String::new, |progress| format!(" REC {} ", words::stored(progress.bytes)))
}

// --- the narration

/// Draws the narration.
pub(crate) struct Narration<'a>(pub LessonLook<'a>, pub &'a [Line]);

impl Narration<'_> {
    /// Its title: which step, of which chapter.
    pub(crate) fn title(look: &LessonLook<'_>) -> Vec<String> {
        let (step, asked) = look.step();
        let mut title = Vec::new();
        let tried = match look.lesson.viewed {
            Some(at) => look.course().moments.get(at),
            None => look.course().moments.last(),
        };
        let own = !asked && tried.is_some_and(|moment| matches!(moment.what, What::Try(_)));
        title.push(match (&look.course().phase, look.lesson.viewed) {
            (Phase::Finished, None) => "The end".to_owned(),
            (Phase::Stopped(_), None) => "It stops here".to_owned(),
            _ if own => format!("After step {step}"),
            _ if step == 0 => "The lesson".to_owned(),
            _ if asked => format!("Step {step}: your prediction"),
            _ => format!("Step {step}"),
        });
        title.extend(look.chapter(step.max(1)));
        if look.lesson.viewed.is_some() && !look.lesson.is_recorded() {
            title.push("the past: Enter returns".to_owned());
        }
        title
    }
}

impl Widget for Narration<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let (look, lines) = (self.0, self.1);
        let inner =
            Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), ..area };
        let rows = usize::from(area.height);
        let first = look.lesson.scroll.min(lines.len().saturating_sub(rows));
        for (n, (line, role)) in lines.iter().skip(first).take(rows).enumerate() {
            Row::new(buf, inner, cells(n)).put(line, look.theme.style(*role));
        }
        let left = lines.len().saturating_sub(first + rows);
        if left > 0 && area.height > 0 {
            let more = format!(" {} below: PgDn ", words::plural(left as u64, "row"));
            Row::new(buf, inner, area.height - 1).end(&more, look.theme.style(Role::Badge));
        }
    }
}

// --- the steps

/// Draws the list of steps.
pub(crate) struct StepList<'a>(pub LessonLook<'a>);

/// A row of the list.
enum Entry {
    Chapter(String),
    Step(usize),
}

impl StepList<'_> {
    /// Its title: how many are made.
    pub(crate) fn title(look: &LessonLook<'_>) -> Vec<String> {
        let course = look.course();
        let made = course.next.min(course.case.steps.len());
        let mut title = vec!["Steps".to_owned(), format!("{made} of {}", course.case.steps.len())];
        let score = course.score();
        if score.asked > 0 {
            title.push(format!("{} of {} right", score.right, score.asked));
        }
        title
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (n, step) in self.0.course().case.steps.iter().enumerate() {
            if let Some(chapter) = &step.chapter {
                entries.push(Entry::Chapter(visible(chapter.as_bytes(), 100)));
            }
            entries.push(Entry::Step(n));
        }
        entries
    }

    /// The mark of a step, and its style.
    fn mark(&self, step: usize) -> (&'static str, Role) {
        let look = &self.0;
        let glyphs = look.theme.glyphs;
        let course = look.course();
        let asks = course.case.steps.get(step).is_some_and(|step| step.ask.is_some());
        let Some(moment) = course.made(step) else {
            return match asks {
                true => ("?", Role::Key),
                false if step < course.next => (glyphs.lost, Role::Bad),
                false => (" ", Role::Dim),
            };
        };
        match moment.verdict.map(|verdict| verdict.is_right()) {
            _ if moment.disagreements().next().is_some() => (glyphs.stuck, Role::Bad),
            Some(Some(true)) => (glyphs.check, Role::Good),
            Some(Some(false)) => (glyphs.close, Role::Bad),
            _ if moment.unmet().next().is_some() => (glyphs.stuck, Role::Bad),
            Some(None) => (glyphs.idle, Role::Text),
            None => (glyphs.idle, Role::Dim),
        }
    }

    /// What a step came to, as the row has it: a call that makes a descriptor gives its number, and
    /// a repeat says nothing unless it ended early.
    fn result(&self, step: usize, moment: &Moment) -> String {
        let action = self.0.course().case.steps.get(step).map(|step| &step.action);
        let seen = &moment.report.seen;
        let text = match action {
            Some(Do::Accept { name, .. } | Do::Dup { name, .. })
                if seen.ret == Some(Outcome::Value(0)) =>
            {
                moment.report.numbers.get(name).map(ToString::to_string).unwrap_or_default()
            }
            Some(Do::New { actor }) if seen.ret == Some(Outcome::Value(0)) => {
                moment.report.numbers.get(&actor.name).map(ToString::to_string).unwrap_or_default()
            }
            Some(Do::Connect { .. }) if seen.ret.is_some() => {
                // 0 stands for EINPROGRESS as well; whom it woke is told behind.
                let woke = moment.result();
                let woke = woke.split_once("; ").map(|(_, woke)| woke.to_owned());
                let all = self.0.lesson.returned(moment).into_iter().chain(woke);
                all.collect::<Vec<_>>().join("; ")
            }
            Some(Do::Repeat { times, .. } | Do::Many { count: times, .. })
                if seen.ret == Some(Outcome::Value(i64::from(*times))) && seen.events.is_none() =>
            {
                String::new()
            }
            _ => moment.result(),
        };
        visible(text.as_bytes(), 100)
    }

    fn draw(&self, step: usize, current: bool, row: &mut Row<'_>) {
        let look = &self.0;
        let style = |role| look.theme.style(role);
        let course = look.course();
        let made = course.made(step);
        let Some(call) = course.case.steps.get(step).map(|s| spelled::call(s, made.is_some()))
        else {
            return;
        };
        if current {
            row.fill(style(Role::Selected));
        }
        let marker = if current { look.theme.glyphs.selected } else { " " };
        let (mark, role) = self.mark(step);
        // The ascii mark of agreement takes two columns.
        row.put(marker, style(Role::Focus)).column(mark, 2, Align::Left, style(role));
        let number = format!("{:>2} ", step + 1);
        row.put(&number, style(Role::Dim));
        let call = if call.is_empty() { "..." } else { &call };
        let result = made.map(|moment| self.result(step, moment)).unwrap_or_default();
        let role = if made.is_some() || current { Role::Text } else { Role::Dim };
        let room = usize::from(row.left());
        let needs = words::width(&result) + 3;
        let kept = if result.is_empty() { room } else { room.saturating_sub(needs).max(room / 2) };
        let ellipsis = look.theme.glyphs.ellipsis;
        row.put(&cut(call, kept, ellipsis), style(role));
        if !result.is_empty() {
            let result = cut(&result, usize::from(row.left()).saturating_sub(3), ellipsis);
            row.put(" = ", style(Role::Dim)).put(&result, style(Role::Data));
        }
    }
}

/// The beginning of a text, in so many columns.
fn cut(text: &str, columns: usize, ellipsis: &str) -> String {
    if words::width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if words::width(&kept) + words::width(ellipsis) + 1 > columns {
            break;
        }
        kept.push(c);
    }
    format!("{kept}{ellipsis}")
}

impl Widget for StepList<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let (step, _) = self.0.step();
        let entries = self.entries();
        let is_current = |entry: &Entry| matches!(entry, Entry::Step(n) if n + 1 == step);
        let current = entries.iter().position(is_current).unwrap_or(0);
        let first = first_row(current, entries.len(), usize::from(area.height));
        for (n, entry) in entries.iter().skip(first).take(usize::from(area.height)).enumerate() {
            let mut row = Row::new(buf, area, cells(n));
            match entry {
                Entry::Chapter(text) => {
                    row.put(" ", self.0.theme.style(Role::Text));
                    row.put(text, self.0.theme.style(Role::Title));
                }
                Entry::Step(step) => self.draw(*step, is_current(entry), &mut row),
            }
        }
    }
}
