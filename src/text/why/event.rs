//! What an event means.

use super::{call, lane, netpoll, predict, prepare, ring, scan, watch};
use crate::event::{
    Arm, CommandPhase, ConnState, Event, Fd, FileKind, Kind, LaneChange, LaneId, ListEntries,
    ListRead, Mask, Pass, Queues, Syscall, Trigger, Wakeup, WakeupLog, WatchKey, visible,
};
use crate::model::{EpollView, InterestEntry, LaneState, Sync};
use crate::text::Sentence;
use crate::text::words::{bits, clients, count, name, thread_died};

/// The sentence for that event, in the world as it was after it.
pub(super) fn sentence(world: EpollView<'_>, event: &Event) -> String {
    let id = event.lane;
    match &event.kind {
        Kind::Return(record) => Sentence::from(call::phrase(world, event, record)).text,
        Kind::Open { fd, what, .. } => opened(world, *fd, *what),
        Kind::Enter(call @ Syscall::EpollWait { max, timeout_ms, .. }) => {
            entered(world, event, call, *max, *timeout_ms)
        }
        Kind::Enter(Syscall::Poll { timeout_ms, .. } | Syscall::Select { timeout_ms, .. })
            if world.scan().is_some() =>
        {
            format!("{id} is in the call: {}", scan::will(world, *timeout_ms))
        }
        Kind::Enter(call) => format!("{id} makes {call}"),
        Kind::Wakeup(wakeup) => woken(world, event, wakeup),
        Kind::Arrive { fd, queues } => queues_read(world, *fd, *queues),
        Kind::WakeupLog(state) => edge_log(*state).to_owned(),
        Kind::Park { next } => {
            format!("{id} is held before {next}: {}", lane::will(world, id, next))
        }
        Kind::Unpark(pass) => match pass {
            Pass::Run => format!("{id} is let go and runs on"),
            Pass::Step => format!("{id} is let go for one call"),
            Pass::Turn => format!("{id} is let go up to its next wait"),
        },
        Kind::ListRead(ListRead { list: ListEntries::Interest(entries), .. }) => format!(
            "the kernel's own interest list was read (fdinfo): {}; where the picture differed the \
             kernel is right. What is ready it does not say",
            count(entries.len() as u64, "registration")
        ),
        Kind::Settings(_) => "the server's settings; a new trigger holds for a registration once \
                              it is changed by MOD"
            .to_owned(),
        Kind::Conn { fd, state, queued } => connection(world, *fd, *state, *queued),
        Kind::Handle { fd, file } => {
            let key = WatchKey { fd: *fd, file: *file };
            match world.scan() {
                Some(set) => Sentence::from(scan::phrase(world, set, key)).text,
                None if world.ring().is_some() => Sentence::from(ring::phrase(world, key)).text,
                None => watch::about(world, key),
            }
        }
        Kind::Set { fd, file, events, .. } => {
            scan::changed(world, WatchKey { fd: *fd, file: *file }, *events)
        }
        Kind::Sqe { name, sqe, .. } => ring::written(name, sqe),
        Kind::Reap { name, op, cqe, .. } => ring::taken(world, name, *op, cqe),
        Kind::Give { buffer, .. } => format!(
            "buffer {buffer} is the kernel's again: the server wrote its number into shared memory"
        ),
        Kind::Rings { read, .. } => ring::read(world, read),
        Kind::Backend { to, phase } => scan::switched(*to, phase),
        Kind::Go { go, what } => netpoll::changed(world, id, *go, *what),
        Kind::Stale { fd, believed, .. } => stale(world, event, *fd, *believed),
        Kind::Refused(why) => {
            format!(
                "a client was turned away: {why}. Its connection was accepted and closed at once"
            )
        }
        Kind::Client(name) => format!(
            "the built-in client {} is connected: until the server accepts it, it stands in the \
             accept queue",
            visible(name.as_bytes(), 120)
        ),
        Kind::Command { text, phase, .. } => command(text, phase),
        Kind::Gap { lost } => format!(
            "{} of {id} were lost: the ready list is not known until epoll_wait has told it again",
            count(*lost, "observation")
        ),
        Kind::Lane(LaneChange::Started { tid }) => {
            format!("{id} began as task {tid}: strace -p {tid} shows the same calls")
        }
        Kind::Lane(LaneChange::Ended) => format!("{id} was asked to end and did"),
        Kind::Lane(LaneChange::Died(message)) => thread_died(id, message),
        Kind::Note(text) => visible(text.as_bytes(), 230),
        Kind::Mark(note) if note.is_empty() => "this moment was marked".to_owned(),
        Kind::Mark(note) => {
            format!("this moment was marked: {}", visible(note.as_bytes(), 230))
        }
        Kind::Measured { call, times, each } => prepare::measured(call, *times, *each),
        Kind::ListRead(_)
        | Kind::Files { .. }
        | Kind::Poller { .. }
        | Kind::Threads(_)
        | Kind::Compared { .. } => "everything as it is now".to_owned(),
        Kind::Asleep { lanes, .. } => asleep(world, lanes),
        Kind::Idle => "nothing happened up to here".to_owned(),
    }
}

