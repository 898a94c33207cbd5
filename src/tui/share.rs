//! What others watch: the screen, filmed while anybody does.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::class::FreeQuestion;
use super::film::{Camera, FilmSubject, Taken};
use super::theme::Theme;
use super::ui::{SharingState, Ui};
use super::words;
use crate::error::Error;
use crate::share::{
    ClassForm, ClassTally, ClassTruth, FilmSize, Share, ShareBlocks, ShareLook, ShareOptions,
    SharePage, Wanted,
};
use crate::sink::share::SharedSession;

/// Between two frames that others see.
const FRAME: Duration = Duration::from_millis(100);
/// The same under load, when more happens than anybody can follow: a frame for a hundred viewers
/// takes time from the server.
const FRAME_UNDER_LOAD: Duration = Duration::from_millis(250);
/// How often it is looked whether there is room for what waits for it.
const ROOM: Duration = Duration::from_millis(200);

/// Whether the screen is shared, and how it can be.
pub struct Sharing {
    options: ShareOptions,
    /// The page that shows it to viewers with that code.
    page: fn(&str) -> SharePage,
    /// Which events there are to be had, beside what the screen shows.
    blocks: ShareBlocks,
    /// Rung when there is something new of those who watch.
    bell: Arc<Notify>,
    shared: Option<SharedSession>,
    cameras: [Option<Camera>; FilmSize::ALL.len()],
    /// The next frame may be taken from here on.
    due: Instant,
    /// The screen has changed since the last frame.
    changed: bool,
    /// And is drawn of so many events that it is under load.
    loaded: bool,
    /// The question that is open.
    asked: Option<u32>,
    /// Those who watch see a question.
    asks: bool,
}

impl Sharing {
    /// A screen that is not shared yet, but may be so, with that page. The bell wakes it.
    pub fn new(
        options: ShareOptions,
        page: fn(&str) -> SharePage,
        blocks: ShareBlocks,
        bell: Arc<Notify>,
    ) -> Self {
        let (cameras, due) = ([const { None }; FilmSize::ALL.len()], Instant::now());
        Self {
            options,
            page,
            blocks,
            bell,
            shared: None,
            cameras,
            due,
            changed: true,
            loaded: false,
            asked: None,
            asks: false,
        }
    }

    /// Shares it from now on.
    ///
    /// # Errors
    /// As [`Share::start`].
    pub fn start(&mut self) -> Result<(), Error> {
        let bell = Arc::clone(&self.bell);
        let ring = move || bell.notify_one();
        let share = Share::start(&self.options, self.page, self.blocks.clone(), ring)?;
        self.shared = Some(Rc::new(RefCell::new(share)));
        Ok(())
    }

    /// What wakes the screen when there is something new of those who watch.
    pub(super) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Whether others may watch.
    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Asks all who watch, if anybody does; the number of the question.
    pub(super) fn ask(&mut self, text: String, form: ClassForm) -> Option<u32> {
        let mut share = self.shared.as_ref()?.borrow_mut();
        // Only the page can answer.
        if share.report().films.iter().all(|film| *film == Wanted::No) {
            return None;
        }
        self.asked = Some(share.ask(text, form));
        self.asks = true;
        self.asked
    }

    /// Takes no more answers to that question.
    pub(super) fn close_answers(&mut self, number: u32) {
        if let Some(share) = &self.shared
            && self.asked == Some(number)
        {
            share.borrow_mut().close_answers(number);
            self.asked = None;
        }
    }

    /// Tells what was right in it.
    pub(super) fn solve(&self, number: u32, truth: ClassTruth) {
        if let Some(share) = &self.shared {
            share.borrow_mut().solve(number, truth);
        }
    }

    /// There are no more questions.
    pub(super) fn ask_no_more(&mut self) {
        if let Some(share) = self.shared.as_ref().filter(|_| self.asks) {
            share.borrow_mut().ask_no_more();
        }
        (self.asks, self.asked) = (false, None);
    }

    /// What the answers to that question come to.
    pub(super) fn tally(&self, number: u32) -> Option<ClassTally> {
        self.shared.as_ref()?.borrow().tally(number).cloned()
    }

    /// Asks all who watch something that is none of a lesson's.
    pub(super) fn ask_freely(&mut self, text: String, answers: Vec<String>, ui: &mut Ui) {
        if ui.question.as_ref().is_some_and(|question| question.open) {
            ui.warn("a question is open: a closes it");
            return;
        }
        let form = if answers.is_empty() {
            ClassForm::Field("a few words".to_owned())
        } else {
            ClassForm::Choices(answers.clone())
        };
        match self.ask(text.clone(), form) {
            Some(number) => {
                let (tally, open) = (ClassTally::default(), true);
                ui.question = Some(FreeQuestion { number, text, answers, tally, open });
            }
            None => ui.warn("nobody watches now"),
        }
    }

    /// Takes no more answers to it; if that is done already, puts it away.
    pub(super) fn close_free(&mut self, ui: &mut Ui) {
        match &mut ui.question {
            Some(question) if question.open => {
                question.open = false;
                self.close_answers(question.number);
            }
            Some(_) => {
                ui.question = None;
                self.ask_no_more();
            }
            None => ui.say("nobody is asked: `:ask Who wakes? | T1 | T2` does"),
        }
    }

    /// Takes over what has been answered to it; whether that is to be drawn.
    fn hear_free(&self, ui: &mut Ui) -> bool {
        let Some(question) = &mut ui.question else { return false };
        // Lessons have questions of their own.
        let ended = question.open && self.asked != Some(question.number);
        question.open &= !ended;
        if let Some(tally) = self.tally(question.number).filter(|tally| *tally != question.tally) {
            question.tally = tally;
            return true;
        }
        ended
    }

