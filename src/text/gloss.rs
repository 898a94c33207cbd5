//! Events in words: strace's notation with a short gloss.

mod ring;

pub(in crate::text) use self::ring::operation;

use super::strace::{self, escaped};
use super::words;
use crate::event::{
    Backend, CommandPhase, CtlOp, Delivery, Errno, Event, GoChange, GoId, HEAD, Kind, LaneChange,
    ListEntries, ListRead, Mask, Output, Provenance, SwitchPhase, Syscall, SyscallRecord, TimeUnit,
    visible,
};
use crate::model::{LaneState, ThreadLane, World};

/// Whether the calls pane has a row for such an event.
pub fn is_row(event: &Event) -> bool {
    match &event.kind {
        Kind::Return(_)
        | Kind::Stale { .. }
        | Kind::Refused(_)
        | Kind::Backend { .. }
        | Kind::Gap { .. }
        | Kind::Lane(_)
        | Kind::Measured { .. }
        | Kind::Sqe { .. }
        | Kind::Reap { .. }
        | Kind::Mark(_)
        | Kind::Note(_) => true,
        Kind::Command { phase, .. } => !matches!(phase, CommandPhase::Done(_)),
        Kind::Open { .. }
        | Kind::Client(_)
        | Kind::Enter(_)
        | Kind::Wakeup(_)
        | Kind::Arrive { .. }
        | Kind::WakeupLog(_)
        | Kind::Park { .. }
        | Kind::Unpark(_)
        | Kind::ListRead(_)
        | Kind::Files { .. }
        | Kind::Poller { .. }
        | Kind::Threads(_)
        | Kind::Compared { .. }
        | Kind::Settings(_)
        | Kind::Conn { .. }
        | Kind::Handle { .. }
        | Kind::Set { .. }
        | Kind::Give { .. }
        | Kind::Rings { .. }
        | Kind::Asleep { .. }
        | Kind::Idle => false,
        // Which one a thread runs stands between the calls that it makes.
        Kind::Go { what, .. } => *what == GoChange::Run,
    }
}

/// What a thread does in the call that it entered.
fn inside(world: &World, event: &Event) -> &'static str {
    let held = |lane: &ThreadLane| {
        world.clock == TimeUnit::Steps
            && matches!(lane.state, LaneState::Harvesting(_))
            && lane.since <= event.t
    };
    if world.lane(event.lane).is_some_and(held) { "<held>" } else { "<asleep>" }
}

