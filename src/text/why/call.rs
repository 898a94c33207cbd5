//! What a call that returned means.

use super::prepare;
use crate::event::{
    CtlOp, Delivery, Errno, Event, Fd, FileKind, LaneId, Mask, Output, Ret, Syscall, SyscallRecord,
    Trigger, WatchKey,
};
use crate::model::{EpollView, Lane, LaneState, OpenFile};
use crate::text::words::{after_mod, bits, clients, count, grouped, list, manner, name, name_of};

/// The sentence for that call.
pub(super) fn sentence(world: EpollView<'_>, event: &Event, record: &SyscallRecord) -> String {
    let ret = record.ret;
    match record.call {
        Syscall::EpollWait { max, timeout_ms, .. } => waited(world, event, record, max, timeout_ms),
        Syscall::Accept { fd } => accepted(world, event.lane, fd, record),
        Syscall::Read { fd, len } => read(world, event.lane, fd, len, ret),
        Syscall::Write { fd, len } | Syscall::Send { fd, len } => wrote(world, fd, len, ret),
        Syscall::EpollCtl { op, fd, mask, file, .. } => {
            controlled(world, op, WatchKey { fd, file }, mask, ret)
        }
        Syscall::Close { fd } => closed(world, fd, ret),
        Syscall::EpollCreate => created(ret),
        Syscall::Shutdown { fd, how } => match ret.errno() {
            None => format!(
                "{how} on fd {fd}: the number stays open and registered, and this end is woken \
                 without a key, which passes every mask"
            ),
            Some(errno) => format!("shutdown of fd {fd} failed: {errno}"),
        },
        Syscall::Dup { fd } => match ret.fd() {
            Some(copy) => format!(
                "fd {copy} names the same open file as fd {fd}: closing fd {fd} alone no longer \
                 removes its registration, for epoll watches the open file"
            ),
            None => format!("dup of fd {fd} failed: {ret}"),
        },
        Syscall::Setup(_) | Syscall::Poll { .. } | Syscall::Select { .. } => {
            prepare::sentence(&record.call, &world.lane_name(event.lane), ret)
        }
    }
}

/// epoll_create1(2)
pub(in crate::text::why) fn created(ret: Ret) -> String {
    match ret.fd() {
        Some(fd) => format!(
            "fd {fd} is a new epoll instance: an empty interest list, ready list and wait queue"
        ),
        None => format!("no epoll instance was made: {ret}"),
    }
}

fn waited(
    world: EpollView<'_>,
    event: &Event,
    record: &SyscallRecord,
    max: u32,
    timeout_ms: i32,
) -> String {
    let lane = event.lane;
    if record.ret.is(Errno::EINTR) {
        return format!(
            "a signal interrupted {lane} in epoll_wait: SA_RESTART does not help here. The tool's \
             pause is such a signal; no event was consumed"
        );
    }
    if let Some(errno) = record.ret.errno() {
        return format!("epoll_wait failed with {errno}");
    }
    let events: &[Delivery] = match &record.output {
        Output::Events { events, .. } => events,
        _ => &[],
    };
    if events.is_empty() {
        return match timeout_ms {
            0 => format!(
                "nothing was ready, and with timeout 0 {lane} does not sleep: a loop of such calls \
                 burns a CPU"
            ),
            ms => format!("nothing was ready within {ms} ms"),
        };
    }
    let fds: Vec<String> = events.iter().map(|e| format!("fd {} {}", e.fd, bits(e.mask))).collect();
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
    format!(
        "epoll_wait polled what was on the ready list and reported {}{order}. {}{full}{}",
        list(&fds),
        fate(world, event, events),
        ends(world, events)
    )
}

/// What became of the reported registrations.
fn fate(world: EpollView<'_>, event: &Event, events: &[Delivery]) -> String {
    let (mut level, mut edge, mut oneshot) = (0, 0, 0);
    for event in events {
        let key = WatchKey { fd: event.fd, file: event.file };
        match world.instance.interest.get(key) {
            Some(entry) if entry.mask.has(Mask::ONESHOT) => oneshot += 1,
            Some(entry) if entry.trigger() == Trigger::Edge => edge += 1,
            Some(_) => level += 1,
            None => {}
        }
    }
    let fate = match (level, edge, oneshot) {
        (_, 0, 0) => "Level-triggered, back at the tail to be polled again.",
        (0, _, 0) => "Edge-triggered, off the list: read until EAGAIN.",
        (0, 0, _) => "One-shot, disarmed until a MOD.",
        _ => "Level ones went back to the tail, edge and one-shot ones left it.",
    };
    let woken = |lane: &&Lane| {
        lane.id != event.lane
            && lane.since == event.t
            && matches!(lane.state, LaneState::Harvesting(_))
    };
    match world.lanes.iter().find(woken) {
        Some(lane) => format!("{fate} The list is not empty, so {} was woken too.", lane.id),
        None => fate.to_owned(),
    }
}

