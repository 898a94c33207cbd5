//! Events as JSON objects, one a line. The schema is in the reference and held by a test.
//!
//! Nothing of it is derived but the rows of lists: an event is one flat object, and the keys of a call
//! are the names that its arguments have in the manual pages.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Lines;
use crate::event::{
    Argument, Backend, CommandPhase, Event, Fd, FileKind, GateStep, GoChange, GoId, HEAD, Kind,
    LaneChange, ListEntries, ListRead, Mask, Mistake, Output, Queues, Settings, SwitchPhase,
    Syscall, SyscallRecord, Wakeup, visible,
};
use crate::model::{Difference, Divergence, Finding, ReadyEntry, Reason, World};
use crate::text;
use crate::text::strace::{self, escaped};

/// Columns that 64 escaped bytes take at the most: each becomes at most `\377`.
const DATA_COLUMNS: usize = HEAD * 4;

/// Columns of a sentence at the most.
const LONG: usize = 1000;

/// How many entries of the ready list a `ready` line holds.
const LISTED: usize = 64;

/// One line of output.
pub enum JsonLine<'a> {
    /// An event, and the world after it.
    Event(&'a World, &'a Event, Lines),
    /// What an event changed in the ready list.
    ReadyChange(&'a World),
    /// The whole ready list.
    ReadyList(&'a World),
    /// A finding that is new.
    Finding(&'a World, &'a Finding),
    /// A difference between model and kernel.
    Divergence(&'a World, &'a Divergence),
    /// The first line.
    Listening {
        /// Where clients can connect.
        addresses: &'a [String],
        /// The process id.
        pid: u32,
        /// Soft limit of descriptors.
        descriptors: u64,
    },
    /// A line of standard input that was no command.
    Error {
        /// What was wrong.
        message: &'a str,
        /// The line, made visible.
        input: &'a str,
    },
}

/// Writes these keys with their values, in this order; a key with `?` only if there is a value.
macro_rules! entries {
    ($map:expr $(,)?) => { Ok(()) };
    ($map:expr, $key:tt?: $value:expr $(, $($rest:tt)*)?) => {{
        optional(&mut *$map, $key, $value)?;
        entries!($map $(, $($rest)*)?)
    }};
    ($map:expr, $key:tt: $value:expr $(, $($rest:tt)*)?) => {{
        $map.serialize_entry($key, &$value)?;
        entries!($map $(, $($rest)*)?)
    }};
}

mod ring;

impl Serialize for JsonLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        let map = &mut object;
        match self {
            Self::Event(world, event, lines) => {
                stamp(map, event.seq.0, event.t.0, &event.lane.to_string())?;
                kind(map, world, event)?;
                let call = event.record().filter(|_| lines.strace);
                entries!(map, "strace"?: call.map(|call| strace::line(call, |key| Some(key.data()), world.scan())))
            }
            Self::ReadyChange(world) => {
                stamp(map, world.seq.0, world.t.0, "tool")?;
                let delta = &world.through(None).instance.delta;
                let added: Vec<_> = delta.added.iter().map(Listed::of).collect();
                let removed: Vec<_> = delta.removed.iter().map(|key| key.fd.0).collect();
                entries!(map, "kind": "ready", "added": added, "removed": removed,
                    "waiting": waiting(world), "source": "model")
            }
            Self::ReadyList(world) => {
                stamp(map, world.seq.0, world.t.0, "tool")?;
                let instance = world.through(None).instance;
                let ready = &instance.ready;
                let list: Vec<_> = ready.iter().take(LISTED).map(Listed::of).collect();
                let known = instance.check.sync == crate::model::Sync::Following;
                entries!(map, "kind": "ready", "list": list,
                    "length": known.then_some(ready.len()), "waiting": waiting(world),
                    "source": "model", "sync": instance.check.sync.word())
            }
            Self::Finding(world, finding) => {
                stamp(map, world.seq.0, world.t.0, "tool")?;
                entries!(map, "kind": "finding", "finding": finding.kind.word(),
                    "fd"?: finding.fd.map(|fd| fd.0), "text": text::finding(finding).text)
            }
            Self::Divergence(world, divergence) => {
                stamp(map, world.seq.0, world.t.0, &divergence.lane.to_string())?;
                let (what, fd) = difference(&divergence.what);
                entries!(map, "kind": "divergence", "what": what, "fd": fd,
                    "at": divergence.seq.0)
            }
            Self::Listening { addresses, pid, descriptors } => {
                stamp(map, 0, 0, "tool")?;
                entries!(map, "kind": "listening", "addresses": addresses, "pid": pid,
                    "descriptors": descriptors)
            }
            Self::Error { message, input } => entries!(map, "kind": "error",
                "message": visible(message.as_bytes(), LONG), "input": input),
        }?;
        object.end()
    }
}