/// What the sleep of threads proves.
fn asleep(world: EpollView<'_>, lanes: &[LaneId]) -> String {
    let names: Vec<_> = lanes.iter().map(|id| world.lane_name(*id)).collect();
    let (who, verb) = (names.join(" and "), if lanes.len() == 1 { "sleeps" } else { "sleep" });
    let all = world.lanes.iter().all(|lane| !matches!(lane.state, LaneState::Harvesting(_)));
    if all && world.instance.check.sync == Sync::Following && world.instance.ready.is_empty() {
        format!(
            "{who} {verb} in epoll_wait, as /proc/self/task says: so the ready list is empty. A \
             thread goes to sleep only beside an empty list, and whatever is listed wakes one"
        )
    } else {
        let call = world.scan().map_or("epoll_wait", |set| set.backend.word());
        format!("{who} {verb} in {call}, as /proc/self/task says")
    }
}

fn entry(world: EpollView<'_>, fd: Fd) -> Option<&InterestEntry> {
    world.entry_at(fd)
}

fn named(world: EpollView<'_>, fd: Fd) -> String {
    let key = world.fds.get(&fd).map(|file| WatchKey { fd, file: *file });
    key.or_else(|| entry(world, fd).map(|e| e.key))
        .map_or_else(|| format!("fd {fd}"), |key| name(&world, key))
}

fn opened(world: EpollView<'_>, fd: Fd, what: FileKind) -> String {
    let name = named(world, fd);
    match what {
        FileKind::Listener => {
            format!("{name} accepts connections; epoll hears of them once it is added")
        }
        FileKind::Eventfd => {
            format!(
                "{name} is the tool's own: written to wake a thread in epoll_wait for a command"
            )
        }
        _ => format!("{name} was opened"),
    }
}

fn entered(
    world: EpollView<'_>,
    event: &Event,
    call: &Syscall,
    max: u32,
    timeout_ms: i32,
) -> String {
    let id = event.lane;
    // The call has begun: what the model dropped on entry is gone from the list already.
    let dropped: Vec<String> =
        world.instance.delta.removed.iter().map(|key| format!("fd {}", key.fd)).collect();
    let dropped = match dropped.len() {
        0 => String::new(),
        _ => format!(
            " It polled {}, drained since, and dropped it from the ready list unreported.",
            crate::text::words::list(&dropped)
        ),
    };
    let asleep = world.instance.wq.iter().any(|lane| lane == id);
    if asleep {
        return format!(
            "{id} enters {call}: the ready list holds nothing to report, so it sleeps at the head \
             of wq.{dropped}"
        );
    }
    format!("{id} enters {call}: it {}{dropped}", predict::sentence(world, max, timeout_ms))
}

fn woken(world: EpollView<'_>, event: &Event, wakeup: &Wakeup) -> String {
    let name = named(world, wakeup.fd);
    let what = arrival(world, wakeup);
    let Some(entry) = entry(world, wakeup.fd) else {
        return format!("{what} for {name}, which is not registered: epoll is not told");
    };
    let current = world.seq == event.seq;
    let added = current && world.instance.delta.added.iter().any(|ready| ready.key == entry.key);
    let band = bits(wakeup.band);
    if entry.arm() == Arm::Disarmed {
        return format!(
            "{what} for {name}, but it is a one-shot that has fired: ep_poll_callback returns \
             without a trace until a MOD arms it"
        );
    }
    if added {
        let place = world.instance.ready.find(entry.key).map_or(0, |(place, _)| place + 1);
        let sleeper = match world.lanes.iter().find(|lane| lane.since == event.t && lane_woke(lane))
        {
            Some(lane) => format!(" and woke {}, the head of wq", lane.id),
            None => "; nobody slept in epoll_wait".to_owned(),
        };
        return format!(
            "{what} for {name}: ep_poll_callback ({band}) appended it to the ready list (place \
             {place}){sleeper}{}",
            unread_before(world, entry)
        );
    }
    if !wakeup.band.is_empty() && !wakeup.band.any(entry.mask) {
        return format!(
            "{what} for {name}, but {band} is not in its mask: ep_poll_callback ignores it"
        );
    }
    if entry.listed {
        return format!(
            "{what} for {name}, which is on the ready list already: it keeps its place, so several \
             arrivals are one report"
        );
    }
    format!("{what} for {name} ({band})")
}

