//! What the history tells of the way that the last event of a file took: from the wake-up, or what
//! else the thread found it by, to what the server did about it.

use crate::event::{CtlOp, Event, Kind, LaneId, Mask, Nanos, Output, Seq, Syscall, WatchKey};
use crate::model::{InterestList, World};
use crate::session::Scene;

/// How many events back a way is looked for.
const FAR: u64 = 2_000;
/// Calls of a way that are kept; the oldest go.
const CALLS: usize = 8;

/// A place on the way, in the order in which it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file and the wait queue that its waiters hang on.
    Socket,
    /// The function on that queue.
    Callback,
    /// The list or set on which it is found.
    List,
    /// Where threads sleep.
    Sleepers,
    /// The look at what is listed.
    Scan,
    /// What was copied to the server.
    Events,
    /// What the server did.
    Calls,
}

/// A call about the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TrailCall {
    pub(super) at: Nanos,
    pub(super) text: String,
}

/// The last way up to the viewed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trail {
    /// Of which file.
    pub(super) key: WatchKey,
    /// The wake-up.
    pub(super) woken: Option<(Nanos, Mask)>,
    /// A thread came back with it: which, with what, and among how many.
    pub(super) found: Option<(Nanos, LaneId, Mask, usize)>,
    /// The server turned to it.
    pub(super) turned: Option<Nanos>,
    /// What it called since, oldest first.
    pub(super) calls: Vec<TrailCall>,
    /// Where the viewed event stands on the way; nowhere if it is about something else.
    pub(super) at: &'static [Place],
}

impl Trail {
    /// The way of that file up to the viewed event.
    pub(crate) fn of(scene: &Scene<'_>, key: WatchKey) -> Self {
        let viewed = scene.world.seq;
        let mut back = Vec::new();
        scene.journal.back_from(viewed, |event| {
            if is_about(event, key, scene.world) {
                back.push(event.clone());
            }
            let begins = match &event.kind {
                Kind::Wakeup(wakeup) => wakeup.fd == key.fd,
                // What was done about it in another loop is no part of this one's way.
                Kind::Backend { .. } => true,
                _ => false,
            };
            !begins && viewed.0 - event.seq.0 < FAR
        });
        let mut trail =
            Self { key, woken: None, found: None, turned: None, calls: Vec::new(), at: &[] };
        for event in back.iter().rev() {
            trail.take(event);
        }
        let viewed = scene.journal.get(viewed);
        trail.at = viewed.map_or(&[], |event| places(&event, key, scene.world));
        trail
    }

    fn take(&mut self, event: &Event) {
        match &event.kind {
            Kind::Wakeup(wakeup) => self.woken = Some((event.t, wakeup.band)),
            Kind::Handle { .. } => self.turned = Some(event.t),
            Kind::Sqe { sqe, .. } => self.call(event.t, format!("{} written", sqe.op.word())),
            Kind::Reap { op, cqe, .. } => {
                self.turned = Some(event.t);
                self.call(event.t, format!("{} = {}", op.word(), cqe.ret));
            }
            Kind::Return(record) => match &record.output {
                Output::Events { events, .. } | Output::Scan { ready: events, .. } => {
                    let it = events.iter().find(|e| InterestList::key_of(e) == self.key);
                    if let Some(it) = it {
                        // What came before belongs to an earlier way that a level put it back on.
                        self.calls.clear();
                        self.turned = None;
                        self.found = Some((event.t, event.lane, it.mask, events.len()));
                    }
                }
                _ => self.call(event.t, format!("{} = {}", record.call.name(), record.ret)),
            },
            _ => {}
        }
    }

    fn call(&mut self, at: Nanos, text: String) {
        if self.calls.len() == CALLS {
            self.calls.remove(0);
        }
        self.calls.push(TrailCall { at, text });
    }

    /// When the way came to a place.
    pub(super) fn time(&self, place: Place) -> Option<Nanos> {
        match place {
            Place::Socket | Place::Callback | Place::List => self.woken.map(|(t, _)| t),
            Place::Sleepers => None,
            Place::Scan => self.found.map(|(t, ..)| t),
            Place::Events => self.turned,
            Place::Calls => self.calls.last().map(|call| call.at),
        }
    }
}

/// Whether an event is about that file.
fn is_about(event: &Event, key: WatchKey, world: &World) -> bool {
    match &event.kind {
        Kind::Wakeup(wakeup) => wakeup.fd == key.fd,
        Kind::Handle { fd, file } => (*fd, *file) == (key.fd, key.file),
        Kind::Return(record) => match &record.output {
            Output::Events { events, .. } | Output::Scan { ready: events, .. } => {
                events.iter().any(|event| InterestList::key_of(event) == key)
            }
            _ => record.call.fd() == Some(key.fd),
        },
        Kind::Sqe { sqe, .. } => sqe.fd == key.fd,
        Kind::Reap { cqe, .. } => {
            world.ring().and_then(|rings| rings.name(cqe.id)).is_some_and(|(_, fd)| fd == key.fd)
        }
        _ => false,
    }
}

/// The places that an event touches on the way of a file.
fn places(event: &Event, key: WatchKey, world: &World) -> &'static [Place] {
    match &event.kind {
        Kind::Enter(call) if call.ends_turn() => &[Place::Sleepers],
        Kind::Asleep { .. } => &[Place::Sleepers],
        _ if !is_about(event, key, world) => &[],
        Kind::Sqe { .. } => &[Place::List],
        Kind::Reap { .. } => &[Place::Events, Place::Calls],
        Kind::Wakeup(_) => &[Place::Socket, Place::Callback, Place::List],
        Kind::Handle { .. } => &[Place::Events],
        Kind::Return(record) => match (&record.call, &record.output) {
            (_, Output::Events { .. } | Output::Scan { .. }) => {
                &[Place::Scan, Place::Events, Place::List]
            }
            (Syscall::EpollCtl { op: CtlOp::Del, .. }, _) => &[Place::Socket, Place::List],
            (Syscall::EpollCtl { .. }, _) => &[Place::Socket],
            _ => &[Place::Calls, Place::Socket],
        },
        _ => &[],
    }
}

/// The file that an event is about, if it is about one of those.
pub(super) fn subject(scene: &Scene<'_>, at: Seq, chosen: Option<WatchKey>) -> Option<WatchKey> {
    let event = scene.journal.get(at)?;
    let key = |fd| scene.world.fds.get(&fd).map(|file| WatchKey { fd, file: *file });
    let watched = |key: &WatchKey| scene.world.entries(*key).next().is_some();
    match &event.kind {
        Kind::Wakeup(wakeup) => key(wakeup.fd),
        Kind::Handle { fd, file } => Some(WatchKey { fd: *fd, file: *file }),
        Kind::Return(record) => match &record.output {
            Output::Events { events, .. } | Output::Scan { ready: events, .. } => {
                let mut keys = events.iter().map(InterestList::key_of);
                let first = keys.clone().next();
                chosen.filter(|chosen| keys.any(|key| key == *chosen)).or(first)
            }
            _ => record.call.fd().and_then(key).filter(watched),
        },
        Kind::Sqe { sqe, .. } => key(sqe.fd),
        Kind::Reap { cqe, .. } => {
            let name = scene.world.ring().and_then(|rings| rings.name(cqe.id));
            name.and_then(|(_, fd)| key(fd))
        }
        _ => None,
    }
}
