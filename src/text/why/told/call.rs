//! What a call of a told world means, in the world after its step.

use super::super::call::created;
use super::super::prepare;
use super::{contents, label, name, short, who};
use crate::event::{
    CtlOp, Delivery, Errno, Event, Fd, FileKind, Mask, Output, Ret, Syscall, SyscallRecord,
    Trigger, WatchKey,
};
use crate::model::{EpollView, InterestList, OpenFile};
use crate::text::words::{after_mod, bits, clients, count, grouped, list, manner};

/// The sentence for that call.
pub(super) fn sentence(world: EpollView<'_>, event: &Event, record: &SyscallRecord) -> String {
    let ret = record.ret;
    match record.call {
        Syscall::EpollWait { ep, max, timeout_ms } => {
            waited(world, event, record, (ep, max, timeout_ms))
        }
        Syscall::Accept { fd } => accepted(world, event, fd, ret),
        Syscall::Read { fd, len } => read(world, fd, len, ret),
        Syscall::Write { fd, len } | Syscall::Send { fd, len } => wrote(world, fd, len, ret),
        Syscall::EpollCtl { ep, op, fd, mask, file } => {
            controlled(world, (ep, op), WatchKey { fd, file }, mask, ret)
        }
        Syscall::Close { fd } => closed(world, fd, ret),
        Syscall::EpollCreate => created(ret),
        Syscall::Shutdown { fd, how } => match ret.errno() {
            None => format!(
                "{how} on {}: the number stays open and registered, and both ends are woken",
                short(world, fd)
            ),
            Some(errno) => format!("shutdown of {} failed: {errno}", short(world, fd)),
        },
        Syscall::Dup { fd } => match ret.fd() {
            Some(copy) => format!(
                "fd {copy} names the same open file as {} (fd {fd}): closing fd {fd} alone no longer \
                 removes its registration, for epoll watches the open file",
                short(world, fd)
            ),
            None => format!("dup of {} failed: {ret}", short(world, fd)),
        },
        Syscall::Setup(_) | Syscall::Poll { .. } | Syscall::Select { .. } => {
            prepare::sentence(&record.call, &who(world, event.lane), ret)
        }
    }
}

fn waited(
    world: EpollView<'_>,
    event: &Event,
    record: &SyscallRecord,
    call: (Fd, u32, i32),
) -> String {
    let (ep, max, timeout_ms) = call;
    let who = who(world, event.lane);
    if record.ret.is(Errno::EINTR) {
        return format!(
            "a signal interrupted {who} in epoll_wait: SA_RESTART does not help here, and no event \
             was consumed"
        );
    }
    if let Some(errno) = record.ret.errno() {
        return format!("epoll_wait on {} failed with {errno}", short(world, ep));
    }
    let events: &[Delivery] = match &record.output {
        Output::Events { events, .. } => events,
        _ => &[],
    };
    if events.is_empty() {
        return nothing(world, ep, timeout_ms);
    }
    let told = |e: &Delivery| format!("{} {}", label(world, InterestList::key_of(e)), bits(e.mask));
    let told: Vec<String> = events.iter().map(told).collect();
    let full = match u32::try_from(events.len()) {
        Ok(n) if n >= max => {
            format!(" It stopped at max {max}: what it did not reach stays at the head.")
        }
        _ => String::new(),
    };
    format!(
        "epoll_wait polled what was on the ready list and reported {}. {}{full}{}",
        list(&told),
        fate(world, ep, events),
        ends(world, events)
    )
}

fn nothing(world: EpollView<'_>, ep: Fd, timeout_ms: i32) -> String {
    let removed = &world.through_fd(ep).instance.delta.removed;
    let dropped: Vec<String> = removed.iter().map(|key| label(world, *key)).collect();
    match (dropped.is_empty(), timeout_ms) {
        (false, _) => format!(
            "epoll_wait polled {}, found nothing there any more, dropped it, and had nothing to \
             report",
            list(&dropped)
        ),
        (true, 0) => {
            "the ready list was empty, and with timeout 0 epoll_wait does not sleep".to_owned()
        }
        (true, ms) => format!("nothing was ready within {ms} ms"),
    }
}

/// What became of the reported registrations.
fn fate(world: EpollView<'_>, ep: Fd, events: &[Delivery]) -> String {
    let instance = world.through_fd(ep).instance;
    let entry = |event: &Delivery| instance.interest.get(InterestList::key_of(event));
    let masks: Vec<Mask> = events.iter().filter_map(entry).map(|entry| entry.mask).collect();
    let oneshot = |mask: &&Mask| mask.has(Mask::ONESHOT);
    let edge = |mask: &&Mask| mask.has(Mask::ET) && !mask.has(Mask::ONESHOT);
    let (shots, edges) = (masks.iter().filter(oneshot).count(), masks.iter().filter(edge).count());
    match (masks.len() - shots - edges, edges, shots) {
        (0, 0, 0) => "",
        (_, 0, 0) => "Level-triggered, back at the tail to be polled again.",
        (0, _, 0) => "Edge-triggered, off the list: whatever was not read is not reported again.",
        (0, 0, _) => "One-shot, disarmed until a MOD.",
        _ => "Level ones went back to the tail, edge and one-shot ones left it.",
    }
    .to_owned()
}