/// An edge is a wake-up, not a change from not ready to ready.
fn unread_before(world: EpollView<'_>, entry: &InterestEntry) -> &'static str {
    let served = world.file_of(entry.key).and_then(|file| file.served).map(|(seq, _)| seq);
    let reported = entry.delivered.map(|(seq, _, _)| seq);
    if entry.trigger() == Trigger::Edge && reported.is_some() && served < reported {
        ". Nobody has read since the last report, yet every arrival is an edge"
    } else {
        ""
    }
}

fn lane_woke(lane: &crate::model::ThreadLane) -> bool {
    matches!(lane.state, crate::model::LaneState::Harvesting(_))
}

fn arrival(world: EpollView<'_>, wakeup: &Wakeup) -> String {
    let file = world.file_at(wakeup.fd);
    let listener = file.is_some_and(|file| file.what == FileKind::Listener);
    match wakeup.unread {
        _ if wakeup.band.any(Mask::ERR) => "an error or a reset (RST) arrived".to_owned(),
        _ if wakeup.band.any(Mask::HUP) => "a hang-up arrived".to_owned(),
        Some(n) if listener => format!("a connection completed ({} to be accepted)", clients(n)),
        None if listener => "a connection completed".to_owned(),
        Some(0) if wakeup.band.any(Mask::IN) => {
            "the peer's end (FIN) arrived, or data that was read meanwhile,".to_owned()
        }
        Some(n) if wakeup.band.any(Mask::IN) => {
            format!("data arrived ({} unread)", count(u64::from(n), "byte"))
        }
        _ if wakeup.band.any(Mask::IN) => "data or an end arrived".to_owned(),
        _ if wakeup.band.any(Mask::OUT) => "room to write came back".to_owned(),
        _ => "a wake-up without a key came".to_owned(),
    }
}

fn queues_read(world: EpollView<'_>, fd: Fd, queues: Queues) -> String {
    let name = named(world, fd);
    let listener = world.file_at(fd).is_some_and(|file| file.what == FileKind::Listener);
    let unread = match queues.unread {
        Some(n) if listener => format!("{} to be accepted", clients(n)),
        Some(n) => count(u64::from(n), "unread byte"),
        None => "how much is unread the kernel did not say".to_owned(),
    };
    let unsent = match queues.unsent {
        Some(n) if listener => format!(", of at most {n}"),
        Some(n) => format!(", {} not yet acknowledged by the peer", count(u64::from(n), "byte")),
        None => String::new(),
    };
    let state = match queues.state {
        Some(state) if !state.is_empty() => format!(", {}", bits(state)),
        _ => String::new(),
    };
    format!("the kernel's queues of {name}: {unread}{unsent}{state}")
}

fn edge_log(state: WakeupLog) -> &'static str {
    match state {
        WakeupLog::Drained => {
            "wake-ups are recorded from here on: every call of ep_poll_callback for a socket is seen"
        }
        WakeupLog::Skipped => {
            "wake-ups were lost: the ready list is not known until epoll_wait has told it again"
        }
        WakeupLog::Off => "wake-ups are not recorded: the ready list is not known",
        WakeupLog::NoQueue => {
            "wake-ups cannot be recorded: the user's queue of signals is full (RLIMIT_SIGPENDING), \
             so that the ready list is not known"
        }
    }
}

fn connection(world: EpollView<'_>, fd: Fd, state: ConnState, queued: u32) -> String {
    let name = named(world, fd);
    let queued = count(u64::from(queued), "byte");
    match state {
        ConnState::Open => format!("{name} is served as usual again"),
        ConnState::Carried => format!(
            "the bound of a turn was reached: {name} goes on the server's own list and is read on \
             next turn, so that others are served; epoll would not say it again under edge"
        ),
        ConnState::BackPressure => format!(
            "{queued} wait to be written to {name}: the server stops reading it until the peer has \
             read some"
        ),
        ConnState::Flushing => format!(
            "the peer of {name} has sent its end but still reads (half-close): {queued} are written \
             before the close"
        ),
    }
}

fn stale(world: EpollView<'_>, event: &Event, fd: Fd, believed: bool) -> String {
    let now = match world.file_at(fd) {
        Some(file) => format!("now names {}", crate::text::words::name_of(file)),
        None => "is closed".to_owned(),
    };
    let did = if believed { "acted on it all the same" } else { "skipped it" };
    format!(
        "{} met an event for a file that an earlier event of the same batch closed; the number {fd} \
         {now}. The server {did}: epoll_event.data must tell the file, not the number",
        event.lane
    )
}

fn command(text: &str, phase: &CommandPhase) -> String {
    let text = visible(text.as_bytes(), 80);
    match phase {
        CommandPhase::Accepted => format!("{text}: passed on to the server through its eventfd"),
        CommandPhase::Done(None) => format!("{text}: done"),
        CommandPhase::Done(Some(remark)) => {
            format!("{text}: done; {}", visible(remark.as_bytes(), 140))
        }
        CommandPhase::Failed(why) => {
            format!("{text}: not done; {}", visible(why.as_bytes(), 140))
        }
    }
}
