//! What keys and palette lines do: the screen's state changes here, and commands for the server
//! come out. Pure: everything it depends on is in the action, the scene and the state.

mod command;
mod export;
mod find;
mod line;
mod mouse;
mod moves;
mod page;
mod play;
mod replay;
mod time;
pub(super) mod watch;

use super::action::{Direction, KeyAction};
use super::entry::{LineEntry, Purpose};
use super::filter::Filter;
use super::key::KeyPress;
use super::keymap;
use super::pane::{RenderContext, TimelinePane, unforetold};
use super::theme::PLAIN;
use super::ui::{ShareWish, Ui, UiContext, UiRequest, WhyTopic};
use crate::event::{
    Command, CommandPhase, Fd, FileKind, Kind, LaneChange, LaneId, Nanos, ReadPolicy, Scope, Seq,
    Settings, Target, WatchKey,
};
use crate::history::Folded;
use crate::model::{ThreadLane, World};
use crate::session::Scene;
use crate::text::{self, Sentence, Subject, why};

/// Delays that `-` and `+` step through, in milliseconds.
const DELAYS: [u32; 10] = [0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// Widths that `z` and `Z` step through.
pub(crate) const ZOOMS: [Nanos; 26] = [
    Nanos(5_000),
    Nanos(10_000),
    Nanos(20_000),
    Nanos(50_000),
    Nanos(100_000),
    Nanos(200_000),
    Nanos(500_000),
    Nanos(1_000_000),
    Nanos(2_000_000),
    Nanos(5_000_000),
    Nanos(10_000_000),
    Nanos(20_000_000),
    Nanos(50_000_000),
    Nanos(100_000_000),
    Nanos(200_000_000),
    Nanos(500_000_000),
    Nanos(1_000_000_000),
    Nanos(2_000_000_000),
    Nanos(5_000_000_000),
    Nanos(10_000_000_000),
    Nanos(20_000_000_000),
    Nanos(30_000_000_000),
    Nanos(60_000_000_000),
    Nanos(120_000_000_000),
    Nanos(300_000_000_000),
    Nanos(600_000_000_000),
];

/// How many new events are looked at for what they have to say to the person.
const LOOKED_AT: u64 = 4096;

/// The screen's state and how it changes.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// The state.
    pub ui: Ui,
    /// The last event that was looked at.
    seen: Seq,
    /// Built-in clients that were asked for and are not yet connected.
    asked: u32,
    /// The last of those that are: it is selected once the server has accepted it.
    newcomer: Option<Box<str>>,
    /// The tracks around the viewed event, if it is far from now.
    folded: Option<Folded>,
}

impl App {
    /// The scene as it is to be drawn: at the viewed event.
    pub fn view<'a>(&'a self, live: Scene<'a>) -> Scene<'a> {
        match &self.ui.past {
            Some(past) => {
                let folded = self.folded.as_ref().map(|folded| folded.timeline(self.ui.poller));
                let timeline = folded.unwrap_or(live.timeline);
                Scene { world: &past.world, timeline, ..live }
            }
            None => live,
        }
    }

    /// The world that is viewed.
    fn world<'a>(&'a self, scene: &Scene<'a>) -> &'a World {
        self.ui.past.as_ref().map_or(scene.live, |past| &past.world)
    }

    /// Takes a key; a command for the server may come out.
    pub fn key(&mut self, press: KeyPress, scene: &Scene<'_>) -> Option<Command> {
        self.ui.message = None;
        self.ui.find = None;
        self.ui.touched = true;
        let mode = self.ui.mode();
        let Some(action) = keymap::action(mode, press) else {
            if mode.is_serverless() {
                self.refuse(press);
            }
            return None;
        };
        if !goes_on_playing(&action) {
            self.end_play();
        }
        let command = self.update(action, scene);
        self.refold(scene);
        command
    }

    /// Takes pasted text; it goes to the line being typed, and nowhere else.
    pub fn paste(&mut self, text: &str) {
        match &mut self.ui.entry {
            Some(entry) => entry.insert(text),
            None => self.ui.say("to paste, open a line first: i, / or :"),
        }
    }

