//! What a call that returned means. Of a step of a case the world is that after the step, where
//! every list and file has been read.

mod wait;

use super::file::contents;
use super::prepare;
use super::ring;
use super::scan;
use crate::event::{
    CtlOp, Errno, Event, Fd, FileKind, LaneId, Mask, Output, Ret, Syscall, SyscallRecord, Trigger,
    WatchKey,
};
use crate::model::{EpollView, InterestEntry, OpenFile, ThreadLane};
use crate::text::words::{
    Phrase, after_mod, bits, clients, count, grouped, manner, name, name_of, short, who,
};

/// What is to be said of that call.
pub(super) fn phrase(world: EpollView<'_>, event: &Event, record: &SyscallRecord) -> Phrase {
    let ret = record.ret;
    match record.call {
        Syscall::EpollWait { ep, max, timeout_ms } => {
            wait::waited(world, event, record, (ep, max, timeout_ms))
        }
        Syscall::Accept { fd } => accepted(world, event.lane, fd, record),
        Syscall::Read { fd, len } => read(world, event.lane, fd, len, ret),
        Syscall::Write { fd, len } | Syscall::Send { fd, len } => {
            Phrase::new(wrote(world, fd, len, ret))
        }
        Syscall::EpollCtl { ep, op, fd, mask, file } => {
            controlled(world, (ep, op), WatchKey { fd, file }, mask, ret)
        }
        Syscall::Close { fd } => Phrase::new(closed(world, fd, ret)),
        Syscall::EpollCreate => Phrase::new(created(ret)),
        Syscall::Shutdown { fd, how } => Phrase::new(match ret.errno() {
            None => format!(
                "{how} on {}: the number stays open and registered, and this end is woken without \
                 a key, which passes every mask",
                short(&world, fd)
            ),
            Some(errno) => format!("shutdown of {} failed: {errno}", short(&world, fd)),
        }),
        Syscall::Dup { fd } => Phrase::new(match ret.fd() {
            Some(copy) => format!(
                "fd {copy} names the same open file as {}: closing fd {fd} alone no longer removes \
                 its registration, for epoll watches the open file",
                numbered(world, fd)
            ),
            None => format!("dup of {} failed: {ret}", short(&world, fd)),
        }),
        Syscall::SetFlags { fd, blocking } => Phrase::new(format!(
            "O_NONBLOCK of {} is {}: a call that finds nothing {} from now on",
            numbered(world, fd),
            if blocking { "cleared" } else { "set" },
            if blocking { "sleeps" } else { "says EAGAIN" }
        )),
        Syscall::Poll { .. } | Syscall::Select { .. } if world.scan().is_some() => {
            scan::returned(world, event.lane, record)
        }
        Syscall::UringEnter { .. } if world.ring().is_some() => {
            ring::returned(world, event.lane, record)
        }
        Syscall::Setup(_)
        | Syscall::Poll { .. }
        | Syscall::Select { .. }
        | Syscall::UringSetup { .. }
        | Syscall::UringRegister { .. }
        | Syscall::UringEnter { .. } => {
            Phrase::new(prepare::sentence(&record.call, &who(&world, event.lane), ret))
        }
    }
}

/// `p.r (fd 5)`, `fd 7`.
fn numbered(world: EpollView<'_>, fd: Fd) -> String {
    world.label(fd).map_or_else(|| format!("fd {fd}"), |label| format!("{label} (fd {fd})"))
}

/// epoll_create1(2)
fn created(ret: Ret) -> String {
    match ret.fd() {
        Some(fd) => format!(
            "fd {fd} is a new epoll instance: an empty interest list, ready list and wait queue"
        ),
        None => format!("no epoll instance was made: {ret}"),
    }
}