/// What the row says, its time and thread left out: the call, and the gloss.
pub fn row_parts(world: &World, event: &Event) -> (String, String) {
    let spelled = |call: &Syscall| strace::entered(world, call, event.seq);
    let lane = world.lane_name(event.lane);
    let alone = |words: String| (words, String::new());
    match &event.kind {
        Kind::Enter(call) => (spelled(call), inside(world, event).to_owned()),
        Kind::Return(record) => {
            (strace::returned(world, record, event.seq), gloss(world, event, record))
        }
        Kind::Park { next } => {
            alone(format!("held before {}", strace::before(world, next, event.seq)))
        }
        Kind::Stale { fd, believed: true, .. } => (
            format!("stale event of the batch for fd {fd}"),
            "its file was closed; the server believed it".to_owned(),
        ),
        Kind::Stale { fd, .. } => {
            (format!("stale event of the batch for fd {fd}"), "skipped".to_owned())
        }
        Kind::Backend { to, phase } => switched(*to, phase),
        Kind::Refused(why) => alone(format!("a client was turned away: {why}")),
        Kind::Client(name) => {
            alone(format!("built-in client {} is connected", visible(name.as_bytes(), 120)))
        }
        Kind::Gap { lost } => alone(format!("{lost} records were lost")),
        Kind::Lane(LaneChange::Started { tid }) => alone(format!("thread {tid} begins")),
        Kind::Lane(LaneChange::Ended) => alone("the thread ends".to_owned()),
        Kind::Lane(LaneChange::Died(message)) => {
            alone(format!("the thread died: {}", visible(message.as_bytes(), 200)))
        }
        Kind::Measured { call, times, each } => {
            alone(format!("{} {times} times, {} ns each = {times}", call.name(), each.0))
        }
        Kind::Sqe { name, sqe, .. } => ring::written(world, event.seq, name, sqe),
        Kind::Reap { name, op, cqe, data, admitted, .. } => {
            ring::taken(world, name, *op, cqe, (data, admitted.as_deref()))
        }
        Kind::Note(text) => alone(visible(text.as_bytes(), 200)),
        Kind::Mark(note) if note.is_empty() => alone("marked".to_owned()),
        Kind::Mark(note) => alone(format!("marked: {}", visible(note.as_bytes(), 200))),
        Kind::Command { text, phase, .. } => {
            let text = visible(text.as_bytes(), 100);
            (format!("command: {text}"), phase_words(phase))
        }
        Kind::Open { fd, name, .. } => {
            alone(format!("fd {fd} opened: {}", visible(name.as_bytes(), 60)))
        }
        Kind::Wakeup(wakeup) => alone(format!("fd {} woken: {}", wakeup.fd, wakeup.band)),
        Kind::Arrive { fd, .. } => alone(format!("queues of fd {fd} read")),
        Kind::WakeupLog(_) => alone("edge log switched".to_owned()),
        Kind::Unpark(_) => alone(format!("{lane} leaves the gate")),
        Kind::ListRead(ListRead {
            by: Provenance::Fdinfo,
            list: ListEntries::Interest(entries),
            ..
        }) => alone(format!("fdinfo read: {} registrations", entries.len())),
        Kind::Settings(_) => alone("settings".to_owned()),
        Kind::Conn { fd, state, .. } => {
            alone(format!("fd {fd} is {}", words::connection_state(*state).unwrap_or("open")))
        }
        Kind::Handle { fd, .. } => alone(format!("{lane} turns to fd {fd}")),
        Kind::ListRead(_)
        | Kind::Files { .. }
        | Kind::Poller { .. }
        | Kind::Threads(_)
        | Kind::Compared { .. } => alone("every list as it is then".to_owned()),
        Kind::Asleep { lanes, .. } => {
            let names: Vec<_> = lanes.iter().map(|id| world.lane_name(*id)).collect();
            let ring = world.ring().map_or("epoll_wait", |_| "io_uring_enter");
            let call = world.scan().map_or(ring, |set| set.backend.word());
            alone(format!("found asleep in {call}: {}", names.join(", ")))
        }
        Kind::Idle => alone("nothing happened up to here".to_owned()),
        Kind::Set { fd, events: Some(events), .. } => {
            alone(format!("fd {fd} is asked for {events}"))
        }
        Kind::Set { fd, events: None, .. } => alone(format!("fd {fd} is taken out of the set")),
        Kind::Give { buffer, .. } => alone(format!("buffer {buffer} is given back")),
        Kind::Rings { read, .. } => {
            alone(format!("fdinfo of the ring read: {} posted", read.pending.len()))
        }
        Kind::Go { go, what: what @ GoChange::Run } => {
            alone(format!("* {}", goroutine(*go, *what)))
        }
        Kind::Go { go, what } => alone(goroutine(*go, *what)),
    }
}

/// How far a switch is.
fn switched(to: Backend, phase: &SwitchPhase) -> (String, String) {
    let (what, gloss) = match phase {
        SwitchPhase::Asked => ("is asked for", "each thread ends at its next wait".to_owned()),
        SwitchPhase::Left => ("is next", "the last thread has ended".to_owned()),
        SwitchPhase::Entered(_) => ("waits from here on", "it takes every file".to_owned()),
        SwitchPhase::Refused(why) => ("cannot be had", visible(why.as_bytes(), 120)),
    };
    (format!("backend {to} {what}"), gloss)
}

