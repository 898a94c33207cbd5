//! The live server: real threads on one real epoll instance, observed.
//!
//! The engine knows nothing of screens, worlds or journals. What it sees comes out of
//! [`Engine::drain`] as event kinds with their times; what a person wants goes in through
//! [`Engine::send`].
//!
//! ```text
//! control ─ mailbox, gate ─> worker ──> serve    what to do with a connection's bytes
//!                            │    └──> backend  how to wait for many connections
//!                            v          │
//!                            door <─────┘        gate, call, record ──> tap ──> Engine::drain
//! ```
//!
//! Threads: the server's own (T1 to T8), an observer of the edge log, one for the built-in clients,
//! and a warden that starts, kicks and joins the server's threads.

mod backend;
mod clients;
mod control;
mod door;
mod doorbell;
mod eventfd;
mod failure;
mod gate;
mod listen;
mod mailbox;
mod peer;
mod serve;
mod shared;
mod sync;
mod table;
mod tally;
pub mod tap;
mod wakeup_log;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::event::{
    Backend, Command, CommandPhase, Fd, FileKind, Kind, LaneChange, LaneId, ListRead, Nanos, Peer,
    Settings, Trigger, WakeupLog,
};
use crate::kernel::{self, fdinfo};
use crate::sys::clock::Clock;
use crate::sys::{signal, thread};

use self::clients::Clients;
use self::eventfd::own_eventfd;
use self::gate::{Chores, ENDED};
use self::listen::{Listening, SocketFile};
use self::mailbox::{Job, Mailbox};
use self::shared::{Parts, Shared};
use self::sync::lock;
use self::table::Watched;
use self::tap::{SLOTS, SideChannel, Tap, channel};
use self::wakeup_log::SharedWakeupLog;
use self::worker::spare_descriptor;

pub use self::control::Handle;
pub use self::doorbell::Doorbell;
pub use self::failure::EngineError;
pub use self::listen::Address;
pub use self::tally::CallCounts;
pub use self::tap::DrainReport;

/// The longest that a shutdown waits for clients to close their ends.
const LINGER_MAX: Duration = Duration::from_millis(200);

/// How the server is to be started.
#[derive(Clone, Debug, Default)]
pub struct EngineConfig {
    /// TCP addresses to listen on; port 0 lets the kernel choose.
    pub listen: Vec<SocketAddr>,
    /// Paths of UNIX sockets to listen on.
    pub unix: Vec<PathBuf>,
    /// Addresses that are not loopback may be listened on.
    pub lan: bool,
    /// How the server behaves at first.
    pub settings: Settings,
    /// Bytes of each socket buffer (SO_SNDBUF, SO_RCVBUF), set before listening; `None` leaves
    /// them to the kernel.
    pub buffers: Option<u32>,
    /// Run the same threads compiled without the tap: nothing of what they do is told.
    pub unobserved: bool,
}