    /// Looks at what is new: a first selection, and what commands had to say.
    pub fn observe(&mut self, scene: &Scene<'_>) {
        let from = self.seen.0.max(scene.live.seq.0.saturating_sub(LOOKED_AT));
        let ui = &mut self.ui;
        scene.journal.forward_from(Seq(from + 1), |event| {
            match &event.kind {
                Kind::Command { text, phase: CommandPhase::Failed(reason), .. } => {
                    ui.warn(format!("{text}: {reason}"));
                }
                Kind::Command { text, phase: CommandPhase::Done(Some(remark)), .. } => {
                    ui.say(format!("{text}: {remark}"));
                }
                Kind::Client(name) if self.asked > 0 => {
                    self.asked -= 1;
                    self.newcomer = Some(name.clone());
                }
                Kind::Lane(LaneChange::Died(_)) if ui.place == UiContext::Watch => {
                    ui.warn(format!("{} died", event.lane));
                }
                Kind::Lane(LaneChange::Died(_)) => {
                    ui.warn(format!("{} died: space starts it again", event.lane));
                }
                _ => {}
            }
            true
        });
        self.seen = scene.live.seq;
        self.ui.touched |= scene.live.clients() > 0;
        self.welcome(scene);
        self.settle(scene);
        self.refold(scene);
    }

    /// Selects the client that was asked for, as soon as the server waits for it.
    fn welcome(&mut self, scene: &Scene<'_>) {
        let Some(name) = &self.newcomer else { return };
        let world = scene.live;
        let is = |key: &WatchKey| {
            let peer = world.file_of(*key).and_then(|file| file.peer.as_ref());
            peer.is_some_and(|peer| peer.name() == **name)
        };
        if let Some(key) = world.through(self.ui.poller).watched().find(is) {
            self.select(key);
        }
    }

    /// Selects something if nothing is, or if what was selected is gone.
    fn settle(&mut self, scene: &Scene<'_>) {
        let world = self.ui.past.as_ref().map_or(scene.live, |past| &past.world);
        let view = world.through(self.ui.poller);
        let is_client = |key: &WatchKey| world.file_of(*key).is_some_and(|f| f.peer.is_some());
        let between = view.waits_for_nothing() && !world.labelled;
        let there = |key: &WatchKey| between && world.file_of(*key).is_some();
        let kept = self.ui.watch.filter(|key| view.watches(*key) || there(key));
        let kept = kept.filter(|key| self.ui.chosen || is_client(key));
        if kept.is_none() {
            let first = view.watched().find(is_client).or_else(|| view.watched().next());
            self.ui.watch = first;
            self.ui.chosen = false;
        }
        let alive = |id: LaneId| world.lane(id).is_some_and(crate::model::ThreadLane::is_alive);
        if !alive(self.ui.lane) {
            let first = world.lanes.iter().find(|lane| lane.is_alive());
            self.ui.lane = first.map_or(LaneId(1), |lane| lane.id);
        }
    }

    /// Does what an action asks for; a command for the server may come out.
    pub fn update(&mut self, action: KeyAction, scene: &Scene<'_>) -> Option<Command> {
        let settings = scene.live.settings;
        match action {
            KeyAction::Hold => {
                // A thread that died is started again by running.
                let run = settings.paused || scene.live.lanes.iter().any(ThreadLane::has_died);
                let command = if run { Command::Run } else { Command::Pause };
                return self.server(command, scene);
            }
            KeyAction::StepCall => return self.server(Command::Step(None), scene),
            KeyAction::StepTurn => return self.server(Command::Turn(None), scene),
            KeyAction::Delay(step) => {
                let command = self.delay(settings.delay_ms, step)?;
                return self.server(command, scene);
            }
            KeyAction::TriggerAll => {
                let to = Some(settings.trigger.flipped());
                return self.server(Command::Trigger(Scope::All, to), scene);
            }
            KeyAction::ReadPolicy => {
                let policy = match settings.read {
                    ReadPolicy::Drain => ReadPolicy::Once(self.ui.once_bytes),
                    ReadPolicy::Once(bytes) => {
                        self.ui.once_bytes = bytes;
                        ReadPolicy::Drain
                    }
                };
                return self.server(Command::Read(policy), scene);
            }
            KeyAction::Threads(step) => {
                let command = self.threads(settings, step)?;
                return self.server(command, scene);
            }
            KeyAction::Record => {
                let stop = self.ui.recording.is_some();
                return Some(if stop { Command::RecordOff } else { Command::Record(None) });
            }
            KeyAction::Do(command) => return self.command(command, scene),
            KeyAction::Edit(action) => return self.edit(action, scene),
            other => self.look(&other, scene),
        }
        None
    }