fn phase_words(phase: &CommandPhase) -> String {
    match phase {
        CommandPhase::Accepted => String::new(),
        CommandPhase::Done(None) => "done".to_owned(),
        CommandPhase::Done(Some(remark)) => visible(remark.as_bytes(), 200),
        CommandPhase::Failed(reason) => format!("failed: {}", visible(reason.as_bytes(), 200)),
    }
}

/// The row as one line of text.
pub fn row(world: &World, event: &Event) -> String {
    let (call, gloss) = row_parts(world, event);
    let line = format!("{} {} {call}   {gloss}", event.t, world.lane_name(event.lane));
    line.trim_end().to_owned()
}

/// What a goroutine came to.
fn goroutine(go: GoId, what: GoChange) -> String {
    match what {
        GoChange::Spawn { fd, .. } => format!("{go} is made for fd {fd}"),
        GoChange::Run => format!("runs {go}"),
        GoChange::Park { on } => format!("{go} parks: {}", words::parked(on)),
        GoChange::Ready { mask } if mask.is_empty() => format!("{go} is runnable again"),
        GoChange::Ready { mask } => format!("{go} is runnable: {mask}"),
        GoChange::Yield => format!("{go} lets the others run"),
        GoChange::End => format!("{go} ends"),
    }
}

/// Any event in a few words, for the header of the past.
pub fn moment(world: &World, event: &Event) -> String {
    let lane = world.lane_name(event.lane);
    match &event.kind {
        Kind::Park { next } => format!("{lane} held before {next}"),
        Kind::Go { go, what: what @ GoChange::Run } => {
            format!("{lane} {}", goroutine(*go, *what))
        }
        Kind::Enter(call) => format!("{lane} enters {}", strace::entered(world, call, event.seq)),
        Kind::Command { text, phase, .. } => {
            let text = visible(text.as_bytes(), 60);
            format!("command: {text} {}", phase_words(phase))
        }
        _ => {
            let words = row_parts(world, event).0;
            let nameless = is_row(event) && event.lane.is_worker();
            if nameless { format!("{lane} {words}") } else { words }
        }
    }
}

/// What a poll(2) or select(2) found, and what that took.
fn found(call: &Syscall, ready: &[Delivery], slept: Option<u32>) -> String {
    let answer = if let Syscall::Select { .. } = call {
        let of = |bit: Mask| {
            let left = ready.iter().filter(|d| d.mask.has(bit)).map(|d| d.fd.to_string());
            left.collect::<Vec<_>>().join(" ")
        };
        let sets = [("in", of(Mask::IN)), ("out", of(Mask::OUT))].into_iter();
        let sets = sets.filter(|(_, fds)| !fds.is_empty());
        sets.map(|(word, fds)| format!("{word} [{fds}]")).collect::<Vec<_>>().join(", ")
    } else {
        let found = ready.iter().map(|d| format!("[fd {} {}]", d.fd, d.mask.join(" ")));
        found.collect::<Vec<_>>().join(" ")
    };
    let (Syscall::Poll { set, .. } | Syscall::Select { set, .. }) = call else { return answer };
    let (slept, asked) = match slept {
        None => return answer,
        Some(0) => ("did not sleep".to_owned(), 1),
        Some(1) => ("slept once".to_owned(), 2),
        Some(n) => (format!("slept {n} times"), u64::from(n) + 1),
    };
    let gap = if answer.is_empty() { "" } else { "   " };
    format!("{answer}{gap}{slept}, asked {}", u64::from(set.count()) * asked)
}

