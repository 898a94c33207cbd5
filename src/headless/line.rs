//! Events as JSON objects, one a line. The schema is in the README and held by a test.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::event::{
    Argument, CommandPhase, ConnState, EdgeLog, Event, Fd, FileKind, HEAD, Kind, LaneChange,
    ListEntries, ListRead, Mistake, Output, Pass, PollFd, Settings, Syscall, SyscallRecord,
    WatchRead, visible,
};
use crate::model::{Difference, Divergence, Finding, ReadyEntry, Reason, World};
use crate::text::{self, strace::escaped};

/// Columns that 64 escaped bytes take at the most: each becomes at most `\377`.
const DATA_COLUMNS: usize = HEAD * 4;

/// Columns of a sentence at the most.
const LONG: usize = 1000;

/// How many entries of the ready list a `ready` line holds.
pub const LISTED: usize = 64;

/// One line of output.
pub enum Line<'a> {
    /// An event, and the world after it.
    Event(&'a World, &'a Event),
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

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Event(world, event) => {
                stamp(&mut map, event.seq.0, event.t.0, &event.lane.to_string())?;
                kind(&mut map, world, event)?;
            }
            Self::ReadyChange(world) => {
                stamp(&mut map, world.seq.0, world.t.0, "tool")?;
                map.serialize_entry("kind", "ready")?;
                let added: Vec<_> =
                    world.through(None).instance.delta.added.iter().map(Listed::of).collect();
                let removed: Vec<_> =
                    world.through(None).instance.delta.removed.iter().map(|key| key.fd.0).collect();
                map.serialize_entry("added", &added)?;
                map.serialize_entry("removed", &removed)?;
                waiting(&mut map, world)?;
                map.serialize_entry("source", "model")?;
            }
            Self::ReadyList(world) => {
                stamp(&mut map, world.seq.0, world.t.0, "tool")?;
                map.serialize_entry("kind", "ready")?;
                let ready = &world.through(None).instance.ready;
                let list: Vec<_> = ready.iter().take(LISTED).map(Listed::of).collect();
                map.serialize_entry("list", &list)?;
                let known =
                    world.through(None).instance.check.sync == crate::model::Sync::Following;
                map.serialize_entry("length", &known.then_some(ready.len()))?;
                waiting(&mut map, world)?;
                map.serialize_entry("source", "model")?;
                map.serialize_entry("sync", sync_word(world))?;
            }
            Self::Finding(world, finding) => {
                stamp(&mut map, world.seq.0, world.t.0, "tool")?;
                map.serialize_entry("kind", "finding")?;
                map.serialize_entry("finding", finding.kind.word())?;
                if let Some(fd) = finding.fd {
                    map.serialize_entry("fd", &fd.0)?;
                }
                map.serialize_entry("text", &text::finding(finding).text)?;
            }
            Self::Divergence(world, divergence) => {
                let lane = divergence.lane.to_string();
                stamp(&mut map, world.seq.0, world.t.0, &lane)?;
                map.serialize_entry("kind", "divergence")?;
                let (what, key) = difference(&divergence.what);
                map.serialize_entry("what", what)?;
                map.serialize_entry("fd", &key)?;
                map.serialize_entry("at", &divergence.seq.0)?;
            }
            Self::Listening { addresses, pid, descriptors } => {
                stamp(&mut map, 0, 0, "tool")?;
                map.serialize_entry("kind", "listening")?;
                map.serialize_entry("addresses", addresses)?;
                map.serialize_entry("pid", pid)?;
                map.serialize_entry("descriptors", descriptors)?;
            }
            Self::Error { message, input } => {
                map.serialize_entry("kind", "error")?;
                map.serialize_entry("message", &visible(message.as_bytes(), LONG))?;
                map.serialize_entry("input", input)?;
            }
        }
        map.end()
    }
}