    /// Actions that change nothing but the screen.
    fn look(&mut self, action: &KeyAction, scene: &Scene<'_>) {
        match *action {
            KeyAction::AskSend => self.ask_send(scene),
            KeyAction::AskFilter => {
                self.ui.entry = Some(LineEntry::marked(Purpose::Filter, self.ui.filter.text()));
            }
            KeyAction::AskCommand => {
                self.ui.entry = Some(LineEntry::new(Purpose::Command, String::new()));
            }
            KeyAction::Move(reach, step) => self.go(reach, step, scene),
            KeyAction::Page => self.open_page(scene),
            KeyAction::ClosePage => self.ui.page = None,
            KeyAction::Focus(step) => self.focus(step),
            KeyAction::View(view) => self.show(view, scene),
            KeyAction::Track(step) => self.along_track(step, scene),
            KeyAction::Zoom(step) => self.zoom(step, scene),
            KeyAction::Seek(step) => self.seek(step, scene),
            KeyAction::ToCall(step) => self.go_to_call(step, scene),
            KeyAction::ToWait(step) => self.go_to_wait(step, scene),
            KeyAction::ToBookmark(step) => self.go_to_bookmark(step, scene),
            KeyAction::AskExport => self.ask_export(scene),
            KeyAction::Export(action) => self.export(action, scene),
            KeyAction::AskFind => {
                self.ui.entry = Some(LineEntry::new(Purpose::Command, "find ".to_owned()));
            }
            KeyAction::FindNext(step) => self.find_next(step, scene),
            KeyAction::Beginning => self.go_to(Seq(0), scene),
            KeyAction::Live => self.live(scene),
            KeyAction::Follow => self.follow_or_not(scene),
            KeyAction::Clear => self.ui.filter = Filter::All,
            KeyAction::Sort => self.sort(None),
            KeyAction::Still => self.still(None, scene),
            KeyAction::Play => self.play(scene),
            KeyAction::PlayTurn => self.play_turn(scene),
            KeyAction::Stand => self.stand(scene),
            KeyAction::Pace(step) => self.pace(step),
            KeyAction::Copy => self.ui.request = Some(UiRequest::Copy(self.copied(scene))),
            KeyAction::Share => self.ui.request = Some(UiRequest::Share(ShareWish::Begin(None))),
            KeyAction::CloseAnswers => {
                self.ui.request = Some(UiRequest::Share(ShareWish::CloseAnswers));
            }
            KeyAction::Help => {
                self.ui.help = if self.ui.help.is_some() { None } else { Some(0) };
            }
            KeyAction::Lessons => self.ui.request = Some(UiRequest::Lessons),
            KeyAction::Quit => self.ui.request = Some(UiRequest::Quit),
            KeyAction::Suspend => self.ui.request = Some(UiRequest::Suspend),
            KeyAction::Hold
            | KeyAction::StepCall
            | KeyAction::StepTurn
            | KeyAction::Delay(_)
            | KeyAction::TriggerAll
            | KeyAction::ReadPolicy
            | KeyAction::Threads(_)
            | KeyAction::Record
            | KeyAction::Do(_)
            | KeyAction::Edit(_)
            // A lesson's and a comparison's own come to their apps alone.
            | KeyAction::Lesson(_)
            | KeyAction::Compare(_) => {}
        }
    }

    /// Carries out a command of the palette or of a key.
    fn command(&mut self, command: Command, scene: &Scene<'_>) -> Option<Command> {
        match command {
            Command::Screen(command) => self.screen(command, scene),
            Command::Quit => self.ui.request = Some(UiRequest::Quit),
            Command::Mark(note) if self.is_replay() || self.looks_on() => {
                self.bookmark(&note, scene);
            }
            // It is for the session, whatever is viewed.
            Command::Record(_) | Command::RecordOff | Command::Save(_) | Command::Mark(_)
                if !self.is_replay() =>
            {
                return Some(command);
            }
            command => return self.server(command, scene),
        }
        None
    }

    /// Passes a command on to the server, if it can mean something; from the past it first returns
    /// to now and says so.
    fn server(&mut self, command: Command, scene: &Scene<'_>) -> Option<Command> {
        if let Some(nobody) = self.nobody() {
            self.ui.warn(nobody);
            return None;
        }
        let returned = self.ui.past.take().is_some();
        self.end_play();
        self.settle(scene);
        let fd = self.ui.watch.map(|key| key.fd);
        let command = command.resolved(fd, Some(self.ui.lane));
        if let Err(reason) = sensible(&command, scene.live) {
            self.ui.warn(reason);
            return None;
        }
        if returned {
            self.ui.say(format!("back to now, then: {command}"));
        } else if matches!(command, Command::Client) {
            self.asked = self.asked.saturating_add(1);
        } else if matches!(command, Command::Exclusive(..)) {
            self.ui.say("EPOLLEXCLUSIVE chooses among epoll instances: with one it shows nothing");
        }
        Some(command)
    }

