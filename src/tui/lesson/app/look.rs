//! Looking around in a lesson: what a step points at, the past, the other epoll instances.

use ratatui::buffer::Buffer;

use super::{LessonApp, LessonCommand};
use crate::event::{FileId, Nanos, View, WatchKey};
use crate::lesson::case::{Action as Do, FdArg, Label, Look as Eye, Run, Step};
use crate::lesson::course::{Phase, What};
use crate::model::{InterestEntry, TrackId};
use crate::text;
use crate::tui::action::{Direction as By, KeyAction, Reach, Shown};
use crate::tui::lesson::screen;
use crate::tui::spots::{Spot, Spots, on_screen};
use crate::tui::theme::PLAIN;
use crate::tui::ui::{Hold, Pane, Past, TrackChoice, WhyTopic};

impl LessonApp {
    /// Points at what the step says.
    pub(super) fn look(&mut self, step: Option<&Step>) {
        self.app.ui.looked.clear();
        let named = |step: &Step| step.look.iter().any(|eye| matches!(eye, Eye::Label(_)));
        if let Some(step) = step.filter(|step| !named(step)) {
            let (ep, fd) = touched(&step.action);
            if let Some(label) = ep {
                self.turn_to(label.as_str());
            }
            if let Some(label) = fd {
                self.select(label.as_str());
            }
        }
        for eye in step.map(|step| step.look.as_slice()).unwrap_or_default() {
            match eye {
                Eye::Interest => self.app.ui.looked.push(Pane::Interest),
                Eye::Ready => self.app.ui.looked.push(Pane::Ready),
                Eye::Waiting => self.app.ui.looked.push(Pane::Waiting),
                Eye::Calls => self.app.ui.looked.push(Pane::Calls),
                Eye::Path => {
                    self.app.ui.looked.push(Pane::Path);
                    if self.shown == Shown::Overview {
                        self.show(Shown::Path);
                    }
                }
                Eye::Label(label) => self.look_at(label.as_str()),
            }
        }
    }

    /// Turns to an epoll instance, or selects a registration, in what is shown: now or the past.
    pub(super) fn look_at(&mut self, label: &str) {
        if self.instance_named(label).is_some() {
            self.turn_to(label);
        } else {
            self.select(label);
        }
    }

    /// The epoll instance of that name in what is shown.
    fn instance_named(&self, label: &str) -> Option<FileId> {
        let mut all = self.view().world.pollers.epolls();
        all.find(|(_, instance)| &*instance.name == label).map(|(file, _)| file)
    }

    /// Turns to an epoll instance, if there is one of that name.
    fn turn_to(&mut self, label: &str) {
        if let Some(file) = self.instance_named(label) {
            self.app.ui.poller = Some(file);
        }
    }

    /// Selects a registration of the instance that is shown, if there is one of that name.
    fn select(&mut self, label: &str) {
        let world = self.view().world.through(self.app.ui.poller);
        let is = |entry: &&InterestEntry| entry.name.as_deref() == Some(label);
        let key = world.instance.interest.iter().find(is).map(|entry| entry.key);
        if let Some(key) = key {
            self.choose(key);
        }
    }

    /// A click selects a registration, takes a suggestion, or does what the key does that is named
    /// there.
    pub(crate) fn click(&mut self, at: (u16, u16)) -> Option<LessonCommand> {
        let spots = Spots::default();
        let mut buf = Buffer::empty(on_screen(self.app.ui.size));
        screen::draw(self, &PLAIN, Some(&spots), &mut buf);
        match spots.at(at)? {
            Spot::Key(press) => return self.key(press),
            Spot::File(key) => self.choose(key),
            Spot::Suggestion(n) => {
                let entry = self.app.ui.entry.as_mut()?;
                entry.chosen = Some(n);
                entry.take_chosen(self.session.world());
            }
            // A step is gone back to by its keys; nobody steps a thread of a lesson.
            Spot::Event(_)
            | Spot::Mark(..)
            | Spot::Lane(_)
            | Spot::Finding(_)
            | Spot::Pane(_)
            | Spot::Row(_)
            | Spot::Cover => {}
        }
        None
    }

    fn choose(&mut self, key: WatchKey) {
        let ui = &mut self.app.ui;
        (ui.watch, ui.chosen) = (Some(key), true);
        (ui.topic, ui.track) = (WhyTopic::Watch, TrackChoice::Watch);
    }