fn stamp<M: SerializeMap>(map: &mut M, seq: u64, t_ns: u64, lane: &str) -> Result<(), M::Error> {
    map.serialize_entry("seq", &seq)?;
    map.serialize_entry("t_ns", &t_ns)?;
    map.serialize_entry("lane", lane)
}

/// The wait queue: who is woken next comes first.
fn waiting<M: SerializeMap>(map: &mut M, world: &World) -> Result<(), M::Error> {
    let lanes: Vec<_> =
        world.through(None).instance.wq.iter().map(|lane| lane.to_string()).collect();
    map.serialize_entry("waiting", &lanes)
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
        Self { fd: entry.key.fd.0, why: reason(entry.why), bytes, unsure: entry.unsure }
    }
}

/// The word for a reason.
fn reason(why: Reason) -> &'static str {
    match why {
        Reason::Arrived(_) => "arrived",
        Reason::Connection(_) => "connection",
        Reason::Room => "room",
        Reason::PeerClosed => "peer-closed",
        Reason::Signalled => "signalled",
        Reason::Expired => "expired",
        Reason::Inner => "inner-epoll",
        Reason::AtAdd => "ready-at-add",
        Reason::AtMod => "ready-at-mod",
        Reason::PutBack => "put-back",
        Reason::Perhaps => "perhaps",
        Reason::Woken(_) => "woken",
    }
}

