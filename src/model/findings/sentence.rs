//! The sentences of the findings: which fd, which numbers, and what would mend it.

use crate::event::{FileKind, LaneId, Mask, Nanos, WatchKey};

use super::FindingKind;
use crate::model::why::words::{bits, count, duration, grouped, name, name_of};
use crate::model::{OpenFile, World};

/// Something is left that nobody will report.
pub(super) fn left(world: &World, kind: FindingKind, key: WatchKey) -> String {
    let name = name(world, key);
    let file = world.file_of(key);
    let holds = holds(file);
    let listener = file.is_some_and(|file| file.what == FileKind::Listener);
    match kind {
        FindingKind::OneshotDisarmed => format!(
            "{name} is one-shot and has fired: it is disarmed, {holds}, and the server went back \
             to epoll_wait without arming it again; it stays silent, even for HUP, until a MOD \
             (press m)"
        ),
        FindingKind::EmfileStranded => format!(
            "{name} is edge-triggered and {holds}; accept4 failed with EMFILE and the server went \
             back to epoll_wait, so nothing will report them, even when descriptors are free \
             again, until another client connects; a spare descriptor to turn them away mends it"
        ),
        _ if listener => format!(
            "{name} is edge-triggered and {holds}; the server accepted only some of them and went \
             back to epoll_wait, so nothing will report the rest until another client connects or \
             a MOD polls it (press m); accept until EAGAIN"
        ),
        _ if unread(file) == 0 => format!(
            "{name} is edge-triggered and {holds}, and the server went back to epoll_wait without \
             reading the end: a short read is no proof of drained, and no edge will repeat it; \
             read until 0 or EAGAIN, or MOD it (press m)"
        ),
        _ => format!(
            "{name} is edge-triggered and {holds}; the server went back to epoll_wait without \
             draining it, so nothing will report it until the peer sends again or a MOD polls it \
             (press m); read until EAGAIN"
        ),
    }
}

fn unread(file: Option<&OpenFile>) -> u32 {
    file.and_then(|file| file.unread).unwrap_or(0)
}

fn holds(file: Option<&OpenFile>) -> String {
    let unread = unread(file);
    match file {
        Some(file) if file.what == FileKind::Listener && unread == 1 => {
            "1 connection still waits to be accepted".to_owned()
        }
        Some(file) if file.what == FileKind::Listener && unread > 1 => {
            format!("{} connections still wait to be accepted", grouped(u64::from(unread)))
        }
        _ if unread > 0 => format!("still holds {}", count(u64::from(unread), "unread byte")),
        Some(file) if file.ended() => "its peer has closed".to_owned(),
        _ => "it was woken since".to_owned(),
    }
}

/// A level-triggered registration is reported over and over.
pub(super) fn spin(
    world: &World,
    kind: FindingKind,
    key: WatchKey,
    mask: Mask,
    times: u64,
) -> String {
    let name = name(world, key);
    let times = grouped(times);
    let bits = bits(mask);
    match kind {
        FindingKind::MaskZeroSpin => format!(
            "{name} is registered with mask 0, yet ERR and HUP are always reported: {times} \
             reports of {bits} in a row, and the loop spins; mask 0 turns nothing off: DEL it or \
             close it"
        ),
        FindingKind::EofSpin => {
            let until = if world.is_ghost(key) {
                "the last copy of its descriptor is closed: the number alone was".to_owned()
            } else {
                format!("the server closes fd {}", key.fd)
            };
            format!(
                "{name} was reported {times} times in a row with {bits}: its peer has closed, the \
                 end of stream does not go away, and level-triggered it is reported until {until}"
            )
        }
        _ => format!(
            "{name} was reported {times} times in a row with {bits} and nothing was written: there \
             is nearly always room to write, so OUT that is level-triggered or armed again \
             each time spins; watch OUT only while \
             output is queued (press w)"
        ),
    }
}

/// The accept loop spins.
pub(super) fn emfile_spin(world: &World, key: WatchKey, times: u64) -> String {
    format!(
        "{} is level-triggered and accept4 failed with EMFILE {} times in a row: the connection \
         stays in the queue, so epoll_wait reports it at once and the loop spins; keep a spare \
         descriptor to turn clients away, or stop watching",
        name(world, key),
        grouped(times)
    )
}

/// A registration outlived its number.
pub(super) fn ghost(world: &World, key: WatchKey) -> String {
    let now = match world.file_at(key.fd) {
        Some(file) => format!("the number now names {}", name_of(file)),
        None => "the number is closed".to_owned(),
    };
    let who = world.file_of(key).map(|file| format!(" ({})", name_of(file))).unwrap_or_default();
    format!(
        "the registration of fd {}{who} outlived its close: a copy (dup or fork) keeps the open \
         file alive, {now}, and its events go on; DEL fails by that number: DEL before close, or \
         close every copy",
        key.fd
    )
}

/// One event woke several threads.
pub(super) fn herd(
    world: &World,
    key: WatchKey,
    (taker, loser): (LaneId, LaneId),
    times: u64,
) -> String {
    let call = match world.file_of(key) {
        Some(file) if file.what == FileKind::Listener => "accept4",
        _ => "read",
    };
    let times = match times {
        1 => String::new(),
        n => format!(", {} times so far", grouped(n)),
    };
    format!(
        "{} was reported to {taker} and to {loser} for one event: {taker} took it and {loser}'s \
         {call} said EAGAIN{times}; level-triggered, each harvest puts the entry back and wakes \
         the next thread: edge or one-shot wakes one",
        name(world, key)
    )
}

/// A stale event of a batch was believed.
pub(super) fn stale(world: &World, lane: LaneId, fd: crate::event::Fd) -> String {
    let now = match world.file_at(fd) {
        Some(file) => format!("the number now names {}", name_of(file)),
        None => "the number is closed".to_owned(),
    };
    format!(
        "{lane} acted on a stale event of its batch: fd {fd} was closed while an earlier event of \
         the same batch was handled, and {now}; put a generation into epoll_event.data and skip \
         what does not match"
    )
}

/// One client is read without end while another waits.
pub(super) fn starving(
    world: &World,
    lane: LaneId,
    flooder: WatchKey,
    victim: WatchKey,
    (reads, took): (u32, Nanos),
) -> String {
    format!(
        "{lane} has read {} {} times in one turn ({}) while {} was ready all the time: draining \
         is not fair; bound the reads of a turn and carry the rest over",
        name(world, flooder),
        grouped(u64::from(reads)),
        duration(took),
        name(world, victim)
    )
}

/// The loop polls instead of waiting.
pub(super) fn timeout_zero(lane: LaneId, sights: u64) -> String {
    format!(
        "{lane} called epoll_wait with timeout 0 and got nothing, {} times in a row: the loop \
         never sleeps and burns a CPU; wait with timeout -1, or until the next timer",
        grouped(sights + 63)
    )
}