/// What the bits say of the other end.
fn ends(world: EpollView<'_>, events: &[Delivery]) -> String {
    let over = |e: &&Delivery| e.mask.any(Mask::RDHUP | Mask::HUP | Mask::ERR);
    let Some(event) = events.iter().find(over) else { return String::new() };
    let name = label(world, InterestList::key_of(event));
    let pipe = world
        .files
        .get(&event.file)
        .is_some_and(|file| matches!(file.what, FileKind::Pipe | FileKind::PipeWriter));
    if event.mask.has(Mask::ERR) {
        format!(" ERR of {name} comes unasked, as HUP does.")
    } else if event.mask.has(Mask::HUP) && pipe {
        format!(" HUP: no writer of {name} is left.")
    } else if event.mask.has(Mask::HUP) {
        format!(" HUP: both directions of {name} are shut.")
    } else {
        format!(" RDHUP without HUP: the peer of {name} sends no more, but may still read.")
    }
}

fn file(world: EpollView<'_>, fd: Fd) -> Option<&OpenFile> {
    world.world.file_at(fd)
}

/// Whether some registration of the file that the number names is edge-triggered.
fn edge(world: EpollView<'_>, fd: Fd) -> bool {
    let Some(id) = world.fds.get(&fd) else { return false };
    let key = WatchKey { fd, file: *id };
    world.entries(key).any(|entry| entry.trigger() == Trigger::Edge)
}

/// Whether it stands on some ready list.
fn listed(world: EpollView<'_>, fd: Fd) -> bool {
    let Some(id) = world.fds.get(&fd) else { return false };
    let key = WatchKey { fd, file: *id };
    world.entries(key).any(|entry| entry.listed)
}

fn accepted(world: EpollView<'_>, event: &Event, fd: Fd, ret: Ret) -> String {
    let (who, name) = (who(world, event.lane), short(world, fd));
    if let Some(new) = ret.fd() {
        let more = match file(world, fd).and_then(|file| file.unread) {
            Some(n) if n > 0 && edge(world, fd) => format!(
                "{} still, and edge-triggered nobody will say so again: accept until EAGAIN",
                clients(n)
            ),
            Some(n) if n > 0 => {
                format!("{} still; level-triggered, that is reported again", clients(n))
            }
            _ => "no other client waits".to_owned(),
        };
        return format!("{who} took a connection from the queue of {name} as fd {new}; {more}");
    }
    match ret.errno() {
        Some(Errno::EAGAIN) => format!(
            "EAGAIN: no connection is left for {who}; the queue of {name} is empty, and only a new \
             connection lists it again"
        ),
        Some(errno) if errno.is_out_of_descriptors() => {
            format!("{errno}: no descriptor is left, and the client stays in the queue of {name}")
        }
        _ => format!("no connection was taken from {name}: {ret}"),
    }
}

fn read(world: EpollView<'_>, fd: Fd, len: u32, ret: Ret) -> String {
    let (name, file) = (short(world, fd), file(world, fd));
    let what = file.map(|file| file.what);
    match (ret.value(), ret.errno(), what) {
        (Some(n), _, Some(FileKind::Eventfd)) => format!(
            "it took {n} from the counter {name}; {}",
            file.map(contents).unwrap_or_default()
        ),
        (Some(n), _, Some(FileKind::Timerfd)) => format!(
            "{name} had expired {}, and begins to count anew",
            if n == 1 { "once".to_owned() } else { count(n.unsigned_abs(), "time") }
        ),
        (Some(0), ..) if len == 0 => format!("0 bytes were asked for: this says nothing of {name}"),
        (Some(0), _, Some(FileKind::Datagram | FileKind::Udp)) => {
            format!("a datagram without a byte came to {name}: it is no end of anything")
        }
        (Some(0), _, Some(FileKind::Plain)) => format!("0 is the end of the file {name}"),
        (Some(0), ..) => format!(
            "0 is the end of the stream: nobody can write to {name} any more. {}",
            if edge(world, fd) {
                "Edge-triggered, nothing repeats it: close it now"
            } else {
                "That stays true, so level-triggered it is reported until it is closed"
            }
        ),
        (Some(n), ..) => got(world, file, fd, n.unsigned_abs(), len),
        (_, Some(Errno::EAGAIN), _) => drained(world, fd, &name),
        (_, Some(Errno::ECONNRESET), _) => {
            format!("ECONNRESET: the peer of {name} reset the connection; the next read says 0")
        }
        _ => format!("nothing was read from {name}: {ret}"),
    }
}