fn accepted(world: EpollView<'_>, lane: LaneId, fd: Fd, record: &SyscallRecord) -> Phrase {
    let (name, who) = (short(&world, fd), who(&world, lane));
    let edge = is_edge(world, fd);
    if let (Some(new), Output::Accepted { peer, .. }) = (record.ret.fd(), &record.output) {
        let more = match world.file_at(fd).and_then(|file| file.unread) {
            Some(0) => "no other client waits".to_owned(),
            Some(n) if edge => format!(
                "{} still, and edge-triggered nobody will say so again: accept until EAGAIN",
                clients(n)
            ),
            Some(n) => format!("{} still; level-triggered, that is reported again", clients(n)),
            None => "whether others wait only the next accept4 tells".to_owned(),
        };
        let peer = if world.labelled {
            "a connection".to_owned()
        } else {
            crate::event::visible(peer.to_string().as_bytes(), 48)
        };
        return Phrase::new(format!(
            "{who} took {peer} from the queue of {name} as fd {new}; {more}"
        ));
    }
    match record.ret.errno() {
        Some(Errno::EAGAIN) => match taker(world, lane, fd) {
            Some(other) => Phrase::new(format!(
                "EAGAIN: no connection is left for {who}; {other} was told of {name} too and took it"
            ))
            .then("One-shot, or one listener a thread, prevents the race"),
            None => Phrase::new(format!(
                "EAGAIN: the queue of {name} is empty, every waiting client has been accepted"
            ))
            .then("Only a new connection lists it again"),
        },
        Some(errno) if errno.is_out_of_descriptors() => Phrase::new(format!(
            "{errno}: no descriptor is left, and the client stays in the queue of {name}; {}",
            if edge {
                "edge-triggered, it is forgotten unless the server comes back by itself"
            } else {
                "level-triggered, the next epoll_wait reports it at once, and the loop spins unless \
                 the server turns it away"
            }
        )),
        _ => Phrase::new(format!("no connection was taken from {name}: {}", record.ret)),
    }
}

/// Another thread that has the same file in its batch.
fn taker(world: EpollView<'_>, lane: LaneId, fd: Fd) -> Option<String> {
    let has = |l: &&ThreadLane| {
        l.id != lane && l.is_alive() && l.batch.iter().any(|b| b.delivery.fd == fd)
    };
    world.lanes.iter().find(has).map(|l| who(&world, l.id))
}

/// The registration that a number goes by, on whichever epoll instance.
fn entry(world: EpollView<'_>, fd: Fd) -> Option<&InterestEntry> {
    world.world.views().find_map(|view| view.entry_at(fd))
}

fn is_edge(world: EpollView<'_>, fd: Fd) -> bool {
    entry(world, fd).is_some_and(|entry| entry.trigger() == Trigger::Edge)
}

fn read(world: EpollView<'_>, lane: LaneId, fd: Fd, len: u32, ret: Ret) -> Phrase {
    let (name, file) = (short(&world, fd), world.file_at(fd));
    let what = file.map(|file| file.what);
    match (ret.value(), ret.errno(), what) {
        (_, _, Some(FileKind::Eventfd)) if !world.labelled => Phrase::new(format!(
            "{lane} took the tool's signal off {name}: a command is waiting for it"
        )),
        (Some(n), _, Some(FileKind::Eventfd)) => Phrase::new(format!(
            "it took {n} from the counter {name}; {}",
            file.map(contents).unwrap_or_default()
        )),
        (Some(n), _, Some(FileKind::Timerfd)) => Phrase::named(format!(
            "{name} had expired {}, and begins to count anew",
            if n == 1 { "once".to_owned() } else { count(n.unsigned_abs(), "time") }
        )),
        (Some(0), ..) if len == 0 => {
            Phrase::new(format!("0 bytes were asked for: this says nothing of {name}"))
        }
        (Some(0), _, what) => end(world, fd, what),
        (Some(n), ..) => got(world, fd, n.unsigned_abs(), len),
        (_, Some(Errno::EAGAIN), _) => match taker(world, lane, fd) {
            Some(other) if file.is_some_and(|file| !file.drained) => Phrase::new(format!(
                "EAGAIN: nothing is left in {name} for {}; {other} was told of it too",
                who(&world, lane)
            )),
            _ => drained(world, fd),
        },
        (_, Some(Errno::ECONNRESET), _) => Phrase::new(format!(
            "ECONNRESET: the peer of {name} reset the connection (RST); what it had not yet been \
             sent is lost, and the next read says 0"
        )),
        _ => Phrase::new(format!("nothing was read from {name}: {ret}")),
    }
}

