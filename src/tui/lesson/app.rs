//! What keys do in a lesson: the course moves on, the screen looks elsewhere, and wishes for the
//! player come out. Pure: reports come in as they are told.

mod class;
mod known;
mod look;
mod pace;
mod redo;
mod say;
mod watched;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::class::{ClassRound, ClassStage};
use super::story::Teller;
use crate::event::{Command, Kind, Nanos, Seq, TimeUnit, visible};
use crate::journal::Limits;
use crate::lesson::case::{Answer, Case, Step};
use crate::lesson::course::{Course, Done, Moment, Phase, Score, is_typed};
use crate::record::{Beside, RecordingOptions};
use crate::session::{Scene, Session};
use crate::sink::share::SharedSession;
use crate::source::Source as _;
use crate::source::script::{PlayerEvent, Script, StepOutcome};
use crate::tui::action::{Direction as By, EditAction, KeyAction, LessonAction, Shown};
use crate::tui::app::{App, ZOOMS};
use crate::tui::key::KeyPress;
use crate::tui::keymap::{self, Mode};
use crate::tui::theme::Glyphs;
use crate::tui::ui::{LessonOffers, UiContext, WhyTopic};
use crate::tui::words;
use known::known;
pub use watched::LessonPlace;

/// What the player is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum LessonCommand {
    /// Make the next step of the case.
    Step,
    /// Make this step, which is the learner's own.
    Act(Box<Step>),
    /// Begin again, in a fresh process.
    Restart,
    /// Begin again, and do this before anything is shown.
    Redo(Vec<Done>),
    /// Begin a recording, or end it.
    Record,
    /// Leave the lesson.
    Leave,
    /// On to the lesson that follows.
    Following,
}

/// A lesson on the screen.
pub struct LessonApp {
    /// The screen's state.
    pub app: App,
    /// The lesson, and what has happened in it.
    session: Session<Script>,
    /// The earlier moment that is shown.
    pub viewed: Option<usize>,
    /// What is shown below the narration.
    pub shown: Shown,
    /// It plays on by itself.
    pub playing: bool,
    /// How fast it plays, in words a minute.
    pub words_a_minute: u64,
    /// What a step brought is gone through in slow motion.
    pub slow: bool,
    /// The title of the lesson that follows.
    pub following: Option<String>,
    /// The first row of the narration.
    pub scroll: usize,
    /// What the key before asked for, which is done if it is asked for again.
    asked: Option<LessonAction>,
    /// What was done before in another process, and is done again.
    redo: Option<VecDeque<Done>>,
    /// Its end has been reached.
    ended: bool,
    /// The newest event before what was made last, unless that has been seen before.
    before: Option<Seq>,
    /// What those who watch were asked.
    class: Option<ClassRound>,
    /// Where it is gone through, if that is elsewhere.
    elsewhere: Option<LessonPlace>,
}

impl Drop for LessonApp {
    /// A recording comes to its end with the lesson.
    fn drop(&mut self) {
        let _told = self.session.finish(Duration::ZERO);
    }
}

impl LessonApp {
    /// A lesson whose actors are being made, on a screen of that size.
    pub fn new(script: Script, size: (u16, u16)) -> Self {
        let mut app = App::default();
        app.ui.size = size;
        app.ui.place = UiContext::Lesson;
        let Case { id, title, .. } = &script.course.case;
        app.ui.lesson = Some((id.clone(), visible(title.as_bytes(), 100)));
        app.ui.zoom = zoom(script.course.case.steps.len());
        let epoll = script.course.case.has_epoll();
        let mut lesson = Self {
            app,
            session: Session::new(script, Limits::default()),
            viewed: None,
            shown: Shown::Overview,
            playing: false,
            words_a_minute: pace::USUAL,
            slow: true,
            following: None,
            scroll: 0,
            asked: None,
            redo: None,
            ended: false,
            before: None,
            class: None,
            elsewhere: None,
        };
        lesson.tick();
        // Without an epoll instance there are no lists to see.
        if !epoll {
            lesson.show(Shown::Calls);
        }
        lesson
    }

