//! The narration: what was just done, what changed, what is asked. Text with roles, wrapped to the
//! width; nothing of the terminal.

mod ending;

use super::class::ClassRound;
use super::spelled;
use crate::event::{Kind, Nanos, Seq, visible};
use crate::journal::Journal;
use crate::lesson::case::{Action, Answer, Ask};
use crate::lesson::course::{Course, Moment, Phase, What};
use crate::lesson::quiz::{self, Judge, Reply, Truth, Verdict};
use crate::model::World;
use crate::text;
use crate::tui::theme::{Glyphs, Role};
use crate::tui::words;

/// A line of the narration.
pub type Line = (String, Role);

/// What the narration is made from.
#[derive(Clone, Copy)]
pub struct Teller<'a> {
    /// The lesson.
    pub course: &'a Course,
    /// The world as it is now, for names.
    pub world: &'a World,
    /// The history, for calls.
    pub journal: &'a Journal,
    /// The marks.
    pub glyphs: &'static Glyphs,
    /// The kernel's release: `Linux 6.18.1`.
    pub kernel: &'a str,
    /// The title of the lesson that follows.
    pub following: Option<&'a str>,
    /// What those who watch were asked.
    pub class: Option<&'a ClassRound>,
    /// Nobody has keys: nothing is said of them.
    pub keyless: bool,
    /// Columns of a line.
    pub columns: usize,
}

/// Calls of a moment that are shown.
const CALLS: usize = 4;
/// Changes of a moment that are shown.
const CHANGES: usize = 4;