fn got(world: EpollView<'_>, file: Option<&OpenFile>, fd: Fd, n: u64, len: u32) -> String {
    let name = short(world, fd);
    let after = match file.and_then(|file| file.unread) {
        Some(left) if left > 0 && edge(world, fd) => {
            format!("{} left, and edge-triggered nobody will say so again: read on", are(left))
        }
        Some(left) if left > 0 => {
            format!("{} left; level-triggered, the next epoll_wait reports it again", are(left))
        }
        _ if listed(world, fd) => "nothing is left, yet it stays on the ready list: reading takes \
                                   nothing off. The next epoll_wait polls it and drops it"
            .to_owned(),
        _ => "nothing is left".to_owned(),
    };
    let asked = grouped(u64::from(len));
    format!("{} of up to {asked} from {name}: {after}", count(n, "byte"))
}

fn are(n: u32) -> String {
    format!("{} {}", count(u64::from(n), "byte"), if n == 1 { "is" } else { "are" })
}

fn drained(world: EpollView<'_>, fd: Fd, name: &str) -> String {
    match (listed(world, fd), edge(world, fd)) {
        (true, _) => format!(
            "EAGAIN: {name} is drained, yet it stays on the ready list: reading takes nothing off. \
             The next epoll_wait polls it, finds nothing, and drops it"
        ),
        (false, true) => format!(
            "EAGAIN: {name} is drained. With edge-triggering this is the only proof that it is safe \
             to wait: whatever comes now is a new edge"
        ),
        (false, false) => format!("EAGAIN: {name} is drained; what comes now lists it again"),
    }
}

fn wrote(world: EpollView<'_>, fd: Fd, len: u32, ret: Ret) -> String {
    let name = short(world, fd);
    let eventfd = file(world, fd).is_some_and(|file| file.what == FileKind::Eventfd);
    match (ret.value(), ret.errno()) {
        (Some(_), _) if eventfd => format!(
            "the number was added to the counter {name}; {}",
            file(world, fd).map(contents).unwrap_or_default()
        ),
        (Some(n), _) if n < i64::from(len) => format!(
            "only {} of {} fitted: {name} is full, and OUT tells when there is room again",
            grouped(n.unsigned_abs()),
            grouped(u64::from(len))
        ),
        (Some(n), _) => {
            format!("{} went to the other end of {name}", count(n.unsigned_abs(), "byte"))
        }
        (_, Some(Errno::EAGAIN)) => {
            format!("EAGAIN: {name} is full; OUT comes when its reader has made room")
        }
        (_, Some(errno @ (Errno::EPIPE | Errno::ECONNRESET))) => {
            format!("{errno}: nobody is left to read what is written to {name}")
        }
        _ => format!("nothing was written to {name}: {ret}"),
    }
}

fn controlled(
    world: EpollView<'_>,
    (ep, op): (Fd, CtlOp),
    key: WatchKey,
    mask: Mask,
    ret: Ret,
) -> String {
    if let Some(errno) = ret.errno() {
        return super::super::call::refused(op, &short(world, key.fd), errno);
    }
    let place = world.through_fd(ep).instance.ready.find(key);
    let polled = match place {
        Some((_, ready)) if ready.seq == world.seq => {
            "it was polled, found ready, and appended to the ready list"
        }
        Some(_) => "it was on the ready list already and keeps its place",
        None => "it was polled and nothing was found: a wake-up will list it",
    };
    let name = name(world, key);
    match op {
        CtlOp::Add => format!(
            "{name} is on the interest list of {}, {}, with ERR and HUP added by the kernel; {polled}",
            short(world, ep),
            manner(mask)
        ),
        CtlOp::Mod if mask.asked().is_empty() => format!(
            "mask 0 for {name}: it turns nothing off, since ERR and HUP are always reported"
        ),
        CtlOp::Mod => format!(
            "{name} now is {} for {}; {polled}. {}",
            manner(mask),
            bits(mask.asked()),
            after_mod(mask)
        ),
        CtlOp::Invalid(number) => format!("epoll_ctl has no operation {number}"),
        CtlOp::Del => format!(
            "{} is off the interest list of {}, and off the ready list if it stood there; an event \
             of it that was handed over is not taken back",
            short(world, key.fd),
            short(world, ep)
        ),
    }
}

fn closed(world: EpollView<'_>, fd: Fd, ret: Ret) -> String {
    let name = short(world, fd);
    if let Some(errno) = ret.errno() {
        return format!("close of {name} failed with {errno}");
    }
    let ghost = world.pollers.epolls().any(|(_, instance)| {
        instance.interest.by_fd(fd).any(|entry| world.files.contains_key(&entry.key.file))
    });
    if ghost {
        return format!(
            "the number {fd} ({name}) is closed, but a copy keeps its open file alive: epoll \
             watches the file, so the registration stays and goes on reporting {name}"
        );
    }
    format!(
        "the last descriptor of {name} is closed: if it was registered, it is off every list \
         without an event, and the number {fd} is free"
    )
}