/// The running server. Dropping it shuts it down without waiting for clients.
pub struct Engine {
    handle: Handle,
    tap: Tap,
    addresses: Vec<Address>,
    /// Removed when the engine is gone.
    files: Vec<SocketFile>,
    /// Makes the observer end.
    stop: Arc<OwnedFd>,
    warden: Option<JoinHandle<()>>,
    helpers: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Binds, and starts all threads. The wake-up signals must be blocked by then
    /// ([`signal::block_observer_signals`]), in this thread and in all others of the process.
    ///
    /// # Errors
    /// [`EngineError::Bind`] with address and reason if an address cannot be
    /// listened on; otherwise what kept the engine from starting.
    pub fn start(config: EngineConfig, doorbell: Arc<Doorbell>) -> Result<Self, EngineError> {
        if !signal::observer_signals_blocked() {
            return Err(EngineError::SignalsNotBlocked);
        }
        let clock = Clock::start();
        let (lan, mut settings) = (config.lan, config.settings);
        let observed = !config.unobserved;
        let (listening, files) = bind_all(config)?;
        let mailbox = Mailbox::new().map_err(EngineError::call("eventfd"))?;
        crate::sys::limits::settle_allocator();
        signal::install_kick_handler().map_err(EngineError::call("sigaction"))?;
        let (_, side, tap) = channel(clock, doorbell, &[], SLOTS);
        let tool = side.open_lane(LaneId::TOOL, SLOTS);
        let numbers = listening.iter().map(|l| Fd(l.fd.as_raw_fd())).collect();
        let edge = SharedWakeupLog::open(tool, numbers).map_err(EngineError::call("signalfd"))?;
        edge.set(observed && signal::queue_has_room());
        settings.threads = settings.threads.clamp(1, LaneId::MAX_WORKERS);
        settings.max_events = settings.max_events.clamp(1, Settings::MAX_EVENTS);
        let spare = spare_descriptor().map(crate::sys::descriptor::out_of_the_way);
        let shared =
            Shared::new(Parts { clock, side, mailbox, edge, lan, observed, settings, spare });
        let addresses = listening.iter().map(|l| l.address.clone()).collect();
        introduce(&shared, listening, settings.trigger);
        backend::available(settings.backend, &shared)
            .map_err(|why| EngineError::Backend(why.to_string()))?;
        Self::launch(Arc::new(shared), tap, addresses, files)
    }

    fn launch(
        shared: Arc<Shared>,
        tap: Tap,
        addresses: Vec<Address>,
        files: Vec<SocketFile>,
    ) -> Result<Self, EngineError> {
        let wake = own_eventfd().map_err(EngineError::call("eventfd"))?;
        let stop = Arc::new(own_eventfd().map_err(EngineError::call("eventfd"))?);
        let clients = Arc::new(Clients::new(wake));
        let target = addresses.first().cloned().ok_or(EngineError::NoAddress)?;
        let handle = Handle::new(Arc::clone(&shared), Arc::clone(&clients));
        let mut engine =
            Self { handle, tap, addresses, files, stop, warden: None, helpers: Vec::new() };
        let (own, stop) = (Arc::clone(&shared), Arc::clone(&engine.stop));
        engine.helpers.push(spawn("edge-log", move || own.edge.observe(&stop))?);
        let own = Arc::clone(&shared);
        engine.helpers.push(spawn("clients", move || clients::run(&clients, target, own))?);
        engine.warden = Some(spawn("warden", move || watch_over(&shared))?);
        Ok(engine)
    }

    /// Where the server can be reached, in the order of the configuration, TCP first.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The epoll instance's number, once T1 has made it.
    pub(crate) fn epoll_fd(&self) -> Option<Fd> {
        self.handle.epoll_fd()
    }

    /// The clock of all events' times.
    pub fn clock(&self) -> Clock {
        self.handle.shared().clock
    }

