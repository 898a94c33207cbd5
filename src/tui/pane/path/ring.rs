//! The way through an io_uring, place by place (io_uring/io_uring.c): what was asked for beforehand
//! is done when something comes, and the server is told afterwards.

use super::trail::{Place, Trail};
use super::{Stage, epoll};
use crate::model::{LaneState, Rings};
use crate::tui::pane::RenderContext;
use crate::tui::theme::Role;
use crate::tui::words::plural;

/// The places of the way.
pub(super) fn stages(look: &RenderContext<'_>, rings: &Rings, trail: &Trail) -> Vec<Stage> {
    vec![
        written(rings),
        armed(rings, trail),
        file(look, trail),
        done(rings, trail),
        sleepers(look),
        posted(rings, trail),
        handled(trail),
    ]
}

fn written(rings: &Rings) -> Stage {
    let words = "the server writes what it wants done, in memory that the kernel reads.";
    let mut stage = Stage::new(Place::List, "SQ", words);
    let written = match rings.sq.len() {
        1 => "1 entry written".to_owned(),
        n => format!("{n} entries written"),
    };
    stage.line(Role::Title, written);
    stage.line(Role::Dim, "io_uring_enter submits");
    stage
}

fn armed(rings: &Rings, trail: &Trail) -> Stage {
    let words = "an operation that cannot be done at once is armed: it hangs on the wait queue of \
                 its file, and holds the file.";
    let mut stage = Stage::new(Place::Socket, "in flight", words);
    let mut any = false;
    for flight in rings.of(trail.key.file).filter(|flight| flight.submitted.is_some()).take(3) {
        any = true;
        let done = match flight.done {
            0 => String::new(),
            n => format!(", {n} done"),
        };
        stage.line(Role::Text, format!("{} armed{done}", flight.sqe.op.word()));
    }
    if !any {
        stage.line(Role::Dim, "nothing of this file");
    }
    stage
}

fn file(look: &RenderContext<'_>, trail: &Trail) -> Stage {
    let mut stage = epoll::socket(look, trail);
    stage.place = Place::Callback;
    stage.lines.truncate(2);
    stage
}

fn done(rings: &Rings, trail: &Trail) -> Stage {
    let words = "the wake-up has the operation done by the server's own thread, in the kernel: the \
                 bytes are in the server's buffer before it is told of them.";
    let mut stage = Stage::new(Place::Scan, "the kernel does it", words);
    match rings.posted(trail.key.file) {
        Some((_, one)) => {
            stage.line(Role::Data, format!("result {}", one.cqe.ret));
            if let Some(buffer) = one.cqe.buffer {
                stage.line(Role::Text, format!("in buffer {buffer}"));
            }
        }
        None => stage.line(Role::Dim, "nothing is done and not taken"),
    }
    stage.line(Role::Dim, format!("{} free", plural(rings.free_buffers().into(), "buffer")));
    stage
}

fn sleepers(look: &RenderContext<'_>) -> Stage {
    let words = "a thread sleeps in io_uring_enter until enough completions are there.";
    let world = look.world();
    let mut stage = Stage::new(Place::Sleepers, "who sleeps", words);
    for lane in world.lanes.iter().filter(|lane| lane.is_alive()) {
        let name = world.lane_name(lane.id);
        match lane.state {
            LaneState::Asleep(_) => stage.line(Role::Asleep, format!("{name} asleep")),
            LaneState::Held(_) => stage.line(Role::Title, format!("{name} held")),
            _ => stage.line(Role::Text, format!("{name} runs")),
        }
    }
    stage
}

fn posted(rings: &Rings, trail: &Trail) -> Stage {
    let words = "a completion says what was done, not what may be started. It waits until the \
                 server takes it.";
    let mut stage = Stage::new(Place::Events, "CQ", words);
    stage.line(Role::Title, format!("{} posted", plural(rings.cq.len() as u64, "completion")));
    match rings.posted(trail.key.file) {
        Some((place, one)) => {
            let more = if one.cqe.more { ", more come" } else { "" };
            stage.line(Role::Data, format!("place {}{more}", place + 1));
        }
        None => stage.line(Role::Dim, "none of this file"),
    }
    stage
}

fn handled(trail: &Trail) -> Stage {
    let words =
        "it works with the bytes, and writes the next operation: a send, or the buffer back.";
    let mut stage = Stage::new(Place::Calls, "the server goes on", words);
    for call in trail.calls.iter().rev().take(3).rev() {
        stage.line(Role::Text, call.text.clone());
    }
    if trail.calls.is_empty() {
        stage.line(Role::Dim, "nothing yet");
    }
    stage
}