    fn delay(&mut self, now: u32, step: Direction) -> Option<Command> {
        let next = match step {
            Direction::Back => DELAYS.iter().rev().find(|ms| **ms < now),
            Direction::On => DELAYS.iter().find(|ms| **ms > now),
        };
        if next.is_none() {
            self.ui.say(format!("the delay is {now} ms; type :delay for any other"));
        }
        next.map(|ms| Command::Delay(*ms))
    }

    fn threads(&mut self, settings: Settings, step: Direction) -> Option<Command> {
        let next = match step {
            Direction::Back => settings.threads.checked_sub(1).filter(|n| *n > 0),
            Direction::On => Some(settings.threads + 1).filter(|n| *n <= LaneId::MAX_WORKERS),
        };
        if next.is_none() {
            self.ui.say(format!("threads: 1 to {}", LaneId::MAX_WORKERS));
        }
        next.map(Command::Threads)
    }

    /// One width nearer or farther; from several marks in one column so near that they part.
    fn zoom(&mut self, step: Direction, scene: &Scene<'_>) {
        let now = self.ui.zoom;
        let look =
            RenderContext { scene: self.view(*scene), ui: &self.ui, theme: &PLAIN, spots: None };
        let crowd = TimelinePane::crowd(&look).filter(|_| step == Direction::Back);
        let apart = crowd.and_then(|crowd| crowd.zoom(look.scene.world.t, &ZOOMS));
        let next = match step {
            Direction::Back if apart.is_some_and(|apart| apart < now) => apart.as_ref(),
            Direction::Back => ZOOMS.iter().rev().find(|width| **width < now),
            Direction::On => ZOOMS.iter().find(|width| **width > now),
        };
        self.ui.zoom = *next.unwrap_or(&now);
    }

    fn set_zoom(&mut self, width: Nanos) {
        self.ui.zoom = width.clamp(ZOOMS[0], ZOOMS[ZOOMS.len() - 1]);
    }

    /// What `y` copies: the viewed call, or what the Why pane says.
    fn copied(&self, scene: &Scene<'_>) -> String {
        let world = self.world(scene).through(self.ui.poller);
        let event = scene.journal.get(world.seq);
        let sentence = match (self.ui.topic, event, self.ui.watch) {
            (WhyTopic::Event, Some(event), _) if text::is_row(&event) => {
                return text::row(scene.live, &event);
            }
            (WhyTopic::Event, Some(event), _) => why(world, Subject::Event(&event)),
            (WhyTopic::Lane, ..) => why(world, Subject::Lane(self.ui.lane)),
            (_, _, Some(key)) => why(world, Subject::Watch(key)),
            (_, _, None) => {
                Sentence { text: scene.header.facts.invitation.clone(), ..Sentence::default() }
            }
        };
        let asked = self.ui.place == UiContext::Question && self.ui.past.is_none();
        if asked { unforetold(&sentence) } else { sentence.text }
    }
}

fn is_client(world: &World, fd: Fd) -> bool {
    world.file_at(fd).is_some_and(|f| matches!(f.what, FileKind::Tcp | FileKind::Unix))
}

/// What to do instead of asking that client for something, unless it is one of the built-in ones.
fn foreign(world: &World, fd: Fd) -> Option<String> {
    world.file_at(fd).filter(|file| !file.built_in)?;
    Some(format!("fd {fd} is not built in: type in its own window (telnet), or press c"))
}

/// Whether slow motion goes on beside that.
fn goes_on_playing(action: &KeyAction) -> bool {
    matches!(
        action,
        KeyAction::Stand
            | KeyAction::Pace(_)
            | KeyAction::View(_)
            | KeyAction::Zoom(_)
            | KeyAction::Focus(_)
            | KeyAction::Copy
            | KeyAction::Suspend
            // What is typed may be for it.
            | KeyAction::AskCommand
            | KeyAction::Edit(_)
    )
}

/// Whether a command can mean something now.
fn sensible(command: &Command, live: &World) -> Result<(), String> {
    if matches!(command, Command::Step(_) | Command::Turn(_)) && !live.settings.paused {
        return Err("the server runs: press space to hold it, then step".to_owned());
    }
    if command.lacks_target() {
        return Err("no descriptor is selected: j and k select one".to_owned());
    }
    // Which connection has that number, only the server knows.
    let Some(Target::Fd(fd)) = command.target() else { return Ok(()) };
    let client_only = matches!(
        command,
        Command::Send(..) | Command::Close(_) | Command::Reset(_) | Command::Drop(_)
    );
    if client_only && !is_client(live, fd) {
        return Err(format!("fd {fd} is not a client: j and k select one, c connects one"));
    }
    if client_only && !matches!(command, Command::Drop(_)) {
        return foreign(live, fd).map_or(Ok(()), Err);
    }
    Ok(())
}