fn sync_word(world: &World) -> &'static str {
    match world.through(None).instance.check.sync {
        crate::model::Sync::Following => "following",
        crate::model::Sync::Lost => "lost",
        crate::model::Sync::Unknown => "unknown",
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

fn kind<M: SerializeMap>(map: &mut M, world: &World, event: &Event) -> Result<(), M::Error> {
    match &event.kind {
        Kind::Return(record) => {
            map.serialize_entry("kind", "call")?;
            call(map, &record.call)?;
            result(map, record)
        }
        Kind::Enter(entered) => {
            map.serialize_entry("kind", "enter")?;
            call(map, entered)
        }
        Kind::Park { next } => {
            map.serialize_entry("kind", "park")?;
            call(map, next)
        }
        Kind::Unpark(pass) => {
            map.serialize_entry("kind", "unpark")?;
            let word = match pass {
                Pass::Run => "run",
                Pass::Step => "step",
                Pass::Turn => "turn",
            };
            map.serialize_entry("pass", word)
        }
        Kind::Wakeup(wakeup) => {
            map.serialize_entry("kind", "wakeup")?;
            map.serialize_entry("fd", &wakeup.fd.0)?;
            map.serialize_entry("band", &wakeup.band.to_string())?;
            map.serialize_entry("after_ns", &wakeup.after.0)?;
            let [unread, _] = queue_words(world, wakeup.fd);
            optional(map, unread, wakeup.unread)
        }
        Kind::Arrive { fd, queues } => {
            map.serialize_entry("kind", "queues")?;
            map.serialize_entry("fd", &fd.0)?;
            let [unread, unsent] = queue_words(world, *fd);
            optional(map, unread, queues.unread)?;
            optional(map, unsent, queues.unsent)?;
            optional(map, "state", queues.state.map(|mask| mask.to_string()))
        }
        Kind::Command { id, text, phase } => {
            map.serialize_entry("kind", "command")?;
            map.serialize_entry("id", id)?;
            map.serialize_entry("command", &visible(text.as_bytes(), 200))?;
            let (state, note) = match phase {
                CommandPhase::Accepted => ("accepted", None),
                CommandPhase::Done(note) => ("done", note.as_deref()),
                CommandPhase::Failed(why) => ("failed", Some(&**why)),
            };
            map.serialize_entry("state", state)?;
            optional(map, "note", note.map(|note| visible(note.as_bytes(), LONG)))
        }
        Kind::Gap { lost } => {
            map.serialize_entry("kind", "gap")?;
            map.serialize_entry("lost", lost)
        }
        Kind::ListRead(read) => list_read(map, world, read),
        _ => rare(map, event),
    }
}

fn list_read<M: SerializeMap>(map: &mut M, world: &World, read: &ListRead) -> Result<(), M::Error> {
    let ListEntries::Interest(entries) = &read.list else {
        return map.serialize_entry("kind", "look");
    };
    map.serialize_entry("kind", "interest")?;
    let ep = world.pollers.epoll(read.poller).and_then(|instance| instance.fd);
    map.serialize_entry("epfd", &ep.map(|ep| ep.0))?;
    let mask = |e: &WatchRead| FdMask { fd: e.key.fd.0, events: e.mask.to_string() };
    let list: Vec<_> = entries.iter().map(mask).collect();
    map.serialize_entry("list", &list)?;
    map.serialize_entry("source", "kernel")
}

/// The kinds that say something of the server or the tool rather than of a call.
fn rare<M: SerializeMap>(map: &mut M, event: &Event) -> Result<(), M::Error> {
    match &event.kind {
        Kind::Open { fd, file, what, name } => {
            map.serialize_entry("kind", "open")?;
            map.serialize_entry("fd", &fd.0)?;
            map.serialize_entry("file", &file.0)?;
            map.serialize_entry("what", file_word(*what))?;
            map.serialize_entry("name", &visible(name.as_bytes(), 200))
        }
        Kind::EdgeLog(state) => {
            map.serialize_entry("kind", "edge-log")?;
            map.serialize_entry("state", log_word(*state))
        }
        Kind::Settings(settings) => behaviour(map, settings),
        Kind::Conn { fd, state, queued } => {
            map.serialize_entry("kind", "connection")?;
            map.serialize_entry("fd", &fd.0)?;
            map.serialize_entry("state", conn_word(*state))?;
            map.serialize_entry("queued", queued)
        }
        Kind::Handle { fd, file } => {
            map.serialize_entry("kind", "handle")?;
            map.serialize_entry("fd", &fd.0)?;
            map.serialize_entry("file", &file.0)
        }
        Kind::Stale { fd, file, believed } => {
            map.serialize_entry("kind", "stale")?;
            map.serialize_entry("fd", &fd.0)?;
            map.serialize_entry("file", &file.0)?;
            map.serialize_entry("believed", believed)
        }
        Kind::Refused(why) => {
            map.serialize_entry("kind", "refused")?;
            map.serialize_entry("why", &why.to_string())
        }
        Kind::Lane(change) => thread(map, change),
        Kind::Note(text) => {
            map.serialize_entry("kind", "note")?;
            map.serialize_entry("text", &visible(text.as_bytes(), LONG))
        }
        Kind::Measured { call, times, each } => {
            map.serialize_entry("kind", "measured")?;
            self::call(map, call)?;
            map.serialize_entry("times", times)?;
            map.serialize_entry("each_ns", &each.0)
        }
        Kind::Asleep { lanes, since } => {
            map.serialize_entry("kind", "asleep")?;
            let lanes: Vec<_> = lanes.iter().map(ToString::to_string).collect();
            map.serialize_entry("threads", &lanes)?;
            map.serialize_entry("since_ns", &since.0)?;
            map.serialize_entry("source", "kernel")
        }
        Kind::Files { .. } | Kind::Poller { .. } | Kind::Threads(_) | Kind::Compared { .. } => {
            map.serialize_entry("kind", "look")
        }
        Kind::Quiet => map.serialize_entry("kind", "quiet"),
        _ => Ok(()),
    }
}

fn thread<M: SerializeMap>(map: &mut M, change: &LaneChange) -> Result<(), M::Error> {
    map.serialize_entry("kind", "thread")?;
    match change {
        LaneChange::Started { tid } => {
            map.serialize_entry("state", "started")?;
            map.serialize_entry("tid", tid)
        }
        LaneChange::Ended => map.serialize_entry("state", "ended"),
        LaneChange::Died(message) => {
            map.serialize_entry("state", "died")?;
            map.serialize_entry("note", &visible(message.as_bytes(), LONG))
        }
    }
}

fn behaviour<M: SerializeMap>(map: &mut M, settings: &Settings) -> Result<(), M::Error> {
    map.serialize_entry("kind", "settings")?;
    map.serialize_entry("app", settings.app.word())?;
    map.serialize_entry("trigger", &settings.trigger.to_string())?;
    map.serialize_entry("read", &settings.read.to_string())?;
    map.serialize_entry("accept", &settings.accept.to_string())?;
    map.serialize_entry("max_events", &settings.max_events)?;
    map.serialize_entry("delay_ms", &settings.delay_ms)?;
    map.serialize_entry("threads", &settings.threads)?;
    map.serialize_entry("paused", &settings.paused)?;
    let mistakes: Vec<_> = settings.mistakes.iter().map(Mistake::word).collect();
    map.serialize_entry("mistakes", &mistakes)
}

#[derive(Serialize)]
struct FdMask {
    fd: i32,
    events: String,
}

fn optional<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &str,
    value: Option<T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, &value))
}