fn stamp<M: SerializeMap>(map: &mut M, seq: u64, t_ns: u64, lane: &str) -> Result<(), M::Error> {
    map.serialize_entry("seq", &seq)?;
    map.serialize_entry("t_ns", &t_ns)?;
    map.serialize_entry("lane", lane)
}

/// The wait queue: who is woken next comes first.
fn waiting(world: &World) -> Vec<String> {
    world.through(None).instance.wq.iter().map(|lane| lane.to_string()).collect()
}

/// What the numbers of a file's queues count: bytes, or of a listener connections.
fn queue_words(world: &World, fd: Fd) -> [&'static str; 2] {
    match world.file_at(fd).map(|file| file.what) {
        Some(FileKind::Listener) => ["waiting", "backlog"],
        _ => ["unread", "unsent"],
    }
}

/// An entry of the ready list.
#[derive(Serialize)]
struct Listed {
    fd: i32,
    why: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unsure: bool,
}

impl Listed {
    fn of(entry: &ReadyEntry) -> Self {
        let bytes = match entry.why {
            Reason::Arrived(bytes) => bytes,
            _ => None,
        };
        Self { fd: entry.key.fd.0, why: entry.why.word(), bytes, unsure: entry.unsure }
    }
}

fn difference(what: &Difference) -> (&'static str, i32) {
    match what {
        Difference::NotListed(key) => ("not-listed", key.fd.0),
        Difference::NotReported(key) => ("not-reported", key.fd.0),
        Difference::Order(key) => ("order", key.fd.0),
        Difference::Bits { key, .. } => ("bits", key.fd.0),
        Difference::Interest(key) => ("interest", key.fd.0),
    }
}

/// What kind of event it is, and what it says.
fn kind<M: SerializeMap>(map: &mut M, world: &World, event: &Event) -> Result<(), M::Error> {
    let text = |text: &str, columns| visible(text.as_bytes(), columns);
    match &event.kind {
        Kind::Return(record) => {
            call(map, "call", &record.call)?;
            result(map, record)
        }
        Kind::Enter(entered) => call(map, "enter", entered),
        Kind::Park { next: GateStep::Run(go) } => entries!(map, "kind": "park", "go": go.0),
        Kind::Park { next } => match next.call() {
            Some(next) => call(map, "park", next),
            None => ring::step(map, next),
        },
        Kind::Unpark(pass) => entries!(map, "kind": "unpark", "pass": pass.word()),
        Kind::Wakeup(wakeup) => wakeup_line(map, world, wakeup),
        Kind::Arrive { fd, queues } => queues_line(map, world, *fd, *queues),
        Kind::Command { id, text, phase } => command(map, *id, text, phase),
        Kind::Gap { lost } => entries!(map, "kind": "gap", "lost": lost),
        Kind::Open { fd, file, what, name } => entries!(map, "kind": "open", "fd": fd.0,
            "file": file.0, "what": what.word(), "name": text(name, 200)),
        Kind::WakeupLog(log) => entries!(map, "kind": "edge-log", "state": log.word()),
        Kind::ListRead(read) => list_read(map, world, read),
        Kind::Settings(settings) => behaviour(map, settings),
        Kind::Conn { fd, state, queued } => entries!(map, "kind": "connection", "fd": fd.0,
            "state": state.word(), "queued": queued),
        Kind::Handle { fd, file } => {
            entries!(map, "kind": "handle", "fd": fd.0, "file": file.0)
        }
        Kind::Stale { fd, file, believed } => entries!(map, "kind": "stale", "fd": fd.0,
            "file": file.0, "believed": believed),
        Kind::Set { fd, file, events, place } => entries!(map, "kind": "set", "fd": fd.0,
            "file": file.0, "place": place, "events": events.map(|mask| mask.to_string())),
        Kind::Sqe { .. } | Kind::Reap { .. } | Kind::Give { .. } | Kind::Rings { .. } => {
            ring::line(map, &event.kind)
        }
        Kind::Backend { to, phase } => backend(map, *to, phase),
        Kind::Go { go, what } => goroutine(map, *go, *what),
        Kind::Refused(why) => entries!(map, "kind": "refused", "why": why.to_string()),
        Kind::Client(name) => entries!(map, "kind": "client", "peer": text(name, LONG)),
        Kind::Lane(change) => thread(map, change),
        Kind::Note(note) => entries!(map, "kind": "note", "text": text(note, LONG)),
        Kind::Mark(note) => entries!(map, "kind": "mark", "text": text(note, LONG)),
        Kind::Measured { call: measured, times, each } => {
            call(map, "measured", measured)?;
            entries!(map, "times": times, "each_ns": each.0)
        }
        Kind::Files { .. } | Kind::Poller { .. } | Kind::Threads(_) | Kind::Compared { .. } => {
            entries!(map, "kind": "look")
        }
        Kind::Asleep { lanes, since } => {
            let lanes: Vec<_> = lanes.iter().map(ToString::to_string).collect();
            entries!(map, "kind": "asleep", "threads": lanes, "since_ns": since.0,
                "source": "kernel")
        }
        Kind::Idle => entries!(map, "kind": "quiet"),
    }
}