    /// How many have answered the question that is open.
    fn answered(&self) -> Option<(u32, u32)> {
        let tally = self.tally(self.asked?)?;
        Some((tally.answered, tally.of))
    }

    /// What others watch, if they may.
    pub(super) fn shared(&self) -> Option<SharedSession> {
        self.shared.clone()
    }

    /// Shares it, at that address or at the usual one, or says where it can be watched already;
    /// whether it has begun.
    pub(super) fn begin(&mut self, address: Option<SocketAddr>, ui: &mut Ui) -> bool {
        let is_new = self.shared.is_none();
        if is_new {
            let usual = self.options.address;
            self.options.address = address.unwrap_or(usual);
            if let Err(error) = self.start() {
                self.options.address = usual;
                ui.warn(error.to_string());
                return false;
            }
        } else if address.is_some_and(|address| address != self.options.address) {
            ui.warn("it is shared: end that with share off");
            return false;
        }
        self.say(ui);
        is_new
    }

    /// Says where it can be watched.
    pub(super) fn say(&self, ui: &mut Ui) {
        let Some(share) = &self.shared else { return };
        let share = share.borrow();
        let Some(address) = share.addresses().into_iter().next() else {
            ui.warn("shared, but this machine has no address by which others could know it");
            return;
        };
        let open = if share.is_lan() { "  (not encrypted)" } else { "" };
        let short = format!("shared: http://{address}{open}");
        let watch = match self.blocks {
            ShareBlocks::None(_) => String::new(),
            ShareBlocks::Passing | ShareBlocks::Whole => {
                format!("  or  epollscope watch {address}")
            }
        };
        let long = format!("shared: http://{address}{watch}{open}");
        let fits = words::width(&long) + 4 <= usize::from(ui.size.0);
        ui.say(if fits { long } else { short });
    }

    /// Lets nobody watch any more; whether anybody could.
    pub(super) fn end(&mut self, ui: &mut Ui) -> bool {
        let Some(share) = self.shared.take() else {
            ui.warn("it is not shared");
            return false;
        };
        self.forget(ui);
        ui.say("nobody watches any more");
        drop(share);
        true
    }

    fn forget(&mut self, ui: &mut Ui) {
        self.cameras = [const { None }; FilmSize::ALL.len()];
        (self.shared, self.asked, self.asks) = (None, None, false);
        self.hear_free(ui);
        ui.sharing = None;
    }

    /// Looks who watches; whether that is to be drawn, and why it has ended if it has.
    pub(super) fn tick(&mut self, ui: &mut Ui) -> (bool, Option<String>) {
        let Some(share) = self.shared() else { return (ui.sharing.take().is_some(), None) };
        if let ShareLook::Ended(why) = share.borrow_mut().look() {
            self.forget(ui);
            let why = format!("sharing ended: {why}");
            ui.warn(why.clone());
            return (true, Some(why));
        }
        let heard = self.hear_free(ui);
        let share = share.borrow();
        let report = share.report();
        let state = SharingState {
            viewers: report.viewers,
            slow: report.slow,
            refused: report.refused,
            asked: self.answered(),
            lan: share.is_lan(),
        };
        (ui.sharing.replace(state) != Some(state) || heard, None)
    }

    /// What the screen shows has changed, by more events than can be followed or by fewer.
    pub(super) fn changed(&mut self, loaded: bool) {
        (self.changed, self.loaded) = (true, loaded);
    }

    /// After what time something is to be done for those who watch, if the bell does not ring.
    pub(super) fn pause(&self) -> Option<Duration> {
        let share = self.shared.as_ref()?.borrow();
        let filmed = FilmSize::ALL.iter().any(|size| match share.wants_film(*size) {
            Wanted::No => false,
            Wanted::More => self.changed,
            Wanted::Whole => true,
        });
        let frame = filmed.then(|| self.due.saturating_duration_since(Instant::now()));
        frame.into_iter().chain(share.is_behind().then_some(ROOM)).min()
    }

    /// Whether anybody watches, and it is time for a frame.
    pub(super) fn is_due(&self) -> bool {
        let Some(share) = &self.shared else { return false };
        let whole = |size: &FilmSize| share.borrow().wants_film(*size) == Wanted::Whole;
        Instant::now() >= self.due && (self.changed || FilmSize::ALL.iter().any(whole))
    }

    /// Films the screen, which is called so and goes by that clock, if anybody watches and it is time
    /// to.
    pub(super) fn film(
        &mut self,
        subject: FilmSubject<'_>,
        theme: &Theme,
        mut take: impl FnMut(&mut Camera) -> Taken,
    ) {
        let Some(share) = self.shared().filter(|_| self.is_due()) else { return };
        let (begun, mut told) = (Instant::now(), true);
        for size in FilmSize::ALL {
            let camera = &mut self.cameras[size.index()];
            let wanted = share.borrow().wants_film(size);
            if wanted == Wanted::No {
                *camera = None;
                continue;
            }
            let new = || Camera::new(subject.title, subject.clock, size.cells(), theme);
            let camera = camera.get_or_insert_with(new);
            camera.turn_to(subject);
            if wanted == Wanted::Whole {
                camera.force_key();
            }
            let taken = take(camera);
            let Some(frame) = &taken.frame else { continue };
            if !share.borrow_mut().tell_frame(size, taken.head.as_ref(), frame) {
                // What was not told is not known: the next one begins anew.
                camera.forget();
                told = false;
            }
        }
        let pause = if self.loaded { FRAME_UNDER_LOAD } else { FRAME };
        (self.due, self.changed) = (begun + pause, !told);
    }
}
