//! Threads that sleep in calls of their own: where each is, and what that costs.

use crate::event::{Fd, LaneId, Syscall, WatchKey};
use crate::model::{EpollView, LaneState, Served, ThreadLane};
use crate::text::words::{Phrase, name};

/// What a thread costs: what is reserved for its stack (std::thread), and what of it is used.
const COST: &str = "2 MiB reserved, some 10 KiB used, and a kernel stack";

/// Why the file's thread is where it is.
pub(super) fn phrase(world: EpollView<'_>, served: &Served, key: WatchKey) -> Phrase {
    let lanes = served.by(key).iter().filter_map(|id| world.lane(*id));
    let alive: Vec<_> = lanes.filter(|lane| lane.is_alive()).collect();
    let in_read =
        |lane: &&&ThreadLane| !matches!(lane.state, LaneState::Asleep(Syscall::Send { .. }));
    let Some(lane) = alive.iter().find(|lane| !in_read(lane)).or_else(|| alive.first()) else {
        return Phrase::new(format!("no thread serves {}", name(&world, key)));
    };
    let limit = usize::from(LaneId::MAX_THREADS);
    let all = world.world.lanes.iter().filter(|lane| lane.is_alive()).count();
    if all >= limit && world.file_of(key).is_some_and(|file| file.peer.is_none()) {
        return Phrase::new(format!(
            "{limit} threads is the limit here; the client that comes next is turned away"
        ));
    }
    Phrase::new(one(world, lane, key.fd))
}

fn one(world: EpollView<'_>, lane: &ThreadLane, fd: Fd) -> String {
    let id = world.lane_name(lane.id);
    match lane.state {
        LaneState::Asleep(Syscall::Send { .. }) => format!(
            "{id} sleeps in send({fd}) since {}: its client does not read, and nobody else waits for \
             that",
            lane.since
        ),
        LaneState::Asleep(Syscall::Accept { .. }) => format!(
            "{id} sleeps in accept4({fd}) since {}, on the wait queue of the listener. Commands \
             reach it by a signal that takes it out of there",
            lane.since
        ),
        LaneState::Asleep(_) => format!(
            "{id} sleeps in read({fd}) since {}: its client costs a thread of its own, {COST}. No \
             signal is sent while a reader sleeps: the return of read is the arrival",
            lane.since
        ),
        LaneState::Held(call) => format!(
            "{id} is held before {call}; what its client sends meanwhile waits in the socket, and \
             the other clients have threads of their own"
        ),
        _ => format!("{id} runs: it serves fd {fd} alone, one call after the other"),
    }
}

/// The sentence for a thread that sleeps in its own call.
pub(super) fn sleeps(world: EpollView<'_>, lane: &ThreadLane, call: &Syscall) -> String {
    let id = world.lane_name(lane.id);
    let fd = call.fd().unwrap_or(Fd(-1));
    let name = if matches!(call, Syscall::Send { .. }) { "send" } else { call.name() };
    format!(
        "{id} sleeps in {name}({fd}) since {}. One arrival wakes {id} alone: each thread stands on \
         one wait queue",
        lane.since
    )
}