    /// A copy of the way in, for other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Takes a command. The engine tells of its end by a `Kind::Command` with this `id`; that it
    /// was accepted is for the caller to tell. Never blocks, held threads or not.
    pub fn send(&self, id: u32, command: Command) {
        self.handle.send(id, command);
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Settings {
        self.handle.shared().settings()
    }

    /// What the calls of the server's threads came to so far.
    pub fn counts(&self) -> CallCounts {
        self.handle.shared().counts()
    }

    /// Hands at most `max` events to `sink`, in the order of their times; each lane's times
    /// strictly increase.
    pub fn drain(&mut self, max: usize, sink: &mut dyn FnMut(Nanos, LaneId, Kind)) -> DrainReport {
        self.tap.drain(max, sink)
    }

    /// Whether wake-ups are put into the edge log.
    pub fn has_edge_log(&self) -> bool {
        self.handle.shared().edge.is_on()
    }

    /// Switches the edge log, for all files that are open and those to come. Whether it is on then:
    /// it stays off while the user's queue of signals is full.
    pub fn set_edge_log(&self, on: bool) -> bool {
        let on = on && signal::queue_has_room();
        self.switch_edge_log(on, if on { WakeupLog::Drained } else { WakeupLog::Off });
        on
    }

    /// Switches the edge log off if it has lost wake-ups and the queue of signals is still full.
    /// Whether it did.
    pub fn leave_full_queue(&self) -> bool {
        let full = self.handle.shared().edge.has_overflowed() && !signal::queue_has_room();
        if full {
            self.switch_edge_log(false, WakeupLog::NoQueue);
        }
        full
    }

    fn switch_edge_log(&self, on: bool, told: WakeupLog) {
        let shared = self.handle.shared();
        if shared.edge.is_on() == on {
            return;
        }
        shared.edge.drain_surely();
        shared.edge.set(on);
        for watched in shared.table.all(Watched::is_socket) {
            if let Some(fd) = &lock(&watched.state).fd {
                let fd = std::os::fd::AsFd::as_fd(fd);
                let _ =
                    if on { kernel::wakeup_log::arm(fd) } else { kernel::wakeup_log::disarm(fd) };
            }
        }
        tell_edge_log(&shared.side, told);
    }

    /// Reads the interest list and puts it among the events, as a `Kind::ListRead`.
    ///
    /// # Errors
    /// `NotFound` while there is no epoll instance; what reading `/proc` can return.
    pub fn resync(&self) -> io::Result<()> {
        let ep = self.epoll_fd().ok_or(io::ErrorKind::NotFound)?;
        let entries = fdinfo::read(ep)?;
        self.handle.shared().side.push(Kind::ListRead(ListRead::fdinfo(ep, entries)));
        Ok(())
    }

    /// Starts the threads that died again; how many.
    pub fn restart_dead(&self) -> usize {
        self.handle.shared().gate.forgive()
    }

    /// Ends the server: every thread leaves the gate, each client gets a line (not over HTTP) and a
    /// half-close, and has `grace` (at most 200 ms in all) to close its end. All threads are
    /// joined. What they told last can still be drained.
    pub fn shutdown(&mut self, grace: Duration) {
        let Some(warden) = self.warden.take() else { return };
        let shared = self.handle.shared();
        *lock(&shared.linger) = grace.min(LINGER_MAX);
        shared.gate.end();
        let _panicked = warden.join();
        // A first thread that died has left its connections open.
        for watched in shared.table.all(Watched::is_socket) {
            lock(&watched.state).fd = None;
            shared.table.remove(&watched);
        }
        *lock(&shared.ep) = None;
        *lock(&shared.sched) = None;
        for job in shared.mailbox.close() {
            if let Job::Command(order, _) = job {
                order.finish(&shared.side, CommandPhase::Failed(ENDED.into()));
            }
        }
        self.handle.clients().end();
        let _ = nix::unistd::write(&*self.stop, &1u64.to_ne_bytes());
        for helper in self.helpers.drain(..) {
            let _panicked = helper.join();
        }
        self.files.clear();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown(Duration::ZERO);
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

fn bind_all(config: EngineConfig) -> Result<(Vec<Listening>, Vec<SocketFile>), EngineError> {
    let mut listening = Vec::new();
    let mut files = Vec::new();
    for address in config.listen {
        listening.push(listen::tcp(address, config.lan, config.buffers)?);
    }
    for path in config.unix {
        let (listener, file) = listen::unix(&path, config.buffers)?;
        listening.push(listener);
        files.push(file);
    }
    if listening.is_empty() {
        return Err(EngineError::NoAddress);
    }
    Ok((listening, files))
}

/// Puts what is open before the first thread runs into the table, and tells of it.
fn introduce(shared: &Shared, listening: Vec<Listening>, trigger: Trigger) {
    shared.side.push(Kind::Settings(shared.settings()));
    let no_queue = shared.observed && !shared.edge.is_on();
    let log = if no_queue { WakeupLog::NoQueue } else { WakeupLog::Drained };
    tell_edge_log(&shared.side, log);
    for Listening { fd, address } in listening {
        let (file, number) = (shared.new_file(), Fd(fd.as_raw_fd()));
        open(shared, number, file, FileKind::Listener, &address.to_string());
        let what = FileKind::Listener;
        let watched = Watched::new(file, number, what, Peer::Unknown, Some(fd));
        lock(&watched.state).flags.trigger = trigger;
        shared.table.insert(watched);
    }
    let (file, number) = (shared.new_file(), shared.mailbox.event().fd());
    open(shared, number, file, FileKind::Eventfd, "control");
    shared.table.insert(Watched::new(file, number, FileKind::Eventfd, Peer::Unknown, None));
    shared.introduced();
}

/// Tells how the edge log stands, and in a line of its own if it has no queue.
fn tell_edge_log(side: &SideChannel, log: WakeupLog) {
    side.push(Kind::WakeupLog(log));
    if log == WakeupLog::NoQueue {
        let limit = signal::queue_limit().map_or_else(|| "?".to_owned(), |limit| limit.to_string());
        let why = "the edge log has no queue: the user's signals take all of RLIMIT_SIGPENDING";
        side.push(Kind::Note(format!("{why} ({limit}), wake-ups cannot be recorded").into()));
    }
}

fn open(shared: &Shared, fd: Fd, file: crate::event::FileId, what: FileKind, name: &str) {
    shared.side.push(Kind::Open { fd, file, what, name: name.into() });
}

fn spawn(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, EngineError> {
    thread::spawn(name, body).map_err(EngineError::call("clone"))
}

/// Starts the thread of `lane`. It waits until the files that tell whether it sleeps are open: later
/// the server may have taken every descriptor.
fn spawn_worker(shared: &Arc<Shared>, lane: LaneId) -> io::Result<JoinHandle<()>> {
    let (own, waits) = (Arc::clone(shared), shared.gate.backend());
    let (tell, told) = mpsc::channel();
    let (open, opened) = mpsc::channel::<()>();
    let thread = thread::spawn(&lane.to_string(), move || {
        let _nobody_waits = tell.send(nix::unistd::gettid().as_raw().unsigned_abs());
        let _opened = opened.recv();
        if own.observed {
            backend::live::<true>(waits, &own, lane);
        } else {
            backend::live::<false>(waits, &own, lane);
        }
    })?;
    // A thread of one client says by itself in which call it sleeps.
    let alone = waits == Backend::Threads && lane != LaneId(1);
    if let Ok(tid) = told.recv()
        && !alone
    {
        shared.watch_task(lane, tid);
    }
    drop(open);
    Ok(thread)
}

/// The warden's life: starts threads that are wanted, brings those that sleep where they are
/// wanted, and joins them all at the end.
fn watch_over(shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    loop {
        let Chores { start, over } = shared.gate.watch(signal::kick);
        if over {
            break;
        }
        for lane in start {
            match spawn_worker(shared, lane) {
                Ok(thread) => threads.push(thread),
                Err(error) => give_up(shared, lane, &error),
            }
        }
        threads = join_finished(threads);
    }
    for thread in threads {
        let _panicked = thread.join();
    }
}

/// A thread that the system refuses counts as dead: `run` tries again.
fn give_up(shared: &Shared, id: LaneId, error: &io::Error) {
    if let Some(mut lane) = shared.take_lane(id) {
        lane.tell(Kind::Lane(LaneChange::Died(error.to_string().into())));
        lane.rest();
        shared.give_lane_back(lane);
    }
    shared.gate.departed(id, true);
    if shared.gate.backend() == Backend::Threads && id != LaneId(1) {
        shared.crew.refuse_one();
        shared.gate.call_first();
    }
}

fn join_finished(threads: Vec<JoinHandle<()>>) -> Vec<JoinHandle<()>> {
    let (finished, running): (Vec<_>, Vec<_>) =
        threads.into_iter().partition(JoinHandle::is_finished);
    for thread in finished {
        let _panicked = thread.join();
    }
    running
}
