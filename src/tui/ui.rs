//! The state of the screen: what is selected, where the view stands, what is being typed.
//!
//! No type of the terminal library is in here, so that it can be tested as plain data.

use std::net::SocketAddr;
use std::time::Instant;

use super::action::Direction;
use super::class::FreeQuestion;
use super::entry::{LineEntry, TypedLines};
use super::export::{ExportDialog, ExportOrder};
use super::filter::Filter;
use super::keymap::Mode;
use crate::event::{FileId, LaneId, Nanos, Order, ReplaySpeed, Seq, View, WatchKey};
use crate::model::{Bookmark, Divergence, World};
use crate::record::Hidden;
use crate::session::RecordingProgress;
use crate::source::RemoteNews;

/// Milliseconds since then, by which slow motion goes.
pub(crate) fn clock(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A pane that the keys can move in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pane {
    /// The interest list.
    Interest,
    /// The ready list.
    Ready,
    /// The wait queue and the gate.
    Waiting,
    /// The timeline.
    Timeline,
    /// The calls.
    Calls,
    /// The findings.
    Findings,
    /// The way of one event.
    Path,
}

/// What has a page of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// A file.
    File(WatchKey),
    /// A thread.
    Thread(LaneId),
}

/// What the Why pane speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyTopic {
    /// The selected registration.
    Watch,
    /// The selected thread.
    Lane,
    /// The viewed event.
    Event,
}

/// One of the two selections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackChoice {
    /// The registration.
    Watch,
    /// The thread.
    Lane,
}

/// Why the view does not follow the newest event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The person went back in time.
    Past,
    /// The person keeps the view still.
    Still,
}

/// A view of an earlier event.
#[derive(Clone, Debug)]
pub struct Past {
    /// The viewed event.
    pub seq: Seq,
    /// Why.
    pub hold: Hold,
    /// The world at that event.
    pub world: World,
}

/// A stretch of the past that is gone through at a human pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowMotion {
    /// The last event of it.
    pub until: Seq,
    /// Back to now after that one.
    pub returns: bool,
    /// It stands still.
    pub stands: bool,
    /// The panes that were pointed at before.
    pub pointed: Vec<Pane>,
    /// The registration that was selected before, and whether the person selected it: what is gone
    /// through may begin before there was one.
    pub selected: Option<(Option<WatchKey>, bool)>,
    /// When the next event is shown, in milliseconds of the screen's clock; `None` until that is
    /// asked for.
    pub due: Option<u64>,
    /// The time of the recording, if it goes on by that and not by events.
    pub clock: Option<PlayClock>,
}

/// Where the playing of a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayClock {
    /// The time in the recording.
    pub t: Nanos,
    /// The screen's clock then, in milliseconds; `None` until that is asked for.
    pub seen: Option<u64>,
}

/// What is looked for, and how far that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindState {
    /// The next event that is looked at.
    pub next: Seq,
    /// Where to.
    pub step: Direction,
    /// Events that have been looked at.
    pub seen: u64,
}

/// A recording that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayState {
    /// The file, fit to be shown.
    pub name: String,
    /// How fast it plays.
    pub speed: ReplaySpeed,
    /// Longer waits are shortened to this.
    pub idle: Option<Nanos>,
}

/// A session elsewhere that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchState {
    /// Where it is.
    pub host: String,
    /// The view is that of whoever shares it.
    pub follows: bool,
    /// What is known of it.
    pub news: RemoteNews,
}

/// Who watches what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharingState {
    /// Viewers.
    pub viewers: u32,
    /// Those of them who do not keep up.
    pub slow: u32,
    /// Requests that were refused.
    pub refused: u64,
    /// How many have answered what they were asked, and of how many.
    pub asked: Option<(u32, u32)>,
    /// Other machines can watch.
    pub lan: bool,
}

impl SharingState {
    /// The badge that says so, on a screen of so many columns.
    pub(crate) fn badge(&self, columns: u16) -> String {
        let answered = if columns < 80 { "" } else { " have answered" };
        let mut told = vec![format!(" SHARED {}", self.viewers)];
        for (n, what) in [(self.slow.into(), "slow"), (self.refused, "refused")] {
            told.extend((n > 0_u64).then(|| format!("{n} {what}")));
        }
        told.extend(self.asked.map(|(n, of)| format!("{n} of {of}{answered}")));
        told.join(", ") + if self.lan { " LAN " } else { " " }
    }
}

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// For information.
    Plain,
    /// Something did not work.
    Bad,
}

