//! What an epoll_wait that returned means: what it polled, what it reported, and what becomes of it.

use super::is_edge;
use crate::event::{
    Delivery, Errno, Event, Fd, FileKind, LaneId, Mask, Output, SyscallRecord, Trigger,
};
use crate::model::{EpollView, InterestList, LaneState, OpenFile, ThreadLane};
use crate::text::words::{Phrase, bits, list, short, who};

/// epoll_wait(2)
pub(super) fn waited(
    world: EpollView<'_>,
    event: &Event,
    record: &SyscallRecord,
    (ep, max, timeout_ms): (Fd, u32, i32),
) -> Phrase {
    if record.ret.is(Errno::EINTR) {
        return interrupted(world, event.lane);
    }
    if let Some(errno) = record.ret.errno() {
        let on = if world.labelled { format!(" on {}", short(&world, ep)) } else { String::new() };
        return Phrase::new(format!("epoll_wait{on} failed with {errno}"));
    }
    let events: &[Delivery] = match &record.output {
        Output::Events { events, .. } => events,
        _ => &[],
    };
    if events.is_empty() {
        return Phrase::new(nothing(world, event.lane, ep, timeout_ms));
    }
    let name = |e: &Delivery| world.watch_name(InterestList::key_of(e));
    let reported = events.iter().map(|e| format!("{} {}", name(e), bits(e.mask)));
    let order = match events.len() {
        1 => "",
        _ => ", in the order in which they became ready",
    };
    let full = match u32::try_from(events.len()) {
        Ok(n) if n >= max => {
            format!(" It stopped at max {max}: what it did not reach stays at the head.")
        }
        _ => String::new(),
    };
    Phrase::new(format!(
        "epoll_wait polled what was on the ready list and reported {}{order}",
        list(&reported.collect::<Vec<_>>())
    ))
    .then(format!("{}{full}{}", fate(world, event, ep, events), ends(world, events)))
}

fn interrupted(world: EpollView<'_>, lane: LaneId) -> Phrase {
    let who = who(&world, lane);
    let how = format!("a signal interrupted {who} in epoll_wait: SA_RESTART does not help here");
    if world.labelled {
        return Phrase::new(format!("{how}, and no event was consumed"));
    }
    Phrase::new(how).then("The tool's pause is such a signal; no event was consumed")
}

fn nothing(world: EpollView<'_>, lane: LaneId, ep: Fd, timeout_ms: i32) -> String {
    let instance = world.through_fd(ep).instance;
    // Of lists that are read it is seen what the call dropped.
    let dropped = instance.delta.removed.iter().filter(|_| !instance.is_deduced());
    let dropped: Vec<String> = dropped.map(|key| world.watch_name(*key)).collect();
    match (dropped.is_empty(), timeout_ms) {
        (false, _) => format!(
            "epoll_wait polled {}, found nothing there any more, dropped it, and had nothing to \
             report",
            list(&dropped)
        ),
        (true, 0) => format!(
            "nothing was ready, and with timeout 0 {} does not sleep: a loop of such calls burns a \
             CPU",
            who(&world, lane)
        ),
        (true, ms) => format!("nothing was ready within {ms} ms"),
    }
}

/// What became of the reported registrations.
fn fate(world: EpollView<'_>, event: &Event, ep: Fd, events: &[Delivery]) -> String {
    let interest = &world.through_fd(ep).instance.interest;
    let (mut level, mut edge, mut oneshot) = (0, 0, 0);
    for event in events {
        match interest.get(InterestList::key_of(event)) {
            Some(entry) if entry.mask.has(Mask::ONESHOT) => oneshot += 1,
            Some(entry) if entry.trigger() == Trigger::Edge => edge += 1,
            Some(_) => level += 1,
            None => {}
        }
    }
    let fate = match (level, edge, oneshot) {
        // It has been closed since.
        (0, 0, 0) if world.labelled => "",
        (_, 0, 0) => "Level-triggered, back at the tail to be polled again.",
        (0, _, 0) if world.labelled => {
            "Edge-triggered, off the list: whatever was not read is not reported again."
        }
        (0, _, 0) => "Edge-triggered, off the list: read until EAGAIN.",
        (0, 0, _) => "One-shot, disarmed until a MOD.",
        _ => "Level ones went back to the tail, edge and one-shot ones left it.",
    };
    let woken = |lane: &&ThreadLane| {
        lane.id != event.lane
            && lane.since == event.t
            && matches!(lane.state, LaneState::Harvesting(_))
    };
    match world.lanes.iter().filter(|_| !world.labelled).find(woken) {
        Some(lane) => format!("{fate} The list is not empty, so {} was woken too.", lane.id),
        None => fate.to_owned(),
    }
}

/// What the bits say of the peer.
fn ends(world: EpollView<'_>, events: &[Delivery]) -> String {
    let over = |e: &&Delivery| e.mask.any(Mask::RDHUP | Mask::HUP | Mask::ERR);
    let Some(event) = events.iter().find(over) else { return along(world, events) };
    let name = world.watch_name(InterestList::key_of(event));
    let file = world.files.get(&event.file);
    let pipe = |file: &OpenFile| matches!(file.what, FileKind::Pipe | FileKind::PipeWriter);
    if event.mask.has(Mask::ERR) && file.is_some_and(pipe) {
        format!(" ERR of {name} comes unasked, as HUP does.")
    } else if event.mask.has(Mask::ERR) {
        format!(" ERR: {name} was reset or failed; ERR and HUP come unasked.")
    } else if event.mask.has(Mask::HUP) && file.is_some_and(pipe) {
        format!(" HUP: no writer of {name} is left.")
    } else if event.mask.has(Mask::HUP) {
        format!(" HUP: both directions of {name} are shut.")
    } else {
        let file = world.file_at(event.fd);
        let unread = file.is_some_and(|file| file.unread.is_some_and(|n| n > 0));
        let bytes = if unread { " What it sent before is still there." } else { "" };
        format!(" RDHUP without HUP: {name}'s peer sends no more, but may still read.{bytes}")
    }
}

/// Edge-triggered IN with OUT: every poll answers for all watched bits.
fn along(world: EpollView<'_>, events: &[Delivery]) -> String {
    let both = Mask::IN | Mask::OUT;
    let edge = |e: &&Delivery| e.mask.has(both) && is_edge(world, e.fd);
    match events.iter().find(edge) {
        Some(event) => format!(
            " OUT of {} comes along: the poll answers for every watched bit, not for the one that \
             woke it.",
            world.watch_name(InterestList::key_of(event))
        ),
        None => String::new(),
    }
}
