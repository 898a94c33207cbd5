//! Goroutines: where one is, why, and what would move it (runtime/netpoll.go, runtime/proc.go).

use crate::event::{FileKind, GoChange, GoId, GoWait, LaneId, Mask, WatchKey};
use crate::model::{
    EpollView, GoReason, GoSlot, GoState, Goroutine, LaneState, Netpoll, OpenFile, ThreadLane,
};
use crate::text::words::{Phrase, count, parked};

/// Why the goroutines of that file are where they are.
pub(super) fn phrase(world: EpollView<'_>, netpoll: &Netpoll, key: WatchKey) -> Phrase {
    let parked = |go: &&Goroutine| matches!(go.state, GoState::Parked(_));
    let busy = netpoll.of_file(key.file).find(|go| !parked(go));
    let waits = netpoll.of_file(key.file).min_by_key(|go| match go.state {
        GoState::Parked(GoWait::Queue) => 1,
        _ => 0,
    });
    let Some(go) = busy.or(waits) else {
        return Phrase::new(format!(
            "no goroutine serves fd {}: it is closed, or about to be",
            key.fd
        ));
    };
    Phrase::new(one(world, netpoll, go, key))
}

fn one(world: EpollView<'_>, netpoll: &Netpoll, go: &Goroutine, key: WatchKey) -> String {
    let (id, fd) = (go.id, key.fd);
    match go.state {
        GoState::Runnable(GoReason::Yielded) => format!(
            "{id} yielded after 64 KiB and stands {} in the run queue: nobody interrupts a \
             goroutine here, Go would after 10 ms",
            standing(netpoll, id)
        ),
        GoState::Runnable(_) => format!(
            "{id} is runnable since {} and {} in the run queue: {}",
            go.since.1,
            standing(netpoll, id),
            threads(world, netpoll)
        ),
        GoState::Runs(lane) => match netpoll.slot(key.file, GoWait::Read) {
            GoSlot::Ready => noted(fd.0, id),
            _ => running(world, lane, id, key),
        },
        GoState::Parked(GoWait::Read) => parked_in_read(world, netpoll, go, key),
        GoState::Parked(GoWait::Write) => format!(
            "{id} is parked in write of fd {fd} since {}: its client does not read, so no room came. \
             Its stack waits, no thread does",
            go.since.1
        ),
        GoState::Parked(GoWait::Queue) => format!(
            "{id} is parked on the queue of fd {fd} since {}: nothing is to be written. A goroutine \
             that queues a line makes it runnable",
            go.since.1
        ),
        GoState::Parked(GoWait::Room) if world.leaked(key.file).is_some() => format!(
            "{id} is parked for good since {}: the client of fd {fd} has ended, and nothing will \
             wake it. Its stack and its descriptor are leaked",
            go.since.1
        ),
        GoState::Parked(GoWait::Room) => format!(
            "{id} does not read fd {fd} since {}: the queue to its client is too full",
            go.since.1
        ),
        GoState::Parked(GoWait::Descriptor) => format!(
            "{id} does not accept at fd {fd} since {}: no descriptor is left. A close makes it \
             runnable, or a second",
            go.since.1
        ),
    }
}

/// A thread runs it, or is held while it does.
fn running(world: EpollView<'_>, lane: LaneId, id: GoId, key: WatchKey) -> String {
    let name = world.lane_name(lane);
    match world.lane(lane).map(|lane| &lane.state) {
        Some(LaneState::Held(next)) => format!(
            "{name} runs {id} and is held before {next}. Holding {name} holds the goroutine that it \
             runs; other threads take the rest of the run queue"
        ),
        _ => format!("{name} runs {id}. {}", once(world, key)),
    }
}

/// What nobody waited for when it came.
fn noted(fd: i32, id: GoId) -> String {
    format!(
        "a note stands in rg of fd {fd}: bytes came before {id} asked. Its next read that says EAGAIN takes \
         that note, looks once more, and does not park"
    )
}

fn parked_in_read(
    world: EpollView<'_>,
    netpoll: &Netpoll,
    go: &Goroutine,
    key: WatchKey,
) -> String {
    let (id, fd, file) = (go.id, key.fd, world.file_of(key));
    let call = match file.map(|file| file.what) {
        Some(FileKind::Listener) => "accept",
        _ => "read",
    };
    let parked = format!(
        "{id} is parked in {call} of fd {fd} since {}: its stack waits, no thread does",
        go.since.1
    );
    let listed = world.instance.interest.get(key).is_some_and(|entry| entry.listed);
    let unread = file.and_then(|file| file.unread).filter(|n| *n > 0);
    let room = |file: &OpenFile| {
        file.unread == Some(0) && !file.ended() && !file.state.any(Mask::HUP | Mask::ERR)
    };
    match (listed, file.is_some_and(room)) {
        (true, true) => format!(
            "{parked}. fd {fd} is on the ready list because there is room (OUT), for which nobody \
             waits: the netpoller leaves a note in wg and wakes nobody"
        ),
        (true, false) => {
            let thing = if call == "accept" { "client" } else { "byte" };
            let came = unread.map_or_else(
                || "Something arrived".to_owned(),
                |n| format!("{} arrived", count(n.into(), thing)),
            );
            let who = netpoller(world, netpoll).map_or_else(
                || "the next thread with nothing to run".to_owned(),
                |lane| format!("the netpoller, {}, ", world.lane_name(lane)),
            );
            format!(
                "{parked}. {came}: fd {fd} is on the ready list of the one epoll, and {} makes {id} \
                 runnable",
                who.trim_end()
            )
        }
        (false, _) => format!("{parked}. {}", once(world, key)),
    }
}