/// The call's name and its arguments by their names in the manual pages.
fn call<M: SerializeMap>(map: &mut M, call: &Syscall) -> Result<(), M::Error> {
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
        Argument::Ctl(op) => map.serialize_entry(name, &op.to_string()),
        Argument::Events(mask) => map.serialize_entry(name, &mask.to_string()),
        Argument::Flags(words) | Argument::Implied(words) => map.serialize_entry(name, words),
        Argument::How(how) => map.serialize_entry(name, &how.to_string()),
        Argument::Address(address) => map.serialize_entry(name, &address.to_string()),
        Argument::Option(option) => map.serialize_entry(name, &option.to_string()),
        Argument::Set(set) => {
            let asked = |one: &PollFd| FdMask { fd: one.fd.0, events: one.events.to_string() };
            let list: Vec<_> = set.first().iter().map(asked).collect();
            map.serialize_entry("nfds", &set.count())?;
            map.serialize_entry(name, &list)
        }
        Argument::Timer { first_ms, interval_ms } => {
            map.serialize_entry("first_ms", &first_ms)?;
            map.serialize_entry("interval_ms", &interval_ms)
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
            let list: Vec<_> =
                events.iter().map(|e| FdMask { fd: e.fd.0, events: e.mask.to_string() }).collect();
            map.serialize_entry("events", &list)?;
            map.serialize_entry("edge_log", log_word(*log))
        }
        Output::Accepted { file, peer } => {
            map.serialize_entry("file", &file.0)?;
            map.serialize_entry("peer", &visible(peer.to_string().as_bytes(), 200))
        }
        Output::Pair([a, b]) => map.serialize_entry("fds", &[a.0, b.0]),
        Output::Polled(bits) => map.serialize_entry("polled", &bits.to_string()),
        Output::Data(bytes) => map.serialize_entry("data", &escaped(bytes, DATA_COLUMNS).0),
    }
}

fn file_word(what: FileKind) -> &'static str {
    match what {
        FileKind::Listener => "listener",
        FileKind::Tcp => "tcp",
        FileKind::Unix => "unix",
        FileKind::Eventfd => "eventfd",
        FileKind::Pipe => "pipe",
        FileKind::PipeWriter => "pipe-writer",
        FileKind::Timerfd => "timerfd",
        FileKind::Datagram => "unix-datagram",
        FileKind::Udp => "udp",
        FileKind::Epoll => "epoll",
        FileKind::Plain => "file",
    }
}

fn log_word(state: EdgeLog) -> &'static str {
    match state {
        EdgeLog::Drained => "drained",
        EdgeLog::Skipped => "skipped",
        EdgeLog::Off => "off",
        EdgeLog::NoQueue => "no-queue",
    }
}

fn conn_word(state: ConnState) -> &'static str {
    match state {
        ConnState::Open => "open",
        ConnState::Carried => "carried",
        ConnState::BackPressure => "back-pressure",
        ConnState::Flushing => "flushing",
    }
}
