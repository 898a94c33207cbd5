//! The way through an epoll instance, place by place (fs/eventpoll.c).

use super::Stage;
use super::trail::{Place, Trail};
use crate::event::{LaneId, Mask, Reason, Trigger, WakeupLog};
use crate::model::{InterestEntry, InterestList, LaneState, Progress};
use crate::text::strace;
use crate::tui::pane::RenderContext;
use crate::tui::theme::Role;
use crate::tui::words;

/// Rows of a list in a place.
const ROWS: usize = 3;

/// The places of the way.
pub(super) fn stages(look: &RenderContext<'_>, trail: &Trail) -> Vec<Stage> {
    vec![
        socket(look, trail),
        callback(look, trail),
        list(look, trail),
        sleepers(look),
        scan(look, trail),
        events(look, trail),
        calls(trail),
    ]
}

pub(super) fn socket(look: &RenderContext<'_>, trail: &Trail) -> Stage {
    let world = look.world();
    let words = "something came to the file. Whoever waits for it hangs on its wait queue, and the kernel calls the \
                 function of each.";
    let mut stage = Stage::new(Place::Socket, "file and wait queue", words);
    let name = world.watch_name(trail.key);
    let Some(file) = world.file_of(trail.key) else {
        stage.line(Role::Title, format!("{name}: gone"));
        return stage;
    };
    stage.line(Role::Title, format!("{name} {}", words::kind(file)));
    let unread = match file.unread {
        Some(n) => format!("{} unread", words::size(n)),
        None => "unread: not known".to_owned(),
    };
    stage.line(if file.unread == Some(0) { Role::Dim } else { Role::Data }, unread);
    let hooks = world.entries(trail.key).count();
    match hooks {
        0 => stage.line(Role::Dim, "nobody hangs on its queue"),
        1 if world.instance.interest.get(trail.key).is_some() => {
            stage.line(Role::Text, "on its queue: this epoll");
        }
        1 => stage.line(Role::Text, "on its queue: another epoll"),
        n => stage.line(Role::Text, format!("on its queue: {n} epolls")),
    }
    stage
}

fn callback(look: &RenderContext<'_>, trail: &Trail) -> Stage {
    let words = "the function that ADD hung there. If the key is one that is waited for, it puts the \
                 registration at the tail of the ready list, unless it is there, and wakes a sleeper.";
    let mut stage = Stage::new(Place::Callback, "ep_poll_callback", words);
    match trail.woken {
        Some((_, band)) if band.is_empty() => stage.line(Role::Data, "called without a key"),
        Some((_, band)) => stage.line(Role::Data, format!("called with {}", band.join(" "))),
        // Without wake-ups of their own they are known by what they listed.
        None if look.world().labelled => stage.line(Role::Data, listed(look, trail)),
        None if look.world().edge_log == WakeupLog::Off => {
            stage.line(Role::Dim, "wake-ups are not recorded");
        }
        None => stage.line(Role::Dim, "not called lately"),
    }
    match look.world().instance.interest.get(trail.key).map(|entry| entry.mask) {
        Some(mask) => stage.line(Role::Dim, format!("waits for {}", mask.asked().join(" "))),
        None => stage.line(Role::Dim, "not registered here"),
    }
    stage
}