/// A line for the person, shown until the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The text.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

/// Something that only the run loop can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UiRequest {
    /// End the program.
    Quit,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Open the lessons.
    Lessons,
    /// Put this on the clipboard.
    Copy(String),
    /// Write a file for others.
    Export(Box<ExportOrder>),
    /// Let others watch, or end that.
    Share(ShareWish),
}

/// Whether others may watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareWish {
    /// They may, and connect to that address or to the usual one.
    Begin(Option<SocketAddr>),
    /// They may no longer.
    End,
    /// They are asked that, with these answers or by a field.
    Ask(String, Vec<String>),
    /// No more answers are taken.
    CloseAnswers,
}

/// Where the person is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UiContext {
    /// Before a live server.
    #[default]
    Server,
    /// In a lesson.
    Lesson,
    /// In a lesson, before an open question.
    Question,
    /// In a lesson that is over.
    Ended,
    /// Before the list of lessons.
    Menu,
    /// Before a comparison of loops.
    Compare,
    /// Before a recording.
    Replay,
    /// Before a session elsewhere.
    Watch,
}

/// What a lesson takes now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an offer of its own")]
pub struct LessonOffers {
    /// Actions of the learner's own.
    pub own: bool,
    /// The last action is the learner's own, and can be undone.
    pub undo: bool,
    /// Another lesson follows this one.
    pub following: bool,
    /// Those who watch are asked.
    pub class: bool,
    /// It was gone through earlier: nothing but to go through it again.
    pub retold: bool,
}

/// The state of the screen.
#[derive(Clone, Debug)]
pub struct Ui {
    /// The view.
    pub view: View,
    /// The pane that the keys move in.
    pub focus: Pane,
    /// The open file of the epoll instance that is looked at; `None` is the first one.
    pub poller: Option<FileId>,
    /// The selected registration.
    pub watch: Option<WatchKey>,
    /// Whether the person selected it, or it was selected for want of another.
    pub chosen: bool,
    /// The selected thread.
    pub lane: LaneId,
    /// Which of the two selections the timeline's keys move on.
    pub track: TrackChoice,
    /// The selected finding, 0 being the newest.
    pub finding: usize,
    /// The selected divergence, if one is selected instead of a finding.
    pub divergence: Option<Divergence>,
    /// Bytes of one read an event, for the key that goes back to it.
    pub once_bytes: u32,
    /// What the Why pane speaks of.
    pub topic: WhyTopic,
    /// The earlier event that is viewed; `None` follows the newest.
    pub past: Option<Past>,
    /// The recording that is looked at.
    pub replay: Option<ReplayState>,
    /// What is left out of what others get, whatever is chosen.
    pub hidden: Vec<Hidden>,
    /// The name of the lesson that is gone through, and its title.
    pub lesson: Option<(String, String)>,
    /// The session elsewhere that is looked at.
    pub watching: Option<WatchState>,
    /// Moments that were marked here, in what is not one's own.
    pub bookmarks: Vec<Bookmark>,
    /// The words that were looked for last.
    pub sought: Vec<String>,
    /// How far it is looked for them, if it is.
    pub find: Option<FindState>,
    /// How far the recording is, if there is one.
    pub recording: Option<RecordingProgress>,
    /// Who watches, if anybody may.
    pub sharing: Option<SharingState>,
    /// What is gone through in slow motion.
    pub play: Option<SlowMotion>,
    /// The time that each event of it is shown for, in milliseconds.
    pub pace: u64,
    /// The timeline's width.
    pub zoom: Nanos,
    /// What is shown.
    pub filter: Filter,
    /// The order of the list of what is waited for.
    pub order: Order,
    /// The line being typed.
    pub entry: Option<LineEntry>,
    /// What was typed before.
    pub(crate) typed: TypedLines,
    /// The help's first row, if it is shown.
    pub help: Option<usize>,
    /// What is asked about a file for others, if it is.
    pub export: Option<ExportDialog>,
    /// What those who watch are asked, or were.
    pub question: Option<FreeQuestion>,
    /// The page that is open.
    pub page: Option<Page>,
    /// A message.
    pub message: Option<Message>,
    /// What the run loop is to do.
    pub request: Option<UiRequest>,
    /// Whether a key has been pressed, or a client has come.
    pub touched: bool,
    /// The columns and rows of the terminal.
    pub size: (u16, u16),
    /// Where the person is.
    pub place: UiContext,
    /// The choices of a lesson's question; 0 if its answer is typed.
    pub choices: usize,
    /// What a lesson takes now.
    pub offers: LessonOffers,
    /// Rows by which a lesson's calls are scrolled back.
    pub back: usize,
    /// Panes that a lesson points at.
    pub looked: Vec<Pane>,
    /// Whoever sees it has no such keys: none is told.
    pub keyless: bool,
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            view: View::Overview,
            focus: Pane::Interest,
            poller: None,
            watch: None,
            chosen: false,
            lane: LaneId(1),
            track: TrackChoice::Watch,
            finding: 0,
            divergence: None,
            once_bytes: 16,
            topic: WhyTopic::Watch,
            past: None,
            replay: None,
            watching: None,
            bookmarks: Vec::new(),
            sought: Vec::new(),
            find: None,
            recording: None,
            sharing: None,
            play: None,
            pace: 400,
            zoom: Nanos(2_000_000_000),
            filter: Filter::All,
            order: Order::default(),
            entry: None,
            typed: TypedLines::default(),
            help: None,
            export: None,
            question: None,
            page: None,
            message: None,
            request: None,
            touched: false,
            size: (80, 24),
            place: UiContext::Server,
            choices: 0,
            offers: LessonOffers::default(),
            back: 0,
            looked: Vec::new(),
            hidden: Vec::new(),
            lesson: None,
            keyless: false,
        }
    }
}