/// A read that returned 0.
fn end(world: EpollView<'_>, fd: Fd, what: Option<FileKind>) -> Phrase {
    let name = short(&world, fd);
    let stream = match what {
        Some(FileKind::Datagram | FileKind::Udp) => {
            return Phrase::new(format!(
                "a datagram without a byte came to {name}: it is no end of anything"
            ));
        }
        Some(FileKind::Plain) => return Phrase::new(format!("0 is the end of the file {name}")),
        Some(FileKind::Pipe) => format!("nobody can write to {name} any more"),
        _ => format!("{name}'s peer has closed or shut down its sending side"),
    };
    Phrase::new(format!("0 is the end of the stream: {stream}")).then(if is_edge(world, fd) {
        "Edge-triggered, nothing repeats it: close it now"
    } else {
        "That stays true, so level-triggered it is reported for ever, until it is closed"
    })
}

fn drained(world: EpollView<'_>, fd: Fd) -> Phrase {
    let name = short(&world, fd);
    let entry = entry(world, fd);
    match (entry.is_some_and(|entry| entry.listed), is_edge(world, fd)) {
        (true, _) => Phrase::new(format!(
            "EAGAIN: {name} is drained, yet it stays on the ready list: reading takes nothing off"
        ))
        .then("The next epoll_wait polls it, finds nothing, and drops it"),
        (false, true) => Phrase::new(format!("EAGAIN: {name} is drained")).then(
            "Under edge-triggering this is the only proof that it is safe to wait: whatever comes \
             now is a new edge",
        ),
        (false, false) if world.knows_ready_list() => {
            Phrase::new(format!("EAGAIN: {name} is drained; new data lists it again"))
        }
        (false, false) => Phrase::new(format!(
            "EAGAIN: {name} is drained; if it is on the ready list, the next epoll_wait drops it"
        )),
    }
}

fn got(world: EpollView<'_>, fd: Fd, n: u64, len: u32) -> Phrase {
    let file = world.file_at(fd);
    let (edge, listed) = (is_edge(world, fd), entry(world, fd).is_some_and(|entry| entry.listed));
    let left = file.and_then(|file| file.unread);
    let known = file.is_some_and(|file| file.polled.is_some());
    let (after, then) = match left {
        Some(left) if left > 0 && edge => (
            format!("{} left, and edge-triggered nobody will say so again: read on", are(left)),
            "",
        ),
        Some(left) if left > 0 => (
            format!("{} left; level-triggered, the next epoll_wait reports it again", are(left)),
            "",
        ),
        _ if known && listed => (
            "nothing is left, yet it stays on the ready list: reading takes nothing off".to_owned(),
            "The next epoll_wait polls it and drops it",
        ),
        _ if known => ("nothing is left".to_owned(), ""),
        Some(0) if edge && file.is_some_and(OpenFile::ended) => (
            "the peer has closed too: without another read the end is never seen, for no edge \
             repeats it"
                .to_owned(),
            "",
        ),
        _ if n == u64::from(len) => ("the buffer was filled, so there may be more".to_owned(), ""),
        _ if edge => (
            "fewer than asked for, but only EAGAIN (or 0) proves that it is drained: an end that \
             came with the data would be missed"
                .to_owned(),
            "",
        ),
        _ => (
            "fewer than asked for; it stays on the ready list until the next epoll_wait polls it"
                .to_owned(),
            "",
        ),
    };
    let (asked, name) = (grouped(u64::from(len)), short(&world, fd));
    Phrase::new(format!("{} of up to {asked} from {name}: {after}", count(n, "byte"))).then(then)
}

fn are(n: u32) -> String {
    format!("{} {}", count(u64::from(n), "byte"), if n == 1 { "is" } else { "are" })
}

fn wrote(world: EpollView<'_>, fd: Fd, len: u32, ret: Ret) -> String {
    let (name, file) = (short(&world, fd), world.file_at(fd));
    let case = world.labelled;
    match (ret.count(), ret.errno()) {
        (Some(_), _) if case && file.is_some_and(|file| file.what == FileKind::Eventfd) => {
            let contents = file.map(contents).unwrap_or_default();
            format!("the number was added to the counter {name}; {contents}")
        }
        (Some(n), _) if n < len => {
            let all = grouped(u64::from(len));
            let part = format!("only {} of {all} fitted", grouped(u64::from(n)));
            if case {
                format!("{part}: {name} is full, and OUT tells when there is room again")
            } else {
                format!(
                    "{part} into the send buffer of {name}: the rest waits in the server's own \
                     queue, and OUT tells when about a third of the buffer is free"
                )
            }
        }
        (Some(n), _) if case => {
            format!("{} went to the other end of {name}", count(u64::from(n), "byte"))
        }
        (Some(n), _) => format!(
            "{} went into the send buffer of {}; that the peer has read them it does not say",
            count(u64::from(n), "byte"),
            file.map_or(name, |file| format!("fd {fd} ({})", name_of(file)))
        ),
        (_, Some(Errno::EAGAIN)) if case => {
            format!("EAGAIN: {name} is full; OUT comes when its reader has made room")
        }
        (_, Some(Errno::EAGAIN)) => format!(
            "EAGAIN: the send buffer of {name} is full. This arms OUT: it comes when the peer has \
             read about a third, not at its first read"
        ),
        (_, Some(errno @ (Errno::EPIPE | Errno::ECONNRESET))) if case => {
            format!("{errno}: nobody is left to read what is written to {name}")
        }
        (_, Some(errno @ (Errno::EPIPE | Errno::ECONNRESET))) => format!(
            "{errno}: the peer of {name} is gone. The first write after its close succeeds and is \
             answered by a reset; this one meets it"
        ),
        _ => format!("nothing was written to {name}: {ret}"),
    }
}

