//! What comes from the player: reports, and what could not be done.

use super::LessonApp;
use crate::event::{Kind, LaneId, Seq};
use crate::lesson::case::{Action, Label, Who};
use crate::lesson::run::{Happening, Report};
use crate::text::{Subject, changes, why};
use crate::tui::lesson::course::is_call;
use crate::tui::ui::Topic;

impl LessonApp {
    /// Folds a report.
    pub fn report(&mut self, mut report: Report) {
        let mut happenings = std::mem::take(&mut report.events);
        if let Some(lane) = self.course.action().and_then(|action| self.acting(action)) {
            // Whom the call woke may have returned before it: the cause is told first. The look
            // stays the last.
            happenings.sort_by_key(
                |one| {
                    if one.kind.is_look() { 2 } else { u8::from(one.lane != lane) }
                },
            );
        }
        self.name_numbers(&report, &mut happenings);
        let before = happenings.iter().filter(|one| !one.kind.is_look()).count();
        let (mut first, mut last) = (None, self.feed.world().seq);
        let mut calls: Vec<(Seq, LaneId, bool)> = Vec::new();
        for (n, happening) in happenings.into_iter().enumerate() {
            let lane = happening.lane;
            let enters = matches!(happening.kind, Kind::Enter(_));
            let is_one = enters || is_call(&happening.kind);
            last =
                self.feed.take(self.course.time(n.min(before), before + 1), lane, happening.kind);
            first = first.or(Some(last));
            if is_one {
                // What returned in the same step need not be told twice.
                calls.retain(|(_, of, enters)| *of != lane || !enters);
                calls.push((last, lane, enters));
            }
        }
        let world = self.feed.world();
        let journal = self.feed.journal();
        let sentence = |seq: Seq| {
            journal.get(seq).map_or_else(String::new, |event| {
                why(world.through(self.app.ui.poller), Subject::Event(&event)).text
            })
        };
        let calls: Vec<_> = calls.into_iter().map(|(seq, lane, _)| (seq, lane)).collect();
        let events = (first.unwrap_or(last), last);
        self.course.arrived(report, events, &calls, (changes(world), sentence));
        self.app.observe(&self.feed.scene(self.app.ui.poller));
        self.app.ui.topic = Topic::Watch;
        (self.scroll, self.app.ui.back) = (0, 0);
        let made = self.course.next.checked_sub(1);
        self.look(made.and_then(|step| self.course.case.steps.get(step)).cloned().as_ref());
        self.settle();
    }

    /// Tells of the labels that got a number, which a duplicate has of its own.
    fn name_numbers(&self, report: &Report, happenings: &mut Vec<Happening>) {
        let look = happenings.iter().position(|one| one.kind.is_look());
        let look = look.unwrap_or(happenings.len());
        let Some(Kind::Files { files, .. }) = happenings.get(look).map(|one| one.kind.clone())
        else {
            return;
        };
        let mut named = Vec::new();
        let before = self.course.moments.last().map(|moment| &moment.report.numbers);
        for (label, fd) in &report.numbers {
            let known = before.and_then(|numbers| numbers.get(label)) == Some(fd);
            let file = files.iter().find(|file| file.fds.contains(fd)).filter(|_| !known);
            let Some(file) = file else { continue };
            let (what, name) = (file.what, label.as_str().into());
            let kind = Kind::Open { fd: *fd, file: file.id, what, name };
            named.push(Happening { t: report.t, lane: LaneId::TOOL, kind });
        }
        happenings.splice(look..look, named);
    }

    /// The lane that makes the call of an action, if it is a single one.
    fn acting(&self, action: &Action) -> Option<LaneId> {
        let named = |label: &Label| {
            let lanes = &self.feed.world().lanes;
            let lane = lanes.iter().find(|lane| lane.name.as_deref() == Some(label.as_str()));
            lane.map(|lane| lane.id)
        };
        match (action, action.who()) {
            (Action::Repeat { .. } | Action::Many { .. } | Action::Measure { .. }, _)
            | (_, Some(Who::Woken)) => None,
            (_, None) => Some(LaneId(1)),
            (_, Some(Who::Thread(thread))) => named(thread),
        }
    }

    /// There are no more steps.
    pub fn over(&mut self) {
        self.course.finish();
        self.settle();
    }

    /// What was asked for could not be done; the lesson goes on.
    pub fn refused(&mut self, why: &str) {
        let text = self.course.refused(why);
        self.app.ui.warn(text);
        self.settle();
    }

    /// The lesson cannot go on.
    pub fn stop(&mut self, why: impl Into<String>) {
        self.course.stop(why.into());
        self.playing = false;
        self.settle();
    }
}
