//! What all threads of the engine share.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::epoll::Epoll;

use super::backend::{Crew, Scheduler};
use super::gate::Gate;
use super::lock;
use super::mailbox::{Job, Mailbox};
use super::table::{Table, Watched};
use super::tally::{CallCounts, Tally};
use super::tap::{RingWriter, SLOTS, SideChannel};
use super::wakeup_log::SharedWakeupLog;
use crate::event::{Backend, FileId, Kind, LaneId, Mask, Nanos, Settings, Wakeup};
use crate::kernel::task::Task;
use crate::sys::clock::Clock;
use crate::sys::descriptor;

/// Records that the ring of a thread holds that serves one client.
const CLIENT_SLOTS: usize = 4096;

/// Copies of closed descriptors that the mistake of that name keeps.
pub(crate) const COPIES_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) side: Arc<SideChannel>,
    pub(crate) gate: Gate,
    pub(crate) mailbox: Mailbox,
    pub(crate) edge: SharedWakeupLog,
    pub(crate) table: Table,
    pub(crate) lan: bool,
    /// Whether the threads tell what they do.
    pub(crate) observed: bool,
    settings: Mutex<Settings>,
    changes: AtomicU64,
    /// The epoll instance, once the first thread has made it.
    pub(crate) ep: Mutex<Option<Arc<Epoll>>>,
    /// The goroutines, while the server waits by them.
    pub(crate) sched: Mutex<Option<Arc<Scheduler>>>,
    /// Who serves which file, while each has a thread of its own.
    pub(crate) crew: Arc<Crew>,
    /// Held around each call that makes or frees a descriptor, and its stamp: the order of
    /// events is then the order in which a number changed hands.
    pub(crate) numbers: Mutex<()>,
    /// A descriptor to give up when there is no other.
    pub(crate) spare: Mutex<Option<OwnedFd>>,
    /// Listeners are muted because no descriptor is left.
    pub(crate) muted: AtomicBool,
    pub(crate) copies: Mutex<Vec<OwnedFd>>,
    /// Connections on which the server has said its last word, until when their ends are waited
    /// for.
    pub(crate) farewells: Mutex<VecDeque<(FileId, Instant)>>,
    /// Whether there are any.
    pub(crate) parting: AtomicBool,
    next_file: AtomicU32,
    /// See [`Shared::introduced`].
    first_client: AtomicU32,
    /// The lanes' producing ends, as far as they were made; `None` while a thread has it.
    lanes: Mutex<BTreeMap<LaneId, Option<RingWriter>>>,
    /// The files that tell what each thread does.
    tasks: Mutex<BTreeMap<LaneId, Task>>,
    /// What the threads count; of those that have ended, their sum.
    tallies: Mutex<(CallCounts, Vec<Arc<Tally>>)>,
    /// How long the last thread may wait for clients to close their ends.
    pub(crate) linger: Mutex<Duration>,
    /// The next turn panics.
    #[cfg(test)]
    pub(crate) panic_next: AtomicBool,
    /// The next ring has few entries and buffers.
    #[cfg(test)]
    pub(crate) small_ring: AtomicBool,
}

