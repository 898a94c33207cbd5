//! The way through poll(2) or select(2), place by place (fs/select.c).

use super::Stage;
use super::epoll;
use super::trail::{Place, Trail};
use crate::model::{LaneState, ScanSet};
use crate::tui::pane::RenderContext;
use crate::tui::theme::Role;
use crate::tui::words::{count, plural};

/// The places of the way: the set is passed in anew by each call, and every file is asked.
pub(super) fn stages(look: &RenderContext<'_>, set: &ScanSet, trail: &Trail) -> Vec<Stage> {
    vec![
        passed(set, trail),
        hooks(look, set),
        socket(look, trail),
        woken(trail),
        asked(set, trail),
        left(set, trail),
        epoll::calls(trail),
    ]
}

fn passed(set: &ScanSet, trail: &Trail) -> Stage {
    let title = if set.is_select() { "bitmaps in" } else { "the array in" };
    let words =
        "every call passes the whole set anew: the kernel keeps nothing of it between two calls.";
    let mut stage = Stage::new(Place::List, title, words);
    let files = plural(set.len() as u64, "file");
    stage.line(Role::Title, format!("{files}, by every call"));
    if let Some(last) = &set.last {
        stage.line(Role::Text, format!("{} B copied in", count(last.copied.0)));
    }
    match set.place(trail.key) {
        Some(place) if set.is_select() => stage.line(Role::Text, format!("bit {place}")),
        Some(place) => stage.line(Role::Text, format!("place {} of {}", place + 1, set.len())),
        None => stage.line(Role::Dim, "not in it"),
    }
    stage
}

fn hooks(look: &RenderContext<'_>, set: &ScanSet) -> Stage {
    let world = look.world();
    let words = "if nothing was found, the thread hangs on the wait queue of every file that it asked, and sleeps.";
    let mut stage = Stage::new(Place::Sleepers, "asleep on all queues", words);
    for lane in world.lanes.iter().filter(|lane| lane.is_alive()) {
        let name = world.lane_name(lane.id);
        match lane.state {
            LaneState::Asleep(_) => {
                let queues = plural(set.len() as u64, "queue");
                stage.line(Role::Asleep, format!("{name} hangs on {queues}"));
            }
            LaneState::Held(_) => stage.line(Role::Title, format!("{name} held: on no queue")),
            _ => stage.line(Role::Text, format!("{name} runs: on no queue")),
        }
    }
    stage
}

fn socket(look: &RenderContext<'_>, trail: &Trail) -> Stage {
    let mut stage = epoll::socket(look, trail);
    // Who hangs there does so only while it sleeps: told in the place before.
    stage.lines.truncate(2);
    stage
}

fn woken(trail: &Trail) -> Stage {
    let words =
        "the function on that queue wakes the thread. Which file it was is not handed over.";
    let mut stage = Stage::new(Place::Callback, "pollwake", words);
    match trail.woken {
        Some((_, band)) => {
            stage.line(Role::Data, format!("called with {}", band.join(" ")));
            stage.line(Role::Dim, "tells nobody which file");
        }
        None => stage.line(Role::Dim, "not called lately"),
    }
    stage
}

fn asked(set: &ScanSet, trail: &Trail) -> Stage {
    let words = "the woken thread asks all files once more, and takes itself off every queue.";
    let mut stage = Stage::new(Place::Scan, "the scan, again", words);
    let Some(last) = &set.last else {
        stage.line(Role::Dim, "has not been made");
        return stage;
    };
    stage.line(Role::Title, format!("asks all {}", count(last.files)));
    if let Some((_, _, mask, found)) = trail.found {
        stage.line(Role::Data, format!("found: {}", mask.join(" ")));
        if found > 1 {
            stage.line(Role::Dim, format!("and {} more", found - 1));
        }
    }
    stage
}

fn left(set: &ScanSet, trail: &Trail) -> Stage {
    let title = if set.is_select() { "bitmaps out" } else { "revents out" };
    let words = "what was found is written into the set, and all of it is copied back.";
    let mut stage = Stage::new(Place::Events, title, words);
    if let Some(last) = &set.last {
        stage.line(Role::Text, format!("{} B copied out", count(last.copied.1)));
    }
    match trail.found {
        Some(_) if set.is_select() => stage.line(Role::Dim, "it tests each bit"),
        Some(_) => stage.line(Role::Dim, "it looks at each place"),
        None => stage.line(Role::Dim, "nothing of it yet"),
    }
    stage
}
