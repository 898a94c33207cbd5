//! The line being typed: what its keys do, and what is made of it.

use super::{App, foreign, is_client};
use crate::event::{Command, Order};
use crate::session::Scene;
use crate::tui::action::EditAction;
use crate::tui::entry::{LineEntry, Purpose};
use crate::tui::filter::Filter;

impl App {
    /// Actions on the line being typed; a command for the server may come out.
    pub(super) fn edit(&mut self, action: EditAction, scene: &Scene<'_>) -> Option<Command> {
        let entry = self.ui.entry.as_mut()?;
        match action {
            EditAction::Submit => return self.submit(scene),
            EditAction::Cancel => self.ui.entry = None,
            EditAction::Complete => entry.complete(scene.live),
            EditAction::Choose(step) => entry.choose(step, scene.live, &self.ui.typed),
            EditAction::Erase(step) => entry.erase(step),
            EditAction::EraseAll => *entry = LineEntry::new(entry.purpose, String::new()),
            EditAction::Caret(reach, step) => entry.go(reach, step),
            EditAction::Insert(c) => entry.insert(c.encode_utf8(&mut [0; 4])),
        }
        None
    }

    fn submit(&mut self, scene: &Scene<'_>) -> Option<Command> {
        let entry = self.ui.entry.as_mut()?;
        // What was chosen stands in the line now; if more can follow, it is asked for.
        if entry.take_chosen(scene.live) && !entry.is_whole(scene.live) {
            return None;
        }
        if entry.purpose == Purpose::Command && entry.text.trim().is_empty() {
            self.ui.entry = None;
            return None;
        }
        match entry.command() {
            Ok(command) => {
                if entry.purpose != Purpose::ExportName {
                    self.ui.typed.push(entry.purpose, &entry.text);
                }
                self.ui.entry = None;
                self.command(command, scene)
            }
            Err(error) => {
                entry.error = Some(error);
                None
            }
        }
    }

    pub(super) fn ask_send(&mut self, scene: &Scene<'_>) {
        if self.ui.past.take().is_some() {
            self.ui.say("back to now");
            self.settle(scene);
        }
        let client = self.ui.watch.map(|key| key.fd).filter(|fd| is_client(scene.live, *fd));
        let foreign = client.and_then(|fd| foreign(scene.live, fd));
        match client {
            Some(_) if foreign.is_some() => self.ui.warn(foreign.unwrap_or_default()),
            Some(fd) => self.ui.entry = Some(LineEntry::new(Purpose::Send(fd), String::new())),
            None => self.ui.warn("no client is selected: press c to connect one, j and k select"),
        }
    }

    /// Shows only what that text names; what matches nothing is said to.
    pub(super) fn filter(&mut self, text: &str, scene: &Scene<'_>) {
        self.ui.filter = Filter::parse(text);
        if self.ui.filter.is_all() {
            return;
        }
        let world = self.world(scene).through(self.ui.poller);
        let matches = self.ui.filter.matches(world, scene.journal);
        if matches.nothing() {
            let text = crate::event::visible(text.trim().as_bytes(), 40);
            self.ui.warn(format!("no match for {text}: Esc forgets the filter"));
        }
    }

    /// Another order of the list of what is waited for; the next one if none is named.
    pub(super) fn sort(&mut self, order: Option<Order>) {
        self.ui.order = order.unwrap_or_else(|| self.ui.order.next());
        self.ui.say(match self.ui.order {
            Order::Number => "the list by number",
            Order::Unread => "the list by what is unread, most first",
            Order::State => "the list by state: stuck, in hand, ready, then the quiet ones",
            Order::Activity => "the list by activity, the latest first",
        });
    }
}