/// What the bits say of the peer.
fn ends(world: EpollView<'_>, events: &[Delivery]) -> String {
    let over = |e: &&Delivery| e.mask.any(Mask::RDHUP | Mask::HUP | Mask::ERR);
    let Some(event) = events.iter().find(over) else { return along(world, events) };
    let fd = event.fd;
    if event.mask.has(Mask::ERR) {
        format!(" ERR: fd {fd} was reset or failed; ERR and HUP come unasked.")
    } else if event.mask.has(Mask::HUP) {
        format!(" HUP: both directions of fd {fd} are shut.")
    } else {
        let unread = world.file_at(fd).is_some_and(|file| file.unread.is_some_and(|n| n > 0));
        let bytes = if unread { " What it sent before is still there." } else { "" };
        format!(" RDHUP without HUP: fd {fd}'s peer sends no more, but may still read.{bytes}")
    }
}

/// Edge-triggered IN with OUT: every poll answers for all watched bits.
fn along(world: EpollView<'_>, events: &[Delivery]) -> String {
    let both = Mask::IN | Mask::OUT;
    let edge = |e: &&Delivery| e.mask.has(both) && trigger(world, e.fd) == Some(Trigger::Edge);
    match events.iter().find(edge) {
        Some(event) => format!(
            " OUT of fd {} comes along: the poll answers for every watched bit, not for the one \
             that woke it.",
            event.fd
        ),
        None => String::new(),
    }
}

fn accepted(world: EpollView<'_>, lane: LaneId, fd: Fd, record: &SyscallRecord) -> String {
    let listener = world.file_at(fd);
    let waiting = listener.and_then(|file| file.unread);
    let edge = trigger(world, fd) == Some(Trigger::Edge);
    if let (Some(new), Output::Accepted { peer, .. }) = (record.ret.fd(), &record.output) {
        let peer = crate::event::visible(peer.to_string().as_bytes(), 48);
        let more = match waiting {
            Some(0) => "no other client waits".to_owned(),
            Some(n) if edge => format!(
                "{} still, and edge-triggered nobody will say so again: accept until EAGAIN",
                clients(n)
            ),
            Some(n) => format!("{} still; level-triggered, that is reported again", clients(n)),
            None => "whether others wait only the next accept4 tells".to_owned(),
        };
        return format!("{lane} took {peer} from the queue of fd {fd} as fd {new}; {more}");
    }
    match record.ret.errno() {
        Some(Errno::EAGAIN) => match taker(world, lane, fd) {
            Some(other) => format!(
                "EAGAIN: no connection is left for {lane}; {other} was told of fd {fd} too and took \
                 it. One-shot, or one listener a thread, prevents the race"
            ),
            None => format!(
                "EAGAIN: the queue of fd {fd} is empty, every waiting client has been accepted. \
                 Only a new connection lists it again"
            ),
        },
        Some(errno) if errno.is_out_of_descriptors() => format!(
            "{errno}: no descriptor is left, and the client stays in the queue of fd {fd}; {}",
            if edge {
                "edge-triggered, it is forgotten unless the server comes back by itself"
            } else {
                "level-triggered, the next epoll_wait reports it at once, and the loop spins unless \
                 the server turns it away"
            }
        ),
        _ => format!("no connection was taken from fd {fd}: {}", record.ret),
    }
}

/// Another thread that has the same file in its batch.
fn taker(world: EpollView<'_>, lane: LaneId, fd: Fd) -> Option<LaneId> {
    let has = |l: &&crate::model::Lane| {
        l.id != lane && l.is_alive() && l.batch.iter().any(|b| b.delivery.fd == fd)
    };
    world.lanes.iter().find(has).map(|l| l.id)
}