/// What is registered.
fn once(world: EpollView<'_>, key: WatchKey) -> String {
    let fd = key.fd;
    let when = match world.file_of(key).map(|file| file.what) {
        Some(FileKind::Tcp | FileKind::Unix) => "when it was accepted",
        _ => "when the loop began",
    };
    match world.instance.interest.get(key) {
        Some(_) => format!(
            "fd {fd} was registered once, {when} (IN OUT RDHUP, edge-triggered). Parking and waking \
             made no epoll_ctl"
        ),
        None => format!("fd {fd} is not registered yet"),
    }
}

/// `first`, `at place 2`.
fn standing(netpoll: &Netpoll, id: GoId) -> String {
    match netpoll.place(id) {
        Some(0) | None => "first".to_owned(),
        Some(at) => format!("at place {}", at + 1),
    }
}

/// The thread that waits in `epoll_wait`.
fn netpoller(world: EpollView<'_>, netpoll: &Netpoll) -> Option<LaneId> {
    let waits = |lane: &&ThreadLane| {
        matches!(lane.state, LaneState::Asleep(_) | LaneState::Harvesting(_))
            && netpoll.run_by(lane.id).is_none()
    };
    world.world.lanes.iter().find(waits).map(|lane| lane.id)
}

/// What the threads do: `T1 runs G7, T2 is the netpoller; whichever is free first takes it`.
fn threads(world: EpollView<'_>, netpoll: &Netpoll) -> String {
    let alive = world.world.lanes.iter().filter(|lane| lane.is_alive());
    let each: Vec<_> = alive.map(|lane| thread(world, netpoll, lane)).collect();
    match each.len() {
        0 => "no thread runs".to_owned(),
        1 => format!("{}; then it takes it", each.join(", ")),
        _ => format!("{}; whichever is free first takes it", each.join(", ")),
    }
}

/// What one thread does.
pub(in crate::text) fn thread(
    world: EpollView<'_>,
    netpoll: &Netpoll,
    lane: &ThreadLane,
) -> String {
    let name = world.lane_name(lane.id);
    match (netpoll.run_by(lane.id), &lane.state) {
        (_, LaneState::Held(call)) => format!("{name} is held before {call}"),
        (Some(go), _) => format!("{name} runs {}", go.id),
        (None, LaneState::Asleep(_) | LaneState::Harvesting(_)) => {
            format!("{name} is the netpoller")
        }
        (None, _) => format!("{name} is idle"),
    }
}

/// What a thread does that is in no call.
pub(super) fn runs(world: EpollView<'_>, netpoll: &Netpoll, lane: &ThreadLane) -> String {
    let name = world.lane_name(lane.id);
    match netpoll.run_by(lane.id) {
        Some(go) => {
            let of = go.key.map_or_else(String::new, |key| format!(", which serves fd {}", key.fd));
            format!("{name} runs {}{of}, until that waits or yields", go.id)
        }
        None => format!(
            "{name} has nothing to run: it sleeps until a goroutine is runnable (futex(2)), while \
             another thread is the netpoller"
        ),
    }
}

/// What an event means for a goroutine.
pub(super) fn changed(world: EpollView<'_>, lane: LaneId, id: GoId, what: GoChange) -> String {
    let lane = world.lane_name(lane);
    match what {
        GoChange::Spawn { fd, .. } => {
            format!(
                "{lane} makes {id} for fd {fd}: a stack of 64 KiB, at the tail of the run queue"
            )
        }
        GoChange::Run => format!("{lane} takes {id} from the head of the run queue and runs it"),
        GoChange::Park { on } => {
            format!("{id} parks {}: its stack waits, and {lane} goes on with another", parked(on))
        }
        GoChange::Ready { mask } if mask.is_empty() => {
            format!("{lane} makes {id} runnable: another goroutine brought about what it waits for")
        }
        GoChange::Ready { mask } => {
            format!("epoll_wait told {lane} of {mask}: {id} goes to the tail of the run queue")
        }
        GoChange::Yield => format!(
            "{id} yields after 64 KiB and goes to the tail: nobody interrupts a goroutine here, Go \
             would after 10 ms"
        ),
        GoChange::End => format!("{id} ends: its stack is given back"),
    }
}

/// What the head of the run queue will do, as a thread that is held before it sees it.
pub(super) fn will_run(world: EpollView<'_>, shown: GoId) -> String {
    let head = world.netpoll().and_then(|netpoll| netpoll.queue().next());
    let Some(go) = head else {
        return "another thread has taken it meanwhile, and the run queue is empty".to_owned();
    };
    let of = go.key.map_or_else(String::new, |key| format!(" of fd {}", key.fd));
    let other = if go.id == shown { "" } else { "another thread has taken that one; " };
    format!(
        "{other}it takes {}{of} from the head of the run queue and runs it up to its first call",
        go.id
    )
}
