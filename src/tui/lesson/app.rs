//! What keys do in a lesson: the course moves on, the screen looks elsewhere, and wishes for the
//! player come out. Pure: reports come in as they are told.

use super::course::{Course, Phase, What, is_call, is_typed};
use super::story::Teller;
use crate::event::{FileId, FileKind, Kind, LaneId, Seq, View, WatchKey};
use crate::journal::Limits;
use crate::lesson::case::{Answer, Case, Look as Eye, Step};
use crate::lesson::line::{self, Known};
use crate::lesson::quiz::{self, Reply};
use crate::lesson::run::Report;
use crate::model::{InterestEntry, Lane, LaneState, STEP, Subject, TrackId, World, changes, why};
use crate::session::{Facts, Feed, Scene};
use crate::tui::action::{Action, Reach, Shown, Step as By};
use crate::tui::app::{App, ZOOMS};
use crate::tui::entry::{Entry, Purpose};
use crate::tui::key::KeyPress;
use crate::tui::keymap;
use crate::tui::theme::Glyphs;
use crate::tui::ui::{Choice, Hold, Pane, Past, Place, Topic};

/// What the player is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Make the next step of the case.
    Step,
    /// Make this step, which is the learner's own.
    Act(Box<Step>),
    /// Begin again, in a fresh process.
    Restart,
    /// Leave the lesson.
    Leave,
}

/// A lesson on the screen.
pub struct LessonApp {
    /// The screen's state.
    pub app: App,
    /// How far the lesson is.
    pub course: Course,
    /// Its history.
    feed: Feed,
    /// The earlier moment that is shown.
    pub viewed: Option<usize>,
    /// What is shown below the narration.
    pub shown: Shown,
    /// It plays on by itself.
    pub playing: bool,
    /// The first row of the narration.
    pub scroll: usize,
    /// The kernel's release.
    pub kernel: String,
}

/// Events of a lesson that are kept; a step makes some hundreds at the most.
const HISTORY: Limits = Limits { events: 1_000_000, bytes: 64 << 20 };

impl LessonApp {
    /// A lesson whose actors are being made, on a screen of that size.
    pub fn new(case: Case, kernel: String, size: (u16, u16)) -> Self {
        let mut app = App::default();
        app.ui.size = size;
        app.ui.place = Place::Lesson;
        app.ui.zoom = zoom(case.steps.len());
        Self {
            app,
            course: Course::new(case),
            feed: Feed::new(HISTORY, Facts::default()),
            viewed: None,
            shown: Shown::Overview,
            playing: false,
            scroll: 0,
            kernel,
        }
    }

    /// Shows this below the narration.
    pub fn show(&mut self, shown: Shown) {
        self.shown = shown;
        self.part();
    }