fn trigger(world: EpollView<'_>, fd: Fd) -> Option<Trigger> {
    world.entry_at(fd).map(crate::model::InterestEntry::trigger)
}

fn read(world: EpollView<'_>, lane: LaneId, fd: Fd, len: u32, ret: Ret) -> String {
    let file = world.file_at(fd);
    let edge = trigger(world, fd) == Some(Trigger::Edge);
    if file.is_some_and(|file| file.what == FileKind::Eventfd) {
        return format!("{lane} took the tool's signal off fd {fd}: a command is waiting for it");
    }
    match (ret.count(), ret.errno()) {
        (Some(0), _) => format!(
            "0 is the end of the stream: fd {fd}'s peer has closed or shut down its sending side. \
             {}",
            if edge {
                "Edge-triggered, nothing repeats it: close it now"
            } else {
                "That stays true, so level-triggered it is reported for ever, until it is closed"
            }
        ),
        (Some(n), _) => got(file, fd, n, len, edge),
        (_, Some(Errno::EAGAIN)) => match taker(world, lane, fd) {
            Some(other) if file.is_some_and(|file| !file.drained) => {
                format!("EAGAIN: nothing is left in fd {fd} for {lane}; {other} was told of it too")
            }
            _ => drained(world, fd, edge),
        },
        (_, Some(Errno::ECONNRESET)) => format!(
            "ECONNRESET: the peer of fd {fd} reset the connection (RST); what it had not yet been \
             sent is lost, and the next read says 0"
        ),
        _ => format!("nothing was read from fd {fd}: {ret}"),
    }
}

fn drained(world: EpollView<'_>, fd: Fd, edge: bool) -> String {
    let listed = world.entry_at(fd).is_some_and(|entry| entry.listed);
    match (listed, edge) {
        (true, _) => format!(
            "EAGAIN: fd {fd} is drained, yet it stays on the ready list: reading takes nothing off. \
             The next epoll_wait polls it, finds nothing, and drops it"
        ),
        (false, true) => format!(
            "EAGAIN: fd {fd} is drained. Under edge-triggering this is the only proof that it is \
             safe to wait: whatever comes now is a new edge"
        ),
        (false, false) if world.knows_ready_list() => {
            format!("EAGAIN: fd {fd} is drained; new data lists it again")
        }
        (false, false) => format!(
            "EAGAIN: fd {fd} is drained; if it is on the ready list, the next epoll_wait drops it"
        ),
    }
}

fn got(file: Option<&OpenFile>, fd: Fd, n: u32, len: u32, edge: bool) -> String {
    let bytes = count(u64::from(n), "byte");
    let left = file.and_then(|file| file.unread);
    let ended = file.is_some_and(OpenFile::ended);
    let after = match left {
        Some(0) if ended && edge => {
            "the peer has closed too: without another read the end is never seen, for no edge \
             repeats it"
                .to_owned()
        }
        Some(left) if left > 0 && edge => format!(
            "{} are left, and edge-triggered nobody will say so again: read on",
            count(u64::from(left), "byte")
        ),
        Some(left) if left > 0 => format!(
            "{} are left; level-triggered, the next epoll_wait reports it again",
            count(u64::from(left), "byte")
        ),
        _ if n == len => "the buffer was filled, so there may be more".to_owned(),
        _ if edge => "fewer than asked for, but only EAGAIN (or 0) proves that it is drained: an \
                      end that came with the data would be missed"
            .to_owned(),
        _ => "fewer than asked for; it stays on the ready list until the next epoll_wait polls it"
            .to_owned(),
    };
    format!("{bytes} of up to {} from fd {fd}: {after}", grouped(u64::from(len)))
}

fn wrote(world: EpollView<'_>, fd: Fd, len: u32, ret: Ret) -> String {
    match (ret.count(), ret.errno()) {
        (Some(n), _) if n < len => format!(
            "only {} of {} fitted into the send buffer of fd {fd}: the rest waits in the server's \
             own queue, and OUT tells when about a third of the buffer is free",
            grouped(u64::from(n)),
            grouped(u64::from(len))
        ),
        (Some(n), _) => format!(
            "{} went into the send buffer of {}; that the peer has read them it does not say",
            count(u64::from(n), "byte"),
            world
                .file_at(fd)
                .map_or_else(|| format!("fd {fd}"), |f| format!("fd {fd} ({})", name_of(f)))
        ),
        (_, Some(Errno::EAGAIN)) => format!(
            "EAGAIN: the send buffer of fd {fd} is full. This arms OUT: it comes when the peer has \
             read about a third, not at its first read"
        ),
        (_, Some(errno @ (Errno::EPIPE | Errno::ECONNRESET))) => format!(
            "{errno}: the peer of fd {fd} is gone. The first write after its close succeeds and is \
             answered by a reset; this one meets it"
        ),
        _ => format!("nothing was written to fd {fd}: {ret}"),
    }
}

