//! Where commands go: to the gate, to the settings, to a server thread, to the built-in clients.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use super::backend::available;
use super::clients::{ClientRequest, Clients, Who};
use super::gate::Order;
use super::lock;
use super::mailbox::Job;
use super::shared::Shared;
use crate::event::{
    Backend, Command, CommandPhase, Fd, Kind, LaneId, Mistake, NetpollMode, Pass, Settings, Target,
};

/// The way in: for any thread, whatever the server's threads do at that moment.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    clients: Arc<Clients>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>, clients: Arc<Clients>) -> Self {
        Self { shared, clients }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The epoll instance's number, once T1 has made it.
    pub(crate) fn epoll_fd(&self) -> Option<Fd> {
        lock(&self.shared.ep).as_ref().map(|ep| Fd(ep.0.as_raw_fd()))
    }

    /// Has a server thread tell once more what it passes to poll(2) or select(2).
    pub(crate) fn tell_set(&self) {
        // If the mailbox is full, it is asked again.
        let _ = self.shared.post(Job::TellSet);
    }

    /// Opens something of the tool's own, while no thread of the server makes or frees a
    /// descriptor: a low number that it has for a moment is not missed.
    pub fn aside<T>(&self, open: impl FnOnce() -> T) -> T {
        let _order = lock(&self.shared.numbers);
        open()
    }

    /// Whether the server thread of that lane sleeps where it waits for many files
    /// (`/proc/self/task/TID/syscall` and `status`, proc(5)). Where the system tells only that it
    /// sleeps, what the thread `said` it does decides; `None` where it tells nothing.
    pub fn sleeps_in_wait(&self, lane: LaneId, said: bool) -> Option<bool> {
        self.shared.sleeps_in_wait(lane, said)
    }

    /// As [`super::Engine::send`].
    pub fn send(&self, id: u32, command: Command) {
        let order = Order { id, text: command.to_string() };
        if command.lacks_target() {
            return self.fail(order, "needs fd=N or client=N");
        }
        let command = match self.with_descriptor(command) {
            Ok(command) => command,
            Err(why) => return self.fail(order, &why),
        };
        self.carry_out(order, command);
    }

    fn carry_out(&self, order: Order, command: Command) {
        match command {
            Command::Pause => {
                self.shared.change(|s| s.paused = true);
                self.shared.gate.pause(Some(order));
            }
            Command::Run => {
                self.shared.change(|s| s.paused = false);
                self.shared.gate.run();
                self.done(order);
            }
            Command::Step(lane) => self.permit(order, lane, Pass::Step),
            Command::Turn(lane) => self.permit(order, lane, Pass::Turn),
            Command::Delay(ms) => self.delay(order, ms),
            Command::Threads(count) => {
                let count = count.clamp(1, LaneId::MAX_WORKERS);
                self.shared.change(|s| s.threads = count);
                self.want(order, count);
            }
            Command::Backend(to) => self.switch(order, to),
            Command::Netpoll(by) => self.netpoll(order, by),
            Command::Read(policy) => {
                self.set(order, |s| s.read = policy);
                self.replan();
            }
            Command::Accept(policy) => {
                self.set(order, |s| s.accept = policy);
                self.replan();
            }
            Command::MaxEvents(n) => {
                self.set(order, |s| s.max_events = n.clamp(1, Settings::MAX_EVENTS));
            }
            Command::Mistake(mistake, on) => self.mistake(order, mistake, on),
            Command::Trigger(..)
            | Command::Oneshot(..)
            | Command::Exclusive(..)
            | Command::Watch(..)
            | Command::Rearm(_)
            | Command::Drop(_) => self.post(order, command),
            Command::Client => self.ask(order, ClientRequest::Connect),
            Command::Send(Some(Target::Fd(fd)), text) => {
                self.ask_client(order, fd, |who| {
                    ClientRequest::Send(who, format!("{text}\n").into())
                });
            }
            Command::Close(Some(Target::Fd(fd))) => {
                self.ask_client(order, fd, ClientRequest::Close);
            }
            Command::Reset(Some(Target::Fd(fd))) => {
                self.ask_client(order, fd, ClientRequest::Reset);
            }
            Command::Send(..)
            | Command::Close(_)
            | Command::Reset(_)
            | Command::Screen(_)
            | Command::Record(_)
            | Command::RecordOff
            | Command::Save(_)
            | Command::Mark(_)
            | Command::Quit => self.fail(order, "not a command for the server"),
        }
    }

    /// The command with a descriptor for the connection that it names by its number.
    fn with_descriptor(&self, command: Command) -> Result<Command, String> {
        let Some(Target::Client(number)) = command.target() else { return Ok(command) };
        match self.shared.client(number) {
            Ok(client) => Ok(command.for_fd(client.fd)),
            Err(why) => Err(format!("client {number} {why}")),
        }
    }

    fn fail(&self, order: Order, why: &str) {
        order.finish(&self.shared.side, CommandPhase::Failed(why.into()));
    }

    fn done(&self, order: Order) {
        order.finish(&self.shared.side, CommandPhase::Done(None));
    }

    fn delay(&self, order: Order, ms: u32) {
        let ms = ms.min(Settings::MAX_DELAY_MS);
        self.shared.change(|s| s.delay_ms = ms);
        self.shared.gate.delay(Duration::from_millis(ms.into()));
        self.done(order);
    }

    /// So many threads are wished for; a way of waiting that has only one keeps the wish.
    fn want(&self, order: Order, count: u8) {
        let backend = self.shared.gate.backend();
        if backend.lanes(count) == count {
            return self.shared.gate.want(count, Some(order));
        }
        self.shared.gate.want(count, None);
        let remark = match backend {
            Backend::Threads => "threads has one a client: the wish is kept for epoll".to_owned(),
            _ => format!("{backend} waits in one thread: the wish is kept for epoll"),
        };
        order.finish(&self.shared.side, CommandPhase::Done(Some(remark.into())));
    }

    /// The server is to wait in that way, or in the next one that can be had.
    fn switch(&self, order: Order, to: Option<Backend>) {
        let now = self.shared.gate.backend();
        let to = match to {
            Some(to) => available(to, &self.shared).map(|()| to).map_err(|why| why.to_string()),
            None => Ok(self.next_backend(now)),
        };
        match to {
            Err(why) => self.fail(order, &why),
            Ok(to) if to == now && !self.shared.gate.is_switching() => {
                let remark = format!("the server waits by {now}");
                order.finish(&self.shared.side, CommandPhase::Done(Some(remark.into())));
            }
            Ok(to) => {
                if let Err((order, why)) = self.shared.gate.switch(to, order) {
                    self.fail(order, &why);
                }
            }
        }
    }

    /// The one after that which can be had; why others cannot is told.
    fn next_backend(&self, now: Backend) -> Backend {
        let mut next = now.next();
        while next != now
            && let Err(why) = available(next, &self.shared)
        {
            self.shared.side.push(Kind::Note(format!("{next} is skipped: {why}").into()));
            next = next.next();
        }
        next
    }

    /// That thread, or any, waits for the files of goroutines from its next wait on.
    fn netpoll(&self, order: Order, by: NetpollMode) {
        self.shared.change(|s| s.netpoll = by);
        // Those that sleep look who is to wait.
        self.shared.ring();
        if let Some(sched) = &*lock(&self.shared.sched) {
            sched.call_all();
        }
        let remark = match by {
            NetpollMode::Shared => "any thread with nothing to run waits, one at a time, as in Go",
            NetpollMode::Thread if self.shared.settings().threads < 2 => {
                "texts on Go draw a thread that only waits; the only one does both"
            }
            NetpollMode::Thread => "T1 only waits, as texts on Go draw it; Go has no such thread",
        };
        order.finish(&self.shared.side, CommandPhase::Done(Some(remark.into())));
    }

    fn permit(&self, order: Order, lane: Option<LaneId>, pass: Pass) {
        if let Err((order, why)) = self.shared.gate.permit(lane.unwrap_or(LaneId(1)), pass, order) {
            self.fail(order, &why);
        }
    }

    fn set(&self, order: Order, change: impl FnOnce(&mut Settings)) {
        self.shared.change(change);
        self.done(order);
    }

    /// What a ring has in flight is what the settings were when it was armed.
    fn replan(&self) {
        if self.shared.gate.backend() == Backend::IoUring {
            // If the mailbox is full, each file is planned anew with its next completion.
            let _ = self.shared.post(Job::Refresh);
        }
    }

    fn mistake(&self, order: Order, mistake: Mistake, on: Option<bool>) {
        let mut changed = false;
        self.set(order, |settings| changed = set_mistake(settings, mistake, on));
        if changed {
            // If the mailbox is full, the threads that empty it see the setting anyway.
            let _ = self.shared.post(Job::Refresh);
        }
    }

    fn post(&self, order: Order, command: Command) {
        if let Err((Job::Command(order, _), why)) = self.shared.post(Job::Command(order, command)) {
            self.fail(order, why);
        }
    }

    fn ask(&self, order: Order, wish: ClientRequest) {
        if let Err((order, why)) = self.clients.ask(order, wish) {
            self.fail(order, why);
        }
    }

    fn ask_client(&self, order: Order, fd: Fd, wish: impl FnOnce(Who) -> ClientRequest) {
        match self.shared.table.at(fd) {
            Some(watched) if watched.is_stream() => {
                self.ask(order, wish(Who { fd, peer: watched.peer.clone() }));
            }
            Some(_) => self.fail(order, &format!("fd {fd} is not a built-in client")),
            None => self.fail(order, &format!("fd {fd} is not registered")),
        }
    }
}

fn set_mistake(settings: &mut Settings, mistake: Mistake, on: Option<bool>) -> bool {
    let before = settings.mistakes.has(mistake);
    let after = on.unwrap_or(!before);
    settings.mistakes.set(mistake, after);
    before != after
}