    /// The panes follow what is shown.
    pub(super) fn part(&mut self) {
        let ui = &mut self.app.ui;
        (ui.view, ui.focus) = match self.shown {
            Shown::Overview | Shown::Steps | Shown::Why => (View::Overview, Pane::Interest),
            Shown::Timeline => (View::Timeline, Pane::Timeline),
            Shown::Calls => (View::Calls, Pane::Calls),
            Shown::Path => (View::Path, Pane::Path),
        };
    }

    /// The epoll instances of the scene that is shown, and which of them is.
    pub fn instances(&self) -> (Vec<(FileId, String)>, usize) {
        let world = self.view().world;
        let shown = world.through(self.app.ui.poller).id;
        let all = world.pollers.epolls();
        let all: Vec<_> = all.map(|(file, i)| (file, i.name.to_string())).collect();
        let at = all.iter().position(|(file, _)| Some(*file) == shown).unwrap_or(0);
        (all, at)
    }

    pub(super) fn turn(&mut self, by: By) {
        let (all, at) = self.instances();
        let len = all.len();
        if len < 2 {
            self.app.ui.say("there is no other epoll instance");
            return;
        }
        let next = match by {
            By::On => (at + 1) % len,
            By::Back => (at + len - 1) % len,
        };
        let Some((file, name)) = all.get(next) else { return };
        self.app.ui.poller = Some(*file);
        self.app.ui.watch = None;
        self.app.ui.say(format!("the panes show {name}"));
        self.settle();
    }

    pub(super) fn seek(&mut self, by: By) {
        let last = self.course().moments.len().saturating_sub(1);
        let at = self.viewed.unwrap_or(last);
        match by {
            // Before an open question the last moment itself is the past.
            By::Back if self.viewed.is_none() && self.shows_no_moment() => self.go_to(last),
            By::Back if at == 0 => self.app.ui.say("this is the beginning"),
            By::Back => self.go_to(at - 1),
            By::On if self.viewed.is_none() && self.elsewhere.is_some() => {
                self.app.ui.say("this is now: the next step is made where the lesson is shared");
            }
            By::On if self.viewed.is_none() && self.is_recorded() => {
                self.app.ui.say("this is the end of the recording: Home goes to its beginning");
            }
            By::On if self.viewed.is_none() => {
                self.app.ui.say("this is now: Enter makes the next step");
            }
            By::On if at >= last => self.live(),
            By::On => self.go_to(at + 1),
        }
    }

    /// Whether the narration now tells of no moment: a question is open, or it is the end.
    fn shows_no_moment(&self) -> bool {
        matches!(self.course().phase, Phase::Asking | Phase::Finished | Phase::Stopped(_))
    }

    /// Shows the lesson as it was at a moment.
    pub(crate) fn go_to(&mut self, at: usize) {
        let Some(moment) = self.course().moments.get(at) else { return };
        let seq = moment.events.1;
        if at + 1 == self.course().moments.len() && !self.shows_no_moment() {
            self.live();
            return;
        }
        let world = self.session.journal().at(seq);
        self.viewed = Some(at);
        (self.scroll, self.app.ui.back) = (0, 0);
        self.app.ui.past = Some(Past { seq, hold: Hold::Past, world });
        let step = match &self.course().moments.get(at).map(|moment| &moment.what) {
            Some(What::Step(step)) => self.course().case.steps.get(*step).cloned(),
            _ => None,
        };
        self.look(step.as_ref());
        self.settle();
    }

    pub(super) fn live(&mut self) {
        self.viewed = None;
        (self.scroll, self.app.ui.back) = (0, 0);
        if self.app.ui.past.take().is_some() {
            let asking = self.course().phase == Phase::Asking;
            let step = self.course().next.checked_sub(usize::from(!asking));
            let step = step.and_then(|step| self.course().case.steps.get(step)).cloned();
            self.look(step.as_ref());
        }
        self.settle();
    }

    pub(super) fn go(&mut self, reach: Reach, by: By) {
        let calls = self.app.ui.focus == Pane::Calls && self.app.ui.help.is_none();
        if calls && self.scroll_calls(reach, by) {
            return;
        }
        if !calls && self.shown != Shown::Steps {
            let scene = self.session.scene(self.app.ui.poller);
            self.app.update(KeyAction::Move(reach, by), &scene);
            return;
        }
        match (reach, by) {
            (Reach::End, By::On) => self.live(),
            (Reach::End, By::Back) => self.go_to(0),
            (_, by) => self.seek(by),
        }
    }