    /// How far the lesson is.
    pub fn course(&self) -> &Course {
        &self.session.source().course
    }

    fn course_mut(&mut self) -> &mut Course {
        &mut self.session.source_mut().course
    }

    /// The kernel's release.
    pub fn kernel(&self) -> &str {
        &self.session.header().kernel
    }

    // --- what comes from the player

    /// Takes over what has come of the last request. Whether anything has.
    pub fn tick(&mut self) -> bool {
        let mut any = false;
        loop {
            let before = self.session.world().seq;
            self.looks();
            self.session.tick();
            self.hear();
            let Some(outcome) = self.session.source_mut().outcome() else { return any };
            any = true;
            match outcome {
                StepOutcome::Made => {
                    self.before = self.redo.is_none().then_some(before);
                    self.made();
                }
                StepOutcome::Over => {}
                StepOutcome::Refused(text) => self.app.ui.warn(text),
                StepOutcome::Stopped => self.playing = false,
            }
            self.settle();
            self.go_on_with_redo();
        }
    }

    /// The same for a lesson without a player: somebody else has made the step, or could not.
    pub fn tell(&mut self, event: PlayerEvent) {
        self.session.source_mut().tell(event);
        self.tick();
    }

    /// Something was made: the panes show it.
    fn made(&mut self) {
        self.app.observe(&self.session.scene(self.app.ui.poller));
        self.app.ui.topic = WhyTopic::Watch;
        (self.scroll, self.app.ui.back) = (0, 0);
        let made = self.course().next.checked_sub(1);
        let made = made.and_then(|step| self.course().case.steps.get(step)).cloned();
        self.look(made.as_ref());
    }

    /// Asks the player for what was wished for.
    pub(crate) fn ask_player(&mut self, step: Option<Box<Step>>) {
        match step {
            None => self.session.source_mut().ask_step(),
            Some(step) => self.session.source_mut().ask_act(step),
        }
    }

    /// Whether it is one that was gone through earlier.
    pub(crate) fn is_recorded(&self) -> bool {
        self.session.source().is_recorded()
    }

    /// What a recording of it has beside its events.
    pub(crate) fn beside(&self) -> Vec<Beside> {
        self.session.source().beside()
    }

    /// Records it from its beginning.
    pub(crate) fn record(&mut self, path: &Path, how: RecordingOptions) -> io::Result<()> {
        self.session.record_so(how);
        self.session.record(path)?;
        self.app.ui.recording = self.session.recording();
        Ok(())
    }

    /// Begins a recording, or ends it.
    pub(crate) fn record_or_not(&mut self) {
        let stop = self.session.recording().is_some();
        self.session.send(if stop { Command::RecordOff } else { Command::Record(None) });
        self.tick();
    }

    /// Lets others have it from its beginning.
    pub(crate) fn share(&mut self, share: SharedSession) {
        self.session.share_whole(share);
    }

    /// Lets nobody have it any more.
    pub(crate) fn unshare(&mut self) {
        self.session.unshare();
    }