fn controlled(world: EpollView<'_>, op: CtlOp, key: WatchKey, mask: Mask, ret: Ret) -> String {
    let fd = key.fd;
    if let Some(errno) = ret.errno() {
        return refused(op, &format!("fd {fd}"), errno);
    }
    let listed = world.instance.interest.get(key).is_some_and(|entry| entry.listed);
    let fresh = world.instance.delta.added.iter().any(|ready| ready.key == key);
    let polled = match (fresh, listed) {
        (true, _) => "it was polled, found ready, and appended to the ready list",
        (false, true) => "it was on the ready list already and keeps its place",
        (false, false) if world.knows_ready_list() => {
            "it was polled and nothing was found: a wake-up will list it"
        }
        (false, false) => "it was polled, and put on the ready list if it was found ready",
    };
    match op {
        CtlOp::Add => {
            let exclusive = if mask.has(Mask::EXCLUSIVE) {
                "; EXCLUSIVE chooses between instances, among the threads of one it shows nothing"
            } else {
                ""
            };
            format!(
                "{} is on the interest list, {}, with ERR and HUP added by the kernel; \
                 {polled}{exclusive}",
                name(&world, key),
                manner(mask)
            )
        }
        CtlOp::Mod if mask.asked().is_empty() => format!(
            "mask 0 for {}: it turns nothing off, since ERR and HUP are always reported",
            name(&world, key)
        ),
        CtlOp::Mod => format!(
            "{} now is {} for {}; {polled}. {}",
            name(&world, key),
            manner(mask),
            bits(mask.asked()),
            after_mod(mask)
        ),
        CtlOp::Invalid(number) => format!("epoll_ctl has no operation {number}"),
        CtlOp::Del => format!(
            "fd {fd} is off the interest list, and off the ready list if it stood there; an event \
             of it that is already in a batch is not taken back"
        ),
    }
}

/// Why the kernel refused an operation on that descriptor.
pub(super) fn refused(op: CtlOp, fd: &str, errno: Errno) -> String {
    let why = match (errno.name(), op) {
        (Some("EPERM"), _) => "this kind of file cannot be polled (a regular file, for one)",
        (Some("EEXIST"), _) => "this open file is registered under this number already",
        (Some("ENOENT"), _) => "this open file is not registered under this number",
        (Some("EBADF"), CtlOp::Del) => {
            "the number is closed; if a copy keeps the file alive its registration is out of reach"
        }
        (Some("EBADF"), _) => "the number is not open",
        (Some("ELOOP"), _) => "epoll instances would watch each other in a circle, or too deep",
        (Some("EINVAL"), _) => {
            "a combination that is not allowed: EXCLUSIVE goes only with ADD and without ONESHOT \
             and RDHUP, and such a registration refuses MOD"
        }
        (Some("ENOSPC"), _) => "the user's limit max_user_watches is reached",
        _ => "see epoll_ctl(2)",
    };
    format!("{op} of {fd} failed with {errno}: {why}")
}

fn closed(world: EpollView<'_>, fd: Fd, ret: Ret) -> String {
    if let Some(errno) = ret.errno() {
        return format!("close of fd {fd} failed with {errno}");
    }
    let ghost = world.instance.interest.by_fd(fd).find(|entry| world.is_ghost(entry.key));
    match ghost {
        Some(entry) => format!(
            "the number {fd} is closed, but a copy keeps its open file{} alive: epoll watches the \
             file, so the registration stays and goes on reporting fd {fd}",
            world.file_of(entry.key).map(|f| format!(" ({})", name_of(f))).unwrap_or_default()
        ),
        None => format!(
            "the last descriptor of its open file: the kernel took the registration of fd {fd} off \
             both lists, woke nobody, and gives the number to the next file opened"
        ),
    }
}