    /// Scrolls the calls by rows; whether there were any.
    fn scroll_calls(&mut self, reach: Reach, by: By) -> bool {
        let from = self.view().world.seq;
        let mut rows = 0_usize;
        self.session.journal().back_from(from, |event| {
            rows += usize::from(text::is_row(event));
            true
        });
        let rows = rows.saturating_sub(1);
        let back = self.app.ui.back;
        self.app.ui.back = match (reach, by) {
            (Reach::Row, By::Back) => (back + 1).min(rows),
            (Reach::Page, By::Back) => (back + 10).min(rows),
            (Reach::End, By::Back) => rows,
            (Reach::Row, By::On) => back.saturating_sub(1),
            (Reach::Page, By::On) => back.saturating_sub(10),
            (Reach::End, By::On) => 0,
        };
        back != self.app.ui.back
    }

    /// To the moment of the mark before or after the one shown, on the selected track.
    pub(super) fn along_track(&mut self, by: By) {
        let ui = &self.app.ui;
        let id = match (ui.track, ui.watch) {
            (TrackChoice::Watch, Some(key)) => TrackId::Watch(key),
            _ => TrackId::Lane(ui.lane),
        };
        let scene = self.session.scene(self.app.ui.poller);
        let Some(track) = scene.timeline.track(id) else { return };
        let now = self.viewed.unwrap_or(self.course().moments.len().saturating_sub(1));
        let all = track.window(Nanos(0), scene.live.t);
        let mut moments: Vec<usize> =
            all.filter_map(|mark| self.course().moment_of(mark.seq)).collect();
        moments.dedup();
        let found = match by {
            By::Back => moments.iter().rev().find(|at| **at < now),
            By::On => moments.iter().find(|at| **at > now),
        };
        match (found.copied(), by) {
            (Some(at), _) => self.go_to(at),
            (None, By::On) => self.live(),
            (None, By::Back) => self.app.ui.say("no earlier mark on this track"),
        }
    }
}

/// The epoll instance that an action speaks to, and the descriptor of which it speaks; of many calls
/// those of the last one.
fn touched(action: &Do) -> (Option<Label>, Option<Label>) {
    let label = |fd: &FdArg| fd.label().cloned();
    match action {
        Do::Add { ep, fd, .. }
        | Do::Mod { ep, fd, .. }
        | Do::Del { ep, fd, .. }
        | Do::Go { ep, fd, .. }
        | Do::Ctl { ep, fd, .. } => (label(ep), label(fd)),
        Do::Many { ep, fd, count, .. } => {
            (label(ep), label(fd).map(|label| label.of_round(*count)))
        }
        Do::Wait(wait) | Do::Measure { run: Run::Wait(wait), .. } => (label(&wait.ep), None),
        Do::Freeze { ep, .. } => (label(ep), None),
        Do::Submit(submit) => (None, submit.fd.as_ref().and_then(label)),
        Do::Enter(enter) => (None, label(&enter.ring)),
        Do::Reap { ring, .. } => (None, label(ring)),
        Do::New { actor } => (Some(actor.name.clone()), None),
        Do::Repeat { times, body, .. } => {
            let all = body.iter().map(|one| touched(&one.of_round(*times)));
            all.fold((None, None), |(ep, fd), (other_ep, other_fd)| {
                (other_ep.or(ep), other_fd.or(fd))
            })
        }
        Do::Accept { name, .. } | Do::Dup { name, .. } => (None, Some(name.clone())),
        Do::Write { fd, .. }
        | Do::Read { fd, .. }
        | Do::Drain { fd, .. }
        | Do::Fill { fd, .. }
        | Do::Close { fd, .. }
        | Do::Rst { fd }
        | Do::Shutdown { fd, .. }
        | Do::Connect { fd, .. }
        | Do::Arm { fd, .. }
        | Do::Async { fd }
        | Do::Blocking { fd }
        | Do::Sockopt { fd, .. } => (None, label(fd)),
        Do::Poll(_)
        | Do::Select(_)
        | Do::SelectAgain
        | Do::Measure { .. }
        | Do::Thaw { .. }
        | Do::Signal { .. }
        | Do::Expire { .. }
        | Do::Sleep { .. }
        | Do::Note
        | Do::Limit { .. }
        | Do::LimitSignals { .. }
        | Do::SignalWait
        | Do::Tally { .. }
        | Do::Reset => (None, None),
    }
}