impl Teller<'_> {
    /// The story at a moment: `viewed` is an earlier one, `None` is now. Its parts stand apart if
    /// there is room in so many rows.
    pub(crate) fn story(&self, viewed: Option<usize>, rows: usize) -> Vec<Line> {
        let mut parts = self.parts(viewed);
        parts.retain(|part| !part.is_empty());
        let lines: usize = parts.iter().map(Vec::len).sum();
        let gaps = lines + parts.len().saturating_sub(1) <= rows;
        let mut story = Vec::new();
        for part in parts {
            if gaps && !story.is_empty() {
                story.push((String::new(), Role::Text));
            }
            story.extend(part);
        }
        story
    }

    fn parts(&self, viewed: Option<usize>) -> Vec<Vec<Line>> {
        let course = self.course;
        if let Some(moment) = viewed.and_then(|at| course.moments.get(at)) {
            return self.moment(moment);
        }
        match &course.phase {
            Phase::Starting => self.beginning("The actors are being made ..."),
            Phase::Asking => self.question(),
            Phase::Finished => self.end(),
            Phase::Stopped(why) => self.stopped(why),
            Phase::Ready | Phase::Making => match course.moments.last() {
                Some(moment) if moment.what == What::Start => {
                    self.beginning(if self.keyless { "" } else { "Enter makes the first step." })
                }
                Some(moment) => self.moment(moment),
                None => self.beginning(""),
            },
        }
    }

    /// How many rows the longest story of the lesson takes, about.
    pub fn longest(&self) -> usize {
        let rows = |text: &str| self.paragraphs(text).len();
        let option = |text: &Option<String>| text.as_deref().map_or(0, rows);
        let steps = self.course.case.steps.iter().map(|step| {
            let asked = step.ask.as_ref().map_or(0, |ask| {
                let choices = match &ask.answer {
                    Answer::Choice(choices) => choices.iter().map(|c| rows(&c.text)).sum(),
                    Answer::Free { .. } => 1,
                };
                rows(&ask.text) + choices
            });
            let before = option(&step.say) + if asked > 0 { asked + 2 } else { 0 };
            // The calls, the changes, and how the question came out.
            let after = match &step.ask {
                Some(ask) => rows(&ask.text) + 3,
                None => option(&step.say),
            };
            before.max(after + 3 + option(&step.reveal).max(2))
        });
        steps.max().unwrap_or(0)
    }

    /// A text of the author: paragraphs stay apart, lines are broken anew.
    fn paragraphs(&self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.trim().split("\n\n") {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(words::wrap(&flat(paragraph), self.columns));
        }
        lines
    }

    /// A text of the author as a part of its own.
    fn said_so(&self, text: Option<&str>, role: Role) -> Vec<Line> {
        let mut lines = Vec::new();
        if let Some(text) = text {
            self.say(&mut lines, text, role);
        }
        lines
    }

    fn say(&self, lines: &mut Vec<Line>, text: &str, role: Role) {
        lines.extend(self.paragraphs(text).into_iter().map(|line| (line, role)));
    }

    /// A text whose first line has a mark before it, and the others as much room.
    fn marked(&self, lines: &mut Vec<Line>, mark: &str, text: &str, role: Role) {
        let indent = words::width(mark);
        let room = self.columns.saturating_sub(indent).max(1);
        for (n, line) in words::wrap(text, room).into_iter().enumerate() {
            let before = if n == 0 { mark.to_owned() } else { " ".repeat(indent) };
            lines.push((format!("{before}{line}"), role));
        }
    }

    fn beginning(&self, last: &str) -> Vec<Vec<Line>> {
        let case = &self.course.case;
        vec![
            self.said_so(Some(&case.title), Role::Title),
            self.said_so(Some(&case.about), Role::Text),
            self.said_so(Some(last).filter(|last| !last.is_empty()), Role::Key),
        ]
    }

    fn question(&self) -> Vec<Vec<Line>> {
        let Some(step) = self.course.step() else { return Vec::new() };
        let Some(ask) = &step.ask else { return Vec::new() };
        let mut asked = Vec::new();
        let call = spelled::call(step, false);
        if !call.is_empty() {
            let next = format!("{} ", self.glyphs.look);
            self.marked(&mut asked, &next, &call, Role::Data);
        }
        self.marked(&mut asked, "? ", &flat(&ask.text), Role::Title);
        if self.course.has_tried() {
            self.say(&mut asked, AS_WRITTEN, Role::Dim);
        }
        let mut answers = Vec::new();
        self.answers(&mut answers, ask);
        let class = ClassRound::lines(self.class, self.course.next, ask, None, self.glyphs);
        let (before, said) = (self.before(), self.said_so(step.say.as_deref(), Role::Text));
        if class.len() > 1 {
            // The bars are what is looked at now: they are seen without scrolling.
            return vec![asked, class, answers, before, said];
        }
        vec![before, said, asked, answers, class]
    }

    /// What was done last, in a line.
    fn before(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let last = self.course.moments.last().and_then(|moment| moment.main);
        if let Some(call) = last.and_then(|seq| self.call(seq)) {
            self.marked(&mut lines, "", &format!("Just now: {call}"), Role::Dim);
            lines.truncate(1);
        }
        lines
    }

    fn answers(&self, lines: &mut Vec<Line>, ask: &Ask) {
        match &ask.answer {
            Answer::Choice(choices) => {
                for (n, choice) in choices.iter().enumerate() {
                    let text = flat(&choice.text);
                    self.marked(lines, &format!(" {}  ", n + 1), &text, Role::Key);
                }
            }
            Answer::Free { take, .. } => {
                let what = format!("Type {}.", quiz::expected(take));
                self.say(lines, &what, Role::Key);
            }
        }
    }

    fn moment(&self, moment: &Moment) -> Vec<Vec<Line>> {
        let mut told = Vec::new();
        let step = match &moment.what {
            What::Start => return self.beginning(""),
            What::Step(step) => self.course.case.steps.get(*step),
            What::Try(typed) => {
                let typed = format!("Your own: {}", visible(typed.as_bytes(), 200));
                self.say(&mut told, &typed, Role::Title);
                None
            }
        };
        let mut class = Vec::new();
        match (moment.verdict, step.and_then(|step| step.ask.as_ref())) {
            (Some(verdict), Some(ask)) => {
                self.judged(&mut told, moment, ask, &verdict);
                let at = moment.step().unwrap_or(usize::MAX);
                class = ClassRound::lines(self.class, at, ask, Some(&verdict), self.glyphs);
            }
            _ => told.extend(self.said_so(step.and_then(|step| step.say.as_deref()), Role::Text)),
        }
        let mut done = Vec::new();
        self.calls(&mut done, moment);
        Self::tally(&mut done, moment, step.map(|step| &step.action));
        self.changes(&mut done, moment);
        self.troubles(&mut done, moment);
        // It explains what the author saw; if something else happened, it explains nothing, and after
        // actions of the learner's own the same may have happened for another reason.
        let holds = moment.verdict.is_none_or(|verdict| verdict.mark_holds())
            && !self.course.had_tried(moment);
        let after = match step.and_then(|step| step.reveal.as_deref()).filter(|_| holds) {
            Some(reveal) => self.said_so(Some(reveal), Role::Text),
            None => {
                self.said_so(Some(moment.why.as_str()).filter(|why| !why.is_empty()), Role::Dim)
            }
        };
        vec![told, class, done, after]
    }

    /// The counters that a step shows.
    fn tally(lines: &mut Vec<Line>, moment: &Moment, action: Option<&Action>) {
        let Some(Action::Tally { show }) = action else { return };
        for counter in show {
            let value = words::count(moment.report.counter(counter));
            let name = visible(counter.to_string().as_bytes(), 60);
            lines.push((format!("  {name:<24} {value:>12}"), Role::Data));
        }
    }

    fn calls(&self, lines: &mut Vec<Line>, moment: &Moment) {
        let all = moment.calls.len();
        let shown = |at: usize| all <= CALLS || at == 0 || at + 2 >= all;
        for (at, seq) in moment.calls.iter().enumerate().filter(|(at, _)| shown(*at)) {
            if all > CALLS && at + 2 == all {
                let more = all as u64 - 3 + moment.untold;
                lines.push((format!("  ... {} ...", words::plural(more, "more call")), Role::Dim));
            }
            let Some(call) = self.call(*seq) else { continue };
            let mark = format!("{} ", self.glyphs.look);
            self.marked(lines, &mark, &call, Role::Data);
        }
    }

    /// A call with its result, in strace's manner.
    fn call(&self, seq: Seq) -> Option<String> {
        let event = self.journal.get(seq)?;
        let (call, gloss) = text::row_parts(self.world, &event);
        let events = event.record().is_some_and(|record| {
            matches!(&record.output, crate::event::Output::Events { events, .. } if !events.is_empty())
        });
        let who = match self.world.lane_name(event.lane).as_str() {
            "main" => String::new(),
            name => format!("{name}: "),
        };
        let sleeps = matches!(event.kind, Kind::Enter(_));
        let more = if events || sleeps { format!(" {gloss}") } else { String::new() };
        Some(format!("{who}{call}{more}"))
    }

    fn changes(&self, lines: &mut Vec<Line>, moment: &Moment) {
        let all = moment.changes.len();
        let shown = if all > CHANGES { CHANGES - 1 } else { all };
        for change in &moment.changes[..shown] {
            self.marked(lines, "  ", &visible(change.as_bytes(), 300), Role::Ready);
        }
        if shown < all {
            let more = words::plural((all - shown) as u64, "more change");
            lines.push((format!("  and {more}"), Role::Dim));
        }
    }

    fn troubles(&self, lines: &mut Vec<Line>, moment: &Moment) {
        let bad = format!("{} ", self.glyphs.stuck);
        if moment.report.late > Nanos(0) {
            let ms = moment.report.late.0.div_ceil(1_000_000);
            let text = format!(
                "This machine was busy: the step came {ms} ms later than it should, and may have \
                 come out otherwise. r begins again."
            );
            self.marked(lines, &bad, &text, Role::Bad);
        }
        for trouble in moment.disagreements() {
            let text = format!("The model was wrong. {}", visible(trouble.as_bytes(), 400));
            self.marked(lines, &bad, &text, Role::Bad);
        }
        let asked = moment.verdict.is_some_and(|verdict| !verdict.mark_holds());
        for unmet in moment.unmet().filter(|_| !asked) {
            let unmet = visible(unmet.as_bytes(), 400);
            let text = if self.course.had_tried(moment) {
                format!("After actions of your own the lesson is another one: {unmet}")
            } else {
                format!("This lesson does not hold on this kernel ({}): {unmet}", self.kernel)
            };
            self.marked(lines, &bad, &text, Role::Bad);
        }
    }

    /// The question, and how it came out.
    fn judged(&self, lines: &mut Vec<Line>, moment: &Moment, ask: &Ask, verdict: &Verdict) {
        self.marked(lines, "? ", &flat(&ask.text), Role::Title);
        let truth = self.truth(moment, ask, verdict);
        let yes = format!("{} ", self.glyphs.check);
        let no = format!("{} ", self.glyphs.close);
        match (verdict.is_right(), verdict.reply) {
            (Some(true), _) => self.marked(lines, &yes, &format!("Right: {truth}"), Role::Good),
            _ if !verdict.is_judged() => {
                let said =
                    verdict.reply.map(|reply| format!("You said {}. ", Self::said(ask, reply)));
                let text = format!("{}Not judged: {truth}", said.unwrap_or_default());
                self.marked(lines, &format!("{} ", self.glyphs.idle), &text, Role::Text);
            }
            (_, Some(reply)) => {
                let said = Self::said(ask, reply);
                self.marked(lines, &no, &format!("Not so: you said {said}"), Role::Bad);
                self.marked(lines, &yes, &format!("{}: {truth}", Self::judge(ask)), Role::Good);
            }
            (_, None) => self.marked(lines, &yes, &format!("The answer: {truth}"), Role::Good),
        }
        if verdict.mark_holds() {
            if self.course.had_tried(moment) {
                self.say(lines, OWN_REASON, Role::Dim);
            }
            return;
        }
        let bad = format!("{} ", self.glyphs.stuck);
        let result = moment.result();
        let result = visible(result.as_bytes(), 200);
        let text = if self.course.had_tried(moment) {
            format!(
                "After actions of your own the lesson's answer need not hold: the kernel returned \
                 {result}, and the kernel wins. r begins again."
            )
        } else {
            format!(
                "This lesson's answer does not hold on this kernel ({}): it returned {result}; the \
                 kernel wins.",
                self.kernel
            )
        };
        self.marked(lines, &bad, &text, Role::Bad);
    }

    fn said(ask: &Ask, reply: Reply) -> String {
        match (reply, &ask.answer) {
            (Reply::Choice(at), Answer::Choice(choices)) => {
                let text = choices.get(at).map_or("", |choice| &choice.text);
                format!("{}, {}", at + 1, flat(text))
            }
            (Reply::Typed(given), _) => quiz::spelled(given),
            (Reply::Choice(at), Answer::Free { .. }) => (at + 1).to_string(),
        }
    }

    /// Who says which answer is right.
    fn judge(ask: &Ask) -> &'static str {
        match Judge::of(ask) {
            Judge::Kernel => "The kernel",
            Judge::Model => "The model of the kernel",
            Judge::Author => "The answer",
        }
    }

    /// What was right. An answer is what happens and, behind a colon, why: after actions of the
    /// learner's own the kernel may have had another reason, and the author's is left out.
    fn truth(&self, moment: &Moment, ask: &Ask, verdict: &Verdict) -> String {
        let tried = self.course.had_tried(moment);
        match verdict.truth {
            Truth::Choice(at) => {
                let text = Self::said(ask, Reply::Choice(at));
                match text.split_once(": ").filter(|_| tried) {
                    Some((fact, _)) => with_result(fact, &moment.result()),
                    None => text,
                }
            }
            Truth::Given(given) => quiz::spelled(given),
            Truth::NoChoice => "none of these answers is what it did".to_owned(),
            Truth::Nothing => "the step did not come to that".to_owned(),
        }
    }
}

/// What happened, with the result of the call unless that is all it says.
fn with_result(fact: &str, result: &str) -> String {
    let result = visible(result.as_bytes(), 200);
    if result.is_empty() || fact.contains(&result) {
        fact.to_owned()
    } else {
        format!("{fact} ({result})")
    }
}

/// Beside a question that is asked after actions of the learner's own.
const AS_WRITTEN: &str = "This was written of the lesson as it is. After actions of your own numbers \
                          in it may be others: the panes show what is.";

/// Beside a right answer in that case.
const OWN_REASON: &str = "After actions of your own the kernel may have had another reason than the \
                          lesson's author saw: below is its own.";

/// A text of the author as words with one blank between them, none of which acts on a terminal.
fn flat(text: &str) -> String {
    let words = text.split_whitespace().map(|word| visible(word.as_bytes(), 200));
    words.collect::<Vec<_>>().join(" ")
}