fn listed(look: &RenderContext<'_>, trail: &Trail) -> &'static str {
    let world = look.world();
    match world.instance.ready.find(trail.key).map(|(_, entry)| entry.why) {
        Some(Reason::PutBack) => "called before",
        Some(_) => "called: listed it",
        None if trail.found.is_some() => "called before",
        None => "not called yet",
    }
}

fn list(look: &RenderContext<'_>, trail: &Trail) -> Stage {
    let world = look.world();
    let words =
        "the ready list: candidates, in the order in which they were listed. It holds no events.";
    let mut stage = Stage::new(Place::List, "rdllist", words);
    let ready = &world.instance.ready;
    if !world.knows_ready_list() {
        stage.line(Role::Dim, "not known");
        return stage;
    }
    if ready.is_empty() {
        stage.line(Role::Dim, "empty");
    }
    let chosen = ready.find(trail.key).map_or(0, |(at, _)| at);
    let first = chosen.saturating_sub(ROWS - 1);
    for (at, entry) in ready.iter().enumerate().skip(first).take(ROWS) {
        let role = if entry.key == trail.key { Role::Ready } else { Role::Text };
        stage.line(role, format!("{} {}", at + 1, world.watch_name(entry.key)));
    }
    let hidden = ready.len().saturating_sub(ROWS);
    if hidden > 0 {
        stage.line(Role::Dim, format!("and {hidden} more"));
    }
    if let Some(overflow) = &world.instance.overflow {
        let names: Vec<_> = overflow.iter().map(|key| world.watch_name(*key)).collect();
        stage.line(Role::Handled, format!("ovflist: {}", names.join(", ")));
    }
    stage
}

fn sleepers(look: &RenderContext<'_>) -> Stage {
    let world = look.world();
    let words = "threads that sleep in epoll_wait, on the wait queue of the epoll instance itself. The one that \
                 went to sleep last is woken first.";
    let mut stage = Stage::new(Place::Sleepers, "wq: who sleeps", words);
    let asleep: Vec<_> = world.instance.wq.iter().collect();
    for id in asleep.iter().take(ROWS) {
        stage.line(Role::Asleep, format!("{} asleep", world.lane_name(*id)));
    }
    for lane in world.lanes.iter().filter(|lane| lane.is_alive() && !asleep.contains(&lane.id)) {
        let name = world.lane_name(lane.id);
        match &lane.state {
            LaneState::Held(call) => {
                let call = strace::before(world.world, call, world.seq);
                stage.line(Role::Title, format!("{name} held before {call}"));
            }
            LaneState::Harvesting(_) => stage.line(Role::Handled, format!("{name} looks")),
            _ => stage.line(Role::Text, format!("{name} runs")),
        }
    }
    if stage.lines.len() > ROWS + 1 {
        let more = stage.lines.len() - ROWS;
        stage.lines.truncate(ROWS);
        stage.line(Role::Dim, format!("and {more} more"));
    }
    stage
}

fn scan(look: &RenderContext<'_>, trail: &Trail) -> Stage {
    let words = "the woken thread takes the list and asks each file: what it answers is what is reported. Level: \
                 back at the tail, to be asked again. Edge and one-shot: off the list.";
    let mut stage = Stage::new(Place::Scan, "epoll_wait: the scan", words);
    let Some((found, lane, mask, _)) = trail.found else {
        stage.line(Role::Dim, "has not come to it");
        return stage;
    };
    let lane = look.world().lane_name(lane);
    stage.line(Role::Title, format!("{lane} asked it: {}", mask.join(" ")));
    let entry = look.world().instance.interest.get(trail.key);
    // How it was triggered then is not kept.
    if entry.is_some_and(|entry| entry.changed.1 > found) {
        stage.line(Role::Dim, "changed since by a MOD");
        return stage;
    }
    let what = match entry {
        Some(entry) if entry.mask.has(Mask::ONESHOT) => "off the list: one-shot",
        Some(entry) if entry.trigger() == Trigger::Edge => "off the list: edge",
        Some(_) => "back at the tail: level",
        None => "gone since",
    };
    stage.line(Role::Ready, what);
    let world = look.world();
    let level = entry
        .is_some_and(|entry| entry.trigger() == Trigger::Level && !entry.mask.has(Mask::ONESHOT));
    if level && world.knows_ready_list() && world.instance.ready.find(trail.key).is_none() {
        stage.line(Role::Dim, "asked again: off the list");
    }
    stage
}

pub(super) fn events(look: &RenderContext<'_>, trail: &Trail) -> Stage {
    let world = look.world();
    let words = "at most maxevents of them are copied to the array that the server passed.";
    let mut stage = Stage::new(Place::Events, "events[]", words);
    let Some((_, lane, mask, count)) = trail.found else {
        stage.line(Role::Dim, "nothing was copied");
        return stage;
    };
    stage.line(Role::Data, format!("{} {}", world.watch_name(trail.key), mask.join(" ")));
    if count > 1 {
        stage.line(Role::Dim, format!("and {} more", count - 1));
    }
    stage.line(Role::Handled, progress(look, trail, lane));
    stage
}

fn progress(look: &RenderContext<'_>, trail: &Trail, id: LaneId) -> String {
    let world = look.world();
    let name = world.lane_name(id);
    let batch = world.world.lane(id).map(|lane| &lane.batch);
    let it = batch.and_then(|batch| {
        batch.iter().find(|entry| InterestList::key_of(&entry.delivery) == trail.key)
    });
    if world.labelled {
        // A lesson tells what was handed over, and not when it is handled.
        return format!("{name} has it");
    }
    match it.map(|entry| entry.progress) {
        Some(Progress::Waiting) => format!("waits for {name}"),
        Some(Progress::Current) => format!("{name} is at it"),
        Some(Progress::Done) | None => format!("{name} has handled it"),
    }
}

pub(super) fn calls(trail: &Trail) -> Stage {
    let words = "the server goes through the array and reads and writes. The kernel does not look what it does \
                 with them.";
    let mut stage = Stage::new(Place::Calls, "the server calls", words);
    let hidden = trail.calls.len().saturating_sub(ROWS);
    if hidden > 0 {
        stage.line(Role::Dim, format!("{hidden} before"));
    }
    for call in trail.calls.iter().skip(hidden) {
        stage.line(Role::Text, call.text.clone());
    }
    if trail.calls.is_empty() {
        stage.line(Role::Dim, "nothing yet");
    }
    stage
}

/// How a registration is triggered, for a title.
pub(super) fn trigger(entry: Option<&InterestEntry>) -> &'static str {
    match entry.map(InterestEntry::trigger) {
        Some(Trigger::Level) => "level",
        Some(Trigger::Edge) => "EDGE",
        None => "not registered",
    }
}