/// What [`Shared`] is made of.
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) side: Arc<SideChannel>,
    pub(crate) mailbox: Mailbox,
    pub(crate) edge: SharedWakeupLog,
    pub(crate) lan: bool,
    pub(crate) observed: bool,
    pub(crate) settings: Settings,
    pub(crate) spare: Option<OwnedFd>,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let settings = parts.settings;
        let gate = Gate::new(Arc::clone(&parts.side), &settings);
        Self {
            clock: parts.clock,
            side: parts.side,
            gate,
            mailbox: parts.mailbox,
            edge: parts.edge,
            table: Table::default(),
            lan: parts.lan,
            observed: parts.observed,
            tasks: Mutex::default(),
            settings: Mutex::new(settings),
            changes: AtomicU64::new(1),
            ep: Mutex::new(None),
            sched: Mutex::new(None),
            crew: Arc::default(),
            numbers: Mutex::new(()),
            spare: Mutex::new(parts.spare),
            muted: AtomicBool::new(false),
            copies: Mutex::new(Vec::new()),
            farewells: Mutex::default(),
            parting: AtomicBool::new(false),
            next_file: AtomicU32::new(1),
            first_client: AtomicU32::new(1),
            lanes: Mutex::default(),
            tallies: Mutex::default(),
            linger: Mutex::new(Duration::ZERO),
            #[cfg(test)]
            panic_next: AtomicBool::new(false),
            #[cfg(test)]
            small_ring: AtomicBool::new(false),
        }
    }

    /// Opens the files that tell what the thread `tid` of `lane` does, if anybody wants to know.
    pub(crate) fn watch_task(&self, lane: LaneId, tid: u32) {
        if self.observed {
            let _order = lock(&self.numbers);
            let task = Task::open(tid, descriptor::out_of_the_way);
            let mut tasks = lock(&self.tasks);
            match task {
                Ok(task) => tasks.insert(lane, task),
                Err(_) => tasks.remove(&lane),
            };
        }
    }

    /// The producing end of a lane, made at its first use; `None` if a thread has it.
    pub(crate) fn take_lane(&self, id: LaneId) -> Option<RingWriter> {
        let few = id.0 > u16::from(LaneId::MAX_WORKERS);
        let slots = if few { CLIENT_SLOTS } else { SLOTS };
        let mut lanes = lock(&self.lanes);
        lanes.entry(id).or_insert_with(|| Some(self.side.open_lane(id, slots))).take()
    }

    /// Takes it back from a thread that ends.
    pub(crate) fn give_lane_back(&self, lane: RingWriter) {
        lock(&self.lanes).insert(lane.id(), Some(lane));
    }

    /// Counters for a thread that begins.
    pub(crate) fn new_tally(&self) -> Arc<Tally> {
        let mut tallies = lock(&self.tallies);
        let (ended, running) = &mut *tallies;
        running.retain(|tally| {
            let held = Arc::strong_count(tally) > 1;
            if !held {
                *ended = ended.plus(tally.read());
            }
            held
        });
        let tally = Arc::new(Tally::default());
        running.push(Arc::clone(&tally));
        tally
    }

    /// What all threads have counted so far.
    pub(crate) fn counts(&self) -> CallCounts {
        let tallies = lock(&self.tallies);
        tallies.1.iter().fold(tallies.0, |sum, tally| sum.plus(tally.read()))
    }

    /// Whether the thread of `lane` sleeps where it waits for many files: `said` where the system
    /// tells only that it sleeps, `None` where it does not even tell that.
    pub(crate) fn sleeps_in_wait(&self, lane: LaneId, said: bool) -> Option<bool> {
        let tasks = lock(&self.tasks);
        let task = tasks.get(&lane)?;
        let look = task.look().ok()?;
        Some(look.sleeps_in_wait(task.tells_call()).unwrap_or(said))
    }

    /// A number for an open file, never used before.
    pub(crate) fn new_file(&self) -> FileId {
        FileId(self.next_file.fetch_add(1, Ordering::Relaxed))
    }

    /// Every file from the next one on is a connection that was accepted.
    pub(crate) fn introduced(&self) {
        self.first_client.store(self.next_file.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The connection that was accepted as that one, counted from 1; or why there is none.
    pub(crate) fn client(&self, number: u32) -> Result<Arc<Watched>, &'static str> {
        let first = self.first_client.load(Ordering::Relaxed);
        let file =
            first.checked_add(number - 1).filter(|n| *n < self.next_file.load(Ordering::Relaxed));
        let file = file.ok_or("has not been accepted yet")?;
        self.table.get(FileId(file)).ok_or("is gone")
    }

    pub(crate) fn settings(&self) -> Settings {
        *lock(&self.settings)
    }

    /// How often the settings have changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Changes the settings and tells of it, if anything is different.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = lock(&self.settings);
        let before = *settings;
        change(&mut settings);
        if *settings != before {
            self.changes.fetch_add(1, Ordering::SeqCst);
            self.side.push(Kind::Settings(*settings));
        }
    }

    /// Hands a job to a server thread: to one at the gate if there is one, else through the
    /// eventfd.
    pub(crate) fn post(&self, job: Job) -> Result<(), (Job, &'static str)> {
        if self.mailbox.post(job, &self.gate)? {
            self.ring();
        }
        Ok(())
    }

    /// Wakes a server thread by the eventfd, and tells of it: it happened between two looks at the
    /// clock.
    pub(crate) fn ring(&self) {
        if self.gate.backend() == Backend::Threads {
            // Nobody reads the eventfd.
            self.gate.call_first();
            return;
        }
        let after = Nanos(self.clock.now());
        self.mailbox.event().ring();
        let fd = self.mailbox.event().fd();
        self.side.push(Kind::Wakeup(Wakeup {
            fd,
            band: Mask::IN,
            unread: None,
            counted: after,
            after,
        }));
    }
}