impl Ui {
    /// What the keyboard is for.
    pub fn mode(&self) -> Mode {
        if self.entry.is_some() {
            if self.place == UiContext::Menu { Mode::Search } else { Mode::Entry }
        } else if self.export.is_some() {
            Mode::Export
        } else if self.help.is_some() {
            Mode::Help
        } else {
            match (self.place, self.past.is_some()) {
                (UiContext::Menu, _) => Mode::Menu,
                (UiContext::Compare, _) => Mode::Compare,
                (UiContext::Server, true) if self.play.is_some() => Mode::Playing,
                (UiContext::Server, _) if self.page.is_some() => Mode::Page,
                (UiContext::Replay, _) if self.page.is_some() => Mode::ReplayPage,
                (UiContext::Watch, _) if self.page.is_some() => Mode::WatchPage,
                (UiContext::Replay, _) => Mode::Replay,
                (UiContext::Watch, _) => Mode::Watch,
                (UiContext::Server, true) => Mode::Past,
                (UiContext::Server, false) => Mode::Live,
                (UiContext::Lesson | UiContext::Question | UiContext::Ended, _)
                    if self.offers.retold =>
                {
                    Mode::Retold
                }
                (UiContext::Lesson | UiContext::Question | UiContext::Ended, true) => Mode::Earlier,
                (UiContext::Lesson, false) => Mode::Lesson,
                (UiContext::Question, false) => Mode::Question,
                (UiContext::Ended, false) => Mode::Ended,
            }
        }
    }

    /// Whether the person has only just come to a server.
    pub(crate) fn is_fresh(&self) -> bool {
        self.place == UiContext::Server && !self.touched
    }

    /// Says something.
    pub fn say(&mut self, text: impl Into<String>) {
        self.message = Some(Message { text: text.into(), tone: Tone::Plain });
    }

    /// Says what has become of something, or why nothing has.
    pub(crate) fn tell(&mut self, said: Result<String, String>) {
        match said {
            Ok(said) => self.say(said),
            Err(why) => self.warn(why),
        }
    }

    /// Leaves the past, and all that the person has typed or was told.
    pub(crate) fn leave_all(&mut self) {
        (self.past, self.play, self.entry, self.message) = (None, None, None, None);
        (self.filter, self.sought, self.find, self.page) = (Filter::All, Vec::new(), None, None);
    }

    /// Says that something did not work.
    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.message = Some(Message { text: text.into(), tone: Tone::Bad });
    }
}