fn controlled(
    world: EpollView<'_>,
    (ep, op): (Fd, CtlOp),
    key: WatchKey,
    mask: Mask,
    ret: Ret,
) -> Phrase {
    if let Some(errno) = ret.errno() {
        return Phrase::new(refused(op, &short(&world, key.fd), errno));
    }
    let view = world.through_fd(ep);
    let listed = view.instance.interest.get(key).is_some_and(|entry| entry.listed);
    let fresh = view.instance.delta.added.iter().any(|ready| ready.key == key);
    let polled = match (fresh, listed) {
        (true, _) => "it was polled, found ready, and appended to the ready list",
        (false, true) => "it was on the ready list already and keeps its place",
        (false, false) if view.knows_ready_list() => {
            "it was polled and nothing was found: a wake-up will list it"
        }
        (false, false) => "it was polled, and put on the ready list if it was found ready",
    };
    let name = name(&world, key);
    let of = world.label(ep).map_or_else(String::new, |ep| format!(" of {ep}"));
    match op {
        CtlOp::Add => {
            let exclusive = if mask.has(Mask::EXCLUSIVE) && world.pollers.len() < 2 {
                "; EXCLUSIVE chooses between instances, among the threads of one it shows nothing"
            } else {
                ""
            };
            Phrase::named(format!(
                "{name} is on the interest list{of}, {}, with ERR and HUP added by the kernel; \
                 {polled}{exclusive}",
                manner(mask)
            ))
        }
        CtlOp::Mod if mask.asked().is_empty() => Phrase::new(format!(
            "mask 0 for {name}: it turns nothing off, since ERR and HUP are always reported"
        )),
        CtlOp::Mod => {
            let (manner, bits) = (manner(mask), bits(mask.asked()));
            Phrase::named(format!("{name} now is {manner} for {bits}; {polled}"))
                .then(after_mod(mask))
        }
        CtlOp::Invalid(number) => Phrase::new(format!("epoll_ctl has no operation {number}")),
        CtlOp::Del => Phrase::named(format!(
            "{} is off the interest list{of}, and off the ready list if it stood there; an event \
             of it that is already in a batch is not taken back",
            short(&world, key.fd)
        )),
    }
}

/// Why the kernel refused an operation on that descriptor.
fn refused(op: CtlOp, fd: &str, errno: Errno) -> String {
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
    let name = short(&world, fd);
    if let Some(errno) = ret.errno() {
        return format!("close of {name} failed with {errno}");
    }
    let ghost = world.views().find_map(|view| {
        view.instance.interest.by_fd(fd).map(|entry| entry.key).find(|key| view.is_ghost(*key))
    });
    if let Some(key) = ghost {
        let file = match (world.label(fd), world.file_of(key)) {
            (Some(label), _) => format!(" ({label})"),
            (None, Some(file)) => format!(" ({})", name_of(file)),
            (None, None) => String::new(),
        };
        return format!(
            "the number {fd} is closed, but a copy keeps its open file{file} alive: epoll watches \
             the file, so the registration stays and goes on reporting {name}"
        );
    }
    if world.labelled {
        return format!(
            "the last descriptor of {name} is closed: if it was registered, it is off every list \
             without an event, and the number {fd} is free"
        );
    }
    format!(
        "the last descriptor of its open file: the kernel took the registration of {name} off both \
         lists, woke nobody, and gives the number to the next file opened"
    )
}