fn gloss(world: &World, event: &Event, record: &SyscallRecord) -> String {
    match (&record.output, record.ret.errno()) {
        (Output::Ring { heads, posted, .. }, None) => ring::posted(world, heads, posted),
        (Output::Scan { ready, slept, .. }, None) => found(&record.call, ready, *slept),
        (Output::Events { events, .. }, None) if !events.is_empty() => {
            let all: Vec<_> = events
                .iter()
                .map(|e| format!("[{} {}]", name(world, event, e), e.mask.join(" ")))
                .collect();
            all.join(" ")
        }
        (Output::Accepted { .. }, None) if world.labelled => String::new(),
        (Output::Accepted { peer, .. }, None) => {
            format!("{} connected", visible(peer.to_string().as_bytes(), 60))
        }
        (Output::Data(bytes), None) if !bytes.is_empty() => {
            let (text, all) = escaped(bytes, 80);
            let cut =
                !all || record.ret.count().is_some_and(|n| n as usize > bytes.len().min(HEAD));
            format!("\"{text}\"{}", if cut { "..." } else { "" })
        }
        (_, Some(errno)) => failure(&record.call, errno).to_owned(),
        (_, None) => success(record).to_owned(),
    }
}

/// What the file of an event handed over is called.
fn name(world: &World, event: &Event, delivery: &Delivery) -> String {
    match world.label_at(delivery.fd, event.seq) {
        Some(label) => label.to_owned(),
        None => format!("fd {}", delivery.fd),
    }
}

fn failure(call: &Syscall, errno: Errno) -> &'static str {
    match (call, errno) {
        (Syscall::Read { .. }, Errno::EAGAIN) => "drained: nothing is left to read",
        (Syscall::Accept { .. }, Errno::EAGAIN) => "nobody is left to accept",
        (Syscall::Write { .. } | Syscall::Send { .. }, Errno::EAGAIN) => {
            "no room: the peer does not read"
        }
        (_, Errno::EMFILE | Errno::ENFILE) => "no descriptor left",
        (_, Errno::ECONNRESET) => "the peer reset the connection",
        (_, Errno::EPIPE) => "the peer is gone",
        (Syscall::UringEnter { .. }, Errno::ETIME) => "timed out",
        (
            Syscall::EpollWait { .. }
            | Syscall::Poll { .. }
            | Syscall::Select { .. }
            | Syscall::UringEnter { .. },
            Errno::EINTR,
        ) => "interrupted by a signal",
        (Syscall::EpollCtl { op: CtlOp::Add, .. }, Errno(17)) => "already registered",
        (Syscall::EpollCtl { .. }, Errno(2)) => "not registered",
        (_, Errno::EBADF) => "no such descriptor",
        (_, Errno::EINVAL) => "not allowed with these arguments",
        _ => "",
    }
}

fn success(record: &SyscallRecord) -> &'static str {
    match (&record.call, record.ret.value()) {
        (Syscall::Read { .. }, Some(0)) => "the peer sent its end",
        (Syscall::EpollWait { timeout_ms: 0, .. }, Some(0)) => "nothing is ready; it did not wait",
        (Syscall::EpollWait { .. }, Some(0)) => "timed out",
        (Syscall::EpollCtl { op: CtlOp::Add, .. }, _) => "watched from now on",
        (Syscall::EpollCtl { op: CtlOp::Mod, .. }, _) => "changed, and polled at once",
        (Syscall::EpollCtl { op: CtlOp::Del, .. }, _) => "no longer watched",
        (Syscall::Close { .. }, _) => "the number is free again",
        (Syscall::Dup { .. }, _) => "another number for the same open file",
        (Syscall::SetFlags { blocking: true, .. }, _) => "its calls sleep from now on",
        (Syscall::SetFlags { .. }, _) => "its calls say EAGAIN from now on",
        (Syscall::EpollCreate, _) => "the epoll instance",
        (Syscall::UringSetup { .. }, _) => "the ring",
        (Syscall::UringRegister { .. }, _) => "buffers that the kernel chooses from",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{LaneId, Nanos, Seq};

    #[test]
    fn that_nothing_happened_has_words() {
        let event = Event { seq: Seq(1), t: Nanos(1), lane: LaneId::TOOL, kind: Kind::Idle };
        let world = World::default();
        assert_eq!(moment(&world, &event), "nothing happened up to here");
        assert_eq!(row_parts(&world, &event).0, "nothing happened up to here");
    }
}
