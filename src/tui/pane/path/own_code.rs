//! The ways of loops in which each connection has code of its own: goroutines on one epoll instance
//! (runtime/netpoll.go), and threads that sleep in their own calls.

use super::trail::{Place, Trail};
use super::{Stage, epoll};
use crate::model::{GoState, LaneState, Netpoll, Served};
use crate::tui::pane::RenderContext;
use crate::tui::theme::Role;
use crate::tui::words::plural;

/// The places of a goroutine's way.
pub(super) fn goroutines(look: &RenderContext<'_>, netpoll: &Netpoll, trail: &Trail) -> Vec<Stage> {
    let mut stages = epoll::stages(look, trail);
    // What epoll reports is not handled: it makes goroutines runnable.
    stages.truncate(5);
    stages.push(run_queue(netpoll, trail));
    stages.push(runs(netpoll, trail));
    stages
}

fn run_queue(netpoll: &Netpoll, trail: &Trail) -> Stage {
    let words = "each event makes the goroutine runnable that is parked on that file: it goes to the \
                 tail of the run queue.";
    let mut stage = Stage::new(Place::Events, "run queue", words);
    stage.line(Role::Title, plural(netpoll.queue().len() as u64, "goroutine"));
    for go in netpoll.of_file(trail.key.file).take(2) {
        let (role, text) = match go.state {
            GoState::Runnable(_) => match netpoll.place(go.id) {
                Some(place) => (Role::Ready, format!("{} at place {}", go.id, place + 1)),
                None => (Role::Ready, format!("{} can run", go.id)),
            },
            GoState::Runs(lane) => (Role::Handled, format!("{} is run by {lane}", go.id)),
            GoState::Parked(on) => (Role::Dim, format!("{} parked: {}", go.id, on.word())),
        };
        stage.line(role, text);
    }
    stage
}

fn runs(netpoll: &Netpoll, trail: &Trail) -> Stage {
    let words = "a thread runs it from where it was parked: it reads as if the call had waited, and \
                 parks again at EAGAIN.";
    let mut stage = epoll::calls(trail);
    stage.words = words;
    stage.title = "it runs";
    let mut all = netpoll.of_file(trail.key.file);
    if let Some(lane) = all.find_map(|go| match go.state {
        GoState::Runs(lane) => Some(lane),
        GoState::Runnable(_) | GoState::Parked(_) => None,
    }) {
        stage.lines.insert(0, (Role::Handled, format!("on {lane}")));
    }
    stage
}

/// The places of the way where a thread sleeps for each client.
pub(super) fn threads(look: &RenderContext<'_>, served: &Served, trail: &Trail) -> Vec<Stage> {
    let mut file = epoll::socket(look, trail);
    file.lines.truncate(2);
    vec![file, asleep(look, served, trail), calls(trail)]
}

fn asleep(look: &RenderContext<'_>, served: &Served, trail: &Trail) -> Stage {
    let words = "the thread of this client hangs on that queue itself, in read. No list, no callback \
                 of epoll, no second thread: what comes wakes it and nobody else.";
    let mut stage = Stage::new(Place::Sleepers, "asleep in its call", words);
    let world = look.world();
    for id in served.by(trail.key) {
        let Some(lane) = world.world.lane(*id) else { continue };
        let name = world.lane_name(*id);
        match lane.state {
            LaneState::Asleep(call) => {
                stage.line(Role::Asleep, format!("{name} asleep in {}", call.name()));
            }
            LaneState::Held(_) => stage.line(Role::Title, format!("{name} held")),
            _ => stage.line(Role::Text, format!("{name} runs")),
        }
    }
    stage.line(Role::Dim, format!("{} in all", plural(served.len() as u64, "file")));
    stage
}

fn calls(trail: &Trail) -> Stage {
    let mut stage = epoll::calls(trail);
    stage.words = "the call comes back with the bytes: it waited, so there is no EAGAIN.";
    stage.title = "the call returns";
    stage
}