fn wakeup_line<M: SerializeMap>(
    map: &mut M,
    world: &World,
    wakeup: &Wakeup,
) -> Result<(), M::Error> {
    let [unread, _] = queue_words(world, wakeup.fd);
    entries!(map, "kind": "wakeup", "fd": wakeup.fd.0, "band": wakeup.band.to_string(),
        "after_ns": wakeup.after.0, unread?: wakeup.unread)
}

fn queues_line<M: SerializeMap>(
    map: &mut M,
    world: &World,
    fd: Fd,
    queues: Queues,
) -> Result<(), M::Error> {
    let [unread, unsent] = queue_words(world, fd);
    entries!(map, "kind": "queues", "fd": fd.0, unread?: queues.unread, unsent?: queues.unsent,
        "state"?: queues.state.map(|mask| mask.to_string()))
}

fn command<M: SerializeMap>(
    map: &mut M,
    id: u32,
    text: &str,
    phase: &CommandPhase,
) -> Result<(), M::Error> {
    let (state, note) = match phase {
        CommandPhase::Accepted => ("accepted", None),
        CommandPhase::Done(note) => ("done", note.as_deref()),
        CommandPhase::Failed(why) => ("failed", Some(&**why)),
    };
    entries!(map, "kind": "command", "id": id, "command": visible(text.as_bytes(), 200),
        "state": state, "note"?: note.map(|note| visible(note.as_bytes(), LONG)))
}

fn thread<M: SerializeMap>(map: &mut M, change: &LaneChange) -> Result<(), M::Error> {
    let (state, tid, note) = match change {
        LaneChange::Started { tid } => ("started", Some(tid), None),
        LaneChange::Ended => ("ended", None, None),
        LaneChange::Died(why) => ("died", None, Some(visible(why.as_bytes(), LONG))),
    };
    entries!(map, "kind": "thread", "state": state, "tid"?: tid, "note"?: note)
}

fn list_read<M: SerializeMap>(map: &mut M, world: &World, read: &ListRead) -> Result<(), M::Error> {
    let entries = match &read.list {
        ListEntries::Interest(entries) => entries,
        ListEntries::Scanned(entries) => {
            let list: Vec<_> =
                entries.iter().map(|(key, mask)| FdMask::of(key.fd, *mask)).collect();
            return entries!(map, "kind": "sets", "list": list, "source": "server");
        }
        _ => return entries!(map, "kind": "look"),
    };
    let ep = world.pollers.epoll(read.poller).and_then(|instance| instance.fd);
    let list: Vec<_> = entries.iter().map(|e| FdMask::of(e.key.fd, e.mask)).collect();
    entries!(map, "kind": "interest", "epfd": ep.map(|ep| ep.0), "list": list, "source": "kernel")
}

fn backend<M: SerializeMap>(map: &mut M, to: Backend, phase: &SwitchPhase) -> Result<(), M::Error> {
    let (phase, note) = match phase {
        SwitchPhase::Asked => ("asked", None),
        SwitchPhase::Left => ("left", None),
        SwitchPhase::Entered(_) => ("entered", None),
        SwitchPhase::Refused(why) => ("refused", Some(visible(why.as_bytes(), LONG))),
    };
    entries!(map, "kind": "backend", "to": to.word(), "phase": phase, "note"?: note)
}

fn goroutine<M: SerializeMap>(map: &mut M, go: GoId, what: GoChange) -> Result<(), M::Error> {
    entries!(map, "kind": "goroutine", "go": go.0)?;
    match what {
        GoChange::Spawn { fd, file } => {
            entries!(map, "state": "made", "fd": fd.0, "file": file.0)
        }
        GoChange::Run => entries!(map, "state": "runs"),
        GoChange::Park { on } => entries!(map, "state": "parked", "on": on.word()),
        GoChange::Ready { mask } => {
            entries!(map, "state": "runnable", "events": mask.to_string())
        }
        GoChange::Yield => entries!(map, "state": "yielded"),
        GoChange::End => entries!(map, "state": "ended"),
    }
}