    /// The scene, as it is now.
    pub fn scene(&self) -> Scene<'_> {
        self.feed.scene()
    }

    /// The scene, as it is to be drawn.
    pub fn view(&self) -> Scene<'_> {
        self.app.view(self.feed.scene())
    }

    /// The narration.
    pub fn teller(&self, columns: usize, glyphs: &'static Glyphs) -> Teller<'_> {
        Teller {
            course: &self.course,
            world: self.feed.world(),
            journal: self.feed.journal(),
            glyphs,
            kernel: &self.kernel,
            columns,
        }
    }

    // --- what comes from the player

    /// Folds a report.
    pub fn report(&mut self, mut report: Report) {
        let happenings = std::mem::take(&mut report.events);
        let count = happenings.len();
        let (mut first, mut last) = (None, self.feed.world().seq);
        let mut calls: Vec<(Seq, LaneId, bool)> = Vec::new();
        for (n, happening) in happenings.into_iter().enumerate() {
            let lane = happening.lane;
            let enters = matches!(happening.kind, Kind::Enter(_));
            let is_one = enters || is_call(&happening.kind);
            last = self.feed.take(self.course.time(n, count), lane, happening.kind);
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
            journal.get(seq).map_or_else(String::new, |event| why(world, Subject::Event(&event)))
        };
        let calls: Vec<_> = calls.into_iter().map(|(seq, lane, _)| (seq, lane)).collect();
        let events = (first.unwrap_or(last), last);
        self.course.arrived(report, events, &calls, (changes(world), sentence));
        self.app.observe(&self.feed.scene());
        self.app.ui.topic = Topic::Watch;
        self.scroll = 0;
        let made = self.course.next.checked_sub(1);
        self.look(made.and_then(|step| self.course.case.steps.get(step)).cloned().as_ref());
        self.settle();
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

    /// Points at what the step says.
    fn look(&mut self, step: Option<&Step>) {
        self.app.ui.looked.clear();
        for eye in step.map(|step| step.look.as_slice()).unwrap_or_default() {
            match eye {
                Eye::Interest => self.app.ui.looked.push(Pane::Interest),
                Eye::Ready => self.app.ui.looked.push(Pane::Ready),
                Eye::Waiting => self.app.ui.looked.push(Pane::Waiting),
                Eye::Calls => self.app.ui.looked.push(Pane::Calls),
                Eye::Label(label) => self.look_at(label.as_str()),
            }
        }
    }

    /// Turns to an epoll instance, or selects a registration, in what is shown: now or the past.
    fn look_at(&mut self, label: &str) {
        let world = self.view().world;
        if let Some(file) = world.instance_named(label).and_then(|instance| instance.file) {
            match &mut self.app.ui.past {
                Some(past) => past.world.turn_to(file),
                None => self.feed.turn_to(file),
            };
            return;
        }
        let is = |entry: &&InterestEntry| entry.name.as_deref() == Some(label);
        let key = world.instance.interest.iter().find(is).map(|entry| entry.key);
        if let Some(key) = key {
            self.choose(key);
        }
    }

    fn choose(&mut self, key: WatchKey) {
        let ui = &mut self.app.ui;
        (ui.watch, ui.chosen) = (Some(key), true);
        (ui.topic, ui.track) = (Topic::Watch, Choice::Watch);
    }

    /// What the keyboard is for follows from how far the lesson is.
    fn settle(&mut self) {
        let asking = self.course.phase == Phase::Asking;
        self.app.ui.place = if asking { Place::Question } else { Place::Lesson };
        self.app.observe(&self.feed.scene());
    }

    // --- keys

    /// Takes a key; a wish for the player may come out.
    pub fn key(&mut self, press: KeyPress) -> Option<Wish> {
        self.app.ui.message = None;
        let action = keymap::action(self.app.ui.mode(), press)?;
        self.update(action)
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        match &mut self.app.ui.entry {
            Some(entry) => entry.insert(text),
            None => self.app.ui.say("to paste, open a line first: v"),
        }
    }

    /// Does what an action asks for.
    pub fn update(&mut self, action: Action) -> Option<Wish> {
        match action {
            Action::Next => return self.next(),
            Action::Answer(at) => return self.answer(at),
            Action::AskAnswer => self.ask_answer(),
            Action::Skip => return self.make(None),
            Action::Submit => return self.submit(),
            Action::Restart => return Some(Wish::Restart),
            Action::Leave => return Some(Wish::Leave),
            Action::AskTry => self.ask_try(),
            Action::Play => return self.play(),
            Action::Instance(by) => self.turn(by),
            Action::Part(shown) => {
                self.show(if self.shown == shown { Shown::Overview } else { shown });
            }
            Action::Scroll(By::On) => self.scroll = self.scroll.saturating_add(4),
            Action::Scroll(By::Back) => self.scroll = self.scroll.saturating_sub(4),
            Action::Seek(by) => self.seek(by),
            Action::Live => self.live(),
            Action::Track(by) => self.along_track(by),
            Action::Move(reach, by) => self.go(reach, by),
            other => {
                let scene = self.feed.scene();
                self.app.update(other, &scene);
            }
        }
        None
    }

    fn next(&mut self) -> Option<Wish> {
        if self.course.is_making() {
            self.app.ui.say("the step is being made");
            return None;
        }
        match self.course.phase {
            Phase::Ready if self.course.step().is_none() => {
                self.course.finish();
                self.playing = false;
                self.app.ui.looked.clear();
                self.scroll = 0;
                None
            }
            Phase::Ready if self.course.asks() => {
                self.open();
                None
            }
            Phase::Ready => self.make(None),
            _ => {
                self.app.ui.say("this is the end: [ goes back, r begins again, q leaves");
                None
            }
        }
    }

    /// Opens the question of the next step.
    fn open(&mut self) {
        self.course.open();
        self.scroll = 0;
        self.look(self.course.step().cloned().as_ref());
        self.settle();
        if self.course.question().is_some_and(is_typed) {
            self.ask_answer();
        }
    }

    /// Opens the line for an answer, if it is typed.
    fn ask_answer(&mut self) {
        match self.course.question() {
            Some(ask) if is_typed(ask) => {
                self.app.ui.entry = Some(Entry::new(Purpose::Answer, String::new()));
            }
            Some(ask) => {
                let last = match &ask.answer {
                    Answer::Choice(choices) => choices.len(),
                    Answer::Free { .. } => 1,
                };
                let what = format!("press 1 to {last}, or x to go on without an answer");
                self.app.ui.say(what);
            }
            None => {}
        }
    }

    fn answer(&mut self, at: usize) -> Option<Wish> {
        let choices = match &self.course.question()?.answer {
            Answer::Choice(choices) => choices.len(),
            Answer::Free { .. } => {
                self.ask_answer();
                return None;
            }
        };
        if at < choices {
            return self.make(Some(Reply::Choice(at)));
        }
        self.app.ui.warn(format!("there are {choices} answers"));
        None
    }

    fn make(&mut self, reply: Option<Reply>) -> Option<Wish> {
        self.course.begin_step(reply);
        self.app.ui.entry = None;
        self.settle();
        Some(Wish::Step)
    }

    fn submit(&mut self) -> Option<Wish> {
        let entry = self.app.ui.entry.as_ref()?;
        let (purpose, text) = (entry.purpose, entry.text.trim().to_owned());
        let done = match purpose {
            Purpose::Answer => self.submit_answer(&text),
            Purpose::Try if text.is_empty() => Ok(None),
            Purpose::Try => self.submit_try(text),
            Purpose::Command | Purpose::Filter | Purpose::Send(_) => Ok(None),
        };
        match done {
            Ok(wish) => {
                self.app.ui.entry = None;
                wish
            }
            Err(error) => {
                self.app.ui.entry.as_mut()?.error = Some(error);
                None
            }
        }
    }

    fn submit_answer(&mut self, text: &str) -> Result<Option<Wish>, String> {
        let ask = self.course.question().ok_or("no question is open")?;
        let Answer::Free { take, .. } = &ask.answer else { return Ok(None) };
        let given = quiz::typed(take, text)?;
        Ok(self.make(Some(Reply::Typed(given))))
    }

    fn submit_try(&mut self, text: String) -> Result<Option<Wish>, String> {
        let step = line::parse(&text, &known(self.feed.world()))?;
        self.viewed = None;
        self.app.ui.past = None;
        self.course.begin_try(text);
        self.settle();
        Ok(Some(Wish::Act(Box::new(step))))
    }

    fn ask_try(&mut self) {
        match self.course.phase {
            Phase::Ready | Phase::Finished => {
                self.app.ui.entry = Some(Entry::new(Purpose::Try, String::new()));
            }
            Phase::Asking => self.app.ui.warn("a question is open: answer it first, or press x"),
            Phase::Starting | Phase::Making => self.app.ui.say("the step is being made"),
            Phase::Stopped(_) => self.app.ui.warn("the lesson has stopped: r begins again"),
        }
    }

    fn play(&mut self) -> Option<Wish> {
        self.playing = !self.playing;
        let text = if self.playing { "it plays on by itself: p stops it" } else { "stopped" };
        self.app.ui.say(text);
        (self.playing && self.course.phase == Phase::Ready).then(|| self.next()).flatten()
    }

    /// How long what is shown should be left there before the next step is made by itself, if that
    /// is wanted; in milliseconds.
    pub fn pause_ms(&self) -> Option<u64> {
        let waits = self.playing && self.course.phase == Phase::Ready && self.viewed.is_none();
        if !waits || self.app.ui.entry.is_some() || self.app.ui.help.is_some() {
            return None;
        }
        let story = self.teller(80, &crate::tui::theme::ASCII).story(None, 0);
        let letters: usize = story.iter().map(|(line, _)| line.len()).sum();
        // Some 200 words a minute.
        Some((1500 + letters as u64 * 55).min(20_000))
    }

    /// The time is over: the next step, unless there is a question.
    pub fn play_on(&mut self) -> Option<Wish> {
        self.pause_ms()?;
        let wish = self.next();
        self.playing &= self.course.phase != Phase::Finished;
        wish
    }

    // --- looking

    /// The panes follow what is shown.
    fn part(&mut self) {
        let ui = &mut self.app.ui;
        (ui.view, ui.focus) = match self.shown {
            Shown::Overview | Shown::Steps => (View::Overview, Pane::Interest),
            Shown::Timeline => (View::Timeline, Pane::Timeline),
            Shown::Calls => (View::Calls, Pane::Calls),
        };
    }

    /// The epoll instances of the scene that is shown, and which of them is.
    pub fn instances(&self) -> (Vec<(FileId, String)>, usize) {
        let world = self.view().world;
        let all = world.instances().into_iter();
        let all: Vec<_> = all.filter_map(|i| Some((i.file?, i.name.to_string()))).collect();
        let at = all.iter().position(|(file, _)| Some(*file) == world.instance.file).unwrap_or(0);
        (all, at)
    }

    fn turn(&mut self, by: By) {
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
        self.feed.turn_to(*file);
        if let Some(past) = &mut self.app.ui.past {
            past.world.turn_to(*file);
        }
        self.app.ui.watch = None;
        self.app.ui.say(format!("the panes show {name}"));
        self.settle();
    }

    fn seek(&mut self, by: By) {
        let last = self.course.moments.len().saturating_sub(1);
        let at = self.viewed.unwrap_or(last);
        match by {
            // Before an open question the last moment itself is the past.
            By::Back if self.viewed.is_none() && self.shows_no_moment() => self.go_to(last),
            By::Back if at == 0 => self.app.ui.say("this is the beginning"),
            By::Back => self.go_to(at - 1),
            By::On if self.viewed.is_none() => {
                self.app.ui.say("this is now: Enter makes the next step");
            }
            By::On if at >= last => self.live(),
            By::On => self.go_to(at + 1),
        }
    }

    /// Whether the narration now tells of no moment: a question is open, or it is the end.
    fn shows_no_moment(&self) -> bool {
        matches!(self.course.phase, Phase::Asking | Phase::Finished | Phase::Stopped(_))
    }

    /// Shows the lesson as it was at a moment.
    fn go_to(&mut self, at: usize) {
        let Some(moment) = self.course.moments.get(at) else { return };
        let seq = moment.events.1;
        if at + 1 == self.course.moments.len() && !self.shows_no_moment() {
            self.live();
            return;
        }
        let mut world = self.feed.journal().at(seq);
        if let Some(file) = self.view().world.instance.file {
            world.turn_to(file);
        }
        self.viewed = Some(at);
        self.scroll = 0;
        self.app.ui.past = Some(Past { seq, hold: Hold::Past, world });
        let step = match &self.course.moments.get(at).map(|moment| &moment.what) {
            Some(What::Step(step)) => self.course.case.steps.get(*step).cloned(),
            _ => None,
        };
        self.look(step.as_ref());
        self.settle();
    }

    fn live(&mut self) {
        self.viewed = None;
        self.scroll = 0;
        if self.app.ui.past.take().is_some() {
            let asking = self.course.phase == Phase::Asking;
            let step = self.course.next.checked_sub(usize::from(!asking));
            let step = step.and_then(|step| self.course.case.steps.get(step)).cloned();
            self.look(step.as_ref());
        }
        self.settle();
    }

    fn go(&mut self, reach: Reach, by: By) {
        let calls = self.app.ui.focus == Pane::Calls && self.app.ui.help.is_none();
        if !calls && self.shown != Shown::Steps {
            let scene = self.feed.scene();
            self.app.update(Action::Move(reach, by), &scene);
            return;
        }
        match (reach, by) {
            (Reach::End, By::On) => self.live(),
            (Reach::End, By::Back) => self.go_to(0),
            (_, by) => self.seek(by),
        }
    }

    /// To the moment of the mark before or after the one shown, on the selected track.
    fn along_track(&mut self, by: By) {
        let ui = &self.app.ui;
        let id = match (ui.track, ui.watch) {
            (Choice::Watch, Some(key)) => TrackId::Watch(key),
            _ => TrackId::Lane(ui.lane),
        };
        let scene = self.feed.scene();
        let Some(track) = scene.timeline.track(id) else { return };
        let now = self.viewed.unwrap_or(self.course.moments.len().saturating_sub(1));
        let all = track.window(crate::event::Nanos(0), scene.live.t);
        let mut moments: Vec<usize> =
            all.filter_map(|mark| self.course.moment_of(mark.seq)).collect();
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

/// The width of a timeline that shows so many steps, if it can.
fn zoom(steps: usize) -> crate::event::Nanos {
    let wanted = (steps as u64 + 2) * STEP.0;
    let fits = |width: &&crate::event::Nanos| width.0 >= wanted.min(20 * STEP.0);
    ZOOMS.iter().find(fits).copied().unwrap_or(crate::event::Nanos(20 * STEP.0))
}

/// What a line of the learner's can name.
pub fn known(world: &World) -> Known {
    let mut open: Vec<(String, FileKind)> = world
        .fds
        .iter()
        .filter_map(|(fd, file)| {
            let file = world.files.get(file)?;
            let name = world.label(*fd).map_or_else(|| file.name.to_string(), str::to_owned);
            Some((*fd, (name, file.what)))
        })
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_values()
        .collect();
    open.dedup_by(|one, other| one.0 == other.0);
    let closed = world.closed_labels().map(str::to_owned).collect();
    let asleep = |lane: &&Lane| matches!(lane.state, LaneState::Asleep(_) | LaneState::AsleepIn(_));
    let asleep = world.lanes.iter().filter(asleep).map(|lane| world.lane_name(lane.id)).collect();
    let frozen = world.instances().into_iter().filter(|i| i.overflow.is_some());
    let frozen = frozen.map(|instance| instance.name.to_string()).collect();
    Known { open, closed, asleep, frozen }
}
