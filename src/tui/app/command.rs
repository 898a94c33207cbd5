//! Commands for the screen: the server is told nothing of them.

use super::App;
use crate::event::{ReplaySpeed, ScreenCommand};
use crate::session::Scene;
use crate::tui::action::KeyAction;
use crate::tui::key::ch;
use crate::tui::ui::{ShareWish, UiRequest};

impl App {
    /// Does what is asked of the screen.
    pub(super) fn screen(&mut self, command: ScreenCommand, scene: &Scene<'_>) {
        if !goes_on_playing(&command) {
            self.end_play();
        }
        match command {
            ScreenCommand::Zoom(width) => self.set_zoom(width),
            ScreenCommand::At(t) => self.at(t, scene),
            ScreenCommand::Seek(step) => self.seek(step, scene),
            ScreenCommand::Call(step) => self.go_to_call(step, scene),
            ScreenCommand::Wait(step) => self.go_to_wait(step, scene),
            ScreenCommand::Play => self.play_on(scene),
            ScreenCommand::Stand => self.stand_still(scene),
            ScreenCommand::Speed(speed) => self.set_speed(speed),
            ScreenCommand::Live => self.live(scene),
            ScreenCommand::Follow(on) => self.follow(on, scene),
            ScreenCommand::Filter(text) => self.filter(&text, scene),
            ScreenCommand::Sort(order) => self.sort(order),
            ScreenCommand::Find(words) => self.find(&words, scene),
            // It always shows one of its events.
            ScreenCommand::Still(_) if self.is_replay() => self.refuse(ch('f')),
            ScreenCommand::Still(on) => self.still(on, scene),
            ScreenCommand::Select(fd) => self.select_fd(fd, scene),
            ScreenCommand::Lane(lane) => self.select_lane(lane, scene),
            ScreenCommand::View(view) => self.show(view, scene),
            ScreenCommand::Export(kind, name) => self.export_command(kind, name, scene),
            ScreenCommand::Share(address) => self.share(ShareWish::Begin(address)),
            ScreenCommand::ShareOff => self.share(ShareWish::End),
            ScreenCommand::Ask(text, answers) => self.share(ShareWish::Ask(text, answers)),
            ScreenCommand::AskOff => self.share(ShareWish::CloseAnswers),
            ScreenCommand::Copy => self.look(&KeyAction::Copy, scene),
            ScreenCommand::Help => self.look(&KeyAction::Help, scene),
        }
    }

    fn share(&mut self, wish: ShareWish) {
        self.ui.request = Some(UiRequest::Share(wish));
    }

    /// Plays from the viewed event on, or goes on with that.
    fn play_on(&mut self, scene: &Scene<'_>) {
        match &self.ui.play {
            Some(play) if play.stands => self.stand(scene),
            Some(_) => {}
            None if self.is_replay() => self.begin_replay(scene),
            None => self.play(scene),
        }
    }

    /// Stops playing where it is.
    fn stand_still(&mut self, scene: &Scene<'_>) {
        match &self.ui.play {
            Some(play) if play.stands => {}
            Some(_) => self.stand(scene),
            None => self.ui.say("nothing plays"),
        }
    }

    fn set_speed(&mut self, speed: ReplaySpeed) {
        match &mut self.ui.replay {
            Some(replay) => {
                replay.speed = speed;
                self.ui.say(format!("it plays at {}x", speed.word()));
            }
            None => self.ui.warn("only a recording has a speed: - and + pace slow motion"),
        }
    }

    /// Looks as whoever shares the session does, or no more.
    fn follow(&mut self, on: Option<bool>, scene: &Scene<'_>) {
        match &self.ui.watching {
            Some(watching) if on == Some(watching.follows) => {}
            Some(_) => self.follow_or_not(scene),
            None => self.ui.warn("there is nobody to follow: epollscope watch looks on"),
        }
    }
}

/// Whether what plays goes on beside that.
fn goes_on_playing(command: &ScreenCommand) -> bool {
    match command {
        ScreenCommand::Play
        | ScreenCommand::Stand
        | ScreenCommand::Speed(_)
        | ScreenCommand::Zoom(_)
        | ScreenCommand::View(_)
        | ScreenCommand::Share(_)
        | ScreenCommand::ShareOff
        | ScreenCommand::Ask(..)
        | ScreenCommand::AskOff
        | ScreenCommand::Copy => true,
        ScreenCommand::At(_)
        | ScreenCommand::Seek(_)
        | ScreenCommand::Call(_)
        | ScreenCommand::Wait(_)
        | ScreenCommand::Live
        | ScreenCommand::Follow(_)
        | ScreenCommand::Filter(_)
        | ScreenCommand::Sort(_)
        | ScreenCommand::Find(_)
        | ScreenCommand::Still(_)
        | ScreenCommand::Select(_)
        | ScreenCommand::Lane(_)
        | ScreenCommand::Export(..)
        | ScreenCommand::Help => false,
    }
}