fn behaviour<M: SerializeMap>(map: &mut M, settings: &Settings) -> Result<(), M::Error> {
    let mistakes: Vec<_> = settings.mistakes.iter().map(Mistake::word).collect();
    entries!(map, "kind": "settings", "app": settings.app.word(),
        "backend": settings.backend.word(), "netpoll": settings.netpoll.word(),
        "trigger": settings.trigger.to_string(), "read": settings.read.to_string(),
        "accept": settings.accept.to_string(), "max_events": settings.max_events,
        "delay_ms": settings.delay_ms, "threads": settings.threads, "paused": settings.paused,
        "mistakes": mistakes)
}

#[derive(Serialize)]
struct FdMask {
    fd: i32,
    events: String,
}

impl FdMask {
    fn of(fd: Fd, mask: Mask) -> Self {
        Self { fd: fd.0, events: mask.to_string() }
    }
}

fn optional<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &str,
    value: Option<T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, &value))
}

/// What became of a call; its name, and its arguments by their names in the manual pages.
fn call<M: SerializeMap>(map: &mut M, kind: &str, call: &Syscall) -> Result<(), M::Error> {
    map.serialize_entry("kind", kind)?;
    map.serialize_entry("call", call.name())?;
    for (name, value) in call.arguments() {
        argument(map, name, value)?;
    }
    Ok(())
}

fn argument<M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    value: Argument,
) -> Result<(), M::Error> {
    match value {
        Argument::Fds(fd) => map.serialize_entry(name, &fd.0),
        // What they are is told by the result.
        Argument::NewFds => Ok(()),
        Argument::Number(number) => map.serialize_entry(name, &number),
        Argument::Max(max) => map.serialize_entry(name, &max),
        Argument::Counted(_, count) => map.serialize_entry(name, &count),
        Argument::Ctl(op) => map.serialize_entry(name, &op.to_string()),
        Argument::Events(mask) => map.serialize_entry(name, &mask.to_string()),
        Argument::Flags(words) | Argument::Implied(words) => map.serialize_entry(name, words),
        Argument::How(how) => map.serialize_entry(name, &how.to_string()),
        Argument::Address(address) => map.serialize_entry(name, &address.to_string()),
        Argument::Option(option) => map.serialize_entry(name, &option.to_string()),
        Argument::Set(set) if set.is_counted() => map.serialize_entry("nfds", &set.count()),
        Argument::Set(set) => {
            let list: Vec<_> = set.first().iter().map(|p| FdMask::of(p.fd, p.events)).collect();
            map.serialize_entry("nfds", &set.count())?;
            map.serialize_entry(name, &list)
        }
        Argument::Bits(set) if set.is_counted() => {
            let [read, write, _] = set.sets().unwrap_or_default();
            entries!(map, "nfds": set.nfds(), "readfds": read, "writefds": write)
        }
        Argument::Bits(set) => argument(map, name, Argument::Set(set)),
        Argument::Timer { first_ms, interval_ms } => {
            entries!(map, "first_ms": first_ms, "interval_ms": interval_ms)
        }
        Argument::Limit(soft) => map.serialize_entry(name, &soft),
    }
}

fn result<M: SerializeMap>(map: &mut M, record: &SyscallRecord) -> Result<(), M::Error> {
    match record.ret.errno() {
        Some(errno) => map.serialize_entry("errno", &errno.to_string())?,
        None => map.serialize_entry("ret", &record.ret.raw())?,
    }
    map.serialize_entry("started_ns", &record.started.0)?;
    match &record.output {
        Output::None => Ok(()),
        Output::Events { events, log, .. } => {
            let list: Vec<_> = events.iter().map(|e| FdMask::of(e.fd, e.mask)).collect();
            entries!(map, "events": list, "edge_log": log.word())
        }
        Output::Scan { ready, slept, log } => {
            let list: Vec<_> = ready.iter().map(|e| FdMask::of(e.fd, e.mask)).collect();
            entries!(map, "events": list, "slept"?: *slept, "edge_log": log.word())
        }
        Output::Ring { heads, posted, log } => ring::output(map, heads, posted, log.word()),
        Output::Accepted { file, peer } => entries!(map, "file": file.0,
            "peer": visible(peer.to_string().as_bytes(), 200)),
        Output::Pair([a, b]) => map.serialize_entry("fds", &[a.0, b.0]),
        Output::Polled(bits) => map.serialize_entry("polled", &bits.to_string()),
        Output::Data(bytes) => map.serialize_entry("data", &escaped(bytes, DATA_COLUMNS).0),
    }
}