    /// When those who take its events want to be looked after.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.session.due()
    }

    /// How far a recording is, and what came of it.
    fn hear(&mut self) {
        self.app.ui.recording = self.session.recording();
        match self.session.remark() {
            Some(Ok(remark)) => self.app.ui.say(remark),
            Some(Err(why)) => self.app.ui.warn(why),
            None => {}
        }
    }

    /// Shows this below the narration.
    pub fn show(&mut self, shown: Shown) {
        self.shown = shown;
        self.part();
    }

    /// The scene, as it is now.
    pub fn scene(&self) -> Scene<'_> {
        self.session.scene(self.app.ui.poller)
    }

    /// The scene, as it is to be drawn.
    pub fn view(&self) -> Scene<'_> {
        self.app.view(self.session.scene(self.app.ui.poller))
    }

    /// What the call itself returned of which a moment speaks, if that is known.
    pub fn returned(&self, moment: &Moment) -> Option<String> {
        match self.session.journal().get(moment.main?)?.kind {
            Kind::Return(record) => Some(record.ret.to_string()),
            Kind::Measured { times, .. } => Some(times.to_string()),
            _ => None,
        }
    }

    /// The narration.
    pub fn teller(&self, columns: usize, glyphs: &'static Glyphs) -> Teller<'_> {
        Teller {
            course: self.course(),
            world: self.session.world(),
            journal: self.session.journal(),
            glyphs,
            kernel: self.kernel(),
            following: self.following.as_deref(),
            class: self.class(),
            // Where there is nothing to do but to go on, the last row says how.
            keyless: self.app.ui.keyless || self.is_recorded(),
            columns,
        }
    }

    /// What the narration tells now, as plain text.
    pub(crate) fn told(&self, glyphs: &'static Glyphs) -> String {
        // Whoever reads it elsewhere has no keys, and sees the question by itself.
        let teller = Teller { class: None, keyless: true, ..self.teller(usize::MAX, glyphs) };
        let story = teller.story(self.viewed, usize::MAX);
        let lines: Vec<_> = story.into_iter().map(|(line, _)| line).collect();
        lines.join("\n")
    }

    /// It is over.
    pub(crate) fn finish(&mut self) {
        self.course_mut().finish();
        (self.playing, self.ended) = (false, true);
        self.app.ui.looked.clear();
        self.scroll = 0;
        self.settle();
    }

    /// What the keyboard is for follows from how far the lesson is.
    fn settle(&mut self) {
        self.app.ui.place = match self.course().phase {
            Phase::Asking => UiContext::Question,
            Phase::Finished | Phase::Stopped(_) => UiContext::Ended,
            Phase::Starting | Phase::Ready | Phase::Making => UiContext::Lesson,
        };
        self.app.ui.choices = match self.course().question().map(|ask| &ask.answer) {
            Some(Answer::Choice(choices)) => choices.len(),
            Some(Answer::Free { .. }) | None => 0,
        };
        self.app.ui.offers = LessonOffers {
            own: !matches!(self.course().phase, Phase::Asking | Phase::Stopped(_))
                && !self.is_recorded(),
            undo: self.is_undoable(),
            following: self.following.is_some(),
            class: self.class().is_some_and(|round| round.stage == ClassStage::Open),
            retold: self.is_recorded(),
        };
        self.app.observe(&self.session.scene(self.app.ui.poller));
    }

    // --- keys

    /// Takes a key; a wish for the player may come out.
    pub fn key(&mut self, press: KeyPress) -> Option<LessonCommand> {
        // Whoever has seen enough of it is not kept.
        self.app.leave_play(&self.session.scene(self.app.ui.poller));
        self.app.ui.message = None;
        let asked = self.asked.take();
        let mode = self.app.ui.mode();
        let Some(action) = keymap::action(mode, press) else {
            if mode == Mode::Retold {
                self.refuse(press);
            }
            return None;
        };
        if let KeyAction::Lesson(action) = action
            && asked != Some(action)
            && let Some(question) = self.would_lose(action)
        {
            self.asked = Some(action);
            self.app.ui.warn(question);
            return None;
        }
        let (before, leads_back) = (self.viewed, action == KeyAction::Live);
        let wish = self.update(action);
        if self.viewed != before && !leads_back {
            self.own_or_not();
        }
        wish
    }

    /// What is asked before an action that loses what was done or answered: one key does not do it.
    fn would_lose(&self, action: LessonAction) -> Option<String> {
        if self.is_recorded() {
            return None;
        }
        let answers = self.course().replies();
        let lost = words::plural(answers, "answer");
        match (action, answers) {
            (LessonAction::Restart, 0) if self.course().moments.len() > 1 => {
                Some("r again begins again".to_owned())
            }
            (LessonAction::Restart, 1..) => {
                Some(format!("r again begins again: {lost} would be lost"))
            }
            (LessonAction::Leave, 1..) if !self.ended => {
                Some(format!("q or Esc again leaves: {lost} would be lost"))
            }
            _ => None,
        }
    }

    /// Its file is no lesson now: what is wrong is said, and it goes on as it was.
    pub(crate) fn not_read(&mut self, wrong: &str) {
        let first = wrong.lines().next().unwrap_or_default();
        self.app.ui.warn(format!("not read again: {first}"));
    }

    /// How it came out, once its end has been reached.
    pub(crate) fn came_out(&self) -> Option<Score> {
        self.ended.then(|| self.course().score())
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        match &mut self.app.ui.entry {
            Some(entry) => entry.insert(text),
            None => self.app.ui.say("to paste, open a line first: v"),
        }
    }

    /// Does what an action asks for.
    pub fn update(&mut self, action: KeyAction) -> Option<LessonCommand> {
        match action {
            KeyAction::Lesson(action) => return self.lesson(action),
            KeyAction::Edit(EditAction::Submit) => return self.submit(),
            KeyAction::Record => return Some(LessonCommand::Record),
            KeyAction::Seek(by) => self.seek(by),
            KeyAction::Live => self.go_to_now(),
            KeyAction::Beginning => self.go_to(0),
            KeyAction::Track(by) => self.along_track(by),
            KeyAction::Move(reach, by) => self.go(reach, by),
            other => {
                let scene = self.session.scene(self.app.ui.poller);
                self.app.update(other, &scene);
            }
        }
        None
    }

    /// What only a lesson can do.
    fn lesson(&mut self, action: LessonAction) -> Option<LessonCommand> {
        match action {
            LessonAction::Next => return self.next(),
            LessonAction::Answer(at) => return self.answer(at),
            LessonAction::AskAnswer => self.ask_answer(),
            LessonAction::Skip => return Some(self.make(None)),
            LessonAction::Restart => return Some(LessonCommand::Restart),
            LessonAction::Leave => return Some(LessonCommand::Leave),
            LessonAction::AskTry => self.ask_try(),
            LessonAction::Undo => return self.undo(),
            LessonAction::NotInThePast => {
                self.app.ui.warn("this is the past: Enter leads back to now");
            }
            LessonAction::CloseClass => self.close_class(),
            LessonAction::Play => return self.play(),
            LessonAction::ReadingSpeed(by) => self.set_reading_speed(by),
            LessonAction::SlowMotion => {
                self.slow = !self.slow;
                let when = if self.slow { "after each step" } else { "off" };
                self.app.ui.say(format!("slow motion: {when}"));
            }
            LessonAction::Instance(by) => self.turn(by),
            LessonAction::Part(shown) => {
                self.show(if self.shown == shown { Shown::Overview } else { shown });
            }
            LessonAction::Scroll(By::On) => self.scroll = self.scroll.saturating_add(4),
            LessonAction::Scroll(By::Back) => self.scroll = self.scroll.saturating_sub(4),
            // The menu's.
            LessonAction::Begin | LessonAction::Search => {}
        }
        None
    }

    fn next(&mut self) -> Option<LessonCommand> {
        if self.course().is_making() {
            self.app.ui.say("the step is being made");
            return None;
        }
        match self.course().phase {
            Phase::Ready if self.course().step().is_none() => {
                self.finish();
                None
            }
            Phase::Ready if self.course().asks() => {
                self.open();
                None
            }
            Phase::Ready => Some(self.make(None)),
            _ if self.following.is_some() => Some(LessonCommand::Following),
            _ => {
                self.app.ui.say("this is the end: [ goes back, r begins again, q leaves");
                None
            }
        }
    }

    /// Opens the question of the next step.
    fn open(&mut self) {
        self.course_mut().open();
        self.scroll = 0;
        self.look(self.course().step().cloned().as_ref());
        self.settle();
        if self.course().question().is_some_and(is_typed) {
            self.ask_answer();
        }
    }
}

/// The width of a timeline that shows so many steps, if it can.
fn zoom(steps: usize) -> Nanos {
    let wanted = (steps as u64 + 2) * TimeUnit::STEP.0;
    let fits = |width: &&Nanos| width.0 >= wanted.min(20 * TimeUnit::STEP.0);
    ZOOMS.iter().find(fits).copied().unwrap_or(Nanos(20 * TimeUnit::STEP.0))
}
